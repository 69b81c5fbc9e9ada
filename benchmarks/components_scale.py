"""`imagewright components`, 100 components of 25,000, 50,000 and 100,000 pictures of 32x32x3, from a prepared cache.

    python benchmarks/components_scale.py

The pictures are CIFAR-10's, shifted, mirrored and with a little noise, so that no two are equal. Ours, everything that
the command computes, against scikit-learn's path: all pictures as one float32 matrix and its randomised PCA. Each runs
in a process of its own; memory is the peak of the whole process, and what of it came after the imports.
"""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from harness import (
    MIB,
    SHARED_DATA,
    Measurement,
    in_own_process,
    make_parser,
    measure,
    read_matrix,
    warm_up_arithmetic,
)
from PIL import Image

import imagewright as iw

DATA = SHARED_DATA / "cifar10_jpg"
COMPONENTS = 100
COUNTS = (25_000, 50_000, 100_000)


def make_archive(path: Path, count: int) -> None:
    """A zip of `count` BMP files, which are written and read in an instant."""
    images = iw.open_images(DATA, size=32).prepare()
    originals = np.concatenate([batch.images.permute(0, 2, 3, 1).numpy() for batch in images.batches(1024)])
    random = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(count):
            pixels = np.roll(originals[index % len(originals)], random.integers(-4, 5, 2), (0, 1))
            pixels = pixels[:, :: random.choice((-1, 1))].astype(np.int16) + random.integers(-8, 9, pixels.shape)
            file = io.BytesIO()
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "BMP")
            archive.writestr(f"{index:06d}.bmp", file.getvalue())


def ours(path: str) -> dict[str, Any]:
    """All that `imagewright components` computes."""
    compute = iw.components  # imported now: imports are no part of the method
    warm_up_arithmetic()
    measured = measure(lambda: compute(path, count=COMPONENTS))
    return row(measured, measured.result.decomposition.cumulative_shares)


def scikit_learn(path: str) -> dict[str, Any]:
    """As its documentation shows: all pictures as one float32 matrix."""
    from sklearn.decomposition import PCA

    PCA(8, svd_solver="randomized", random_state=0).fit(np.random.default_rng(0).random((256, 256)))
    images = iw.open_images(path).prepare()

    def fit() -> PCA:
        matrix = read_matrix(images)
        matrix /= 127.5
        matrix -= 1
        return PCA(COMPONENTS, svd_solver="randomized", random_state=0).fit(matrix)

    measured = measure(fit)
    return row(measured, measured.result.explained_variance_ratio_.cumsum())


def row(measured: Measurement, shares: Any) -> dict[str, Any]:
    """What is printed, with the share of the variance that all components explain: both must explain the same."""
    return {
        "seconds": measured.seconds,
        "peak": measured.peak_bytes,
        "added": measured.added_bytes,
        "explained": float(shares[-1]),
    }


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    counts = parser.parse_args().counts
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IMAGEWRIGHT_CACHE"] = folder
        print(f"{COMPONENTS} components of pictures of 32x32x3, from the prepared cache")
        for count in counts:
            archive = Path(folder) / f"{count}.zip"
            make_archive(archive, count)
            iw.open_images(archive).prepare()
            results = {method.__name__: in_own_process(method, archive) for method in (ours, scikit_learn)}
            print(f"\n{count:,} pictures")
            for which, found in results.items():
                print(
                    f"  {which:<14} {found['seconds']:6.1f} s   peak {found['peak'] / MIB:6.0f} MiB, "
                    f"{found['added'] / MIB:6.0f} above the imports   explained {found['explained']:.4%}"
                )
            mine, theirs = results.values()
            speed, memory = theirs["seconds"] / mine["seconds"], mine["added"] / theirs["added"]
            print(f"  {speed:.2f} times as fast, {memory:.2f} of its memory above the imports")


if __name__ == "__main__":
    main()
