"""Patches: the coreset, a memory by hand, small defects on texture, heat maps, and what is said without weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import imagewright as iw
from imagewright.analysis.feature_tables import FeatureTable
from imagewright.analysis.outliers.evaluation import ranking_metrics
from imagewright.analysis.outliers.patch_sheet import heat_maps
from imagewright.analysis.outliers.patches import (
    PatchFeatures,
    choose_coreset,
    learn_patches,
    patch_size,
    score_patches,
)
from imagewright.pretrained import efficientnet_lite
from imagewright.pretrained.efficientnet_lite import find_efficientnet_weights
from imagewright.pretrained.patch_maps import open_patch_maps

HAS_WEIGHTS = find_efficientnet_weights() is not None


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet_lite, "PACKAGE", "no_such_package_at_all")
    monkeypatch.delenv("IMAGEWRIGHT_WEIGHTS", raising=False)


def texture(generator: np.random.Generator, side: int = 96) -> np.ndarray:
    """Ground metal: streaks, spots and uneven light, (side, side) in grey levels."""
    layers = [gaussian_filter(generator.normal(0, 1, (side, side)), width) for width in ((0.7, 4), 2, 20)]
    shade = sum(strength * layer / layer.std() for strength, layer in zip((9, 6, 10), layers, strict=True))
    return 110 + generator.normal(0, 8) + shade + generator.normal(0, 4, (side, side))


def scratched(generator: np.random.Generator, pixels: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """The texture with a hole of 6 to 10 pixels across, or a scratch, and its place."""
    side = len(pixels)
    y, x = np.mgrid[:side, :side]
    middle = generator.uniform(16, side - 16, 2)
    if generator.random() < 0.5:
        inside = np.clip(generator.uniform(3, 5) + 0.5 - np.hypot(y - middle[0], x - middle[1]), 0, 1)
        return pixels - generator.uniform(35, 60) * inside, tuple(middle)
    angle, length = generator.uniform(0, np.pi), generator.uniform(5, 10)
    along = (x - middle[1]) * np.cos(angle) + (y - middle[0]) * np.sin(angle)
    across = (y - middle[0]) * np.cos(angle) - (x - middle[1]) * np.sin(angle)
    line = (np.abs(along) < length) * np.clip(1.5 - np.abs(across), 0, 1)
    return pixels + generator.choice([-1, 1]) * generator.uniform(35, 60) * line, tuple(middle)


def tiles(seed: int, learned: int = 40, each: int = 20, side: int = 96) -> tuple[np.ndarray, np.ndarray, list]:
    """Textures to learn from, textures and then scratched ones to rank (uint8 N, 1, H, W), and the defects' places."""
    generator = np.random.default_rng(seed)
    clean = [texture(generator, side) for _ in range(learned)]
    good = [texture(generator, side) for _ in range(each)]
    bad = [scratched(generator, texture(generator, side)) for _ in range(each)]
    pictures = [
        np.stack(some)[:, None].clip(0, 255).astype(np.uint8) for some in (clean, [*good, *(b[0] for b in bad)])
    ]
    return pictures[0], pictures[1], [place for _, place in bad]


def test_a_coreset_is_the_greedy_centre_choice() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.cat([centre + 0.01 * torch.randn(50, 8, generator=generator) for centre in 10 * torch.eye(8)])
    chosen = choose_coreset(rows, 8, generator)
    assert set((chosen // 50).tolist()) == set(range(8))  # one of each cluster
    everything = choose_coreset(rows[:20], 20, generator)
    assert sorted(everything.tolist()) == list(range(20))  # no row twice


def test_pictures_are_seen_at_twice_their_size_at_most() -> None:
    assert patch_size((28, 28)) == (64, 64)
    assert patch_size((60, 40)) == (120, 80)
    assert patch_size((1000, 500)) == (224, 112)
    assert patch_size((2000, 10)) == (224, 16)


def test_a_pictures_own_patches_are_passed_over(no_weights) -> None:
    pictures = iw.open_images(tiles(0, learned=12, each=1)[0])
    features = PatchFeatures(open_patch_maps(), pictures.size)
    table = FeatureTable(pictures, features)
    memory = learn_patches(table, features, np.arange(12), 0, ranked=True)
    assert len(memory.entries) == 2_000  # of 12 x 576 patches
    assert torch.allclose(memory.entries.std(0).median(), torch.tensor(1.0), atol=0.5)
    rows = next(table.stream().batches(12))
    with_own, without = memory.distances(rows)[0], memory.distances(rows, np.arange(12))[0]
    assert with_own.shape == (12, *memory.grid) == (12, 24, 24)
    assert bool((without >= with_own).all())
    assert with_own.min() < 1e-2 < without.min()
    patches = (rows[3].view(-1, len(memory.mean)) - memory.mean) @ memory.whitening
    others = memory.entries[memory.groups != 3]
    assert torch.allclose(without[3].flatten(), torch.cdist(patches, others).min(1).values, atol=2e-2)


@pytest.mark.learning
@pytest.mark.parametrize("network", ["random", "efficientnet_lite0"])
def test_small_defects_on_texture_are_found(network: str, monkeypatch) -> None:
    if network == "random":
        monkeypatch.setattr(efficientnet_lite, "PACKAGE", "no_such_package_at_all")
        monkeypatch.delenv("IMAGEWRIGHT_WEIGHTS", raising=False)
    elif not HAS_WEIGHTS:
        pytest.skip("the extra `features` is not installed")
    clean, pictures, _ = tiles(1)
    learned, scored = iw.open_images(clean), iw.open_images(pictures)
    found, _ = score_patches(scored, learned, open_patch_maps(), (96, 96), np.arange(40), 0)
    auroc = ranking_metrics(np.arange(40) >= 20, found.scores).auroc
    assert auroc > {"random": 0.7, "efficientnet_lite0": 0.9}[network]
    whole = iw.outliers(pictures, train_on=clean, method="mahalanobis").score
    assert ranking_metrics(np.arange(40) >= 20, whole).auroc < 0.7  # which the whole picture does not show


@pytest.mark.skipif(not HAS_WEIGHTS, reason="the extra `features` is not installed")
def test_patches_are_in_the_default_if_their_weights_are_there(tmp_path) -> None:
    clean, pictures, _ = tiles(2)
    found = iw.outliers(pictures, train_on=clean)
    assert "patches" in found.scores
    assert ranking_metrics(np.arange(40) >= 20, found.score).auroc > 0.85
    assert [path.name for path in found.write(tmp_path / "out")].count("patches.png") == 1


@pytest.mark.learning
def test_the_heat_map_shows_the_place_of_the_defect(no_weights, tmp_path: Path) -> None:
    clean, pictures, places = tiles(3, each=8)
    found = iw.outliers(pictures, train_on=clean, method="patches")
    assert any("random weights" in note for note in found.notes)
    assert found.patches is not None
    seen, maps = heat_maps(found.images, np.arange(8, 16), found.patches)
    assert seen.shape[2:] == maps.shape[1:] == (192, 192)
    hits = 0
    for heat, place in zip(maps, places, strict=True):
        row, column = divmod(int(heat.argmax()), 192)
        hits += bool(np.hypot(row / 2 - place[0], column / 2 - place[1]) < 12)
    assert hits >= 6
    paths = found.write(tmp_path / "out")
    assert {path.name for path in paths} == {"scores.csv", "sheet.png", "where.png", "patches.png", "report.json"}
    assert np.array_equal(iw.outliers(pictures, train_on=clean, method="patches").score, found.score)


@pytest.mark.learning
def test_patches_of_a_set_without_clean_pictures(no_weights) -> None:
    clean, pictures, _ = tiles(4, learned=30, each=3)
    whole = np.concatenate([clean, pictures[3:], pictures[5:]])  # three scratched ones, the last of them twice
    found = iw.outliers(whole, method="patches")
    # A copy does not vouch for the other: both have the same score.
    assert found.score[32] == pytest.approx(found.score[33])
    assert ranking_metrics(np.arange(34) >= 30, found.score).auroc > 0.7


def test_equal_pictures_and_tiny_ones_have_finite_patch_scores(no_weights) -> None:
    assert np.isfinite(iw.outliers(np.full((5, 3, 20, 20), 7, np.uint8), method="patches").score).all()
    small = np.random.default_rng(0).integers(0, 256, (12, 1, 3, 5), np.uint8)
    assert np.isfinite(iw.outliers(small, method="patches").score).all()


def test_many_pictures_leave_patches_out_and_say_so(monkeypatch) -> None:
    from imagewright.analysis.outliers import preparation

    monkeypatch.setattr(preparation, "find_efficientnet_weights", lambda: Path("there"))
    monkeypatch.setattr(preparation, "MOST_DEFAULT", 10)
    pictures = np.random.default_rng(0).integers(0, 256, (12, 1, 32, 32), np.uint8)
    found = iw.outliers(pictures)
    assert "patches" not in found.scores
    assert any("Patches were left out" in note for note in found.notes)
    assert not iw.outliers(pictures[..., ::2, ::2]).notes  # of small pictures they are no part of the default
