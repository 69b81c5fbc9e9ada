"""Precision, recall, density and coverage in blocks against whole float64 matrices in NumPy: seconds and memory.

    python benchmarks/neighbourhoods.py [--count 10000] [--dimension 2048] [--rounds 1]

Each method runs in a process of its own, in turn, on the same features; all must give the same four numbers. Two forms
of the textbook: each metric as its paper's code does it, with distances of its own; all four from one set of matrices.
Set OMP_NUM_THREADS for the number of threads.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import numpy as np
from harness import in_own_process, make_parser, measure

Numbers = tuple[float, float, float, float]
PRECISION_NEIGHBOURS, DENSITY_NEIGHBOURS = 3, 5


def distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The whole matrix, float64."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    squared = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    return np.sqrt(np.maximum(squared, 0))


def radii(features: np.ndarray, *neighbours: int) -> list[np.ndarray]:
    """Distances to the k-th neighbours, for each k; neighbour 0 is the row itself."""
    ordered = np.partition(distances(features, features), neighbours, axis=1)
    return [ordered[:, k].copy() for k in neighbours]


def precision_recall(real: np.ndarray, generated: np.ndarray) -> tuple[float, float]:
    """Kynkaanniemi et al. 2019, eq. 1 and 2."""
    (of_real,), (of_generated,) = radii(real, PRECISION_NEIGHBOURS), radii(generated, PRECISION_NEIGHBOURS)
    apart = distances(real, generated)
    return float((apart <= of_real[:, None]).any(0).mean()), float((apart <= of_generated).any(1).mean())


def density_coverage(real: np.ndarray, generated: np.ndarray) -> tuple[float, float]:
    """Naeem et al. 2020, eq. 4 and 5."""
    (of_real,) = radii(real, DENSITY_NEIGHBOURS)
    inside = distances(real, generated) < of_real[:, None]
    return float(inside.sum() / (DENSITY_NEIGHBOURS * len(generated))), float(inside.any(1).mean())


def each_by_itself(real: np.ndarray, generated: np.ndarray) -> Numbers:
    return *precision_recall(real, generated), *density_coverage(real, generated)


def from_shared_matrices(real: np.ndarray, generated: np.ndarray) -> Numbers:
    of_real, wider = radii(real, PRECISION_NEIGHBOURS, DENSITY_NEIGHBOURS)
    (of_generated,) = radii(generated, PRECISION_NEIGHBOURS)
    apart = distances(real, generated)
    inside = apart < wider[:, None]
    return (
        float((apart <= of_real[:, None]).any(0).mean()),
        float((apart <= of_generated).any(1).mean()),
        float(inside.sum() / (DENSITY_NEIGHBOURS * len(generated))),
        float(inside.any(1).mean()),
    )


def in_blocks(real: np.ndarray, generated: np.ndarray) -> Numbers:
    from imagewright.metrics.neighbours.neighbourhoods import DENSITY_COVERAGE, PRECISION_RECALL, count_inside

    counts = count_inside(real, generated, (PRECISION_RECALL, DENSITY_COVERAGE))
    closed, wide = counts[PRECISION_RECALL], counts[DENSITY_COVERAGE]
    return (
        float((closed.real_balls > 0).mean()),
        float((closed.generated_balls > 0).mean()),
        float(wide.real_balls.sum() / (DENSITY_NEIGHBOURS * len(generated))),
        float((wide.generated_inside > 0).mean()),
    )


METHODS = {"in_blocks": in_blocks, "from_shared_matrices": from_shared_matrices, "each_by_itself": each_by_itself}


def measure_method(name: str, folder: str) -> list[float]:
    """Seconds by the clock and of the cores, the peak of memory in GiB, and the four numbers."""
    real, generated = (np.load(Path(folder) / f"{each}.npy", mmap_mode="r") for each in ("real", "generated"))
    METHODS[name](real[:8], generated[:8])  # imports are no part of the work
    measured = measure(lambda: METHODS[name](real, generated))
    return [measured.seconds, measured.processor_seconds, measured.peak_bytes / 2**30, *measured.result]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--dimension", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, random = Path(place), np.random.default_rng(0)
        shape = arguments.count, arguments.dimension
        # Variances fall off as those of trained features do, so that neighbours are near.
        spread = np.arange(1, arguments.dimension + 1, dtype=np.float32) ** -0.5
        for name, width in (("real", 1.0), ("generated", 0.97)):
            np.save(folder / f"{name}.npy", random.standard_normal(shape, np.float32) * spread * np.float32(width))
        print(f"{arguments.count:,} and {arguments.count:,} features of {arguments.dimension:,} numbers")
        found: dict[str, list[list[float]]] = {name: [] for name in METHODS}
        for _ in range(arguments.rounds):
            for name in METHODS:
                found[name].append(in_own_process(measure_method, name, folder))
    for name, runs in found.items():
        pairs = list(zip(runs, found["in_blocks"], strict=True))
        ratio, of_cores = (statistics.median(run[at] / ours[at] for run, ours in pairs) for at in (0, 1))
        seconds, used, memory = (statistics.median(run[at] for run in runs) for at in (0, 1, 2))
        numbers = ", ".join(f"{value:.6f}" for value in runs[0][3:])
        print(
            f"  {name:<22}{seconds:7.1f} s (cores {used:6.1f} s) {memory:6.2f} GiB  "
            f"ratio {ratio:5.2f} (cores {of_cores:5.2f})  {numbers}"
        )


if __name__ == "__main__":
    main()
