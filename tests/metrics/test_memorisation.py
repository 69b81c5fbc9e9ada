"""Memorisation: C_T by the definition of the paper; new, copied and underfitted pictures."""

from __future__ import annotations

import numpy as np
import pytest
from feature_samples import compute, make_sample
from scipy.stats import mannwhitneyu

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.neighbours.memorisation import assign_cells, data_copying, distances_by_cell, mann_whitney

CENTRES = np.random.default_rng(99).standard_normal((4, 12)) * 5


def pictures(seed: int, count: int, width: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    places = CENTRES[random.integers(0, 4, count)]
    return (places + width * random.standard_normal((count, 12))).astype(np.float32)


TRAINING, HELD_OUT = pictures(0, 1500), pictures(1, 800)


def c_t_by_the_paper(
    generated: np.ndarray, held_out: np.ndarray, training: np.ndarray, places: list[np.ndarray], least: int
) -> float:
    """Section 4 of the paper, from whole distance matrices and scipy's statistic."""
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


def test_c_t_equals_the_definition_of_the_paper() -> None:
    generated = np.concatenate([pictures(2, 400), TRAINING[:200] + np.float32(0.3)])
    places = assign_cells(TRAINING, [generated, HELD_OUT], 6, seed=3)
    assert len(np.unique(places[0])) == 6
    found = data_copying(distances_by_cell(generated, HELD_OUT, TRAINING, 6, seed=3))
    assert found.c_t == pytest.approx(c_t_by_the_paper(generated, HELD_OUT, TRAINING, places, 20), rel=1e-9)


def test_ranks_with_ties_count_half() -> None:
    one, other = np.array([0, 1, 1, 2, 5.0]), np.array([1, 1, 3, 0.0])
    larger = sum((a > b) + 0.5 * (a == b) for a in one for b in other)
    assert mann_whitney(one, other) == pytest.approx((larger - 10) / np.sqrt(20 * 10 / 12))


def test_new_pictures_are_near_zero_copies_far_below_and_underfitted_ones_far_above() -> None:
    def found(generated: np.ndarray) -> tuple[float, float, tuple[str, ...]]:
        values = compute("memorisation", make_sample(generated), make_sample(HELD_OUT), make_sample(TRAINING))
        return values["memorisation_c_t"].value, values["nearest_ratio"].value, values["memorisation_c_t"].notes

    new, ratio, notes = found(pictures(5, 800))
    assert abs(new) < 2
    assert ratio == pytest.approx(1, abs=0.05)
    assert not notes
    copied, ratio, notes = found(TRAINING[:800] + 0.05 * pictures(6, 800))
    assert copied < -8
    assert ratio < 0.8
    assert "nearer to training pictures" in notes[0]
    underfitted, ratio, notes = found(pictures(7, 800, width=1.6))
    assert underfitted > 8
    assert ratio > 1.2
    assert not notes


def test_copies_in_one_cell_show() -> None:
    """One class copied and the others underfitted would cancel without cells."""
    near_first = np.square(TRAINING - CENTRES[0]).sum(1) < 40
    generated = np.concatenate([TRAINING[near_first][:200], pictures(8, 600, width=1.05)])
    by_cells = distances_by_cell(generated, HELD_OUT, TRAINING, 4, seed=0)
    assert min(mann_whitney(*pair) for pair in by_cells) < -5


def test_intervals_contain_the_values() -> None:
    found = compute("memorisation", make_sample(pictures(9, 500)), make_sample(HELD_OUT), make_sample(TRAINING))
    for value in found.values():
        assert value.low is not None
        assert value.high is not None
        assert value.low < value.value < value.high


def test_a_reference_of_training_pictures_raises() -> None:
    sample = make_sample(pictures(10, 300))
    with pytest.raises(DataError, match="are training pictures"):
        compute("memorisation", sample, make_sample(TRAINING, "all"), make_sample(TRAINING, "all"))
    rounded = TRAINING[:500] * np.float32(1 + 1e-6)  # features of the same picture in another batch
    with pytest.raises(DataError, match="500 of 500"):
        compute("memorisation", sample, make_sample(rounded), make_sample(TRAINING))
    some = np.concatenate([HELD_OUT[:300], TRAINING[:30]])
    found = compute("memorisation", sample, make_sample(some), make_sample(TRAINING))
    assert "30 of 330" in found["memorisation_c_t"].notes[0]


def test_missing_sets_and_options_out_of_range_raise() -> None:
    sample, held_out, training = make_sample(pictures(11, 300)), make_sample(HELD_OUT), make_sample(TRAINING)
    with pytest.raises(DataError, match="name both"):
        compute("memorisation", sample, held_out, None)
    with pytest.raises(ConfigError, match="cells=0"):
        compute("memorisation", sample, held_out, training, cells=0)
    with pytest.raises(ConfigError, match="pictures=3"):
        compute("memorisation", sample, held_out, training, pictures=3)
    with pytest.raises(DataError, match="No cell has at least 20"):
        data_copying([(np.arange(5.0), np.arange(30.0))])
