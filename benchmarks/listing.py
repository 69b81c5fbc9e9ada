"""What a folder of many small files costs: seconds and peak memory of listing, preparing and opening it again.

    python benchmarks/listing.py [--files 100000]

Each row is measured in a process of its own; memory is the highest resident size less that before the work began (the
imports). The peer is the plain way: `os.walk` into a sorted list of paths with their `os.stat`, then Pillow on each
into one array.
"""

from __future__ import annotations

import io
import os
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from harness import MIB, in_own_process, make_parser, measure
from PIL import Image

import imagewright as iw
from imagewright.images.sources.listing import scan_folder

SIDE, PER_FOLDER = 16, 1000


def make_files(root: Path, count: int) -> None:
    """Small PNG files of noise, 1,000 a folder. 64 different ones: their content does not matter here."""
    contents = []
    for seed in range(64):
        stream = io.BytesIO()
        pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(pixels).save(stream, "PNG")
        contents.append(stream.getvalue())
    for number in range(count):
        if number % PER_FOLDER == 0:
            (root / f"{number // PER_FOLDER:04d}").mkdir()
        (root / f"{number // PER_FOLDER:04d}" / f"{number:08d}.png").write_bytes(contents[number % 64])


def plain_list(root: Path) -> list[tuple[str, os.stat_result]]:
    """The peer's listing."""
    paths = sorted(os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names)
    return [(path, os.stat(path)) for path in paths]


def plain_decode(root: Path) -> np.ndarray:
    """The peer's decoding, into memory."""
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path, _ in plain_list(root)])


WORK: dict[str, Callable[[Path, Path], object]] = {
    "list": lambda root, cache: scan_folder(root),
    "list, os.walk": lambda root, cache: plain_list(root),
    "open and prepare": lambda root, cache: iw.open_images(root, cache_dir=cache).prepare(),
    "os.walk and Pillow": lambda root, cache: plain_decode(root),
    "open again": lambda root, cache: iw.open_images(root, cache_dir=cache).prepare(),
}


def measure_work(name: str, root: str, cache: str) -> None:
    """Do one piece of work in this process, and print its seconds and MiB."""
    measured = measure(lambda: WORK[name](Path(root), Path(cache)))
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    beside = f", in each worker {worker / 1024:.0f} MiB (interpreter included)" if worker else ""
    print(f"{name:<20} {measured.seconds:>9.2f} s {measured.added_bytes / MIB:>9.1f} MiB{beside}")


def main() -> None:
    """Make the files, and measure each piece of work in turn."""
    parser = make_parser(__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    count = parser.parse_args().files
    with tempfile.TemporaryDirectory() as folder:
        root, cache = Path(folder) / "pictures", Path(folder) / "cache"
        root.mkdir()
        make_files(root, count)
        print(f"{count:,} PNG files of {SIDE}x{SIDE}")
        for name in WORK:
            in_own_process(measure_work, name, root, cache)


if __name__ == "__main__":
    main()
