"""Generators of a small set of pictures in equal time: what each reaches with the options that `train` suggests.

    OMP_NUM_THREADS=1 python benchmarks/small_sets.py --set flowers --models projected_gan dcgan --minutes 12

Minutes are of the processor, so that other work on the machine does not count: a short training measures the rate, and
the length of the training follows from it. A row a training: Frechet distances to the training pictures in several
features, of as many samples; the first row has those of one half of the set to the other. Projected GAN learns through
EfficientNet-Lite0, so that `efficientnet_lite0` favours it; `random` and `pixels` do not.
Each training draws a grid of samples: look at it. `--options` are of the model, for trying others than suggested.
"""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from harness import SHARED_DATA, add_seeds, make_parser, parse_settings, print_row

import imagewright as iw
from imagewright.output.grids import draw_grid

# Folder beside the repository, and how many of its pictures.
SETS = {
    "flowers": ("flowers17_128", 1_000),
    "flowers320": ("flowers17_128", 320),
    "faces": ("celeba_89x109", 1_450),
    "solar_cells": ("elpv_solar_cells", 170),
}
WARM_UP_STEPS, STEPS = 4, 24
SHOWN = 64


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--set", default="flowers", choices=SETS)
    parser.add_argument("--models", nargs="+", default=["projected_gan", "dcgan", "stylegan2", "r3gan"])
    parser.add_argument("--minutes", type=float, default=12, help="of processor time, for each training")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--features", nargs="+", default=["random", "pixels", "efficientnet_lite0"])
    parser.add_argument("--options", nargs="*", default=[], metavar="NAME=VALUE", help="of the model")
    parser.add_argument("--out", type=Path, default=Path("runs/small-sets"))
    add_seeds(parser, [0])
    return parser.parse_args()


def train_for(model: str, images: iw.Images, minutes: float, out: Path, **chosen: Any) -> tuple[iw.Run, float]:
    """A training of so many processor minutes, and those that it took."""
    rate = measure_rate(model, images, out, **chosen)
    started = time.process_time()
    run = iw.train(model, images, out, force=True, images_seen=max(64, int(60 * minutes * rate)), **chosen)
    return run, (time.process_time() - started) / 60


def measure_rate(model: str, images: iw.Images, out: Path, **chosen: Any) -> float:
    """Images a second of the processor, by the steps alone."""
    from imagewright.training.engine import Engine

    step, seconds, seen = Engine.step, [], []

    def timed(self: Engine, *given: Any) -> None:
        started = time.process_time()
        step(self, *given)
        seconds.append(time.process_time() - started)
        seen.append(self.plan.batch_size)

    Engine.step = timed  # type: ignore[method-assign]
    try:
        iw.train(model, images, out, force=True, images_seen=16 * STEPS, **chosen)
    finally:
        Engine.step = step  # type: ignore[method-assign]
    return float(np.sum(seen[WARM_UP_STEPS:]) / np.sum(seconds[WARM_UP_STEPS:]))


def distances(subject: Any, against: iw.Images, features: list[str], **given: Any) -> dict[str, float]:
    """The Frechet distance in each of the features."""
    found = {}
    for name in features:
        scored = iw.evaluate(subject, against, metrics="fd:interval=false", features=name, save=False, **given)
        found[name] = round(float(scored.scores[0].value), 3)
    return found


def main() -> None:
    arguments = options()
    folder, count = SETS[arguments.set]
    everything = iw.open_images(SHARED_DATA / folder, size=arguments.size)
    order = np.random.default_rng(0).permutation(len(everything))[:count]
    images = everything.subset(np.sort(order))
    halves = images.subset(np.arange(0, count, 2)), images.subset(np.arange(1, count, 2))
    print_row({"case": "one half to the other"} | distances(*halves, arguments.features))
    for model in arguments.models:
        for seed in arguments.seeds:
            out = arguments.out / f"{arguments.set}-{model}-{seed}"
            chosen = {"seed": seed, "precision": "fp32"} | parse_settings(arguments.options)
            run, minutes = train_for(model, images, arguments.minutes, out, **chosen)
            draw_grid(iw.sample(run, SHOWN), columns=8).save(out.with_suffix(".png"))
            row = {"model": model, "seed": seed, "images_seen": run.metrics()[-1]["images_seen"]}
            scored = distances(run, images, arguments.features, count=len(images))
            print_row(row | scored | {"minutes of the processor": round(minutes, 1)})


if __name__ == "__main__":
    main()
