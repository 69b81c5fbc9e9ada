"""A photo of 12 megapixels through the published networks: seconds and peak memory of `imagewright translate`.

    python benchmarks/large_translation.py [--system cyclegan pix2pix] [--size 4000x3000] [--blocks 9]

The networks have the published widths and depths and random weights, which take as long as trained ones. Memory is the
highest resident size of the whole command, in a process of its own. Wanted: under 4 GiB. The photo is a mosaic of
real pictures (see photographs.py).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from harness import make_parser
from photographs import make_photographs

import imagewright as iw
from imagewright.checkpoints.adapters.image_to_image import build_cycle_generator, build_pair_generator
from imagewright.models.translation.cyclegan import CycleGANConfig
from imagewright.models.translation.pix2pix import Pix2PixConfig

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


def main() -> None:
    """Each system in turn; exit code 1 if one needs too much memory."""
    parser = make_parser(__doc__)
    parser.add_argument("--system", nargs="+", choices=list(TO), default=list(TO))
    parser.add_argument("--size", default="4000x3000", help="WIDTHxHEIGHT of the photo")
    parser.add_argument("--blocks", type=int, default=9, help="residual blocks of cyclegan")
    parser.add_argument("--out", type=Path, help="a folder for the photo and its translations, to look at")
    typed = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photo = folder / "photo.jpg"
        photo.write_bytes(make_photographs(1)[0])
        width, height = map(int, typed.size.split("x"))
        if (width, height) != (4000, 3000):
            from PIL import Image

            Image.open(photo).resize((width, height)).save(photo, quality=90)
        kept = [run(system, typed, photo, folder) for system in typed.system]
        if typed.out:
            photo.replace(typed.out / "photo.jpg")
    if not all(kept):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
