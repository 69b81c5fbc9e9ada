"""`imagewright components`, 100 components of 25,000, 50,000 and 100,000 pictures of 32x32x3, from a prepared cache.

    python benchmarks/components_scale.py

The pictures are CIFAR-10's, shifted, mirrored and with a little noise, so that no two are equal. Ours, everything that
the command computes, against scikit-learn's path: all pictures as one float32 matrix and its randomised PCA. Each runs
in a process of its own; memory is the peak of the whole process, and what of it came after the imports.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "cifar10_jpg"
COMPONENTS = 100
COUNTS = (25_000, 50_000, 100_000)


def peak_bytes() -> int:
    """The most memory this process has held so far."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


def make_archive(path: Path, count: int) -> None:
    """A zip of `count` BMP files, which are written and read in an instant."""
    from imagewright.images import open_images

    images = open_images(DATA, size=32).prepare()
    originals = np.concatenate([batch.images.permute(0, 2, 3, 1).numpy() for batch in images.batches(1024)])
    random = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(count):
            pixels = np.roll(originals[index % len(originals)], random.integers(-4, 5, 2), (0, 1))
            pixels = pixels[:, :: random.choice((-1, 1))].astype(np.int16) + random.integers(-8, 9, pixels.shape)
            file = io.BytesIO()
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "BMP")
            archive.writestr(f"{index:06d}.bmp", file.getvalue())


def ours(path: Path) -> dict[str, object]:
    """All that `imagewright components` computes."""
    import torch

    from imagewright.analysis.components.components import components

    torch.randn(256, 256) @ torch.randn(256, 256)  # the arithmetic library's own memory is no part of the method
    before, started = peak_bytes(), time.perf_counter()
    found = components(path, count=COMPONENTS)
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds,
        "peak": peak_bytes(),
        "added": peak_bytes() - before,
        **shares(found.decomposition.shares),
    }


def scikit_learn(path: Path) -> dict[str, object]:
    """As its documentation shows: all pictures as one float32 matrix."""
    from sklearn.decomposition import PCA

    from imagewright.images import open_images

    PCA(8, svd_solver="randomized", random_state=0).fit(np.random.default_rng(0).random((256, 256)))
    images = open_images(path).prepare()
    before, started = peak_bytes(), time.perf_counter()
    matrix = np.empty((len(images), 32 * 32 * 3), np.float32)
    first = 0
    for batch in images.batches(512):
        rows = batch.images.numpy().reshape(len(batch.images), -1)
        matrix[first : first + len(rows)] = rows
        first += len(rows)
    matrix /= 127.5
    matrix -= 1
    fitted = PCA(COMPONENTS, svd_solver="randomized", random_state=0).fit(matrix)
    seconds = time.perf_counter() - started
    together = fitted.explained_variance_ratio_.cumsum()
    return {"seconds": seconds, "peak": peak_bytes(), "added": peak_bytes() - before, **shares(together)}


def shares(together: object) -> dict[str, float]:
    """How much of the variance all components explain, by which the two are seen to do the same."""
    return {"explained": float(together[-1])}


def in_a_process(which: str, path: Path) -> dict[str, object]:
    """One run of one of them, alone."""
    command = [sys.executable, __file__, "--only", which, "--archive", str(path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(printed.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    parser.add_argument("--only", choices=["ours", "scikit_learn"])
    parser.add_argument("--archive", type=Path)
    arguments = parser.parse_args()
    if arguments.only:
        print(json.dumps({"ours": ours, "scikit_learn": scikit_learn}[arguments.only](arguments.archive)))
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IMAGEWRIGHT_CACHE"] = folder
        print(f"{COMPONENTS} components of pictures of 32x32x3, from the prepared cache")
        for count in arguments.counts:
            from imagewright.images import open_images

            archive = Path(folder) / f"{count}.zip"
            make_archive(archive, count)
            open_images(archive).prepare()
            results = {which: in_a_process(which, archive) for which in ("ours", "scikit_learn")}
            print(f"\n{count:,} pictures")
            for which, found in results.items():
                print(
                    f"  {which:<14} {found['seconds']:6.1f} s   peak {found['peak'] / 2**20:6.0f} MiB, "
                    f"{found['added'] / 2**20:6.0f} above the imports   explained {found['explained']:.4%}"
                )
            mine, theirs = results.values()
            speed, memory = theirs["seconds"] / mine["seconds"], mine["added"] / theirs["added"]
            print(f"  {speed:.2f} times as fast, {memory:.2f} of its memory above the imports")


if __name__ == "__main__":
    main()
