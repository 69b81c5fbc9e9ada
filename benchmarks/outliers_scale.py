"""Outliers by PCA of 25,000, 50,000 and 100,000 pictures of 32x32x3: seconds and memory, against scikit-learn's path.

    python benchmarks/outliers_scale.py [--counts 25000 50000 100000]

Ours from the prepared cache, as `imagewright outliers --method pca` computes: pixels smoothed and halved, each half of
the set scored by the components of the other. scikit-learn's: all pictures as one float32 matrix, randomised PCA of
100 components, and the distance to the reconstruction. Each runs in a process of its own; memory is the peak above what
the process held after its imports. CPU seconds are printed too: other work on the machine does not lengthen them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from harness import MIB, in_own_process, make_parser, measure, read_matrix, warm_up_arithmetic


def write_pictures(path: Path, count: int) -> None:
    """Pictures with large and small forms, so that components fall off as in photographs."""
    from PIL import Image

    generator = np.random.default_rng(0)
    pixels = np.empty((count, 3, 32, 32), np.uint8)
    for start in range(0, count, 1000):
        some = np.zeros((1000, 3, 32, 32), np.float32)
        for side, strength in ((2, 40), (4, 30), (8, 20), (16, 10), (32, 5)):
            coarse = generator.normal(0, strength, (3000, side, side)).astype(np.float32)
            grown = [np.asarray(Image.fromarray(each).resize((32, 32), Image.Resampling.BICUBIC)) for each in coarse]
            some += np.stack(grown).reshape(1000, 3, 32, 32)
        pixels[start : start + 1000] = (some + 128).clip(0, 255)[: count - start]
    np.savez(path, images=pixels)


def ours(path: str) -> dict[str, float]:
    """As the command does, without its pictures."""
    import sklearn.metrics  # noqa: F401 (imports are no part of the method)

    import imagewright as iw

    images = iw.open_images(path).prepare()
    warm_up_arithmetic()
    return row(lambda: iw.outliers(images, method="pca"))


def scikit_learn(path: str) -> dict[str, float]:
    """As its documentation shows."""
    from sklearn.decomposition import PCA

    import imagewright as iw

    images = iw.open_images(path).prepare()
    PCA(8, svd_solver="randomized", random_state=0).fit(np.random.default_rng(0).random((256, 256)))

    def work() -> None:
        matrix = read_matrix(images)
        fitted = PCA(100, svd_solver="randomized", random_state=0).fit(matrix)
        rebuilt = fitted.inverse_transform(fitted.transform(matrix))
        np.square(matrix - rebuilt).sum(axis=1)

    return row(work)


def row(work: Callable[[], object]) -> dict[str, float]:
    measured = measure(work)
    return {
        "seconds": measured.seconds,
        "cpu": measured.processor_seconds,
        "bytes": measured.added_bytes,
        "whole": measured.peak_bytes,
    }


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--counts", nargs="+", type=int, default=[25_000, 50_000, 100_000])
    counts = parser.parse_args().counts
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            path = Path(folder) / f"{count}.npz"
            write_pictures(path, count)
            for method in (ours, ours, scikit_learn):  # the first one prepares the cache
                found = in_own_process(method, path, environment={"IMAGEWRIGHT_CACHE": folder})
                print(
                    f"{count:>8,} {method.__name__:<14} {found['seconds']:7.1f} s  {found['cpu']:7.1f} s of CPU  "
                    f"{found['bytes'] / MIB:7.0f} MiB above the imports, {found['whole'] / MIB:6.0f} in all",
                    flush=True,
                )
            path.unlink()


if __name__ == "__main__":
    main()
