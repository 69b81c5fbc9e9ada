"""Precision and recall: equal to whole float64 matrices at every edge; blocks; errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from feature_samples import compute, make_sample, resident_kilobytes

import imagewright as iw
from imagewright.errors import ConfigError, DataError
from imagewright.metrics.features import blocks as feature_blocks
from imagewright.metrics.neighbours import distances, neighbourhoods
from imagewright.metrics.neighbours.neighbourhoods import Balls, count_inside, neighbour_radii

BALLS = (Balls(3, closed=True), Balls(5, closed=False), Balls(1, closed=True))
Pair = tuple[np.ndarray, np.ndarray]


def whole_matrix(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Every distance from differences in float64."""
    return np.stack([np.sqrt(np.square(row - other.astype(np.float64)).sum(1)) for row in one.astype(np.float64)])


def inside(real: np.ndarray, generated: np.ndarray, balls: Balls) -> tuple[np.ndarray, np.ndarray]:
    """Which generated pictures (columns) are in each real ball, and which real ones (rows) in each generated ball."""
    radii = []
    for rows in (real, generated):
        within = whole_matrix(rows, rows)
        np.fill_diagonal(within, np.inf)
        radii.append(np.sort(within, axis=1)[:, balls.neighbours - 1])
    apart = whole_matrix(real, generated)
    compare = np.less_equal if balls.closed else np.less
    return compare(apart, radii[0][:, None]), compare(apart, radii[1][None])


def normal(random: np.random.Generator, count: int, features: int = 24) -> np.ndarray:
    return random.standard_normal((count, features)).astype(np.float32)


def clusters(random: np.random.Generator) -> Pair:
    """Far apart and narrow: in float32 all rows of a cluster are equally near."""
    places = np.repeat(random.standard_normal((3, 24)) * 1000, 60, 0)
    real, generated = (places + 1e-3 * random.standard_normal(places.shape) for _ in range(2))
    return real.astype(np.float32), generated.astype(np.float32)


def with_outlier(random: np.random.Generator) -> Pair:
    real = normal(random, 150)
    real[3] *= 1e6
    return real, normal(random, 140)


CASES: dict[str, Callable[[np.random.Generator], Pair]] = {
    "normal": lambda random: (normal(random, 211), 0.9 * normal(random, 190)),
    "the same set": lambda random: (rows := normal(random, 180), rows),  # each third neighbour is at an edge exactly
    "far from the origin": lambda random: (normal(random, 150) + 3000, normal(random, 160) + 3000),
    "copies": lambda random: (rows := normal(random, 160), np.repeat(rows[:30], 5, 0)),
    "one picture only": lambda random: (rows := normal(random, 150), np.repeat(rows[:1], 120, 0)),
    "ties": lambda random: ((normal(random, 170) > 0).astype(np.float32), (normal(random, 150) > 0).astype(np.float32)),
    "clusters": clusters,
    "outlier": with_outlier,
    "huge": lambda random: (normal(random, 150) * np.float32(1e25), normal(random, 150) * np.float32(1e25)),
    "tiny": lambda random: (normal(random, 150) * np.float32(1e-25), normal(random, 150) * np.float32(1e-25)),
    "one feature": lambda random: (normal(random, 160, 1), normal(random, 150, 1)),
}


@pytest.mark.parametrize(("rows", "bfloat16"), [(4096, False), (50, False), (70, True)])
@pytest.mark.parametrize("case", CASES)
def test_counts_equal_those_of_the_whole_float64_matrix(
    case: str, rows: int, bfloat16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_blocks, "ROWS", rows)
    monkeypatch.setattr(distances, "BFLOAT16_ROWS", 2)
    monkeypatch.setattr(distances, "bfloat16_is_faster", lambda: bfloat16)
    monkeypatch.setattr(feature_blocks, "FEWEST_ROWS", 8)
    monkeypatch.setattr(distances, "PAIRS_AT_ONCE", 1000)
    real, generated = CASES[case](np.random.default_rng(0))
    found = count_inside(real, generated, BALLS)
    for balls in BALLS:
        in_real, in_generated = inside(real, generated, balls)
        assert (found[balls].real_balls == in_real.sum(0)).all()
        assert (found[balls].generated_inside == in_real.sum(1)).all()
        assert (found[balls].generated_balls == in_generated.sum(1)).all()


@pytest.mark.learning
@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="memory by mapping is read as Linux tells it")
def test_memory_does_not_grow_with_the_number_of_pictures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real, generated = normal(np.random.default_rng(0), 3000, 512), normal(np.random.default_rng(1), 3000, 512)
    expected = count_inside(real, generated, BALLS)
    monkeypatch.setattr(feature_blocks, "ROWS", 256)
    monkeypatch.setattr(feature_blocks, "TOUCHED", 2**20)
    monkeypatch.setattr(feature_blocks, "KEPT_BYTES", 2**20)
    kept: list[int] = []

    class Watched(feature_blocks.FeatureBlocks):
        def __getitem__(self, number: int) -> feature_blocks.FeatureBlock:
            kept.append(sum(block.held_bytes for block in self._kept.values()))
            return super().__getitem__(number)

    for module in (distances, neighbourhoods):
        monkeypatch.setattr(module, "FeatureBlocks", Watched)
    mapped = []
    for name, rows in (("real", real), ("generated", generated)):
        rows.tofile(tmp_path / name)
        mapped.append(np.memmap(tmp_path / name, np.float32, "r", shape=rows.shape))
    found = count_inside(*mapped, BALLS)
    assert 0 < max(kept) <= 2**20
    assert resident_kilobytes(tmp_path) < 2 * 2048  # of 2 * 6,000
    for balls in BALLS:
        for counts in ("real_balls", "generated_inside", "generated_balls"):
            assert (getattr(found[balls], counts) == getattr(expected[balls], counts)).all()


@pytest.mark.parametrize("precision", distances.ROUNDING)
@pytest.mark.parametrize("features", [1, 7, 500])
def test_distances_lie_within_the_bounds_of_their_estimates(precision: torch.dtype, features: int) -> None:
    random = np.random.default_rng(features)
    real, generated = normal(random, 90, features), normal(random, 110, features)
    generated[:20] = real[:20] * np.float32(1 + 1e-4)
    real[5] *= 1000
    normalization = feature_blocks.Normalization.fit(real)
    one, other = (
        feature_blocks.FeatureBlock(feature_blocks.RowReader(rows), (0, len(rows)), normalization)
        for rows in (real, generated)
    )
    pairs = np.repeat(np.arange(90), 110), np.tile(np.arange(110), 90)
    least, most = distances.DistanceEstimates(one, other, precision).bounds(*pairs)
    truth = whole_matrix(real, generated).ravel()
    assert (least <= truth).all()
    assert (truth <= most).all()


def test_radii_are_distances_to_the_kth_other_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_blocks, "ROWS", 40)
    monkeypatch.setattr(feature_blocks, "FEWEST_ROWS", 8)
    rows = normal(np.random.default_rng(1), 130)
    rows[7] = rows[60]  # duplicates are each other's nearest neighbour, at 0
    within = whole_matrix(rows, rows)
    np.fill_diagonal(within, np.inf)
    np.testing.assert_allclose(neighbour_radii(rows, 4), np.sort(within, 1)[:, :4], rtol=1e-12)
    assert neighbour_radii(rows, 4)[7, 0] == 0


def test_values_equal_the_definition_of_the_paper() -> None:
    random = np.random.default_rng(2)
    real, generated = normal(random, 300), 0.8 * normal(random, 300)
    in_real, in_generated = inside(real, generated, Balls(3, closed=True))
    found = compute("precision_recall", make_sample(generated), make_sample(real))
    assert found["precision"].value == pytest.approx(in_real.any(0).mean(), rel=1e-12)
    assert found["recall"].value == pytest.approx(in_generated.any(1).mean(), rel=1e-12)
    for value in found.values():
        assert value.low is not None
        assert value.high is not None
        assert 0 <= value.low < value.value < value.high <= 1


def test_less_variety_costs_recall_and_more_noise_costs_precision() -> None:
    random = np.random.default_rng(3)
    real = make_sample(normal(random, 400, 6))
    narrow = compute("precision_recall", make_sample(0.3 * normal(random, 400, 6)), real)
    wide = compute("precision_recall", make_sample(3 * normal(random, 400, 6)), real)
    assert narrow["precision"].value > 0.95
    assert narrow["recall"].value < 0.5
    assert wide["recall"].value > 0.95
    assert wide["precision"].value < 0.5


def test_a_mapped_reference_gives_the_same(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    real, generated = normal(random, 200), normal(random, 200)
    np.save(tmp_path / "real.npy", real)
    reference = make_sample(real)
    reference.features = np.load(tmp_path / "real.npy", mmap_mode="r")
    expected = compute("precision_recall", make_sample(generated), make_sample(real))
    assert compute("precision_recall", make_sample(generated), reference) == expected


def test_the_larger_set_is_subsampled_to_the_size_of_the_other() -> None:
    random = np.random.default_rng(5)
    real, generated = np.zeros((500, 6), np.float32), np.zeros((120, 6), np.float32)
    real[:, :2], generated[:, :2] = random.random((500, 2)), random.random((120, 2))
    generated[:, 3] = 0.06  # off the manifold, by a distance between the two radii
    subsampled = compute("precision_recall", make_sample(generated), make_sample(real))
    whole = compute("precision_recall", make_sample(generated), make_sample(real), equal_counts=False)
    in_real, _ = inside(real, generated, Balls(3, closed=True))
    assert whole["precision"].value == pytest.approx(in_real.any(0).mean(), rel=1e-12)
    assert subsampled["precision"].value > 2 * whole["precision"].value  # wider balls contain poor pictures too
    assert "120 real" in subsampled["precision"].interval
    assert "500 real" in whole["precision"].interval
    others = [compute("precision_recall", make_sample(generated), make_sample(real), seed=seed) for seed in (1, 2)]
    assert len({found["precision"].value for found in (subsampled, *others)}) > 1


def test_both_metrics_share_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(6)
    calls: list[str] = []
    for name in ("count_inside", "neighbour_radii"):
        real_one = getattr(neighbourhoods, name)
        monkeypatch.setattr(
            neighbourhoods, name, lambda *a, _f=real_one, _n=name, **k: (calls.append(_n), _f(*a, **k))[1]
        )
    sample, reference = make_sample(normal(random, 90)), make_sample(normal(random, 90))
    compute("precision_recall", sample, reference)
    compute("density_coverage", sample, reference)
    assert sorted(calls) == ["count_inside", "neighbour_radii", "neighbour_radii"]
    compute("density_coverage", make_sample(normal(random, 90)), reference)  # the reference's radii are stored
    assert sorted(calls) == ["count_inside"] * 2 + ["neighbour_radii"] * 3
    alone = compute("density_coverage", make_sample(sample.features), make_sample(reference.features))  # type: ignore[arg-type]
    assert alone == compute("density_coverage", sample, reference)


def test_inputs_without_neighbourhoods_raise() -> None:
    rows = normal(np.random.default_rng(7), 40)
    with pytest.raises(DataError, match="at least 4"):
        compute("precision_recall", make_sample(rows[:3]), make_sample(rows))
    with pytest.raises(DataError, match="equal features"):
        compute("precision_recall", make_sample(rows), make_sample(np.zeros((40, 24))))
    with pytest.raises(DataError, match="not finite"):
        compute("precision_recall", make_sample(rows), make_sample(np.where(rows > 2, np.nan, rows)))
    with pytest.raises(ConfigError, match="neighbours=0"):
        compute("precision_recall", make_sample(rows), make_sample(rows), neighbours=0)
    with pytest.raises(DataError, match="do not have 50"):
        compute("precision_recall", make_sample(rows), make_sample(rows), neighbours=50)


@pytest.mark.parametrize("count", [16, 21, 42])
def test_bounds_that_are_0_or_1_are_so_exactly(count: int) -> None:
    """Not -1e-17 or 1 + 2e-16, as rounding would have them for these numbers of pictures."""
    random = np.random.default_rng(0)
    dark, bright = (random.integers(low, low + 50, (count, 8, 8, 1), np.uint8) for low in (0, 200))
    for sample, bound in ((bright, 0.0), (dark, 1.0)):
        found = iw.evaluate(sample, dark, metrics="precision_recall", features="pixels", device="cpu")
        for score in found.scores:
            assert score.value == (score.low if bound == 0.0 else score.high) == bound
