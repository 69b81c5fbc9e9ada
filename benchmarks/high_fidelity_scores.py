"""What generators of faces or of small photographs reach in equal time, scored by the same features.

    python benchmarks/high_fidelity_scores.py --models r3gan stylegan2 dcgan --minutes 45 --set cifar10_jpg --size 32
    python benchmarks/high_fidelity_scores.py --models progan dcgan --options progan.phase_images=400000 precision=fp32

Each model trains with what `train` suggests for the pictures, the machine and the time. Printed are the Frechet
distance and the kernel distance of its samples to the training pictures (`floor`: of the test pictures, which no model
saw), the images seen, and the minutes that it took. A sheet of samples is drawn beside each run, whose folder `samples`
has those of the whole training, of each stage of a model that grows: look at them. Unknown models are passed over.
"""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from classifiers import open_people
from harness import SHARED_DATA, add_seeds, make_parser, parse_settings, print_row

import imagewright as iw
from imagewright import catalogue
from imagewright.output.grids import draw_grid

MODELS = ("r3gan", "stylegan2", "stylegan", "progan", "dcgan")
SHOWN = 64
METRICS = ("fd:interval=false", "kd")


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--set", default="cifar10_jpg", choices=["cifar10_jpg", "celeba_89x109"])
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--features", default="random", help="of both distances: random, inception, dinov2 ...")
    parser.add_argument("--count", type=int, default=5000, help="samples that are scored")
    parser.add_argument(
        "--options",
        nargs="*",
        default=[],
        metavar="[MODEL.]NAME=VALUE",
        help="options of the training, or of one model's",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/high-fidelity"))
    add_seeds(parser, [0])
    return parser.parse_args()


def open_set(name: str, size: int) -> tuple[iw.Images, iw.Images]:
    """The training and the test pictures of a set."""
    if name == "celeba_89x109":
        return open_people(size)
    train, test = (iw.open_images(SHARED_DATA / name, size=size, split=split) for split in ("train", "test"))
    return train, test


def settings_of(model: str, given: list[str]) -> dict[str, Any]:
    """The options of one model: those for all, then its own."""
    own = [each.removeprefix(f"{model}.") for each in given if each.startswith(f"{model}.")]
    others = [each for each in given if "." not in each.partition("=")[0]]
    return parse_settings(others + own)


def distances(subject: Any, against: iw.Images, arguments: Namespace) -> dict[str, float]:
    """Both distances of a run's samples, or of pictures."""
    scored = {"features": arguments.features, "count": arguments.count, "save": False}
    found = iw.evaluate(subject, against, metrics=METRICS, **scored).scores
    return {name: round(float(score.value), 5) for name, score in zip(("frechet", "kernel"), found, strict=True)}


def run_model(model: str, train: iw.Images, arguments: Namespace, seed: int) -> dict[str, Any]:
    """Train a model, score its samples, and draw them."""
    out = arguments.out / f"{model}-{arguments.set}-{arguments.size}-{seed}"
    settings = settings_of(model, arguments.options)
    started = time.monotonic()
    run = iw.train(model, train, out, force=True, seed=seed, minutes=arguments.minutes, **settings)
    minutes = (time.monotonic() - started) / 60
    draw_grid(iw.sample(run, SHOWN), columns=8).save(out.with_suffix(".png"))
    images_seen = run.checkpoints()[-1].images_seen
    return {"images_seen": images_seen, "minutes": round(minutes, 2), **distances(run, train, arguments)}


def main() -> None:
    arguments = options()
    if not (SHARED_DATA / arguments.set).is_dir():
        print_row({"set": arguments.set, "skipped": f"{arguments.set} is not beside the repository"})
        return
    facts = {"set": arguments.set, "size": arguments.size, "features": arguments.features}
    train, test = open_set(arguments.set, arguments.size)
    held_out = test.subset(np.arange(min(len(test), arguments.count)))
    print_row({"model": "floor", **facts, "pictures": len(held_out), **distances(held_out, train, arguments)})
    for model in arguments.models:
        if model not in catalogue.entries():
            print_row({"model": model, "skipped": "the catalogue does not list it"})
            continue
        for seed in arguments.seeds:
            print_row({"model": model, **facts, "seed": seed, **run_model(model, train, arguments, seed)})


if __name__ == "__main__":
    main()
