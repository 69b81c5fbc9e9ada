"""One name for one thing: options that were called by a second name have one now, and the other is still taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny import simple_pictures, train_tiny

from imagewright.cli import main
from imagewright.cli.app import app
from imagewright.cli.former_names import FORMER, with_present_names


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny("pca", simple_pictures(24, (8, 8)), tmp_path_factory.mktemp("runs") / "pca", components=6).path


def options_of(command: str) -> set[str]:
    """The names of the options of a command, as its help lists them."""
    found = app
    for word in command.split():
        found = found[word]
    arguments = found.assemble_argument_collection()
    return {name for argument in arguments if argument.parse and argument.show for name in argument.names}


@pytest.mark.parametrize("command", FORMER)
def test_a_former_name_is_that_of_no_option_now(command: str) -> None:
    present = options_of(command)
    assert not present & FORMER[command].keys()
    assert present >= set(FORMER[command].values())
    for former, name in FORMER[command].items():
        words = [*command.split(), "x", former, "y", f"{former}=z"]
        assert with_present_names(words) == [*command.split(), "x", name, "y", f"{name}=z"]
    assert with_present_names(["edit", "run", "--from", "1"]) == ["edit", "run", "--from", "1"]


def test_former_names_do_what_they_did(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["cluster", "digits", "--clusters", "2", "--map", "pca", "--out"]
    for number, space in enumerate((["--in", "pixels"], ["--space", "pixels"])):
        assert main([*typed, str(tmp_path / str(number)), *space]) == 0, capsys.readouterr().err
    tables = [(tmp_path / str(number) / "clusters.csv").read_text() for number in range(2)]
    assert tables[0] == tables[1]
    assert main(["sample", str(run), "--from", "fitted", "--out", str(tmp_path / "x.png")]) == 2
    assert "leave --sample-from out" in capsys.readouterr().err
