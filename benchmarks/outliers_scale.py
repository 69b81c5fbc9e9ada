"""Outliers by PCA of 25,000, 50,000 and 100,000 pictures of 32x32x3: seconds and memory, against scikit-learn's path.

    python benchmarks/outliers_scale.py [--counts 25000 50000 100000]

Ours from the prepared cache, as `imagewright outliers --method pca` computes: pixels smoothed and halved, each half of
the set judged by the components of the other. scikit-learn's: all pictures as one float32 matrix, randomised PCA of
100 components, and the distance to what they rebuild. Each runs in a process of its own; memory is the peak above what
the process held after its imports. CPU seconds stand beside the clock's, which other work on the machine slows.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def peak_bytes() -> int:
    """The most memory this process has held so far."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


def make(path: Path, count: int) -> None:
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


def ours(path: Path) -> dict[str, float]:
    """As the command does, without its pictures."""
    import sklearn.metrics  # noqa: F401 (imports are no part of the method)
    import torch

    from imagewright.analysis.outliers.outliers import find_outliers
    from imagewright.images import open_images

    images = open_images(path).prepare()
    torch.randn(256, 256) @ torch.randn(256, 256)
    return timed(lambda: find_outliers(images, method="pca"))


def scikit_learn(path: Path) -> dict[str, float]:
    """As its documentation shows."""
    from sklearn.decomposition import PCA

    from imagewright.images import open_images

    images = open_images(path).prepare()
    PCA(8, svd_solver="randomized", random_state=0).fit(np.random.default_rng(0).random((256, 256)))

    def work() -> None:
        matrix = np.empty((len(images), 32 * 32 * 3), np.float32)
        first = 0
        for batch in images.batches(512):
            rows = batch.images.numpy().reshape(len(batch.images), -1)
            matrix[first : first + len(rows)] = rows
            first += len(rows)
        fitted = PCA(100, svd_solver="randomized", random_state=0).fit(matrix)
        rebuilt = fitted.inverse_transform(fitted.transform(matrix))
        np.square(matrix - rebuilt).sum(axis=1)

    return timed(work)


def timed(work: object) -> dict[str, float]:
    before, started, used = peak_bytes(), time.perf_counter(), time.process_time()
    work()  # type: ignore[operator]
    return {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - used,
        "bytes": peak_bytes() - before,
        "whole": peak_bytes(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", nargs="+", type=int, default=[25_000, 50_000, 100_000])
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        which, path = arguments.only
        print(json.dumps({"ours": ours, "scikit_learn": scikit_learn}[which](Path(path))))
        return
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "IMAGEWRIGHT_CACHE": folder}
        for count in arguments.counts:
            path = Path(folder) / f"{count}.npz"
            make(path, count)
            for which in ("ours", "ours", "scikit_learn"):  # the first one prepares the cache
                command = [sys.executable, __file__, "--only", which, str(path)]
                printed = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
                found = json.loads(printed.stdout.splitlines()[-1])
                print(
                    f"{count:>8,} {which:<14} {found['seconds']:7.1f} s  {found['cpu']:7.1f} s of CPU  "
                    f"{found['bytes'] / 2**20:7.0f} MiB above the imports, {found['whole'] / 2**20:6.0f} in all",
                    flush=True,
                )
            path.unlink()


if __name__ == "__main__":
    main()
