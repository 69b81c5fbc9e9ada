"""The Frechet distance: closed forms, scipy's matrix root, singular values of the data, intervals, and errors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.linalg

from imagewright.errors import DataError
from imagewright.metrics.frechet import distance as frechet
from imagewright.metrics.frechet.distance import METRIC, advised_for, frechet_distance, influence_deviation, influences
from imagewright.metrics.frechet.moments import Moments
from imagewright.metrics.metric import MetricContext, Sample

Rows = np.ndarray


def with_spectrum(count: int, deviations: Rows, seed: int, shift: float = 0.0) -> Rows:
    """Normal rows of those standard deviations along axes that are the same for every seed, moved by `shift`."""
    axes = np.linalg.qr(np.random.default_rng(99).standard_normal((len(deviations), len(deviations))))[0]
    return np.random.default_rng(seed).standard_normal((count, len(deviations))) * deviations @ axes + shift


def of_data(one: Rows, other: Rows) -> float:
    """From the data in float64: the trace of the root is the nuclear norm of the product of both sets of rows."""
    means = ((one.mean(0) - other.mean(0)) ** 2).sum()
    first, second = ((rows - rows.mean(0)) / np.sqrt(len(rows) - 1) for rows in (one, other))
    root = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    return float(means + (first**2).sum() + (second**2).sum() - 2 * root)


def by_matrix_root(one: Rows, other: Rows) -> float:
    """The formula of the paper."""
    first, second = np.cov(one.T), np.cov(other.T)
    root = scipy.linalg.sqrtm(first @ second)
    return float(((one.mean(0) - other.mean(0)) ** 2).sum() + np.trace(first + second - 2 * root.real))


def normal(mean: Rows, covariance: Rows, count: int = 10**6) -> Moments:
    """Moments of a normal distribution, as if of so many pictures."""
    return Moments(count, np.asarray(mean, float), np.asarray(covariance, float) * (count - 1))


def test_one_feature_in_closed_form() -> None:
    found = frechet_distance(normal([1.0], [[4.0]]), normal([-2.0], [[0.25]]))
    assert found == pytest.approx(3.0**2 + (2.0 - 0.5) ** 2, rel=1e-12)


def test_diagonal_covariances_in_closed_form() -> None:
    random = np.random.default_rng(0)
    deviations = 10.0 ** random.uniform(-8, 8, (2, 40))  # sixteen orders of magnitude, within 1e-6 of the whole
    means = random.standard_normal((2, 40))
    found = frechet_distance(*(normal(mean, np.diag(d**2)) for mean, d in zip(means, deviations, strict=True)))
    expected = ((means[0] - means[1]) ** 2 + (deviations[0] - deviations[1]) ** 2).sum()
    assert found == pytest.approx(expected, rel=1e-10)


def test_covariances_that_commute_in_closed_form() -> None:
    axes = np.linalg.qr(np.random.default_rng(0).standard_normal((30, 30)))[0]
    first, second = np.linspace(1, 3, 30), np.linspace(2, 0.5, 30)
    found = frechet_distance(*(normal(np.zeros(30), axes @ np.diag(d**2) @ axes.T) for d in (first, second)))
    assert found == pytest.approx(((first - second) ** 2).sum(), rel=1e-11)


def test_it_equals_scipys_matrix_root() -> None:
    one, other = with_spectrum(400, np.linspace(1, 2, 60), 0), with_spectrum(300, np.linspace(2, 1, 60), 1, 0.1)
    found = frechet_distance(Moments.from_features(one), Moments.from_features(other))
    assert found == pytest.approx(by_matrix_root(one, other), rel=1e-9)


@pytest.mark.parametrize("counts", [(20, 200), (200, 20), (20, 30), (61, 62), (200, 300), (2, 2), (2, 300)])
@pytest.mark.parametrize("power", [0.0, 1.0, 2.5, 5.0])
def test_few_pictures_and_nearly_singular_covariances(counts: tuple[int, int], power: float) -> None:
    """Down to deviations of 1e-9 of the largest, with fewer pictures than the 60 features on either side."""
    deviations = np.arange(1.0, 61.0) ** -power
    one = with_spectrum(counts[0], deviations, 0)
    other = with_spectrum(counts[1], 1.05 * deviations, 1, 0.01)
    found = frechet_distance(Moments.from_features(one), Moments.from_features(other))
    assert found == pytest.approx(of_data(one, other), rel=1e-6)


def test_the_fast_algorithm_bounds_its_error() -> None:
    """Squaring is safe for features of similar scale; for tiny leading features it is not, and the bound shows it."""
    for power, safe in ((0.3, True), (4.0, False)):
        deviations = np.arange(80.0, 0.0, -1) ** -power
        one, other = (np.random.default_rng(seed).standard_normal((300, 80)) * deviations for seed in (0, 1))
        first, second = Moments.from_features(one), Moments.from_features(other)
        root, error = frechet._fast_trace(first, second)
        exact = frechet._robust_trace(first, second)
        distance = of_data(one, other)
        assert abs(root - exact) < 2 * error
        assert (2 * error < frechet.TOLERANCE * distance) == safe
        assert (2 * abs(root - exact) < 1e-6 * distance) == safe  # alone it would miss the documented accuracy


def test_features_on_different_scales_keep_their_digits() -> None:
    """One feature in units a thousand times as large must not drown the others' part of the distance."""
    one, other = with_spectrum(200, np.ones(20), 0), with_spectrum(200, 1.3 * np.ones(20), 1)
    both = [np.concatenate([rows, np.full((200, 1), 0.0)], 1) for rows in (one, other)]
    for rows in both:
        rows[:, -1] = 1e3 * np.random.default_rng(5).standard_normal(200)  # equal in both sets, so it adds no distance
    assert frechet_distance(*map(Moments.from_features, both)) == pytest.approx(of_data(*both), rel=1e-6)


@pytest.mark.parametrize("scale", [1e-20, 1e-3, 1e10, 1e40])
def test_the_distance_scales_with_the_square_of_the_features(scale: float) -> None:
    one, other = with_spectrum(100, np.linspace(1, 0.01, 40), 0), with_spectrum(30, np.linspace(1, 0.1, 40), 1)
    plain = frechet_distance(Moments.from_features(one), Moments.from_features(other))
    scaled = frechet_distance(Moments.from_features(one * scale), Moments.from_features(other * scale))
    assert scaled == pytest.approx(plain * scale**2, rel=1e-9)


@pytest.mark.parametrize("count", [2, 30, 61, 500])
@pytest.mark.parametrize("power", [0.0, 3.0])
def test_equal_moments_have_distance_zero(count: int, power: float) -> None:
    rows = with_spectrum(count, np.arange(1.0, 61.0) ** -power, 0, 3.0)
    shuffled = np.random.default_rng(0).permutation(rows)
    assert frechet_distance(Moments.from_features(rows), Moments.from_features(rows)) == 0
    assert (
        frechet_distance(Moments.from_features(rows), Moments.from_features(shuffled, 50)) < 1e-13 * rows.var(0).sum()
    )


def test_a_small_difference_of_means_is_exact() -> None:
    rows = with_spectrum(500, np.ones(30), 0)
    moments = Moments.from_features(rows)
    moved = Moments(moments.count, moments.mean + 1e-9, moments.scatter)
    assert frechet_distance(moments, moved) == pytest.approx(30 * 1e-18, rel=1e-6)


def test_it_is_symmetric_and_never_negative() -> None:
    random = np.random.default_rng(0)
    for seed in range(40):
        width = int(random.integers(1, 30))
        rows = [
            random.standard_normal((int(random.integers(2, 40)), width)) * 10.0 ** random.uniform(-6, 3, width)
            for _ in range(2)
        ]
        there, back = (
            frechet_distance(*map(Moments.from_features, rows)),
            frechet_distance(*map(Moments.from_features, rows[::-1])),
        )
        assert there >= 0, seed
        assert there == pytest.approx(back, rel=1e-6)


def test_pictures_without_variance() -> None:
    flat, other = Moments.from_features(np.full((5, 3), 2.0)), with_spectrum(50, np.ones(3), 0)
    assert frechet_distance(flat, flat) == 0
    expected = ((other.mean(0) - 2) ** 2).sum() + other.var(0, ddof=1).sum()
    for pair in ((flat, Moments.from_features(other)), (Moments.from_features(other), flat)):
        assert frechet_distance(*pair) == pytest.approx(expected, rel=1e-12)


def test_moments_without_a_distance_raise() -> None:
    moments = Moments.from_features(with_spectrum(50, np.ones(4), 0))
    with pytest.raises(DataError, match="4 and of 3 features"):
        frechet_distance(moments, Moments.from_features(np.eye(3)))
    with pytest.raises(DataError, match="not all finite"):
        frechet_distance(moments, Moments(50, moments.mean, moments.scatter * np.nan))
    with pytest.raises(DataError, match="two at least"):
        frechet_distance(moments, Moments.from_features(np.ones((1, 4))))


# The interval


def test_influences_equal_the_numerical_derivative() -> None:
    """By adding a small weight to one picture."""
    rows, real = with_spectrum(5000, np.linspace(1, 2, 6), 0, 0.2), with_spectrum(900, np.linspace(2, 1, 6), 1)
    subject, reference = Moments.from_features(rows), Moments.from_features(real)
    more = rows[:5]
    found = influences(subject, reference, more)
    # The covariance divides by N - 1: taken as that of the distribution, so that weights can change smoothly.
    before = frechet_distance(normal(subject.mean, subject.covariance), reference)
    for row, influence in zip(more, found, strict=True):
        share = 1e-5
        mean = subject.mean + share * (row - subject.mean)
        apart = np.outer(row - subject.mean, row - subject.mean)
        covariance = (1 - share) * (subject.covariance + share * apart)
        rate = (frechet_distance(normal(mean, covariance), reference) - before) / share
        # The derivative of a mixture is centred: the mean influence over the set is subtracted.
        centred = influence - (np.trace(subject.covariance) - _transported(subject, reference))
        assert rate == pytest.approx(centred, rel=1e-3, abs=1e-3)


def _transported(subject: Moments, reference: Moments) -> float:
    return float(scipy.linalg.sqrtm(subject.covariance @ reference.covariance).real.trace())


@pytest.mark.parametrize(("shift", "scale", "count"), [(0.0, 1.0, 60), (0.2, 1.0, 300), (0.3, 1.2, 60), (0.0, 1.5, 20)])
def test_the_interval_covers_the_mean_of_such_samples(shift: float, scale: float, count: int) -> None:
    """24 features, down to fewer pictures than those. The interval may be too wide for similar sets."""
    deviations = np.arange(1.0, 25.0) ** -0.5
    reference = Moments.from_features(with_spectrum(20_000, deviations, 1000))
    distances, errors = [], []
    for seed in range(200):
        rows = with_spectrum(count, scale * deviations, seed, shift)
        moments = Moments.from_features(rows)
        distances.append(frechet_distance(moments, reference))
        errors.append(influence_deviation(moments, reference, rows, seed) / np.sqrt(count))
    off = abs(np.array(distances) - np.mean(distances))
    assert (off < 1.96 * np.array(errors)).mean() > 0.9
    assert np.mean(errors) < 2 * np.std(distances)


class _Count:
    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def pictures(self, rows: Rows) -> object:
        raise AssertionError("no pixels are needed")


def sample(rows: Rows) -> Sample:
    return Sample("rows", _Count(len(rows)), features=rows, moments=Moments.from_features(rows))  # type: ignore[arg-type]


def test_the_metric_returns_value_and_interval() -> None:
    one, other = with_spectrum(300, np.ones(10), 0, 0.1), with_spectrum(300, np.ones(10), 1)
    value = METRIC.compute(sample(one), sample(other), MetricContext(METRIC.options))["fd"]
    assert value.value == pytest.approx(by_matrix_root(one, other), rel=1e-9)
    assert value.low is not None
    assert value.high is not None
    assert 0 <= value.low < value.value < value.high
    assert "300 such pictures" in value.interval
    bare = METRIC.compute(sample(one), sample(other), MetricContext({"interval": False}))["fd"]
    assert (bare.value, bare.low, bare.high) == (value.value, None, None)


def test_the_advised_count_limits_the_bias_to_a_hundredth_of_the_variance() -> None:
    width = 16
    count = advised_for(width)
    truth = normal(np.zeros(width), np.eye(width))
    random = np.random.default_rng(0)
    biases = [frechet_distance(Moments.from_features(random.standard_normal((count, width))), truth) for _ in range(40)]
    assert np.mean(biases) / width == pytest.approx(0.01, rel=0.1)
    assert METRIC.advised_count(width) == count
    assert METRIC.advised_count(2048) == METRIC.advised_count(None) == 50_000


def test_no_numpy_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frechet_distance(Moments.from_features(np.eye(4)), Moments.from_features(np.zeros((3, 4))))
