"""`imagewright lesson`: the list, the options of a lesson, and files that appear together or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from imagewright.cli import main
from imagewright.lessons import LESSONS

QUICK = ("--steps", "10", "--frames", "6", "--batch-size", "8")


def test_the_list_names_every_lesson_without_torch() -> None:
    check = "import sys; print(sorted({'torch', 'numpy', 'PIL', 'matplotlib'} & set(sys.modules)))"
    command = [sys.executable, "-c", f"from imagewright.cli import main; main(['lesson']); {check}"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[-1] == "[]"
    for name in LESSONS:
        assert any(line.strip("│ ").startswith(name) for line in lines), name


@pytest.mark.parametrize("name", list(LESSONS))
def test_every_lesson_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lesson", name, "--help"]) == 0
    printed = capsys.readouterr().out
    for option in ("--out", "--format", "--force"):
        assert option in printed


def test_a_lesson_writes_figures_and_numbers_and_prints_a_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["lesson", "gan", *QUICK, "--format", "svg", "--animation", "none"]) == 0
    printed = capsys.readouterr().out
    folder = tmp_path / "lessons" / "gan"
    assert {path.name for path in folder.iterdir()} == {"steps.svg", "numbers.json"}
    assert "lessons/gan/steps.svg" in printed
    assert "Wasserstein" in printed
    options = json.loads((folder / "numbers.json").read_text())["options"]
    assert (options["steps"], options["data"], options["seed"]) == (10, "line", 0)


def test_a_figure_records_its_lesson_and_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lesson", "gan", *QUICK, "--seed", "5", "--animation", "none", "--out", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    assert main(["inspect", str(tmp_path / "out" / "steps.png"), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["provenance"]
    assert (record["verb"], record["model"], record["seed"]) == ("lesson", "gan", 5)
    assert record["digital_source_type"].endswith("dataDrivenMedia")


def test_nothing_is_overwritten_unless_forced_and_the_mistake_comes_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "steps.png"
    mine.write_text("mine")
    command = ["lesson", "gan", *QUICK, "--animation", "none", "--out", str(tmp_path)]
    assert main(command) == 2
    assert "steps.png exists already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["steps.png"]
    assert mine.read_text() == "mine"
    assert main([*command, "--force"]) == 0
    assert mine.read_bytes().startswith(b"\x89PNG")


def test_an_interrupted_lesson_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from imagewright.lessons.gan import figures as gan_figures

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(gan_figures, "training", interrupted)
    assert main(["lesson", "gan", *QUICK, "--out", str(tmp_path / "out")]) == 130
    assert list(tmp_path.iterdir()) == []
    assert "Interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["gna"], "gan"),
        (["gan", "--data", "rings"], "ring"),
        (["gan", "--batch-size", "0"], "greater than or equal to 2"),
        (["gan", "--format", "jpg"], "png"),
        (["gan", "--seed", "-1"], "greater than or equal to 0"),
    ],
)
def test_mistakes_are_named(
    arguments: list[str], part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lesson", *arguments, "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err.strip()
    assert part in message
    assert len(message.splitlines()) <= 2
    assert not (tmp_path / "out").exists()


def test_a_place_that_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("mine")
    assert main(["lesson", "gan", *QUICK, "--out", str(tmp_path / "out")]) == 2
    assert "is a file, not a folder" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"
