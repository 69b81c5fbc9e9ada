"""Rate and distortion of JPEG at twelve qualities: `compress` against Pillow and scikit-image.

    python benchmarks/rate_distortion.py [--size 64] [--rounds 5]

32 faces of CelebA, colour. The peer saves each picture by Pillow at each quality, opens it again, and computes PSNR and
scikit-image's structural similarity; `compress` also counts the bits of the scan alone, and finds settings for the
crops. Both must give the same bytes, PSNR to the last digit, and SSIM to 1e-9. Processor time, in turn.
"""

from __future__ import annotations

import io

import numpy as np
import torch
from harness import SHARED_DATA, make_parser, print_processor_ratios
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import imagewright as iw
from imagewright.analysis.compression.comparison import QUALITIES

COUNT = 32


def compress_plainly(pictures: list[np.ndarray]) -> list[tuple[float, float, float]]:
    """Bits per pixel with headers, PSNR of the mean squared error, and mean SSIM, for each quality."""
    found = []
    for quality in QUALITIES:
        bits, errors, similar = 0, [], []
        for picture in pictures:
            file = io.BytesIO()
            Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling="4:2:0")
            rebuilt = np.asarray(Image.open(io.BytesIO(file.getvalue())))
            bits += 8 * len(file.getvalue())
            errors.append(peak_signal_noise_ratio(picture, rebuilt))
            similar.append(structural_similarity(picture, rebuilt, channel_axis=2, data_range=255))
        psnr = -10 * np.log10(np.mean(10 ** (-np.array(errors) / 10)))
        pixels = sum(picture.shape[0] * picture.shape[1] for picture in pictures)
        found.append((bits / pixels, float(psnr), float(np.mean(similar))))
    return found


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    images = iw.open_images(SHARED_DATA / "celeba_89x109" / "images.zip", size=arguments.size).prepare()
    images = images.subset(np.linspace(0, len(images) - 1, 4 * COUNT).round().astype(np.int64))
    chosen = np.linspace(0, len(images) - 1, COUNT).round().astype(np.int64)  # the pictures that `compress` tests on
    pictures = list(images.batch(chosen).images.permute(0, 2, 3, 1).contiguous().numpy())
    plain = compress_plainly(pictures)
    for point, (bits, psnr, ssim) in zip(iw.compress(images, ["jpeg"]).curves[0].points, plain, strict=True):
        assert abs(point.file_bits_per_pixel - bits) < 1e-9, (point, bits)
        assert abs(point.psnr - psnr) < 1e-9, (point, psnr)
        assert abs(point.ssim - ssim) < 1e-9, (point, ssim)
    print_processor_ratios(
        f"{COUNT} faces of {arguments.size} pixels, {len(QUALITIES)} qualities",
        COUNT * len(QUALITIES),
        "coded pictures/s",
        ("imagewright", "Pillow and scikit-image"),
        (lambda: iw.compress(images, ["jpeg"]), lambda: compress_plainly(pictures)),
        arguments.rounds,
    )


if __name__ == "__main__":
    main()
