"""The Frechet distance against SciPy's matrix root and textbook NumPy, and how far each is from the truth.

    python benchmarks/frechet.py              the seconds of two pairs of moments, 2,048 features, in turn
    python benchmarks/frechet.py --accuracy   against singular values of the data, without forming a covariance
    python benchmarks/frechet.py --coverage   how often intervals hold the true distance
    python benchmarks/frechet.py --others     moments, extrapolation, kernel distance: what each costs

Features are normal with standard deviations that fall as a power of their number, along axes of no direction.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg
from harness import make_parser, measure, print_ratios, seconds_of, time_in_turn

from imagewright.metrics.frechet.at_infinity import frechet_infinity
from imagewright.metrics.frechet.distance import _fast_trace, _robust_trace, frechet_distance, influence_deviation
from imagewright.metrics.frechet.moments import Moments
from imagewright.metrics.kernel import full_kernel_distance, kernel_distance

WIDTH = 2048


def rows_of(count: int, deviations: np.ndarray, seed: int, shift: float = 0.0) -> np.ndarray:
    """float32 (count, F), about `shift`, along axes that are the same for every seed."""
    width = len(deviations)
    axes = np.linalg.qr(np.random.default_rng(99).standard_normal((width, width)))[0]
    mixing = (deviations[:, None] * axes).astype(np.float32)
    return np.random.default_rng(seed).standard_normal((count, width), np.float32) @ mixing + np.float32(shift)


def fresh(moments: Moments) -> Moments:
    """The same moments, without the factors that an earlier call computed."""
    return Moments(moments.count, moments.mean, moments.scatter)


def by_matrix_root(one: Moments, other: Moments) -> float:
    """As the papers write it."""
    first, second = one.covariance, other.covariance
    root = scipy.linalg.sqrtm(first @ second)
    return float(((one.mean - other.mean) ** 2).sum() + np.trace(first + second - 2 * root.real))


def by_eigenvectors(one: Moments, other: Moments) -> float:
    """By the root of one covariance and the eigenvalues of the symmetric product: textbook NumPy."""
    first, second = one.covariance, other.covariance
    values, vectors = np.linalg.eigh(first)
    half = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    root = np.sqrt(np.linalg.eigvalsh(half @ second @ half).clip(0)).sum()
    return float(((one.mean - other.mean) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * root)


def of_data(one: np.ndarray, other: np.ndarray) -> float:
    """In float64 from the rows: the trace of the root is the nuclear norm of one's times the other's."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    means = ((one.mean(0) - other.mean(0)) ** 2).sum()
    first, second = ((rows - rows.mean(0)) / np.sqrt(len(rows) - 1) for rows in (one, other))
    root = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    return float(means + (first**2).sum() + (second**2).sum() - 2 * root)


def speed(rounds: int) -> None:
    """Both counts of pictures: more than features, and fewer."""
    deviations = np.arange(1.0, WIDTH + 1) ** -0.5
    reference = Moments.from_features(rows_of(6000, deviations, 0))
    for count in (6000, 1000):
        subject = Moments.from_features(rows_of(count, 1.05 * deviations, 1, 0.01))
        for name, theirs in (("scipy.linalg.sqrtm", by_matrix_root), ("eigh, textbook", by_eigenvectors)):
            times = time_in_turn(
                lambda subject=subject: frechet_distance(subject, fresh(reference)),
                lambda subject=subject, theirs=theirs: theirs(subject, reference),
                rounds,
            )
            print_ratios(
                f"Frechet distance, {WIDTH} features, {count:,} pictures", 1, "a second", ("imagewright", name), times
            )
        again = seconds_of(lambda subject=subject: frechet_distance(subject, reference))
        print(f"  {again:.2f} s with a reference that was used before")


def accuracy(width: int) -> None:
    """Relative errors, for spectra from flat to nearly singular, with more and with fewer pictures than features."""
    print(f"{width} features; deviations fall as k^-power; relative errors of the distance\n")
    print("power  pictures   distance    fast      robust    chosen    sqrtm     float32 moments")
    for power in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0):
        deviations = np.arange(1.0, width + 1) ** -power
        other = rows_of(4 * width, 1.05 * deviations, 1, 0.01)
        for count in (width // 2, width + 2, 4 * width):
            one = rows_of(count, deviations, 0)
            truth, first, second = of_data(one, other), Moments.from_features(one), Moments.from_features(other)
            rest = truth_less_root(first, second)
            found = (
                rest - 2 * _fast_trace(first, second)[0],
                rest - 2 * _robust_trace(first, second),
                frechet_distance(first, second),
                by_matrix_root(first, second),
                frechet_distance(in_float32(one), in_float32(other)),
            )
            errors = "  ".join(f"{abs(each - truth) / truth:.1e}" for each in found)
            print(f"{power:4.1f}  {count:8,}   {truth:8.2e}   {errors}", flush=True)


def truth_less_root(one: Moments, other: Moments) -> float:
    """The distance without the trace of the root."""
    return float(((one.mean - other.mean) ** 2).sum() + one.covariance.trace() + other.covariance.trace())


def in_float32(rows: np.ndarray) -> Moments:
    """Products in float32, sums of blocks in float64: moments computed for speed alone."""
    mean = rows.mean(0, dtype=np.float64)
    centred = rows - mean.astype(np.float32)
    blocks = (centred[start : start + 512] for start in range(0, len(rows), 512))
    scatter = sum((block.T @ block).astype(np.float64) for block in blocks)
    return Moments(len(rows), mean, np.asarray(scatter))


def coverage(draws: int) -> None:
    """How often 95 % intervals hold the truth, over draws of the pictures; 64 features with a long tail."""
    width = 64
    deviations = np.arange(1.0, width + 1) ** -0.5
    reference = Moments.from_features(rows_of(200_000, deviations, 10**6))
    print("shift  scale  pictures   fd: held  width/spread   fd_infinity: held the truth  width/spread  nearer than fd")
    for shift, scale in ((0.0, 1.0), (0.05, 1.0), (0.1, 1.2)):
        truth = shift**2 * width + ((scale - 1) ** 2 * deviations**2).sum()
        for count in (40, 200, 400, 2000):
            found = []
            for seed in range(draws):
                rows = rows_of(count, scale * deviations, seed, shift)
                subject = Moments.from_features(rows)
                error = influence_deviation(subject, reference, rows, seed) / np.sqrt(count)
                line = frechet_infinity(rows, reference, seed=seed)
                found.append((line.distances[-1], error, line.intercept, error * line.inflation))
            plain, errors, endless, endless_errors = np.array(found).T
            print(
                f"{shift:5.2f}  {scale:5.1f}  {count:8,}   {held(plain, plain.mean(), errors):8.1%}"
                f"  {errors.mean() / plain.std():12.2f}   {held(endless, truth, endless_errors):27.1%}"
                f"  {endless_errors.mean() / endless.std():12.2f}"
                f"  {(abs(endless - truth) < abs(plain - truth)).mean():14.1%}",
                flush=True,
            )


def held(values: np.ndarray, truth: float, errors: np.ndarray) -> float:
    """The share of intervals that hold the truth."""
    return float((abs(values - truth) < 1.96 * errors).mean())


def others(count: int) -> None:
    """Seconds of one call each."""
    deviations = np.arange(1.0, WIDTH + 1) ** -0.5
    one, other = rows_of(count, 1.05 * deviations, 0, 0.01), rows_of(count, deviations, 1)
    reference = Moments.from_features(other)
    works: dict[str, Callable[[], object]] = {
        "moments": lambda: Moments.from_features(one),
        "np.cov of a float64 copy": lambda: np.cov(one.astype(np.float64).T),
        "interval of the Frechet distance": lambda: influence_deviation(
            Moments.from_features(one[:100]), reference, one, 0
        ),
        "Frechet distance at infinity": lambda: frechet_infinity(one, reference),
        "kernel distance, 100 subsets of 1,000": lambda: kernel_distance(one, other),
        "kernel distance, 2,000 x 2,000, all pairs": lambda: full_kernel_distance(one[:2000], other[:2000]),
    }
    print(f"\n{count:,} pictures, {WIDTH} features")
    for name, work in works.items():
        measured = measure(work)
        print(
            f"  {name:<44} {measured.seconds:7.2f} s  ({measured.processor_seconds:.2f} of the processor)", flush=True
        )


def main() -> None:
    """Print the tables that the options select."""
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--accuracy", action="store_true")
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--others", action="store_true")
    parser.add_argument("--width", type=int, default=256, help="features, for the accuracy")
    parser.add_argument("--draws", type=int, default=200, help="for the coverage")
    parser.add_argument("--count", type=int, default=10_000, help="pictures, for the others")
    arguments = parser.parse_args()
    if arguments.accuracy:
        accuracy(arguments.width)
    elif arguments.coverage:
        coverage(arguments.draws)
    elif arguments.others:
        others(arguments.count)
    else:
        speed(arguments.rounds)


if __name__ == "__main__":
    main()
