"""How long a walk of 120 frames at 64x64 takes: decoded by a DCGAN and by a VAE, written as WebP, GIF and MP4.

    python benchmarks/interpolation.py [--run RUN ...]

Two seeds, there and back, 25 frames a second. Without runs, models of the usual size decode with untrained weights,
which costs the same; their pale pictures are stretched to full contrast, so that encoders find as much in them.
Wall-clock seconds, and in brackets those of the processor, which other work on the machine does not lengthen.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from harness import make_parser, measure
from torch import Tensor

import imagewright as iw
from imagewright import catalogue, configs
from imagewright.model import Model
from imagewright.output.writing import ANIMATIONS, write_animation

FRAMES, SIDE, WANTED = 120, 64, 10.0
ROUNDS = 3


def build_untrained(name: str) -> Model:
    """A model of its usual size for RGB pictures of 64x64."""
    torch.manual_seed(0)
    model_class = catalogue.model_class(name)
    return model_class(configs.build(model_class.Config, {"size": (SIDE, SIDE), "channels": 3}, name)).eval()


def stretch_contrast(frames: Tensor) -> Tensor:
    """The same frames, their values spread over the whole range."""
    low, high = frames.min(), frames.max()
    return ((frames.float() - low) * 255 / (high - low)).to(torch.uint8)


def fastest(work: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock and processor seconds of the fastest of some rounds."""
    rounds = [measure(work) for _ in range(ROUNDS)]
    return min((each.seconds, each.processor_seconds) for each in rounds)


def format_seconds(seconds: tuple[float, float]) -> str:
    return f"{seconds[0]:.2f} ({seconds[1]:.2f})"


def print_times(name: str, model: Model, *, trained: bool) -> None:
    """One line: decoding, and for each format encoding and kB; then the slowest sum."""
    walk = partial(iw.interpolate, model, FRAMES // 2 + 1, ends=(0, 1), loop=True)
    frames = walk() if trained else stretch_contrast(walk())
    assert len(frames) == FRAMES
    decoding = fastest(walk)
    line, slowest = f"{name:<12}{format_seconds(decoding):>14}", (0.0, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ANIMATIONS:
            path = Path(folder) / f"walk{suffix}"
            encoding = fastest(partial(write_animation, frames, path, frames_per_second=25, force=True))
            slowest = max(slowest, (decoding[0] + encoding[0], decoding[1] + encoding[1]))
            line += f"{format_seconds(encoding):>14}{path.stat().st_size / 1000:>7,.0f}"
    print(f"{line}   {format_seconds(slowest)}, {'under' if slowest[0] < WANTED else 'OVER'} {WANTED:.0f}")


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--run", type=Path, nargs="+", default=[], help="trained runs of 64x64 instead")
    runs = parser.parse_args().run
    print(f"{FRAMES} frames of {SIDE}x{SIDE}, {torch.get_num_threads()} threads; seconds, the fastest of {ROUNDS}")
    print(
        f"{'model':<12}{'decode':>14}" + "".join(f"{suffix:>14}{'kB':>7}" for suffix in ANIMATIONS) + "   slowest sum"
    )
    for run in runs:
        print_times(run.name, iw.load(run), trained=True)
    for name in () if runs else ("dcgan", "vae"):
        print_times(name, build_untrained(name), trained=False)


if __name__ == "__main__":
    main()
