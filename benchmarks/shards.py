"""Pictures a second written as shards, and read from shards without a cache, against a folder of files.

    python benchmarks/shards.py [--count 4000]

The pictures are CelebA's JPEGs of 89 x 109, as files in 10 folders. Writing decodes each, to be sure that it can be
read, and keeps its bytes; the peer copies the files. Reading gives shuffled batches of 64 at 64 pixels, decoded as they
are read, half of the set in a pass: from the folder in the order of a training without a cache, from the shards in that
of the first of two ranks. All figures are processor time of the second time on, when the system has the content of the
disk in memory: on a network disk the difference is larger.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from harness import SHARED_DATA, make_parser, print_processor_ratios

import imagewright as iw
from imagewright.images import Images
from imagewright.model import Feed
from imagewright.training.data.feeds import FeedReader, build_feed_order
from imagewright.training.data.shard_lanes import build_lane_order, lane_count

DATA = SHARED_DATA / "celeba_89x109" / "images.zip"
BATCH, SIDE = 64, 64
NOTHING = np.empty(0, np.int64)


def make_folder(root: Path, count: int) -> None:
    """Some pictures of the zip as files."""
    with zipfile.ZipFile(DATA) as archive:
        names = [name for name in sorted(archive.namelist()) if name.endswith(".jpg")][:count]
        for number, name in enumerate(names):
            path = root / str(number % 10) / Path(name).name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(name))


def read_half(images: Images) -> None:
    """The batches of the first of two ranks."""
    order = build_lane_order(images, NOTHING, lane_count(images, [2 * BATCH]), 0, 1)
    reader = FeedReader(images, order or build_feed_order(Feed(), images, 0, NOTHING), 0)
    for step in range(len(images) // 2 // BATCH):
        reader.batch(reader.positions(step * 2 * BATCH, range(BATCH), 2 * BATCH))


def main() -> None:
    """Write, open and read in turn."""
    parser = make_parser(__doc__)
    parser.add_argument("--count", type=int, default=4000, help="pictures")
    parser.add_argument("--rounds", type=int, default=3, help="pairs of timed passes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files, shards = Path(folder) / "files", Path(folder) / "shards"
        make_folder(files, given.count)

        def opened(path: Path) -> Images:
            return iw.open_images(path, SIDE, 3, cache=False)

        def copy() -> None:
            shutil.copytree(files, Path(folder) / "copy", dirs_exist_ok=True)

        def write() -> None:
            iw.write_shards(files, shards, count=8, force=True)

        for title, names, works in (
            ("writing", ("as shards", "as copies of the files"), (write, copy)),
            ("opening", ("shards", "folder"), (lambda: opened(shards), lambda: opened(files))),
        ):
            print_processor_ratios(title, given.count, "pictures/s", names, works, given.rounds)
        from_shards, from_files = opened(shards), opened(files)
        reading = (lambda: read_half(from_shards), lambda: read_half(from_files))
        count = given.count // 2 // BATCH * BATCH
        print_processor_ratios("reading", count, "pictures/s", ("shards", "folder"), reading, given.rounds)


if __name__ == "__main__":
    main()
