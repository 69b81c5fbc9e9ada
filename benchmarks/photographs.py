"""Photographs of 12 megapixels to small pictures: decoding at a reduced scale against exact decoding and plain Pillow.

    python benchmarks/photographs.py [--size 64]

The photographs are mosaics of real pictures, enlarged and with the noise of a sensor, as JPEG of quality 90. Times are
of one processor. The peer is the plain loop with `Image.draft` at twice the size. Wanted: 4 times as fast as exact,
and a mean difference of at most 0.3 grey levels.
"""

from __future__ import annotations

import io
import time
import zipfile

import numpy as np
from harness import SHARED_DATA, make_parser
from PIL import Image, ImageOps

from imagewright.images.decoding.decode_range import to_pixels
from imagewright.images.decoding.preprocessing import Preprocessing, plain_layer

DATA = SHARED_DATA / "celeba_178x218_sample" / "images.zip"
WIDTH, HEIGHT, TILE = 4000, 3000, 500


def make_photographs(count: int) -> list[bytes]:
    """JPEG files of 4000x3000."""
    generator = np.random.default_rng(0)
    with zipfile.ZipFile(DATA) as archive:
        names = [name for name in sorted(archive.namelist()) if name.endswith(".jpg")]
        found = []
        for _ in range(count):
            whole = Image.new("RGB", (WIDTH, HEIGHT))
            for left in range(0, WIDTH, TILE):
                for top in range(0, HEIGHT, TILE):
                    tile = Image.open(io.BytesIO(archive.read(names[generator.integers(len(names))])))
                    whole.paste(ImageOps.fit(tile, (TILE, TILE), method=Image.Resampling.BICUBIC), (left, top))
            noisy = np.asarray(whole) + generator.normal(0, 4, (HEIGHT, WIDTH, 3)).astype(np.float32)
            stream = io.BytesIO()
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=90)
            found.append(stream.getvalue())
    return found


def plain_draft(payload: bytes, size: int) -> np.ndarray:
    """The peer: what a loop with Pillow does."""
    image = Image.open(io.BytesIO(payload))
    image.draft("RGB", (2 * size, 2 * size))
    return np.asarray(ImageOps.fit(image.convert("RGB"), (size, size), method=Image.Resampling.LANCZOS))


def main() -> None:
    """Time the three ways in turn, and compare their pixels."""
    parser = make_parser(__doc__)
    parser.add_argument("--size", type=int, default=64, help="side of the small pictures")
    parser.add_argument("--count", type=int, default=4, help="photographs")
    parser.add_argument("--rounds", type=int, default=3)
    typed = parser.parse_args()
    photographs = make_photographs(typed.count)
    ways = {how: Preprocessing(typed.size, typed.size, plain_layer(3), decode=how) for how in ("exact", "reduced")}
    seconds: dict[str, list[float]] = {"exact": [], "reduced": [], "Image.draft": []}
    pixels: dict[str, np.ndarray] = {}
    for _ in range(typed.rounds):
        for name, taken in seconds.items():
            begin = time.process_time()
            if name in ways:
                made = [to_pixels(photograph, ways[name]) for photograph in photographs]
            else:
                made = [plain_draft(photograph, typed.size) for photograph in photographs]
            taken.append((time.process_time() - begin) / len(photographs))
            pixels[name] = np.stack(made).astype(int)
    print(f"{typed.count} photographs of {WIDTH}x{HEIGHT} to {typed.size}x{typed.size}, one processor")
    for name, taken in seconds.items():
        print(f"  {name:<12} {1000 * np.median(taken):>8.1f} ms a picture")
    for name in ("exact", "Image.draft"):
        ratios = sorted(np.divide(seconds[name], seconds["reduced"]))
        print(f"  {name} / reduced: {np.median(ratios):.2f} (from {ratios[0]:.2f} to {ratios[-1]:.2f})")
    difference = np.abs(pixels["exact"] - pixels["reduced"])
    print(f"  difference of the pixels: mean {difference.mean():.3f}, largest {difference.max()} grey levels")


if __name__ == "__main__":
    main()
