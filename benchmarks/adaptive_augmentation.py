"""Augmentation against none on few pictures: how far the discriminator knows them by heart, and how good samples are.

    python benchmarks/adaptive_augmentation.py [--model dcgan] [--pictures 1000] [--minutes 10] [--seeds 0 1 2]
    python benchmarks/adaptive_augmentation.py --augmentations none ada diffaugment --set lecam=0.1

Trains a GAN on the first pictures of CelebA at 32 pixels, of one fixed order, once with each augmentation, for as many
images as the slowest of them sees in the time. A row a training: the mean logit of the training pictures less that of
as many held-out ones, in deviations of the held-out ones'; the share of held-out pictures that the discriminator holds
for real; the Frechet distance to all held-out pictures; the last probability of augmentations. Then the rows side by
side, with the means over seeds.
"""

from __future__ import annotations

import statistics
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
from harness import AS_RECORDED, SHARED_DATA, add_seeds, make_parser, parse_settings, print_row

import imagewright as iw
from imagewright.output.grids import draw_grid

SIDE = 32
RECIPE: dict[str, Any] = {"width": 32, "latent_dim": 64, "penalty": 0.5, "batch_size": 16, "learning_rate": 1e-3}
RECIPES: dict[str, dict[str, Any]] = {"dcgan": RECIPE, "stylegan2": {}}
SPEED_IMAGES = 4_000
FIGURES = ("gap", "held_out_real", "frechet")


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--model", default="dcgan", choices=RECIPES)
    parser.add_argument("--augmentations", nargs="+", default=["none", "ada"])
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=10, help="of each training")
    parser.add_argument("--images-seen", type=int, help="instead of --minutes")
    add_seeds(parser)
    parser.add_argument("--features", default="random")
    parser.add_argument("--samples", type=int, default=5_000)
    parser.add_argument("--out", type=Path, default=Path("runs/adaptive-augmentation"))
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="options of the model")
    return parser.parse_args()


def open_split(pictures: int) -> tuple[iw.Images, iw.Images]:
    """The training pictures, and all others."""
    everything = iw.open_images(SHARED_DATA / "celeba_89x109" / "images.zip", size=SIDE)
    order = np.random.default_rng(0).permutation(len(everything))
    return everything.subset(order[:pictures]), everything.subset(order[pictures:])


def chosen_options(arguments: Namespace, augmentation: str) -> dict[str, Any]:
    """Those of the model and of the training. StyleGAN2 has its own defaults, and those suggested for the machine."""
    recorded = AS_RECORDED if RECIPES[arguments.model] else {"precision": "fp32"}
    return recorded | RECIPES[arguments.model] | parse_settings(arguments.set) | {"augmentation": augmentation}


def images_within(arguments: Namespace, training: iw.Images) -> int:
    """How many images the slowest of the trainings sees in the time, estimated from short runs."""
    rates = []
    for augmentation in arguments.augmentations:
        chosen = chosen_options(arguments, augmentation) | {"images_seen": SPEED_IMAGES}
        run = iw.train(arguments.model, training, arguments.out / "speed", force=True, **chosen)
        rates.append(run.metrics()[-1]["images_per_second"])
    return int(min(rates) * 60 * arguments.minutes)


def measure(run: iw.Run, training: iw.Images, held_out: iw.Images, arguments: Namespace) -> dict[str, float]:
    """The figures of one trained run."""
    count = min(len(training), len(held_out))
    known, unknown = (iw.score(run, images.subset(np.arange(count))).double() for images in (training, held_out))
    found = iw.evaluate(
        run,
        held_out,
        metrics="fd:interval=false",
        features=arguments.features,
        count=arguments.samples,
        save=False,
    )
    figures = {
        "gap": float((known.mean() - unknown.mean()) / unknown.std()),
        "held_out_real": float((unknown > 0).double().mean()),
        "frechet": float(found.scores[0].value),
    }
    probability = [
        float(tensor) for name, tensor in iw.load(run).state_dict().items() if name.endswith("augmentation.value")
    ]
    return {name: round(value, 4) for name, value in figures.items()} | {"p": round(sum(probability), 3)}


def main() -> None:
    arguments = options()
    training, held_out = open_split(arguments.pictures)
    seen = arguments.images_seen or images_within(arguments, training)
    rows: dict[str, list[dict[str, float]]] = {}
    for seed in arguments.seeds:
        for augmentation in arguments.augmentations:
            out = arguments.out / f"{arguments.model}-{augmentation}-{seed}"
            chosen = chosen_options(arguments, augmentation) | {"images_seen": seen, "seed": seed}
            run = iw.train(arguments.model, training, out, force=True, **chosen)
            draw_grid(iw.sample(run, 100, seed=seed), columns=10).save(out.with_suffix(".png"))
            rows.setdefault(augmentation, []).append(measure(run, training, held_out, arguments))
            print_row({"augmentation": augmentation, "seed": seed, "images_seen": seen} | rows[augmentation][-1])
    print(f"\n{'':<16}" + "".join(f"{name:>16}" for name in rows))
    for figure in FIGURES:
        means = (statistics.mean(row[figure] for row in each) for each in rows.values())
        print(f"{figure:<16}" + "".join(f"{mean:>16.3f}" for mean in means), flush=True)


if __name__ == "__main__":
    main()
