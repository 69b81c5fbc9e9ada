"""Accuracies by a network: classes that differ in layout only, exchanged labels, equal seeds, and errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from feature_samples import compute
from picture_sets import ArrayPictures

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.metric import Sample

NAMES = ("across", "down")
QUICK = {"epochs": 4, "side": 16}


def stripes(seed: int, count: int = 400, channels: int = 1) -> Sample:
    """Noisy horizontal or vertical stripes with random phase: means of pixels do not separate them."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, count)
    wave = np.sin(np.arange(16)[None] * np.pi / 2 + random.uniform(0, 6.28, (count, 1)))
    across = np.repeat(wave[:, :, None], 16, 2)
    pictures = np.where(labels[:, None, None] == 0, across, across.transpose(0, 2, 1))
    noisy = 128 + 60 * pictures + 30 * random.standard_normal(pictures.shape)
    pixels = np.repeat(noisy.clip(0, 255).astype(np.uint8)[:, None], channels, 1)
    return Sample(f"stripes {seed}", ArrayPictures(pixels), labels=labels, class_names=NAMES)


@pytest.mark.learning
@pytest.mark.parametrize("channels", [1, 3])
def test_correct_classes_have_high_accuracies(channels: int) -> None:
    found = compute("network_accuracy", stripes(0, channels=channels), stripes(1, channels=channels), **QUICK)
    assert len(found) == 3
    for value in found.values():
        assert value.value > 0.9
        assert value.low is not None
        assert value.low <= value.value


@pytest.mark.learning
def test_exchanged_labels_lower_both_accuracies() -> None:
    generated = stripes(2)
    assert generated.labels is not None
    generated.labels = 1 - generated.labels
    found = compute("network_accuracy", generated, stripes(3), **QUICK)
    assert found["network_accuracy_fake_to_real"].value < 0.1
    assert found["network_accuracy_real_to_fake"].value < 0.1
    assert found["network_accuracy_real_to_real"].value > 0.9


@pytest.mark.learning
def test_equal_seeds_and_the_global_random_state() -> None:
    generated, real = stripes(4, 150), stripes(5, 150)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = compute("network_accuracy", generated, real, seed=3, **QUICK)
    assert torch.equal(torch.rand(3), expected)
    assert compute("network_accuracy", generated, real, seed=3, **QUICK) == first


def test_few_pictures_make_one_small_batch() -> None:
    found = compute("network_accuracy", stripes(6, 12), stripes(7, 24), **QUICK)
    assert all(0 <= value.value <= 1 for value in found.values())


def test_classes_and_options_that_raise() -> None:
    generated, real = stripes(8, 60), stripes(9, 60)
    with pytest.raises(ConfigError, match="side=4, epochs=4"):
        compute("network_accuracy", generated, real, epochs=4, side=4)
    with pytest.raises(ConfigError, match="held_out=0"):
        compute("network_accuracy", generated, real, held_out=0.0)
    assert generated.labels is not None
    generated.labels = generated.labels * 0
    with pytest.raises(DataError, match="are of one class, 'across'"):
        compute("network_accuracy", generated, real)
