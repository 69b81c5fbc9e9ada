"""The help of every command: an example at its end, the range of every number; and the completion of shells."""

from __future__ import annotations

import math
import re
import shlex
import subprocess
import typing
from collections.abc import Iterator

import pytest
from cyclopts import App

from imagewright.cli import main
from imagewright.cli.app import app
from imagewright.cli.examples import EXAMPLES
from imagewright.configs import range_text

ANY_NUMBER = {"--truncation", "--psi", "--from", "--to"}  # of any sign and size, or explained by the sentence itself
NUMBER = r"-?[\d.,e+-]*\d"
BOUNDED = rf"{NUMBER} (or more|to {NUMBER})|above {NUMBER}(( and below|, at most) {NUMBER})?"
RANGE = rf"\(({BOUNDED}|at least {NUMBER}, below {NUMBER})\)"
HEAVY = {"train", "lesson"}  # each model and lesson is a command of its own: some stand for all
SOME = {"train": {"vae", "pca", "dcgan", "gmm"}, "lesson": {"gan", "jpeg"}}


def commands(parent: App = app, path: tuple[str, ...] = ()) -> Iterator[tuple[str, App]]:
    """Every command that is no group of commands, by its words."""
    for name in parent:
        if name.startswith("-") or (path and path[0] in HEAVY and name not in SOME[path[0]]):
            continue
        found = parent[name]
        if found.default_command is None:
            yield from commands(found, (*path, name))
        else:
            yield " ".join((*path, name)), found


ALL = dict(commands())


def test_every_command_is_walked() -> None:
    assert {*EXAMPLES} <= {*ALL}
    assert {"train vae", "lesson gan", "latent attribute", "data cache"} <= {*ALL}


@pytest.mark.parametrize("command", ALL)
def test_help_ends_with_an_example_that_the_command_takes(command: str, capsys) -> None:
    assert main([*command.split(), "--help"]) == 0
    last = capsys.readouterr().out.rstrip().splitlines()[-1]
    assert last.startswith(f"Example: imagewright {command}")
    ALL[command].parse_args(shlex.split(last)[2 + len(command.split()) :], exit_on_error=False, print_error=False)


@pytest.mark.parametrize("command", ALL)
def test_every_number_shows_its_range_and_refuses_others(command: str) -> None:
    missing = []
    for argument in ALL[command].assemble_argument_collection():
        kinds = {argument.hint, *typing.get_args(argument.hint)}
        if not kinds & {int, float} or typing.get_origin(argument.hint) is typing.Literal or tuple in kinds:
            continue
        if argument.name in ANY_NUMBER or argument.name in {"--size", "--load-size"}:
            continue
        text = argument.parameter.help or ""
        if not argument.parameter.validator or not re.search(RANGE, text):
            missing.append(f"{argument.name}: {text}")
    assert not missing


def test_numbers_out_of_range_are_told_in_one_sentence(capsys) -> None:
    for typed, said in (
        (["sample", "run", "--out", "x.png", "--count", "0"], 'Invalid value "0" for --count. It must be 1 or more.'),
        (["outliers", "digits", "--fraction", "2"], "It must be above 0, at most 1."),
        (["classify", "digits", "--out", "x", "--counts", "10", "0"], "It must be 1 or more."),
    ):
        assert main(typed) == 2
        assert said in capsys.readouterr().err


def test_ranges_in_words() -> None:
    assert range_text(0, math.inf) == "0 or more"
    assert range_text(-1, 1) == "-1 to 1"


@pytest.mark.learning
def test_completion_knows_commands_models_and_options(tmp_path) -> None:
    script = app.generate_completion(shell="bash")
    for word in ("sample", "vae_gan", "--learning-rate", "neighbours"):
        assert word in script
    file = tmp_path / "completion.bash"
    file.write_text(script)
    assert subprocess.run(["bash", "-n", str(file)], check=False).returncode == 0
