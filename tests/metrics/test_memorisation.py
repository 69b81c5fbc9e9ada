"""Memorisation: C_T by the paper's arithmetic, and what it says of copies, honest sets and underfitted ones."""

from __future__ import annotations

import numpy as np
import pytest
from feature_samples import computed, sample_of
from scipy.stats import mannwhitneyu

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.neighbours.memorisation import cells_of, copying, distances_by_cell, mann_whitney

CENTRES = np.random.default_rng(99).standard_normal((4, 12)) * 5


def drawn(seed: int, count: int, width: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    places = CENTRES[random.integers(0, 4, count)]
    return (places + width * random.standard_normal((count, 12))).astype(np.float32)


TRAINING, HELD_OUT = drawn(0, 1500), drawn(1, 800)


def c_t_by_the_paper(
    generated: np.ndarray, held_out: np.ndarray, training: np.ndarray, places: list[np.ndarray], least: int
) -> float:
    """Section 4 of the paper, from whole matrices and SciPy's statistic."""
    total, weight = 0.0, 0
    for cell in np.unique(places[0]):
        near, one, other = (
            rows[place == cell].astype(np.float64)
            for rows, place in zip((training, generated, held_out), places, strict=True)
        )
        if len(one) < least or len(other) < least:
            continue
        one, other = (np.sqrt(np.square(rows[:, None] - near).sum(-1)).min(1) for rows in (one, other))
        count = len(one) * len(other)
        larger = mannwhitneyu(one, other).statistic
        z = (larger - count / 2) / np.sqrt(count * (len(one) + len(other) + 1) / 12)
        total, weight = total + len(other) * z, weight + len(other)
    return total / weight


def test_c_t_is_that_of_the_paper() -> None:
    generated = np.concatenate([drawn(2, 400), TRAINING[:200] + np.float32(0.3)])
    places = cells_of(TRAINING, [generated, HELD_OUT], 6, seed=3)
    assert len(np.unique(places[0])) == 6
    found = copying(distances_by_cell(generated, HELD_OUT, TRAINING, 6, seed=3))
    assert found.c_t == pytest.approx(c_t_by_the_paper(generated, HELD_OUT, TRAINING, places, 20), rel=1e-9)


def test_ranks_with_ties_count_half() -> None:
    one, other = np.array([0, 1, 1, 2, 5.0]), np.array([1, 1, 3, 0.0])
    larger = sum((a > b) + 0.5 * (a == b) for a in one for b in other)
    assert mann_whitney(one, other) == pytest.approx((larger - 10) / np.sqrt(20 * 10 / 12))


def test_honest_pictures_are_near_zero_copies_far_below_and_poor_ones_far_above() -> None:
    def found(generated: np.ndarray) -> tuple[float, float, tuple[str, ...]]:
        values = computed("memorisation", sample_of(generated), sample_of(HELD_OUT), sample_of(TRAINING))
        return values["memorisation_c_t"].value, values["nearest_ratio"].value, values["memorisation_c_t"].notes

    honest, ratio, notes = found(drawn(5, 800))
    assert abs(honest) < 2
    assert ratio == pytest.approx(1, abs=0.05)
    assert not notes
    copied, ratio, notes = found(TRAINING[:800] + 0.05 * drawn(6, 800))
    assert copied < -8
    assert ratio < 0.8
    assert "nearer to training pictures" in notes[0]
    underfitted, ratio, notes = found(drawn(7, 800, width=1.6))
    assert underfitted > 8
    assert ratio > 1.2
    assert not notes


def test_copies_of_one_part_of_the_space_show() -> None:
    """What the cells are for: one class copied, the others underfitted, would cancel in the whole."""
    near_first = np.square(TRAINING - CENTRES[0]).sum(1) < 40
    generated = np.concatenate([TRAINING[near_first][:200], drawn(8, 600, width=1.05)])
    by_cells = distances_by_cell(generated, HELD_OUT, TRAINING, 4, seed=0)
    assert min(mann_whitney(*pair) for pair in by_cells) < -5


def test_intervals_hold_the_values() -> None:
    found = computed("memorisation", sample_of(drawn(9, 500)), sample_of(HELD_OUT), sample_of(TRAINING))
    for value in found.values():
        assert value.low is not None
        assert value.high is not None
        assert value.low < value.value < value.high


def test_a_reference_that_is_the_training_set_tells_nothing() -> None:
    sample = sample_of(drawn(10, 300))
    with pytest.raises(DataError, match="are training pictures"):
        computed("memorisation", sample, sample_of(TRAINING, "all"), sample_of(TRAINING, "all"))
    rounded = TRAINING[:500] * np.float32(1 + 1e-6)  # features of the same picture in another batch
    with pytest.raises(DataError, match="500 of 500"):
        computed("memorisation", sample, sample_of(rounded), sample_of(TRAINING))
    some = np.concatenate([HELD_OUT[:300], TRAINING[:30]])
    found = computed("memorisation", sample, sample_of(some), sample_of(TRAINING))
    assert "30 of 330" in found["memorisation_c_t"].notes[0]


def test_what_cannot_be_told_is_refused() -> None:
    sample, held_out, training = sample_of(drawn(11, 300)), sample_of(HELD_OUT), sample_of(TRAINING)
    with pytest.raises(DataError, match="give both"):
        computed("memorisation", sample, held_out, None)
    with pytest.raises(ConfigError, match="cells=0"):
        computed("memorisation", sample, held_out, training, cells=0)
    with pytest.raises(ConfigError, match="pictures=3"):
        computed("memorisation", sample, held_out, training, pictures=3)
    with pytest.raises(DataError, match="from so few"):
        copying([(np.arange(5.0), np.arange(30.0))])
