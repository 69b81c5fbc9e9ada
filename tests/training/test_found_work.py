"""A fitted model counts the work of a larger fit by what its own fit found: passes, steps, and components."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tiny import tiny_model

import imagewright as iw
from imagewright.fit_work import FitWork
from imagewright.images.float_stream import FloatStream
from imagewright.model import Model
from imagewright.statistics import spectra, work

COUNT = 200  # pictures of each set
MANY = 20_000  # of the larger fit
SLOW_CLASSES = {"encoder": "pixels", "components": None, "penalty": 0.01}  # the solver takes about 270 steps


def fit(model: Model, pictures: np.ndarray) -> Model:
    labelled = iw.open_images(pictures.astype(np.uint8)).with_labels(np.arange(len(pictures)) % 2, ("one", "other"))
    with torch.inference_mode():
        model.fit(FloatStream(labelled))
    return model


def work_of(model: Model, count: int) -> FitWork:
    found = model.fit_work(count)
    assert found is not None
    return found


def noise(side: int, count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 3, side, side))


def fading_noise() -> np.ndarray:
    """8x8, of pixel values that vary less and less."""
    return noise(8) / np.sqrt(np.arange(1, 193)).reshape(3, 8, 8)


def colours_on_a_spiral() -> np.ndarray:
    """8x8, of one colour each: a curve, on which Gaussians move for long until they settle."""
    along = np.linspace(0, 1, COUNT)
    spiral = [127 + 120 * along * np.cos(25 * along), 127 + 120 * along * np.sin(25 * along), 255 * along]
    return np.broadcast_to(np.stack(spiral, 1)[:, :, None, None], (COUNT, 3, 8, 8))


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures are fitted by the iteration, as large ones are."""
    for module in (spectra, work):
        monkeypatch.setattr(module, "EXACT_PIXELS", 0)
    monkeypatch.setattr(spectra, "GRAM_NUMBERS", 0)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("name", "options"), [("pca", {"components": 4}), ("lda", {"principal": 4}), ("ica", {"components": 4})]
)
def test_a_spectrum_that_does_not_fall_takes_more_passes(name: str, options: dict[str, Any]) -> None:
    """Of few pictures the iteration finds all before it has converged; then all passes are counted, three times as many
    as usual."""
    model = tiny_model(name, **options)
    usual = work_of(model, MANY)
    falling = work_of(fit(model, np.repeat(np.repeat(noise(2), 8, 2), 8, 3)), MANY)
    assert falling.operations <= usual.operations
    assert falling.peak == usual.peak
    slow = work_of(fit(model, noise(16, 150)), MANY)
    assert slow.operations > 2 * usual.operations
    if name != "ica":  # the library takes more memory there than these arrays
        assert slow.peak > 2 * usual.peak


@pytest.mark.usefixtures("large")
def test_components_for_a_share_of_the_variance_are_counted_in_doublings() -> None:
    """As they were found: 64 are tried, then 128."""
    pictures = noise(8)
    explained = fit(tiny_model("pca", (8, 8), components=None, explained=0.8), pictures)
    assert 64 < explained.latent_shape[0] < 128
    given = fit(tiny_model("pca", (8, 8), components=128), pictures)
    assert work_of(explained, MANY) == work_of(given, MANY)


@pytest.mark.parametrize(
    ("name", "slow", "options"),
    [
        ("gmm", colours_on_a_spiral, {"gaussians": 3, "components": 3, "regularisation": 1e-6}),
        ("ica", lambda: noise(8), {"components": 8}),
        ("logistic_regression", fading_noise, SLOW_CLASSES),
    ],
)
def test_a_fitted_model_counts_the_steps_that_its_fit_took(
    name: str, slow: Callable[[], np.ndarray], options: dict[str, Any]
) -> None:
    """Of 4 components of noise fewer than usual, of what is slow to fit more."""
    model = tiny_model(name, (8, 8))
    before = work_of(model, COUNT).operations
    assert work_of(fit(model, noise(8)), COUNT).operations < before
    model = tiny_model(name, (8, 8), **options)
    before, before_many = (work_of(model, count).operations for count in (COUNT, MANY))
    fit(model, slow())
    assert work_of(model, COUNT).operations > 1.1 * before
    assert work_of(model, MANY).operations > 1.1 * before_many


def test_a_mixture_of_more_pictures_takes_no_fewer_steps_than_usual() -> None:
    model = tiny_model("gmm", (8, 8))
    before = work_of(model, MANY)
    assert work_of(fit(model, noise(8)), MANY) == before


def test_the_steps_of_logistic_regression_grow_with_the_root_of_the_pictures() -> None:
    """Up to the most that the user allows, 500. In pixels nearly all its work is steps."""
    model = fit(tiny_model("logistic_regression", (8, 8), **SLOW_CLASSES), fading_noise())
    few, some, many, most = (work_of(model, factor * COUNT).operations for factor in (1, 2, 100, 200))
    assert some / few == pytest.approx(2 * 2**0.5, rel=0.05)
    assert most / many == pytest.approx(2, rel=0.01)
