"""A photo of 12 megapixels through the published networks: seconds and peak memory of `imagewright translate`.

    python benchmarks/large_translation.py [--system cyclegan pix2pix] [--size 4000x3000] [--blocks 9]
    python benchmarks/large_translation.py --seams

The networks have the published widths and depths and random weights, which take as long as trained ones. Memory is the
highest resident size of the whole command, in a process of its own. Wanted: under 4 GiB. The photo is a mosaic of
real pictures (see photographs.py).

`--seams` compares tiles with the whole picture through a narrow network, in grey levels: tiles in step, and the plain
way, each tile by its own statistics.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from harness import make_parser
from photographs import make_photographs
from PIL import Image
from torch import nn

import imagewright as iw
from imagewright.checkpoints.adapters.image_to_image import build_cycle_generator, build_pair_generator
from imagewright.layers.initialisation import initialise_normal
from imagewright.layers.picture_moments import given_moments
from imagewright.layers.residual import ResidualGenerator
from imagewright.layers.unet import UNetGenerator
from imagewright.models.shared.translation import at_multiples
from imagewright.models.translation.cyclegan import CycleGANConfig
from imagewright.models.translation.pix2pix import Pix2PixConfig
from imagewright.verbs import tiling

WANTED = 4 * 2**30
TO = {"cyclegan": ["--to", "b"], "pix2pix": []}


def write_network(system: str, path: Path, blocks: int) -> None:
    """An untrained generator of the published kind, as its authors save it."""
    torch.manual_seed(0)
    if system == "cyclegan":
        network = build_cycle_generator(CycleGANConfig(size=(256, 256), channels=3, blocks=blocks))
    else:
        channels = {"input": 3, "target": 3}
        network = build_pair_generator(Pix2PixConfig(size=(256, 256), channels=3, layer_channels=channels))
    torch.save(network.state_dict(), path)


def measure_command(*words: str) -> tuple[float, int]:
    """Seconds and peak bytes of an imagewright command, in a process of its own."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "imagewright", *words])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"imagewright {' '.join(words)} ended with the status {status}")
    return time.perf_counter() - start, usage.ru_maxrss * 1024


def run(system: str, typed: argparse.Namespace, photo: Path, folder: Path) -> bool:
    """Translate the photo by one system. Returns whether memory is as wanted."""
    network, place = folder / f"{system}.pth", folder / system
    write_network(system, network, typed.blocks)
    iw.import_checkpoint(network, system, place)
    seconds, peak = measure_command("translate", str(place), str(photo), *TO[system], "--out", str(folder / "made"))
    if typed.out:
        typed.out.mkdir(parents=True, exist_ok=True)
        (folder / "made" / f"{photo.stem}.png").replace(typed.out / f"{system}.png")
    print(
        f"{system}, {typed.size}: {seconds:.0f} s, peak {peak / 2**30:.2f} GiB "
        f"({torch.get_num_threads()} threads); wanted: under {WANTED / 2**30:.0f} GiB",
        flush=True,
    )
    return peak < WANTED


def compare_tiles(size: tuple[int, int]) -> None:
    """Print how far tiles are from the whole picture, with each kind of generator."""
    photo = Image.open(io.BytesIO(make_photographs(1)[0])).resize(size, Image.Resampling.LANCZOS)
    picture = torch.from_numpy(np.array(photo)).permute(2, 0, 1)
    torch.manual_seed(0)
    networks = {"ResNet of 9 blocks": ResidualGenerator(3, 3, width=8, blocks=9)}
    networks |= {
        f"U-Net of {depth} halvings": UNetGenerator(3, 3, width=8, depth=depth, of_image=True) for depth in (5, 8)
    }
    for name, network in networks.items():
        network.apply(initialise_normal).eval()
        unit = 4 if isinstance(network, ResidualGenerator) else 32
        halvings = 4 if unit == 4 else 2 ** int(name.split()[2])

        def nearest(height: int, width: int, unit: int = unit) -> tuple[int, int]:
            return max(unit, round(height / unit) * unit), max(unit, round(width / unit) * unit)

        def apply(images: torch.Tensor, network: nn.Module = network, halvings: int = halvings) -> torch.Tensor:
            return at_multiples(network, images, halvings)

        def alone(images: torch.Tensor) -> torch.Tensor:
            with given_moments(None):
                return apply(images)

        with torch.inference_mode():
            whole = tiling.apply_at_any_size(apply, picture, nearest, tile=max(size)).float()
            for kind, function in (("in step", apply), ("by their own statistics", alone)):
                error = (tiling.apply_at_any_size(function, picture, nearest) - whole).abs()
                print(f"{name}, tiles {kind}: mean {error.mean():.3f}, largest {error.max():.0f}", flush=True)


def main() -> None:
    """Each system in turn; exit code 1 if one needs too much memory."""
    parser = make_parser(__doc__)
    parser.add_argument("--system", nargs="+", choices=list(TO), default=list(TO))
    parser.add_argument("--size", default="4000x3000", help="WIDTHxHEIGHT of the photo")
    parser.add_argument("--blocks", type=int, default=9, help="residual blocks of cyclegan")
    parser.add_argument("--out", type=Path, help="a folder for the photo and its translations, to look at")
    parser.add_argument("--seams", action="store_true", help="compare tiles with the whole picture")
    typed = parser.parse_args()
    if typed.seams:
        compare_tiles((2400, 1600))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photo = folder / "photo.jpg"
        photo.write_bytes(make_photographs(1)[0])
        width, height = map(int, typed.size.split("x"))
        if (width, height) != (4000, 3000):
            Image.open(photo).resize((width, height)).save(photo, quality=90)
        kept = [run(system, typed, photo, folder) for system in typed.system]
        if typed.out:
            photo.replace(typed.out / "photo.jpg")
    if not all(kept):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
