"""A VAE's samples from its prior against those from the density fitted to its latents, on small folders of photographs.

    python benchmarks/latent_density.py --seconds 240

Each set is brought to 64x64 and trained on for so many seconds of processor time, with the defaults or with settings
(`--settings width=16`). Printed are Frechet distances to the training pictures in the features of a fixed random
network: of samples of both kinds, and of the reconstructions, about which the decoder's own limit lies; and how far
the latents deviate where the prior has 1. A set that is not there is passed over, with a line that says so.
"""

from __future__ import annotations

import time
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from harness import SHARED_DATA, add_seeds, make_parser, parse_settings, print_row

import imagewright as iw
from imagewright.output.grids import draw_grid
from imagewright.training.reporting import Silent

SIZE = 64
SAMPLES, SHOWN = 2_000, 64
SETS = {
    "flowers320": ("flowers17_128", 320),
    "flowers1040": ("flowers17_128", 1_040),
    "faces": ("celeba_89x109", 1_450),
}


class Clock(iw.Observer):
    """Ends a training after so many seconds of processor time; looks every 64 images."""

    every = 64

    def __init__(self, seconds: float) -> None:
        self.seconds, self.stop = seconds, iw.StopRequest()

    def begin(self, training: object) -> None:
        self.started = time.process_time()

    def at(self, images_seen: int, report: object) -> None:
        self.stop.asked = time.process_time() - self.started > self.seconds


def open_pictures(name: str) -> iw.Images | None:
    """The first pictures of a set; None if its folder is not there."""
    folder, count = SETS[name]
    if not (SHARED_DATA / folder).is_dir():
        return None
    return iw.open_images(SHARED_DATA / folder, size=SIZE).subset(np.arange(count))


def train(model: str, images: iw.Images, out: Path, seconds: float, seed: int, settings: dict[str, Any]) -> iw.Run:
    """A run of a training of so many seconds of processor time."""
    clock = Clock(seconds)
    settings = {"images_seen": 10_000_000, "report_every": 20_000} | settings
    with suppress(iw.Stopped):
        iw.train(model, images, out, force=True, observers=[clock], stop=clock.stop, reporter=Silent(), seed=seed,
                 **settings)  # fmt: skip
    return iw.Run(out)


def measure(run: iw.Run, images: iw.Images) -> dict[str, Any]:
    """The distances, and the figures of the doctor's last report."""
    found: dict[str, Any] = {}
    options: dict[str, Any] = {"metrics": "fd:interval=false", "features": "random", "save": False}
    for score in iw.evaluate(run, images, count=SAMPLES, **options).scores:
        found[f"distance of {score.sampled_from} samples"] = round(score.value, 1)
    rebuilt = iw.open_images(iw.reconstruct(run, images).numpy())
    (score,) = iw.evaluate(rebuilt, images, **options).scores
    found["distance of reconstructions"] = round(score.value, 1)
    health = run.metrics()[-1]["health"] if run.metrics() else {}
    return found | {name: round(value, 2) for name, value in health.items() if name.startswith("aggregate/")}


def options() -> Namespace:
    parser = make_parser(__doc__)
    add_seeds(parser, [0])
    parser.add_argument("--model", default="vae", choices=["vae", "vae_gan"])
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--seconds", type=float, default=240.0, help="of processor time, for each training")
    parser.add_argument("--settings", nargs="*", default=[], metavar="NAME=VALUE", help="options of the model")
    parser.add_argument("--out", type=Path, default=Path("runs/latent-density"))
    return parser.parse_args()


def main() -> None:
    arguments = options()
    for name in arguments.sets:
        images = open_pictures(name)
        if images is None:
            print_row({"set": name, "skipped": f"{SHARED_DATA / SETS[name][0]} is not there"})
            continue
        for seed in arguments.seeds:
            out = arguments.out / f"{arguments.model}-{name}-{seed}"
            settings = parse_settings(arguments.settings)
            run = train(arguments.model, images.prepare(), out, arguments.seconds, seed, settings)
            row = {"model": arguments.model, "set": name, "seed": seed, "seconds": arguments.seconds}
            row["images seen"] = run.checkpoints()[-1].images_seen
            print_row(row | measure(run, images))
            for source in ("fitted", "prior"):
                draw_grid(iw.sample(run, SHOWN, sample_from=source), columns=8).save(out / f"{source}.png")


if __name__ == "__main__":
    main()
