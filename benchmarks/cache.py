"""Pictures a second from the prepared cache, against decoding the same JPEG zip in two worker processes.

    python benchmarks/cache.py

Both give shuffled batches of 64 as uint8 tensors (64, 3, 64, 64) of the same pixels. The peer is the loader that every
tutorial shows: a map-style data set over the zip, Pillow in two workers of torch's DataLoader. Target: 10 times.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch
from harness import SHARED_DATA, make_parser, print_ratios, seconds_of, time_in_turn
from PIL import Image, ImageOps
from torch.utils.data import DataLoader, Dataset

import imagewright as iw

DATA = SHARED_DATA / "celeba_89x109" / "images.zip"
BATCH, SIDE = 64, 64


class Textbook(Dataset[torch.Tensor]):
    """One picture of the zip at a time: read, decode, resize, to a tensor."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with zipfile.ZipFile(path) as archive:
            self.names = sorted(archive.namelist())
        self.archive: zipfile.ZipFile | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> torch.Tensor:
        if self.archive is None:  # one handle a worker
            self.archive = zipfile.ZipFile(self.path)
        picture = Image.open(io.BytesIO(self.archive.read(self.names[index]))).convert("RGB")
        pixels = np.array(ImageOps.fit(picture, (SIDE, SIDE), method=Image.Resampling.LANCZOS))
        return torch.from_numpy(pixels).permute(2, 0, 1)


def main() -> None:
    """Check that both give the same pixels, then time whole passes in turn."""
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="pairs of timed passes")
    rounds = parser.parse_args().rounds
    data = Textbook(DATA)
    # The workers live on between passes: their start is not counted against the peer.
    loader = DataLoader(data, BATCH, shuffle=True, num_workers=2, persistent_workers=True)
    with tempfile.TemporaryDirectory() as cache:
        images = iw.open_images(DATA, size=SIDE, cache_dir=cache)
        seconds = seconds_of(images.prepare)
        print(f"preparing {len(images):,} pictures took {seconds:.2f} s")
        order = np.random.default_rng(0)
        picks = order.integers(0, len(images), 100)
        here = Textbook(DATA)  # a second one: the workers' handle must not be shared with this process
        same = torch.stack([here[int(pick)] for pick in picks])
        assert torch.equal(images.batch(picks).images, same), "the two loaders disagree on the pixels"

        def ours() -> None:
            shuffled = order.permutation(len(images))
            for start in range(0, len(images), BATCH):
                images.batch(shuffled[start : start + BATCH])

        def theirs() -> None:
            for _ in loader:
                pass

        names = ("prepared cache", "Pillow in two workers")
        times = time_in_turn(ours, theirs, rounds)
        print_ratios("Shuffled batches of 64, CelebA to 64x64", len(images), "images/s", names, times)


if __name__ == "__main__":
    main()
