"""What is kept of sprites: models whose answer is known, and pictures that cannot be measured."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from picture_sets import Darker
from torch import Tensor

import imagewright as iw
from imagewright.errors import DataError
from imagewright.metrics.evaluate import Evaluation

REFERENCE = "shapes:plain,count=60"


class Moved(Darker):
    """Reconstructs pictures some pixels farther to the right."""

    def __init__(self, pixels: int, size: int = 64) -> None:
        super().__init__((size, size), 3, 0)
        self.pixels = pixels

    def decode(self, latents: Tensor) -> Tensor:
        return torch.roll(super().decode(latents), self.pixels, dims=3)


def values(found: Evaluation) -> dict[str, float]:
    return {each.output: each.value for each in found.scores}


def kept_by(model: Darker, against: object = REFERENCE) -> dict[str, float]:
    return values(iw.evaluate(model, against, metrics="kept_factors:pictures=40", device="cpu"))  # type: ignore[arg-type]


def test_a_model_that_changes_nothing_keeps_all() -> None:
    found = kept_by(Moved(0))
    assert found["kept_found"] == found["kept_shape"] == found["kept_texture"] == 1
    assert found["kept_place"] == found["kept_size"] == found["kept_turn"] == found["kept_hue"] == 0


def test_a_shift_is_measured_and_nothing_else() -> None:
    found = kept_by(Moved(4))
    assert found["kept_place"] == pytest.approx(4 / 64, abs=1e-6)
    assert (found["kept_shape"], found["kept_size"], found["kept_hue"]) == (1, 0, 0)


def test_a_mirrored_sprite_is_turned_the_other_way() -> None:
    class Mirrored(Darker):
        def decode(self, latents: Tensor) -> Tensor:
            return super().decode(latents).flip(3)

    images = iw.open_images(REFERENCE)
    assert images.factors is not None
    found = kept_by(Mirrored((64, 64), 3, 0), images)
    turns = np.abs(images.factors[:, 5])
    assert found["kept_turn"] == pytest.approx(2 * turns.mean(), abs=8)
    assert found["kept_shape"] == 1


def test_pictures_of_other_things_are_refused() -> None:
    grey = np.random.default_rng(0).integers(100, 110, (20, 3, 64, 64), np.uint8)
    with pytest.raises(DataError, match=r"20 of 20 pictures.*show none.*--against"):
        kept_by(Moved(0), iw.open_images(grey))


def test_a_set_of_pictures_and_a_model_that_changes_none_are_refused() -> None:
    with pytest.raises(DataError, match="needs a model"):
        iw.evaluate(REFERENCE, REFERENCE, metrics="kept_factors", device="cpu")
