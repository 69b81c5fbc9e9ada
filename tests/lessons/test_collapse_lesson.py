"""The lesson on mode collapse: variants that differ in one thing, one of which loses most modes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import imagewright as iw
from imagewright.lessons.collapse.lesson import variants
from imagewright.lessons.gan.data import DATA
from imagewright.lessons.gan.lesson import SETTINGS
from imagewright.lessons.gan.training import Reference, train_gan


@pytest.mark.learning
def test_without_a_penalty_most_modes_are_lost_and_with_r1_none() -> None:
    reference = Reference(DATA["ring"](), 0)
    compared = variants(dataclasses.replace(SETTINGS["ring"], wide_start=False))
    covered = {
        name: train_gan(reference, compared[name], [450], 0, lambda _: None)[1][-1].modes
        for name in ("no penalty", "R1 penalty")
    }
    assert covered["no penalty"] < 4
    assert covered["R1 penalty"] == 8


@pytest.mark.learning
def test_variants_differ_in_what_their_names_say(tmp_path: Path) -> None:
    numbers = iw.lesson("collapse", tmp_path, steps=10, frames=6, batch_size=16, animation="none").numbers
    settings = {name: variant["settings"] for name, variant in numbers["variants"].items()}
    base = settings["no penalty"]
    changed = {name: {key for key in base if each[key] != base[key]} for name, each in settings.items()}
    assert changed == {
        "no penalty": set(),
        "no penalty, 4 times the batch": {"batch_size"},
        "R1 penalty": {"penalty"},
        "relativistic, R1 and R2": {"penalty", "loss"},
    }
    assert base["penalty"] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"collapse.png", "numbers.json"}
