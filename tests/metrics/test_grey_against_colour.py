"""Grey pictures against colour ones: they score the same however their files store the grey."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import train_tiny

import imagewright as iw

METRICS = ["fd:interval=false"]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same pictures in colour, in grey as mode L, in grey as RGB, and half of them grey."""
    root = tmp_path_factory.mktemp("sets")
    generator = np.random.default_rng(0)
    for name in ("colour", "grey", "grey_rgb", "half", "half_rgb"):
        (root / name).mkdir()
    for number in range(24):
        colour = Image.fromarray(generator.integers(0, 256, (16, 16, 3), np.uint8))
        grey = colour.convert("L")
        colour.save(root / "colour" / f"{number:02}.png")
        grey.save(root / "grey" / f"{number:02}.png")
        grey.convert("RGB").save(root / "grey_rgb" / f"{number:02}.png")
        half = grey if number < 14 else colour
        half.save(root / "half" / f"{number:02}.png")
        half.convert("RGB").save(root / "half_rgb" / f"{number:02}.png")
    return {path.name: path for path in root.iterdir()}


def value(subject: object, against: Path, features: str = "random") -> float:
    return iw.evaluate(subject, against, metrics=METRICS, features=features, save=False).scores[0].value


@pytest.mark.parametrize("features", [pytest.param("pixels", marks=pytest.mark.learning), "random"])
def test_the_mode_of_the_files_changes_nothing(sets, features) -> None:
    as_grey, as_rgb = (value(sets[name], sets["colour"], features) for name in ("grey", "grey_rgb"))
    assert as_grey == pytest.approx(as_rgb, rel=1e-6)
    assert as_grey > 1e-3
    assert value(sets["half"], sets["colour"], features) == pytest.approx(
        value(sets["half_rgb"], sets["colour"], features)
    )


def test_grey_against_grey_stays_grey(sets) -> None:
    found = iw.evaluate(sets["grey"], sets["grey"], metrics=METRICS, features="random", save=False)
    assert found.scores[0].recipe["channels"] == 1
    assert value(sets["grey"], sets["grey_rgb"]) == pytest.approx(0, abs=1e-6)


def test_colour_against_grey_is_the_same_as_against_grey_rgb(sets) -> None:
    assert value(sets["colour"], sets["grey"]) == pytest.approx(value(sets["colour"], sets["grey_rgb"]))


def test_a_note_and_the_recipe_say_it(sets) -> None:
    found = iw.evaluate(sets["grey"], sets["colour"], metrics=METRICS, features="random", save=False)
    assert found.scores[0].recipe["channels"] == 3
    assert any("are grey and are scored as RGB" in note for note in found.notes)


def test_channels_that_the_caller_chose_are_kept(sets) -> None:
    grey = iw.open_images(sets["colour"], channels=1)
    assert value(sets["grey"], grey) == pytest.approx(0, abs=1e-6)


def test_a_grey_model_is_scored_as_rgb_and_its_own_metrics_in_grey(sets, tmp_path) -> None:
    pixels = np.stack([np.asarray(Image.open(path))[None] for path in sorted(sets["grey"].iterdir())])
    run = train_tiny("pca", pixels, tmp_path / "run")
    found = iw.evaluate(
        run, sets["colour"], metrics=[*METRICS, "reconstruction"], features="random", count=24, save=False
    )
    by_metric = {score.metric: score for score in found.scores}
    assert by_metric["fd"].recipe["channels"] == 3
    assert by_metric["reconstruction"].recipe["channels"] == 1
