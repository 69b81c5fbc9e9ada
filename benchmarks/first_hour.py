"""What a user gets after some minutes with no option but the model's name, on small folders of pictures.

    OMP_WAIT_POLICY=PASSIVE python benchmarks/first_hour.py --minutes 10 --cases dcgan-flowers320 cgan-mnist

A case of photographs prints Frechet distances to the training pictures in the features of a fixed random network: of
samples (of a VAE also from its prior), and of one half of the set to the other. A conditional GAN's case prints the
share of samples that an independent classifier puts in the class asked for; InfoGAN's, the share of test digits whose
most likely code stands for them. Each case draws a grid of samples: look at it. `--precision fp32 bf16` compares
arithmetics. A set that is not there is passed over, with a line that says so.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from classifiers import build_network, open_split, probabilities, train_classifier
from harness import SHARED_DATA, add_seeds, make_parser, print_row

import imagewright as iw
from imagewright.output.grids import draw_grid

# Folder beside the repository, number of pictures, and their classes if not all.
PHOTOGRAPHS: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "flowers320": ("flowers17_128", 320, ()),
    "flowers1040": ("flowers17_128", 1_040, ()),
    "faces": ("celeba_89x109", 1_450, ()),
    "grey_faces": ("orl_faces", 320, ()),
    "cats_dogs": ("cifar10_jpg", 2_000, ("cat", "dog")),
}
MODELS = ("dcgan", "vae", "vae_gan")
SAMPLES, SHOWN = 2_000, 64
OF_EACH_CLASS, OF_EACH_DIGIT = 200, 10
JUDGED = 5_000  # digits with which InfoGAN's codes are matched, and others that are then told


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--images-seen", type=int, help="instead of minutes: arithmetics compared at equal lengths")
    parser.add_argument("--cases", nargs="+", default=list(cases()))
    parser.add_argument("--precision", nargs="+", default=["auto"])
    parser.add_argument("--out", type=Path, default=Path("runs/first-hour"))
    add_seeds(parser, [0])
    return parser.parse_args()


def cases() -> dict[str, Callable[[Namespace, int, str, Path], dict[str, Any]]]:
    """What is trained and how it is judged, by name."""
    found: dict[str, Any] = {
        f"{model}-{name}": lambda *given, model=model, name=name: judge_photographs(model, name, *given)
        for model in MODELS
        for name in PHOTOGRAPHS
    }
    return found | {"cgan-mnist": judge_conditional, "infogan-mnist": judge_codes}


def train(model: str, images: iw.Images, arguments: Namespace, seed: int, precision: str, out: Path) -> iw.Run:
    """A training with nothing but a length."""
    length = {"minutes": arguments.minutes} if arguments.images_seen is None else {"images_seen": arguments.images_seen}
    return iw.train(model, images, out, force=True, seed=seed, precision=precision, **length)


def judge_photographs(
    model: str, name: str, arguments: Namespace, seed: int, precision: str, out: Path
) -> dict[str, Any]:
    folder, count, classes = PHOTOGRAPHS[name]
    if not (SHARED_DATA / folder).is_dir():
        return {"skipped": f"{folder} is not beside the repository"}
    images = iw.open_images(SHARED_DATA / folder)
    if classes:
        images = images[[place for place in range(len(images)) if images.class_name(place) in classes]]
    images = images[:count]
    run = train(model, images, arguments, seed, precision, out)
    draw_grid(iw.sample(run, SHOWN), columns=8).save(out.with_suffix(".png"))
    found = iw.evaluate(run, images, metrics="fd:interval=false", features="random", count=SAMPLES, save=False)
    half = np.arange(len(images)) % 2 == 0
    size = tuple(run.record["config"]["size"])
    floor = iw.evaluate(
        images[half], against=images[~half], metrics="fd:interval=false", features="random", size=size, save=False
    )
    distances = {score.sampled_from or "samples": round(float(score.value), 2) for score in found.scores}
    return distances | {"of one half to the other": round(float(floor.scores[0].value), 2)}


def judge_conditional(arguments: Namespace, seed: int, precision: str, out: Path) -> dict[str, Any]:
    training, _ = open_split("mnist")
    real = training.batch(np.arange(len(training)))
    torch.manual_seed(0)
    judge = train_classifier(
        build_network(), real.images, real.labels, arguments.out / "classifier.safetensors", epochs=2
    )
    run = train("cgan", training, arguments, seed, precision, out)
    samples = [iw.sample(run, OF_EACH_CLASS, seed=seed, label=name) for name in training.class_names]
    draw_grid(torch.cat([part[:10] for part in samples]), columns=10).save(out.with_suffix(".png"))
    shares = [
        float((probabilities(judge, part).argmax(1) == place).float().mean()) for place, part in enumerate(samples)
    ]
    return {"as asked": round(float(np.mean(shares)), 4), "worst class": round(min(shares), 3)}


def judge_codes(arguments: Namespace, seed: int, precision: str, out: Path) -> dict[str, Any]:
    training, test = open_split("mnist", size=28)
    run = train("infogan", training, arguments, seed, precision, out)
    values = [str(value) for value in range(run.record["config"]["categories"])]
    grids = [iw.sample(run, OF_EACH_DIGIT, seed=seed, label=value) for value in values]
    draw_grid(torch.cat(grids), columns=OF_EACH_DIGIT).save(out.with_suffix(".png"))
    named, told = (each.batch(np.arange(JUDGED)) for each in (training, test))
    counts = torch.zeros(len(values), 10)
    codes = iw.classify(run, named.images).argmax(1)
    counts.index_put_((codes, named.labels), torch.ones(JUDGED), accumulate=True)
    digit = counts.argmax(1)
    agreeing = digit[iw.classify(run, told.images).argmax(1)] == told.labels
    return {"agreement": round(float(agreeing.float().mean()), 4), "digits": digit.tolist()}


def main() -> None:
    arguments = options()
    known = cases()
    for name in arguments.cases:
        for seed in arguments.seeds:
            for precision in arguments.precision:
                out = arguments.out / f"{name}-{precision}-{seed}"
                started, worked = time.monotonic(), time.process_time()
                row = known[name](arguments, seed, precision, out)
                minutes = {
                    "minutes": round((time.monotonic() - started) / 60, 1),
                    "of processors": round((time.process_time() - worked) / 60, 1),
                }
                print_row({"case": name, "seed": seed, "precision": precision} | row | minutes)


if __name__ == "__main__":
    main()
