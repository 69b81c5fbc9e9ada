"""`components`: scikit-learn's shares of variance, sums, elbows of known position."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import sklearn.decomposition
import torch
from PIL import Image
from sklearn.datasets import load_digits
from tiny import simple_pictures

import imagewright as iw
from imagewright.analysis.components.components import FILES
from imagewright.errors import ConfigError, DataError, RunError, UserError
from imagewright.images.float_stream import FloatStream
from imagewright.output.diverging import signed_pixels
from imagewright.output.provenance import COMPOSITE
from imagewright.statistics.decomposition import compute_all_shares, find_elbow

METHODS = ("pca", "ica", "lda", "random")


@pytest.fixture(scope="module")
def labelled() -> iw.Images:
    """The digits with their labels."""
    return iw.open_images("digits")


def rows_of(images: iw.Images) -> np.ndarray:
    return images.batch(np.arange(len(images))).images.numpy().reshape(len(images), -1) / 127.5 - 1


def natural(count: int, size: tuple[int, int] = (32, 24), channels: int = 3) -> np.ndarray:
    """Pictures with a falling spectrum, uint8."""
    random = np.random.default_rng(0)
    small = random.uniform(0, 255, (count, channels, 4, 3))
    large = small.repeat(size[0] // 4, 2).repeat(size[1] // 3, 3) + random.normal(0, 12, (count, channels, *size))
    return large.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("pictures", ["small", "few and large", "many and large"])
def test_the_shares_of_variance_are_scikit_learns(pictures: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images = iw.open_images({"small": load_digits().images.astype(np.uint8)[:300]}.get(pictures, natural(150)))
    if pictures == "many and large":
        monkeypatch.setattr("imagewright.analysis.components.components.ALL_VARIANCES_MAX_SIDE", 100)
        monkeypatch.setattr("imagewright.statistics.spectra.GRAM_IMAGES", 0)  # which counts them as few
    found = iw.components(images, count=12)
    expected = sklearn.decomposition.PCA(svd_solver="full").fit(rows_of(images)).explained_variance_ratio_.cumsum()
    known = found.decomposition.cumulative_shares.numpy()
    assert len(known) == {"small": 64, "few and large": 149, "many and large": 12}[pictures]
    np.testing.assert_allclose(known, expected[: len(known)], atol=1e-5)
    for share, count in found.counts.items():
        enough = int((expected < share - 1e-9).sum()) + 1
        assert count == (enough if enough <= len(known) else None)
    assert found.decomposition.directions.shape[0] == 12


@pytest.mark.parametrize("method", METHODS)
def test_the_mean_and_all_weighted_components_are_what_the_model_rebuilds(labelled: iw.Images, method: str) -> None:
    found = iw.components(labelled, method, picture=7)
    parts = found.decomposition
    total = parts.mean + (found.latents.view(-1, 1, 1, 1) * parts.directions).sum(0)
    model = found.model
    torch.testing.assert_close(total, model.decode(model.encode(found.picture[None]))[0], atol=1e-4, rtol=0)
    np.testing.assert_allclose(parts.mean.flatten().numpy(), rows_of(labelled).mean(0), atol=1e-5)
    np.testing.assert_allclose(found.picture.flatten().numpy(), rows_of(labelled)[7], atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_k_components_give_the_least_squares_reconstruction(labelled: iw.Images, method: str) -> None:
    found = iw.components(labelled, method, picture=11)
    parts = found.decomposition
    errors = []
    for count, rebuilt, error in found.strip:
        basis = parts.directions[:count].flatten(1).double().numpy()
        away = (found.picture - parts.mean).flatten().double().numpy()
        weights, *_ = np.linalg.lstsq(basis.T, away, rcond=1e-6)
        np.testing.assert_allclose((rebuilt - parts.mean).flatten().numpy(), weights @ basis, atol=1e-3)
        left = np.sqrt(np.mean((away - weights @ basis) ** 2)) * 127.5
        assert error == pytest.approx(left, abs=0.1)
        errors.append(error)
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize("method", ["ica", "lda", "random"])
def test_measured_shares_are_those_of_the_spans_of_the_components(labelled: iw.Images, method: str) -> None:
    parts = iw.components(labelled, method, None if method == "lda" else 6).decomposition
    rows = rows_of(labelled)
    rows -= rows.mean(0)
    for count in range(1, len(parts.directions) + 1):
        basis = np.linalg.qr(parts.directions[:count].flatten(1).double().numpy().T)[0]
        share = np.square(rows @ basis).sum() / np.square(rows).sum()
        assert float(parts.cumulative_shares[count - 1]) == pytest.approx(share, abs=1e-4)


def test_the_strip_shows_10_30_50_to_150_and_smaller_steps_if_there_are_few() -> None:
    pictures = natural(200)
    assert [count for count, _, _ in iw.components(pictures).strip] == [10, 30, 50, 70, 90, 110, 130, 150]
    assert [count for count, _, _ in iw.components(pictures, count=80).strip] == [10, 30, 50, 70, 80]
    assert [count for count, _, _ in iw.components(pictures, count=3).strip] == [1, 2, 3]


@pytest.mark.parametrize("count", [30, 96, 97, 400])
def test_all_shares_are_exact_for_more_and_for_fewer_pictures_than_pixels(count: int) -> None:
    images = iw.open_images(natural(count, (8, 12), 1))
    mean = torch.from_numpy(rows_of(images).mean(0)).float().view(1, 8, 12)
    expected = sklearn.decomposition.PCA(svd_solver="full").fit(rows_of(images)).explained_variance_ratio_.cumsum()
    found = compute_all_shares(mean, FloatStream(images)).numpy()
    np.testing.assert_allclose(found, expected[: min(count - 1, 96)], atol=1e-5)


@pytest.mark.parametrize("rank", [2, 5, 11])
def test_the_elbow_is_after_the_directions_that_stand_out(rank: int) -> None:
    random = np.random.default_rng(0)
    weights = random.standard_normal((400, rank)) * 30
    directions = np.linalg.qr(random.standard_normal((300, rank)))[0].T * 5
    rows = 128 + weights @ directions / 5 + random.normal(0, 1.5, (400, 300))
    found = iw.components(rows.clip(0, 255).astype(np.uint8).reshape(400, 1, 15, 20))
    assert found.elbow == rank


def test_a_curve_without_a_bend_or_with_one_value_has_an_elbow_too() -> None:
    assert find_elbow(torch.tensor([1.0])) == 1
    assert find_elbow(torch.full((5,), 0.2)) == 5
    assert find_elbow(torch.tensor([0.9, 0.05, 0.03, 0.02])) == 1


def test_large_pictures_are_resized_unless_a_size_is_given() -> None:
    pictures = natural(6, (320, 240), 1)
    assert iw.components(pictures).images.size == (128, 96)
    assert iw.components(pictures, size=(320, 240)).images.size == (320, 240)


@pytest.mark.parametrize("method", METHODS)
def test_numbers_are_json_and_figures_are_written_whole(labelled: iw.Images, method: str, tmp_path: Path) -> None:
    found = iw.components(labelled.subset(np.arange(200)), method)
    paths = found.write(tmp_path / "out")
    assert [path.name for path in paths] == list(FILES)
    numbers = json.loads(paths[-1].read_text())
    assert numbers["components"] == len(numbers["weights"]) == len(found.decomposition.directions)
    assert numbers["explained_variance_together"][-1] == pytest.approx(sum(numbers["explained_variance"]), abs=1e-5)
    assert set(numbers["components_for"]) == {"90%", "95%", "99%"}
    assert len(numbers["strip"]) == len(found.strip)
    for path in paths[:-1]:
        record = iw.inspect(path)["provenance"]
        assert record["digital_source_type"] == COMPOSITE
        assert record["settings"]["method"] == method
    with pytest.raises(RunError, match="exists already"):
        found.write(tmp_path / "out")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_figures_of_any_channels(channels: int, tmp_path: Path) -> None:
    found = iw.components(simple_pictures(20, (16, 24), channels))
    found.write(tmp_path)
    with Image.open(tmp_path / "components.png") as sheet:
        assert sheet.mode == ("L" if channels == 1 else "RGB")


def test_signed_pictures_are_grey_at_zero_and_white_at_the_largest_value() -> None:
    values = np.zeros((1, 1, 40, 40))
    values[0, 0, :2], values[0, 0, 2:4] = 3.0, -3.0
    pixels = signed_pixels(values)
    assert (pixels[0, 0, 0, 0], pixels[0, 0, 2, 0], pixels[0, 0, 30, 30]) == (255, 0, 128)
    assert signed_pixels(values, scale=6.0)[0, 0, 0, 0] == 191
    assert (signed_pixels(np.zeros((2, 3, 4, 4))) == 128).all()
    assert signed_pixels(np.zeros((2, 4, 5, 5))).shape == (2, 3, 5, 5)


def test_the_distortion_of_random_directions_is_reported(labelled: iw.Images) -> None:
    facts = iw.components(labelled, "random", 40).facts
    assert 0 < facts["distances_kept"]["least"] < 1 < facts["distances_kept"]["most"]
    assert facts["epsilon_guaranteed"] is None  # 40 dimensions are too few for any


# What cannot be decomposed


def test_one_picture_and_equal_pictures_are_refused() -> None:
    with pytest.raises(DataError, match="holds one picture"):
        iw.components(simple_pictures(1))
    for method in ("pca", "ica", "random"):
        with pytest.raises(DataError, match="All pictures are equal"):
            iw.components(np.repeat(simple_pictures(1), 5, axis=0), method)


@pytest.mark.parametrize(
    ("method", "count", "message"),
    [
        ("pca", 10, "at most 9: use --components 9"),
        ("ica", 10, "at most 9: use --components 9"),
        ("random", 193, "have 192 pixel values: use --components 192"),
        ("pca", 0, "components=0, but at least one is needed"),
    ],
)
def test_more_components_than_there_can_be_are_refused(method: str, count: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        iw.components(simple_pictures(10, (8, 8)), method, count)


def test_more_discriminants_than_classes_allow_are_refused(labelled: iw.Images) -> None:
    with pytest.raises(ConfigError, match="at most 9 discriminants: use --components 9"):
        iw.components(labelled, "lda", 10)


def test_missing_labels_unknown_methods_and_pictures_are_refused() -> None:
    pictures = simple_pictures(10)
    with pytest.raises(DataError, match=r"lda learns classes, but .* no labels"):
        iw.components(pictures, "lda")
    with pytest.raises(UserError, match=r"method=pcs, .* Did you mean 'pca'"):
        iw.components(pictures, "pcs")
    with pytest.raises(UserError, match="picture=10, but the 10 pictures are numbered from 0 to 9"):
        iw.components(pictures, picture=10)


@pytest.mark.parametrize("method", METHODS)
def test_constant_pixels_and_few_directions_give_finite_numbers(method: str, tmp_path: Path) -> None:
    pictures = np.full((8, 1, 10, 10), 9, np.uint8)
    pictures[:, :, 3:5, 3:5] = np.arange(8, dtype=np.uint8)[:, None, None, None] * 30
    images = iw.open_images(pictures).with_labels(np.arange(8) % 2, ("even", "odd"))
    found = iw.components(images, method)
    found.write(tmp_path)
    assert "NaN" not in (tmp_path / "components.json").read_text()
    assert torch.isfinite(found.decomposition.directions).all()
