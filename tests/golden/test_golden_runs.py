"""Runs trained by version 0.1.0, before the training contracts were widened: their pictures must not change by a byte.

`runs/NAME` holds a tiny run of 16x16 pictures (width 4, 400 images seen) and `pictures.npz`, what that version made of
it: `samples` of `seed`, `reconstructions` of `inputs`, `dark` samples of one class. The seeds were chosen so that no
value lies within 5e-4 grey levels of a rounding boundary: another processor's last bits cannot change a pixel.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import imagewright as iw

RUNS = Path(__file__).resolve().parent / "runs"


def pictures(name: str) -> dict[str, np.ndarray]:
    with np.load(RUNS / name / "pictures.npz") as saved:
        return dict(saved)


@pytest.mark.parametrize("name", sorted(path.name for path in RUNS.iterdir()))
def test_samples_of_an_old_run_are_unchanged(name: str) -> None:
    saved = pictures(name)
    assert np.array_equal(iw.sample(RUNS / name, 4, seed=int(saved["seed"])).numpy(), saved["samples"])


@pytest.mark.parametrize("name", ["gmm", "vae"])
def test_reconstructions_by_an_old_run_are_unchanged(name: str) -> None:
    saved = pictures(name)
    assert np.array_equal(iw.reconstruct(RUNS / name, saved["inputs"]).numpy(), saved["reconstructions"])


def test_samples_of_one_class_by_an_old_run_are_unchanged() -> None:
    saved = pictures("cgan")
    assert np.array_equal(iw.sample(RUNS / "cgan", 2, seed=int(saved["seed"]), label="dark").numpy(), saved["dark"])


def test_a_weights_file_alone_gives_the_same_pictures() -> None:
    saved = pictures("dcgan")
    (weights,) = (RUNS / "dcgan" / "checkpoints").iterdir()
    assert np.array_equal(iw.sample(weights, 4, seed=int(saved["seed"])).numpy(), saved["samples"])
