"""Sliced Wasserstein distance: equal to scipy on each direction, the pyramid, and known corruptions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from feature_samples import resident_kilobytes
from picture_sets import ArrayPictures, smooth_pictures
from scipy.ndimage import correlate1d
from scipy.stats import wasserstein_distance

from imagewright.errors import DataError
from imagewright.metrics.features import mapped_arrays
from imagewright.metrics.metric import MetricContext, Sample
from imagewright.metrics.pictures.laplacian import laplacian_pyramid
from imagewright.metrics.pictures.sliced_wasserstein import (
    METRIC,
    colour_scales,
    extract_descriptors,
    level_distances,
    level_sizes,
    random_directions,
    sliced_wasserstein,
    swd_size,
)


def test_it_equals_the_mean_of_scipys_distances_over_directions() -> None:
    random = np.random.default_rng(0)
    first = random.normal(3, 2, (500, 2 * 49)).astype(np.float32)
    second = random.gamma(2, 1, (500, 2 * 49)).astype(np.float32)
    directions = random_directions(98, 20, seed=1)
    np.testing.assert_allclose(np.square(directions).sum(0), 1)

    def normalised(values: np.ndarray) -> np.ndarray:
        colours = values.reshape(500, 2, 49).astype(np.float64)
        return ((colours - colours.mean((0, 2), keepdims=True)) / colours.std((0, 2), keepdims=True)).reshape(500, -1)

    projected = [normalised(values) @ directions for values in (first, second)]
    expected = np.mean([wasserstein_distance(projected[0][:, k], projected[1][:, k]) for k in range(20)])
    assert sliced_wasserstein(first, second, 2, directions) == pytest.approx(expected, rel=1e-4)


def test_brightness_and_contrast_of_a_whole_set_are_normalised() -> None:
    """Each set is normalised by itself, as published; only the relation of neighbouring pixels remains."""
    values = np.random.default_rng(0).normal(size=(400, 49)).astype(np.float32)
    directions = random_directions(49, 30, seed=0)
    assert sliced_wasserstein(values, 3 * values + 50, 1, directions) < 1e-4
    assert sliced_wasserstein(values, np.zeros_like(values), 1, directions) > 0.5  # a flat set has a deviation of 0


def test_the_pyramid_equals_burt_and_adelsons() -> None:
    images = torch.from_numpy(smooth_pictures(2, (32, 32))).double()
    fine, coarse = laplacian_pyramid(images, 2)
    window = np.array([1, 4, 6, 4, 1]) / 16
    plane = images[1, 2].numpy()
    smaller = correlate1d(correlate1d(plane, window, 0, mode="mirror"), window, 1, mode="mirror")[::2, ::2]
    np.testing.assert_allclose(coarse[1, 2].numpy(), smaller, rtol=1e-12)
    spread = np.zeros((32, 32))
    spread[::2, ::2] = smaller
    larger = 4 * correlate1d(correlate1d(spread, window, 0, mode="mirror"), window, 1, mode="mirror")
    np.testing.assert_allclose(fine[1, 2].numpy(), plane - larger, atol=1e-10)


def test_a_flat_picture_has_no_detail() -> None:
    *detail, last = laplacian_pyramid(torch.full((1, 1, 64, 64), 77.0), 3)
    assert max(level.abs()[..., 2:-2, 2:-2].max().item() for level in detail) < 1e-4
    assert last.shape == (1, 1, 16, 16)
    np.testing.assert_allclose(last.numpy(), 77, rtol=1e-6)


def test_descriptors_are_cut_from_their_picture_and_depend_on_the_row() -> None:
    pictures = ArrayPictures(smooth_pictures(130, (16, 16)))
    whole = extract_descriptors(pictures, np.arange(130), 16, per_picture=8, seed=5)[0]
    assert whole.shape == (130 * 8, 3 * 49)
    part = extract_descriptors(pictures, np.arange(60, 90), 16, per_picture=8, seed=5)[0]
    np.testing.assert_array_equal(part, whole[60 * 8 : 90 * 8])
    windows = np.lib.stride_tricks.sliding_window_view(pictures.pixels[3].astype(np.float32), (3, 7, 7))
    every = windows.reshape(-1, 3 * 49)
    for row in whole[3 * 8 : 4 * 8]:
        assert (every == row).all(1).any()
    assert len(np.unique(whole[24:32], axis=0)) > 4  # at different positions


def test_the_size_that_pictures_are_resized_to() -> None:
    assert [swd_size(*size) for size in ((16, 16), (28, 28), (64, 64), (109, 89), (250, 250), (4000, 3000))] == [
        16,
        32,
        64,
        128,
        256,
        1024,
    ]
    assert level_sizes(64) == [64, 32, 16]
    assert level_sizes(16) == [16]
    with pytest.raises(DataError, match="8x8 are too small"):
        swd_size(8, 8)


def measured(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    samples = Sample("sample", ArrayPictures(first)), Sample("reference", ArrayPictures(second))
    context = MetricContext({**METRIC.options, "neighbourhoods": 32, "repeats": 1})
    return {name: value.value for name, value in METRIC.compute(*samples, context).items()}


def test_outputs_by_level() -> None:
    pictures = smooth_pictures(40, (32, 32))
    found = measured(pictures, pictures)
    assert set(found) == {"swd", "swd_32", "swd_16"} <= {output.name for output in METRIC.outputs}
    assert set(found.values()) == {0.0}  # of a set from itself
    assert measured(smooth_pictures(40, (24, 28)), pictures).keys() == found.keys()


def test_a_note_reports_resizing() -> None:
    context = MetricContext({**METRIC.options, "neighbourhoods": 8, "repeats": 1})
    for side, words in ((28, "28x28 are resized to 32x32"), (32, "")):
        part = Sample("sample", ArrayPictures(smooth_pictures(10, (side, side), 1)))
        notes = METRIC.compute(part, part, context)["swd"].notes
        assert words in " ".join(notes)
        assert bool(notes) == bool(words)


def test_noise_raises_the_finest_level() -> None:
    first, second = smooth_pictures(80, (64, 64), 1), smooth_pictures(80, (64, 64), 1, seed=1)
    chance = measured(first, second)
    grain = np.random.default_rng(0).normal(0, 15, first.shape)
    noisy = measured(np.clip(first + grain, 0, 255).astype(np.uint8), second)
    assert noisy["swd_64"] > 3 * chance["swd_64"]
    assert noisy["swd_64"] - chance["swd_64"] > 5 * abs(noisy["swd_16"] - chance["swd_16"])


def test_equal_seeds_give_equal_distances() -> None:
    first, second = ArrayPictures(smooth_pictures(30, (16, 16))), ArrayPictures(smooth_pictures(50, (16, 16), seed=1))
    found = level_distances(first, second, per_picture=16, repeats=1)
    assert found == level_distances(first, second, per_picture=16, repeats=1)
    assert found != level_distances(first, second, per_picture=16, repeats=1, seed=1)
    assert level_distances(first, second, per_picture=16, repeats=1, pictures=10).keys() == found.keys()


def test_grey_against_colour_raises() -> None:
    with pytest.raises(DataError, match="1 channels against pictures with 3"):
        level_distances(ArrayPictures(smooth_pictures(4, channels=1)), ArrayPictures(smooth_pictures(4)))


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="memory by mapping is read as Linux tells it")
def test_descriptors_that_are_mapped_from_a_file_leave_memory_after_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path))
    pictures = ArrayPictures(smooth_pictures(64))
    rows = np.arange(64)
    (expected, *_) = extract_descriptors(pictures, rows, 16, per_picture=256, seed=0)
    monkeypatch.setattr(mapped_arrays, "IN_MEMORY", 0)
    (mapped, *_) = extract_descriptors(pictures, rows, 16, per_picture=256, seed=0)
    assert isinstance(mapped, np.memmap)
    assert resident_kilobytes(tmp_path) == 0
    np.testing.assert_array_equal(mapped, expected)
    assert resident_kilobytes(tmp_path) > 0
    colour_scales(mapped, 3)
    assert resident_kilobytes(tmp_path) == 0
