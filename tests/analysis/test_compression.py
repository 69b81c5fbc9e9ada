"""Rate and distortion: closed forms, Pillow's files, and relations between the methods."""

from __future__ import annotations

import csv
import io
import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import skimage.metrics
import torch
from PIL import Image
from tiny import simple_pictures, tiny_model, train_tiny

import imagewright as iw
from imagewright.analysis.compression import coders, distortion
from imagewright.analysis.compression.comparison import (
    CompressionComparison,
    Curve,
    RatePoint,
    _common_rate,
)
from imagewright.analysis.compression.distortion import measure_psnr, measure_ssim
from imagewright.analysis.compression.figures import busiest_window
from imagewright.errors import ConfigError, DataError, RunError, UserError
from imagewright.statistics.fitting import TensorStream


def smooth_pictures(count: int = 40, size: tuple[int, int] = (16, 24), channels: int = 3, seed: int = 0) -> np.ndarray:
    """Random sums of a few broad waves, uint8 (N, C, H, W), which a few components explain."""
    generator = np.random.default_rng(seed)
    waves = generator.standard_normal((6, channels, *size)).cumsum(2).cumsum(3)
    waves /= np.abs(waves).max((1, 2, 3), keepdims=True)
    weights = generator.standard_normal((count, 6)) * (60, 40, 30, 20, 10, 5)
    noise = generator.standard_normal((count, channels, *size)) * 2
    return (128 + np.einsum("nk,kchw->nchw", weights, waves) + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def compared() -> CompressionComparison:
    images = iw.open_images(smooth_pictures())
    return iw.compress(images, ["jpeg", "pca", "pca-blocks"], count=6, components=8, qualities=[10, 50, 90])


def test_jpegs_points_are_pillows_files(compared: CompressionComparison) -> None:
    pictures = compared.test.batch(np.arange(6)).images.numpy()
    for quality, point in zip((10, 50, 90), compared.curves[0].points, strict=True):
        sizes, errors, similarities = [], [], []
        for picture in pictures:
            file = io.BytesIO()
            Image.fromarray(picture.transpose(1, 2, 0)).save(file, "JPEG", quality=quality)
            shown = np.asarray(Image.open(file)).transpose(2, 0, 1)
            sizes.append(8 * len(file.getvalue()))
            errors.append(np.mean((shown.astype(float) - picture) ** 2))
            similarities.append(skimage.metrics.structural_similarity(picture, shown, channel_axis=0, data_range=255))
        assert point.setting == f"quality {quality}"
        assert point.file_bits_per_pixel == pytest.approx(np.mean(sizes) / (16 * 24))
        assert point.bits_per_pixel < point.file_bits_per_pixel
        assert point.psnr == pytest.approx(10 * math.log10(255**2 / np.mean(errors)))
        assert point.ssim == pytest.approx(np.mean(similarities))


def test_more_bits_give_less_distortion(compared: CompressionComparison) -> None:
    for curve in compared.curves:
        rates = [point.bits_per_pixel for point in curve.points]
        assert rates == sorted(rates)
        assert rates[-1] > 2 * rates[0]
        psnr = [point.psnr for point in curve.points]
        assert all(later > earlier - 0.05 for earlier, later in pairwise(psnr)), curve.method


def test_test_pictures_are_not_fitted_to(compared: CompressionComparison) -> None:
    assert len(compared.test) == 6
    assert compared.training_count == 34
    names = {compared.test.name(number) for number in range(6)}
    assert len(names) == 6


def test_pca_that_explains_all_needs_far_fewer_bits_than_jpeg(compared: CompressionComparison) -> None:
    jpeg, pca, _ = compared.curves
    at = np.interp(jpeg.points[1].psnr, [point.psnr for point in pca.points], [p.bits_per_pixel for p in pca.points])
    assert at < jpeg.points[1].bits_per_pixel / 3
    assert pca.decoder_bytes > 4 * 8 * 16 * 24 * 3  # the basis is reported, and not counted in the rate
    assert "not the model" in pca.note


def test_crops_are_within_the_rate(compared: CompressionComparison) -> None:
    for each, curve in zip(compared.at_rate, compared.curves, strict=True):
        assert each.pictures.shape == compared.shown.shape
        for number, rate in enumerate(each.bits_per_pixel):
            coarsest = curve.points[0].bits_per_pixel
            assert rate <= compared.rate + 1e-9 or rate < 3 * coarsest
            assert each.psnr[number] == pytest.approx(measure_psnr(compared.shown[number], each.pictures[number]))
    wanted = iw.compress(compared.images, ["pca-blocks"], count=3, rate=0.5)
    assert all(0.4 < rate <= 0.5 for rate in wanted.at_rate[0].bits_per_pixel)


def test_the_rate_of_the_crops_is_one_that_most_methods_reach() -> None:
    def curve(*rates: float) -> Curve:
        points = [RatePoint(setting="", bits_per_pixel=rate, psnr=30.0, ssim=None) for rate in rates]
        return Curve(method="method", note="", decoder_bytes=0, points=points)

    assert _common_rate([curve(0.25, 1, 4), curve(0.001, 0.03), curve(0.02, 4)]) == pytest.approx(1)
    assert _common_rate([curve(0.1, 2), curve(0.5, 8)]) == pytest.approx(1)
    assert _common_rate([curve(0.7), curve(0.1, 2)]) == pytest.approx(0.7, rel=1e-4)
    assert _common_rate([curve(0.0)]) > 0


# The parts


def test_a_gaussian_costs_its_entropy_and_a_laplacian_its_own() -> None:
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(200_000, 1, generator=generator) * 3
    uniform = torch.rand(200_000, 1, generator=generator) - 0.5
    laplace = -uniform.sign() * torch.log1p(-2 * uniform.abs().clamp(max=0.4999999)) * 2
    # Differential entropies in bits: log2(sigma sqrt(2 pi e)), log2(2 e b); a fine step adds -log2(step).
    for rows, entropy in (
        (normal, math.log2(3 * math.sqrt(2 * math.pi * math.e))),
        (laplace, math.log2(2 * math.e * 2)),
    ):
        symbols = coders.LatentDistribution.fit(rows)
        for step in (0.05, 0.25):
            steps = torch.tensor([step])
            bits = symbols.count_bits(symbols.quantise(rows, steps), steps).mean()
            assert float(bits) == pytest.approx(entropy - math.log2(step), abs=0.02)
    assert not coders.LatentDistribution.fit(normal).is_laplace.item()
    assert coders.LatentDistribution.fit(laplace).is_laplace.item()


def test_the_probabilities_of_all_symbols_add_up_to_one() -> None:
    rows = torch.tensor([[0.0, 0.0], [1.0, 4.0], [2.0, 0.5], [9.0, -4.0]])
    symbols = coders.LatentDistribution.fit(rows)
    for step in (0.3, 2.0, 50.0):
        numbers = torch.arange(-200, 201, dtype=torch.float64)[:, None]
        for latent in range(2):
            one = coders.LatentDistribution(
                symbols.centre[latent : latent + 1],
                symbols.width[latent : latent + 1],
                symbols.is_laplace[latent : latent + 1],
            )
            bits = one.count_bits(numbers, torch.tensor([step]))
            assert float((2.0**-bits).sum()) == pytest.approx(1, abs=1e-6)


def test_pcas_steps_are_inversely_proportional_to_the_deviations() -> None:
    pictures = torch.from_numpy(smooth_pictures(60))
    model = tiny_model("pca", (16, 24), 3, components=5)
    model.fit(TensorStream(pictures))
    coder = coders.LatentCoder("pca", model, pictures)
    expected = model.variances.sqrt() * coders.LEVELS  # latents are in standard deviations, and the basis orthonormal
    torch.testing.assert_close(coder.sensitivity.float(), expected, rtol=1e-3, atol=1e-3)


def test_blocks_are_cut_and_put_together_again() -> None:
    pictures = torch.from_numpy(smooth_pictures(40, (13, 21)))
    blocks = coders.cut_to_blocks(pictures, 8)
    assert blocks.shape == (40 * 6, 3, 8, 8)
    assert torch.equal(blocks[1], pictures[0, :, :8, 8:16])
    model = tiny_model("pca", (8, 8), 3, components=192)
    model.fit(TensorStream(blocks))
    coder = coders.BlockCoder("pca-blocks", coders.LatentCoder("pca-blocks", model, blocks), (13, 21))
    rebuilt = coder.code(coder.analyse(pictures[:3]), coder.settings[-1]).decoded
    assert rebuilt.shape == (3, 3, 13, 21)
    assert (rebuilt.int() - pictures[:3].int()).abs().max() <= 3


@pytest.mark.parametrize("size", [(16, 16), (9, 30), (5, 6), (3, 3), (7, 7)])
@pytest.mark.parametrize("channels", [1, 3])
def test_similarity_is_that_of_scikit_image(
    channels: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    pictures = simple_pictures(7, size, channels)
    noisy = [pictures + random.normal(0, spread, pictures.shape) for spread in (1, 60)]
    rebuilt = [np.clip(each, 0, 255).astype(np.uint8) for each in noisy]
    side = min(7, *size) - (min(7, *size) + 1) % 2
    for kept in (0, 1 << 24):
        monkeypatch.setattr(distortion, "VALUES_AT_ONCE", 2 * pictures[0].size)
        monkeypatch.setattr(distortion, "KEPT_VALUES", kept)
        measured = distortion.Distortion(torch.from_numpy(pictures))
        for each in [*rebuilt, pictures, np.zeros_like(pictures)]:
            pairs = zip(pictures, each, strict=True)
            options = {"channel_axis": 0, "data_range": 255, "win_size": side}
            expected = np.mean([skimage.metrics.structural_similarity(one, other, **options) for one, other in pairs])
            assert measured.ssim(torch.from_numpy(each)) == pytest.approx(expected, abs=1e-10)
            error = np.square(pictures.astype(float) - each).mean()
            assert measured.psnr(torch.from_numpy(each)) == (10 * math.log10(255**2 / error) if error else math.inf)


def test_psnr_and_ssim() -> None:
    pictures = torch.from_numpy(smooth_pictures(3))
    assert measure_psnr(pictures, pictures) == math.inf
    other = (pictures.int() + 5).clamp(max=255).to(torch.uint8)
    expected = skimage.metrics.peak_signal_noise_ratio(pictures.numpy(), other.numpy(), data_range=255)
    assert measure_psnr(pictures, other) == pytest.approx(expected)
    assert measure_ssim(pictures, pictures) == pytest.approx(1)
    small = pictures[:, :, :4, :5]
    assert measure_ssim(small, small) == pytest.approx(1)
    assert measure_ssim(pictures[:, :, :2], pictures[:, :, :2]) is None


def test_the_window_with_most_contrast_is_shown() -> None:
    picture = torch.full((3, 64, 80), 90, dtype=torch.uint8)
    picture[:, 40:48, 50:58] = torch.randint(0, 256, (8, 8), generator=torch.Generator().manual_seed(0))
    top, left = busiest_window(picture, 16, 16)
    assert 32 <= top <= 40
    assert 42 <= left <= 50
    assert busiest_window(picture, 64, 80) == (0, 0)


# Runs


def test_runs_are_compared_at_their_own_size(tmp_path: Path) -> None:
    pictures = smooth_pictures(40)
    runs = [
        train_tiny("autoencoder", pictures, tmp_path / "auto", steps=10),
        train_tiny("pca", pictures, tmp_path / "components", components=6),
        train_tiny("jpeg", pictures, tmp_path / "fifty", quality=50),
    ]
    found = iw.compress(pictures, [run.path for run in runs], count=4, qualities=[10, 90])
    assert [curve.method for curve in found.curves] == ["auto", "components", "fifty"]
    assert [point.setting for point in found.curves[2].points] == ["quality 50"]
    assert found.curves[0].decoder_bytes > 1000
    assert all(math.isfinite(point.bits_per_pixel) for curve in found.curves for point in curve.points)
    learned = [note for note in found.notes if "was trained on all of these pictures" in note]
    assert [note.split()[0] for note in learned] == ["auto", "components"]  # JPEG is not trained
    larger = iw.compress(iw.open_images(smooth_pictures(20, (32, 48))), [runs[1].path], count=2)
    assert larger.test.size == (16, 24)
    assert "resized to 24x16" in larger.notes[0]
    with pytest.raises(ConfigError, match="--size 48x32, but the run was trained at 24x16"):
        iw.compress(iw.open_images(pictures, size=(32, 48)), [runs[1].path])


def test_equal_models_are_numbered_and_constant_latents_cost_nothing() -> None:
    model = tiny_model("autoencoder", (16, 24), 3)
    images = iw.open_images(smooth_pictures(24))
    found = iw.compress(images, [model, model], count=2)
    assert [curve.method for curve in found.curves] == ["autoencoder", "autoencoder 2"]
    rows = torch.tensor([[1.0, 5.0], [2.0, 5.0], [4.0, 5.0]])
    symbols = coders.LatentDistribution.fit(rows)
    steps = torch.tensor([0.5, 0.5])
    alone = coders.LatentDistribution(symbols.centre[:1], symbols.width[:1], symbols.is_laplace[:1])
    assert torch.equal(
        symbols.count_bits(symbols.quantise(rows, steps), steps),
        alone.count_bits(alone.quantise(rows[:, :1], steps[:1]), steps[:1]),
    )


# Files, and what cannot be compared


def test_the_files(compared: CompressionComparison, tmp_path: Path) -> None:
    paths = compared.write(tmp_path / "made")
    assert [path.name for path in paths] == ["rate_distortion.png", "crops.png", "results.json", "results.csv"]
    record = json.loads(paths[2].read_text())
    assert record["test_pictures"] == 6
    assert [curve["method"] for curve in record["curves"]] == ["jpeg", "pca", "pca-blocks"]
    rows = list(csv.DictReader(paths[3].read_text().splitlines()))
    assert len(rows) == sum(len(curve.points) for curve in compared.curves)
    assert float(rows[0]["psnr"]) == pytest.approx(compared.curves[0].points[0].psnr, abs=1e-3)
    for path in paths[:2]:
        with Image.open(path) as picture:
            assert min(picture.size) > 300
    with pytest.raises(RunError, match="exists already"):
        compared.write(tmp_path / "made")


def test_a_folder_called_jpeg_is_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jpeg").mkdir()
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    images = iw.open_images(smooth_pictures(4))
    assert iw.compress(images, ["jpeg"], qualities=[50]).curves[0].points
    with pytest.raises(RunError, match="photos is no run directory"):
        iw.compress(images, ["photos"])


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_transparent_sets(channels: int, tmp_path: Path) -> None:
    images = iw.open_images(simple_pictures(12, (16, 16), channels))
    found = iw.compress(images, ["jpeg", "pca"], count=2, components=4, qualities=[50])
    assert found.test.channels == (1 if channels == 1 else 3)
    found.write(tmp_path)


def test_one_picture_and_equal_pictures(tmp_path: Path) -> None:
    one = iw.open_images(smooth_pictures(1))
    found = iw.compress(one, ["jpeg"], qualities=[50])
    assert found.training_count == 0
    found.write(tmp_path / "one")
    with pytest.raises(DataError, match="pca is fitted to pictures other than those it is tested on, and there is one"):
        iw.compress(one, ["pca"])
    with pytest.raises(DataError, match="too few are left"):
        iw.compress(iw.open_images(smooth_pictures(2)), [tiny_model("autoencoder", (16, 24), 3)])
    flat = iw.open_images(np.full((8, 3, 16, 16), 128, np.uint8))
    lossless = iw.compress(flat, ["jpeg"], qualities=[50, 95])
    assert all(point.psnr == math.inf for point in lossless.curves[0].points)
    paths = lossless.write(tmp_path / "flat")
    assert json.loads(paths[2].read_text())["curves"][0]["points"][0]["psnr"] is None
    with pytest.raises(DataError, match="All pictures are equal"):
        iw.compress(flat, ["pca"])


@pytest.mark.parametrize(
    ("methods", "options", "error", "message"),
    [
        ([], {}, ConfigError, "There is no method to compare"),
        (["jpg"], {}, UserError, "no method or run 'jpg'. Did you mean 'jpeg'"),
        (["runs/nothing"], {}, UserError, "no method or run 'runs/nothing'"),
        (["vae"], {}, UserError, "vae is not fitted in the comparison: train it first"),
        (["dcgan"], {}, UserError, "dcgan cannot reconstruct"),
        (["lda"], {}, UserError, "lda is not fitted in the comparison"),
        (["jpeg"], {"count": 0}, ConfigError, "count=0"),
        (
            ["jpeg"],
            {"qualities": [0, 50]},
            ConfigError,
            r"qualities=\(0, 50\), but they are whole numbers from 1 to 100",
        ),
        (["jpeg"], {"rate": -1.0}, ConfigError, "rate=-1.0, but the crops need more than 0"),
        (["jpeg"], {"subsampling": "4:1:1"}, ConfigError, "subsampling='4:1:1', but it must be one of"),
        (["pca"], {"components": 0}, ConfigError, "components=0"),
    ],
)
def test_mistakes(methods: list[str], options: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        iw.compress(iw.open_images(simple_pictures(8)), methods, **options)


def test_pictures_that_are_jpegs_already_are_said(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (8, 16, 16, 3)).astype(np.uint8)
    for suffix in ("jpg", "png"):
        folder = tmp_path / suffix
        folder.mkdir()
        for number, each in enumerate(pixels):
            Image.fromarray(each).save(folder / f"{number}.{suffix}")
        found = iw.compress(folder, ["jpeg"], count=2, qualities=(50,))
        assert any("8 of 8 pictures looked at are JPEG files at this size" in note for note in found.notes) == (
            suffix == "jpg"
        )
    smaller = iw.compress(tmp_path / "jpg", ["jpeg"], size=8, count=2, qualities=(50,))
    assert not [note for note in smaller.notes if "JPEG files" in note]
