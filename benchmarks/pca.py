"""PCA of 7,200 CelebA faces at 64x64x3, 128 components: ours, streamed, against scikit-learn's randomised solver.

    python benchmarks/pca.py

Each runs in a process of its own; memory is the peak above what the process held after its imports. Accuracy is against
the eigenvalues of the 7,200 x 7,200 Gram matrix in double precision, with --exact (a minute).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "celeba_89x109"
COMPONENTS = 128
SIZE = 64


def peak_bytes() -> int:
    """The most memory this process has held so far."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


def ours() -> dict[str, object]:
    """As `imagewright train pca` fits, from the prepared cache."""
    import torch

    from imagewright.images import open_images
    from imagewright.images.float_stream import FloatStream
    from imagewright.models.linear.pca import PCA, PCAConfig

    images = open_images(DATA, size=SIZE).prepare()
    model = PCA(PCAConfig(size=(SIZE, SIZE), channels=3, components=COMPONENTS))
    torch.randn(256, 256) @ torch.randn(256, 256)  # the arithmetic library's own memory is no part of the method
    before, started = peak_bytes(), time.perf_counter()
    with torch.inference_mode():
        model.fit(FloatStream(images))
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "bytes": peak_bytes() - before, "variances": model.variances.tolist()}


def scikit_learn() -> dict[str, object]:
    """As its documentation shows: all pictures as one float32 matrix."""
    from sklearn.decomposition import PCA

    from imagewright.images import open_images

    images = open_images(DATA, size=SIZE).prepare()
    small = np.random.default_rng(0).random((256, 256))
    PCA(8, svd_solver="randomized", random_state=0).fit(small)
    before, started = peak_bytes(), time.perf_counter()
    matrix = np.empty((len(images), SIZE * SIZE * 3), np.float32)
    first = 0
    for batch in images.batches(512):
        rows = batch.images.numpy().reshape(len(batch.images), -1)
        matrix[first : first + len(rows)] = rows
        first += len(rows)
    matrix /= 127.5
    matrix -= 1
    fitted = PCA(COMPONENTS, svd_solver="randomized", random_state=0).fit(matrix)
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "bytes": peak_bytes() - before, "variances": fitted.explained_variance_.tolist()}


def exact() -> np.ndarray:
    """The largest eigenvalues of the covariance, through the Gram matrix in double precision."""
    from scipy.linalg import eigh

    from imagewright.images import open_images

    images = open_images(DATA, size=SIZE).prepare()
    matrix = np.concatenate([b.images.numpy().reshape(len(b.images), -1) for b in images.batches(512)])
    pixels = matrix.astype(np.float64) / 127.5 - 1
    pixels -= pixels.mean(0)
    count = len(pixels)
    values = eigh(pixels @ pixels.T / (count - 1), eigvals_only=True, subset_by_index=[count - COMPONENTS, count - 1])
    return values[::-1]


def in_a_process(which: str) -> dict[str, object]:
    """One run of one of them, alone."""
    printed = subprocess.run([sys.executable, __file__, "--only", which], check=True, capture_output=True, text=True)
    return json.loads(printed.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--exact", action="store_true", help="compare both with the exact eigenvalues")
    parser.add_argument("--only", choices=["ours", "scikit_learn"])
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps({"ours": ours, "scikit_learn": scikit_learn}[arguments.only]()))
        return
    found = {name: [] for name in ("ours", "scikit_learn")}
    for _ in range(arguments.rounds):
        for name, results in found.items():
            results.append(in_a_process(name))
    truth = exact() if arguments.exact else None
    print("PCA, 7,200 CelebA faces, 64x64x3, 128 components")
    for name, results in found.items():
        seconds = statistics.median(result["seconds"] for result in results)
        mebibytes = statistics.median(result["bytes"] for result in results) / 2**20
        error = ""
        if truth is not None:
            worst = np.abs(np.array(results[0]["variances"]) - truth) / truth
            error = f"  largest error of a variance {worst.max():.1e}"
        print(f"  {name:<14} {seconds:6.2f} s  {mebibytes:8.0f} MiB above the imports{error}")
    ratios = [theirs["seconds"] / mine["seconds"] for mine, theirs in zip(*found.values(), strict=True)]
    shares = [mine["bytes"] / theirs["bytes"] for mine, theirs in zip(*found.values(), strict=True)]
    print(f"  {statistics.median(ratios):.2f} times as fast, {statistics.median(shares):.2f} of its memory")


if __name__ == "__main__":
    main()
