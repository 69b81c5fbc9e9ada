"""The model that `train auto` chooses against the default DCGAN, at equal time, on sets that none was tuned to.

    OMP_NUM_THREADS=1 python benchmarks/chosen_model.py --set ships --model auto --minutes 1 2 4
    OMP_NUM_THREADS=1 python benchmarks/chosen_model.py --set ships --model dcgan --minutes 1 2 4
    OMP_NUM_THREADS=1 python benchmarks/chosen_model.py --set ships --model dcgan --options defaults=published

Minutes are of the processor, so that other work on the machine does not count; those of reports, previews and scores
are left out. At each of them a row: Frechet distances of as many samples as there are pictures to the pictures. A
Projected GAN learns through EfficientNet-Lite0; the features `random` and `pixels` are not what it learns through.
Each row draws a grid of samples: look at it. `--options` are of the model, for trying others than suggested.
"""

from __future__ import annotations

import time
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from harness import SHARED_DATA, make_parser, parse_settings, print_row

import imagewright as iw
from imagewright.output.grids import draw_grid
from imagewright.verbs.blocks import evaluating

# Folder beside the repository, its class if not all, and the side at which both models learn it.
SETS: dict[str, tuple[str, str | None, int]] = {
    "solar_cells": ("elpv_solar_cells", "train_normal", 64),
    "ships": ("cifar10_jpg", "ship", 32),
    "news_faces": ("lfw_deepfunneled", None, 64),
    # Of these not even a threshold was taken, but of airplanes the number of latents of pictures of 32 pixels.
    "airplanes": ("cifar10_jpg", "airplane", 32),
    "facade_photographs": ("facades", None, 64),
    "characters": ("omniglot", None, 64),
    "birds": ("cifar10_jpg", "bird", 32),
    "trucks": ("cifar10_jpg", "truck", 32),
}
SHOWN = 64


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--set", required=True, choices=SETS)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--minutes", type=float, nargs="+", default=[2, 5, 10], help="of the processor, ascending")
    parser.add_argument("--features", nargs="+", default=["random", "pixels"])
    parser.add_argument("--options", nargs="*", default=[], metavar="NAME=VALUE", help="of the model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/chosen-model"))
    return parser.parse_args()


class ScoreByProcessorTime(iw.Observer):
    """Scores a model whenever its training has used the next of some processor minutes, and stops after the last.

    every: a step; what other observers do between steps is no part of the time.
    """

    every = 1

    def __init__(self, minutes: list[float], images: iw.Images, features: list[str], name: str, out: Path) -> None:
        self.minutes, self.images, self.features, self.name, self.out = minutes, images, features, name, out
        self.stop = iw.StopRequest()
        self.used = 0.0

    def begin(self, training: Any) -> None:
        self.training = training
        self.last = time.process_time()

    def at(self, images_seen: int, report: Any) -> None:
        self.used += time.process_time() - self.last
        if self.minutes and self.used >= 60 * self.minutes[0]:
            self._score(images_seen, self.minutes.pop(0))
        self.stop.asked = self.stop.asked or not self.minutes  # or Ctrl-C
        self.last = time.process_time()

    def _score(self, images_seen: int, minutes: float) -> None:
        training = self.training
        training.prepare_verbs()
        with training.engine.averages.in_place(training.model), evaluating(training.model):
            scores = distances(training.model, self.images, self.features, count=len(self.images))
            draw_grid(iw.sample(training.model, SHOWN), columns=8).save(self.out.with_suffix(f".{minutes:g}.png"))
        print_row({"model": self.name, "minutes": minutes, "images_seen": images_seen} | scores)


def distances(subject: Any, against: iw.Images, features: list[str], **given: Any) -> dict[str, float]:
    """The Frechet distance in each of the features."""
    found = {}
    for name in features:
        scored = iw.evaluate(subject, against, metrics="fd:interval=false", features=name, save=False, **given)
        found[name] = round(float(scored.scores[0].value), 3)
    return found


def open_set(name: str) -> iw.Images:
    folder, of_class, side = SETS[name]
    if name == "facade_photographs":  # on the left of files with their label maps
        pairs = iw.open_images(SHARED_DATA / folder, layers=("target", "input"), size=side)
        return iw.open_images(pairs.batch(np.arange(len(pairs))).layers["target"])
    images = iw.open_images(SHARED_DATA / folder, size=side)
    if of_class is not None:
        chosen = [place for place in range(len(images)) if images.class_name(place) == of_class]
        images = images.subset(np.array(chosen)[:1_000])
    return images


def main() -> None:
    arguments = options()
    images = open_set(arguments.set)
    halves = images.subset(np.arange(0, len(images), 2)), images.subset(np.arange(1, len(images), 2))
    print_row({"case": "one half to the other"} | distances(*halves, arguments.features))
    arguments.out.mkdir(parents=True, exist_ok=True)
    out = arguments.out / f"{arguments.set}-{arguments.model}-{arguments.seed}"
    observer = ScoreByProcessorTime(arguments.minutes, images, arguments.features, arguments.model, out)
    chosen = {"seed": arguments.seed, "precision": "fp32", "images_seen": 10**8, "report_every": 10**8}
    chosen |= {"checkpoint_every": 10**8} | parse_settings(arguments.options)
    with suppress(iw.Stopped):  # as the observer asks
        run = iw.train(arguments.model, images, out, force=True, stop=observer.stop, observers=[observer], **chosen)
        # It returns only if there are no steps: a model fitted in closed form.
        print_row({"model": run.model} | distances(run, images, arguments.features, count=len(images)))
        draw_grid(iw.sample(run, SHOWN), columns=8).save(out.with_suffix(".png"))


if __name__ == "__main__":
    main()
