"""Precision, recall, density and coverage in blocks against whole float64 matrices in NumPy: seconds and memory.

    python benchmarks/neighbourhoods.py [--count 10000] [--dimension 2048] [--rounds 1]

Each way runs in a process of its own, in turn, on the same features, and must give the same four numbers. Two forms of
the textbook: each metric as its paper's code does it, with distances of its own; and all four from one set of matrices.
Set OMP_NUM_THREADS for the number of threads.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

Numbers = tuple[float, float, float, float]
PRECISION_NEIGHBOURS, DENSITY_NEIGHBOURS = 3, 5


def distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The whole matrix, float64."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    squared = (one**2).sum(1)[:, None] + (other**2).sum(1) - 2 * one @ other.T
    return np.sqrt(np.maximum(squared, 0))


def radii(features: np.ndarray, *neighbours: int) -> list[np.ndarray]:
    """To the k-th neighbours, of which a row itself is number 0."""
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


WAYS = {"in_blocks": in_blocks, "from_shared_matrices": from_shared_matrices, "each_by_itself": each_by_itself}


def one_way(name: str, folder: Path) -> None:
    """Do it, and print seconds by the clock and of the cores, the peak of memory in GiB, and the numbers."""
    real, generated = (np.load(folder / f"{each}.npy", mmap_mode="r") for each in ("real", "generated"))
    WAYS[name](real[:8], generated[:8])  # what is imported by the way is none of the work
    started, used = time.perf_counter(), time.process_time()
    numbers = WAYS[name](real, generated)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    print(seconds, used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, *numbers)


def measured(name: str, folder: Path) -> list[float]:
    command = [sys.executable, __file__, "--way", name, "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
    return [float(word) for word in done.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--dimension", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.way:
        one_way(chosen.way, chosen.folder)
        return
    with tempfile.TemporaryDirectory() as kept:
        folder, random = Path(kept), np.random.default_rng(0)
        shape = chosen.count, chosen.dimension
        # Variances fall off as those of trained features do, so that neighbours are near.
        spread = np.arange(1, chosen.dimension + 1, dtype=np.float32) ** -0.5
        for name, width in (("real", 1.0), ("generated", 0.97)):
            np.save(folder / f"{name}.npy", random.standard_normal(shape, np.float32) * spread * np.float32(width))
        print(f"{chosen.count:,} and {chosen.count:,} features of {chosen.dimension:,} numbers")
        found: dict[str, list[list[float]]] = {name: [] for name in WAYS}
        for _ in range(chosen.rounds):
            for name in WAYS:
                found[name].append(measured(name, folder))
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
