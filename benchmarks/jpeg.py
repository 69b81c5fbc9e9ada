"""JPEG: our encoder and decoder against Pillow's (libjpeg-turbo), on one core, and files of real pictures.

    python benchmarks/jpeg.py

Speed: one picture of 1024x1024 made of scikit-image's astronaut, in turn with Pillow. Sameness: real photographs at
several qualities, the size of the files and the decoded pixels beside Pillow's.
"""

from __future__ import annotations

import io

import numpy as np
import torch
from harness import SHARED_DATA, make_parser, measure, print_ratios, time_in_turn
from PIL import Image

import imagewright as iw
from imagewright import decode_jpeg, encode_jpeg

SETS = ("celeba_178x218_sample", "flowers17_128")
SUBSAMPLING = {"4:4:4": 0, "4:2:0": 2}


def large_picture() -> np.ndarray:
    """uint8 (3, 1024, 1024): the photograph, and its mirror images."""
    from skimage.data import astronaut

    picture = astronaut().transpose(2, 0, 1)
    wide = np.concatenate([picture, picture[..., ::-1]], axis=2)
    return np.ascontiguousarray(np.concatenate([wide, wide[:, ::-1]], axis=1))


def pillow_encode(picture: Image.Image, quality: int, subsampling: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality, subsampling=subsampling)
    return file.getvalue()


def pillow_decode(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as opened:
        return np.asarray(opened)


def speed(rounds: int) -> None:
    """Megapixels a second, in turn with Pillow."""
    pixels = large_picture()
    picture = Image.fromarray(pixels.transpose(1, 2, 0))
    megapixels = pixels.shape[1] * pixels.shape[2] / 1e6
    for quality in (50, 75, 95):
        data = pillow_encode(picture, quality, 2)
        for what, ours, theirs in (
            ("encode", lambda q=quality: encode_jpeg(pixels, q), lambda q=quality: pillow_encode(picture, q, 2)),
            ("decode", lambda d=data: decode_jpeg(d), lambda d=data: pillow_decode(d)),
        ):
            times = time_in_turn(ours, theirs, rounds)
            title = f"{what}, quality {quality}, 4:2:0, {len(data):,} bytes"
            print_ratios(title, megapixels, "megapixels/s", ("imagewright", "Pillow"), times)
            seconds = [min(measure(work).processor_seconds for _ in range(rounds)) for work in (ours, theirs)]
            print(f"  processor time: {seconds[0]:.3f} s and {seconds[1]:.3f} s, ratio {seconds[1] / seconds[0]:.3f}")


def sameness(name: str, count: int) -> None:
    """Sizes and pixels beside Pillow's, over pictures of a set."""
    images = iw.open_images(SHARED_DATA / name)
    chosen = np.linspace(0, len(images) - 1, count).round().astype(np.int64)
    pictures = images.batch(chosen).images.numpy()
    print(f"\n{name}, {count} pictures of {images.height}x{images.width}")
    for subsampling, number in SUBSAMPLING.items():
        for quality in (10, 50, 75, 95):
            same, ours_bytes, their_bytes, worst = 0, 0, 0, 0
            for picture in pictures:
                ours = encode_jpeg(picture, quality, subsampling)
                theirs = pillow_encode(Image.fromarray(picture.transpose(1, 2, 0)), quality, number)
                same += ours == theirs
                ours_bytes, their_bytes = ours_bytes + len(ours), their_bytes + len(theirs)
                difference = decode_jpeg(theirs).permute(1, 2, 0).numpy().astype(int) - pillow_decode(theirs)
                worst = max(worst, int(np.abs(difference).max()))
            print(
                f"  {subsampling} quality {quality:3d}: {same} of {count} files the same to the byte, "
                f"size {ours_bytes / their_bytes:.4f} of Pillow's, decoded pixels differ by at most {worst}"
            )


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=20, help="real pictures of each set")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    speed(arguments.rounds)
    for name in SETS:
        if (SHARED_DATA / name).is_dir():
            sameness(name, arguments.count)


if __name__ == "__main__":
    main()
