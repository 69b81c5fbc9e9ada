"""The lesson on mode collapse: games that differ in one thing, one of which gives up most of the data."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from imagewright.lessons.base import teach
from imagewright.lessons.collapse.lesson import games
from imagewright.lessons.gan.data import DATA
from imagewright.lessons.gan.lesson import RULES
from imagewright.lessons.gan.training import Table, play


@pytest.mark.learning
def test_without_a_penalty_most_modes_are_given_up_and_with_one_none_is() -> None:
    table = Table(DATA["ring"](), 0)
    compared = games(dataclasses.replace(RULES["ring"], wide_start=False))
    covered = {
        name: play(table, compared[name], [450], 0, lambda _: None)[1][-1].modes
        for name in ("no penalty", "R1 penalty")
    }
    assert covered["no penalty"] < 4
    assert covered["R1 penalty"] == 8


def test_the_collapse_lesson_compares_games_that_differ_in_what_is_named(tmp_path: Path) -> None:
    _, numbers = teach("collapse", tmp_path, steps=10, frames=6, batch_size=16, animation="none")
    rules = {name: game["rules"] for name, game in numbers["games"].items()}
    base = rules["no penalty"]
    changed = {name: {key for key in base if each[key] != base[key]} for name, each in rules.items()}
    assert changed == {
        "no penalty": set(),
        "no penalty, 4 times the batch": {"batch_size"},
        "R1 penalty": {"penalty"},
        "relativistic, R1 and R2": {"penalty", "loss"},
    }
    assert base["penalty"] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"collapse.png", "numbers.json"}
