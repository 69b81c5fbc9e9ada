"""Does InfoGAN's category code find the digits without labels? Each value stands for the digit it holds most often.

    python benchmarks/code_quality.py --images-seen 480000 --seeds 0 1 2 --out /somewhere

The model's own recipe, which is the authors', is used. Values are assigned to digits on training pictures, and scored
on 10,000 test pictures, which the training never saw.
"""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
from classifiers import open_split
from harness import AS_RECORDED, add_seeds, make_parser, parse_settings, print_row
from torch import Tensor

import imagewright as iw
from imagewright.output.grids import draw_grid


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--set", default="mnist", choices=["mnist", "fashion_mnist"])
    parser.add_argument("--images-seen", type=int, default=320_000, help="of the recipe's 640,000")
    add_seeds(parser)
    parser.add_argument("--out", type=Path, default=Path("runs/code-quality"))
    parser.add_argument("--option", nargs="*", default=[], metavar="NAME=VALUE", help="options of the model")
    return parser.parse_args()


def values_of(run: iw.Run, images: Tensor) -> Tensor:
    """The most likely value of the category code, (N,), of uint8 images."""
    return iw.classify(run, images).argmax(1)


def main() -> None:
    arguments = options()
    chosen = parse_settings(arguments.option)
    training, test = open_split(arguments.set, size=28)
    named, held_out = training.batch(np.arange(10_000)), test.batch(np.arange(len(test)))
    for seed in arguments.seeds:
        started, worked = time.monotonic(), time.process_time()
        out = arguments.out / f"{arguments.set}-{seed}"
        given = AS_RECORDED | {"images_seen": arguments.images_seen} | chosen
        run = iw.train("infogan", training, out, force=True, seed=seed, **given)
        minutes = {"minutes": (time.monotonic() - started) / 60, "of processors": (time.process_time() - worked) / 60}
        values = values_of(run, named.images)
        categories = run.record["config"]["categories"]
        counts = torch.zeros(categories, 10).index_put_(
            (values, named.labels), torch.ones(len(values)), accumulate=True
        )
        digit = counts.argmax(1)
        agreeing = float((digit[values_of(run, held_out.images)] == held_out.labels).float().mean())
        sheet = [iw.sample(run, 10, seed=seed, label=str(value)) for value in range(categories)]
        draw_grid(torch.cat(sheet), columns=10).save(out.with_suffix(".png"))
        row = {"seed": seed} | {name: round(value, 1) for name, value in minutes.items()}
        row |= {"agreement": round(agreeing, 4), "digits": digit.tolist()}
        row |= {name: round(value, 3) for name, value in run.metrics()[-1].items() if "information" in name}
        print_row(row)


if __name__ == "__main__":
    main()
