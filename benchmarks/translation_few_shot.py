"""What FUNIT makes of classes that it never saw, as an independent classifier of these classes tells.

    python benchmarks/translation_few_shot.py --minutes 40 --size 32

The classes are characters of Omniglot; the last ones are held out of training. Pictures of training characters are
translated by some pictures of a held-out one. Printed: `unseen`, the share that a classifier of the held-out classes
puts in the class of the reference pictures (it learned from the other pictures of these classes, shifted and turned;
`classifier` is its accuracy on the reference pictures); `chance`, that of guessing; and `content`, the same classifier
on the content pictures as they are. A sheet of references, inputs and translations is drawn: look at it.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from classifiers import accuracy, build_network, probabilities, train_classifier
from harness import SHARED_DATA, add_seeds, make_parser, parse_settings, print_row
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample
from translation_domains import pixels_of

import imagewright as iw
from imagewright.output.grids import draw_grid

HELD_OUT = 20  # classes
REFERENCES, CONTENTS = 5, 10
COPIES = 30  # of each training picture of the classifier
SHOWN = 8


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--model", default="funit")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="options of the training")
    parser.add_argument("--out", type=Path, default=Path("runs/translation-few-shot"))
    add_seeds(parser, [0])
    return parser.parse_args()


def shifted_and_turned(images: Tensor) -> Tensor:
    """Copies of uint8 images (N, C, H, W), each moved, scaled and turned a little; (N * COPIES, C, H, W)."""
    generator = torch.Generator().manual_seed(0)
    copies = images.repeat(COPIES, 1, 1, 1).float() - 255
    angle, scale = (0.2 * torch.randn(len(copies), generator=generator) for _ in range(2))
    matrix = torch.zeros(len(copies), 2, 3)
    size = 1 + 0.5 * scale
    matrix[:, 0, 0], matrix[:, 0, 1] = size * angle.cos(), -size * angle.sin()
    matrix[:, 1, 0], matrix[:, 1, 1] = size * angle.sin(), size * angle.cos()
    matrix[:, :, 2] = 0.1 * torch.randn(len(copies), 2, generator=generator)
    return (grid_sample(copies, affine_grid(matrix, list(copies.shape), False), align_corners=False) + 255).byte()


def open_characters(size: int) -> iw.Images:
    """The Omniglot pictures, a class for each character of each alphabet."""
    folder = SHARED_DATA / "omniglot"
    names = iw.open_images(folder).names()
    return iw.open_images(folder, size=size, labels=[str(Path(name).parent) for name in names])


def run_case(arguments: Namespace, seed: int) -> dict[str, Any]:
    """Train on the first classes, translate to the held-out ones, and draw the sheet."""
    images = open_characters(arguments.size)
    assert images.labels is not None
    labels = np.asarray(images.labels)
    first = labels.max() + 1 - HELD_OUT
    seen, unseen = images[labels < first], labels >= first
    place = np.concatenate([np.arange(count) for count in np.bincount(labels)])[np.argsort(np.argsort(labels))]
    references, rest = images[unseen & (place < REFERENCES)], images[unseen & (place >= REFERENCES)]
    known = torch.from_numpy(labels[unseen & (place >= REFERENCES)] - first).repeat(COPIES)
    told = torch.from_numpy(labels[unseen & (place < REFERENCES)] - first)
    torch.manual_seed(0)
    judge = train_classifier(
        build_network(HELD_OUT, images.channels, arguments.size),
        shifted_and_turned(pixels_of(rest)),
        known,
        arguments.out / f"judge-{arguments.size}.safetensors",
        epochs=8,
    )
    out = arguments.out / f"{arguments.model}-{seed}"
    settings = parse_settings(arguments.set)
    run = iw.train(arguments.model, seen, out, force=True, seed=seed, minutes=arguments.minutes, **settings)
    contents = pixels_of(seen[np.linspace(0, len(seen) - 1, CONTENTS).astype(int)])
    examples = pixels_of(references)
    made = [iw.translate(run, contents, like=examples[told == number].numpy()) for number in range(HELD_OUT)]
    found = probabilities(judge, torch.cat(made)).argmax(1).reshape(HELD_OUT, CONTENTS)
    alone = probabilities(judge, contents).argmax(1).bincount(minlength=HELD_OUT).max() / CONTENTS
    rows = [torch.cat([examples[told == number][:1], made[number][:SHOWN]]) for number in range(0, HELD_OUT, 3)]
    draw_grid(torch.cat([torch.cat([contents[:1], contents[:SHOWN]]), *rows]), columns=SHOWN + 1).save(
        out.with_suffix(".png")
    )
    return {
        "images_seen": run.checkpoints()[-1].images_seen,
        "unseen": round(float((found == torch.arange(HELD_OUT)[:, None]).float().mean()), 3),
        "chance": 1 / HELD_OUT,
        "content": round(float(alone), 3),
        "classifier": round(accuracy(judge, examples, told), 3),
    }


def main() -> None:
    arguments = options()
    if not (SHARED_DATA / "omniglot").is_dir():
        print_row({"model": arguments.model, "skipped": "omniglot is not beside the repository"})
        return
    for seed in arguments.seeds:
        print_row({"model": arguments.model, "size": arguments.size, "seed": seed} | run_case(arguments, seed))


if __name__ == "__main__":
    main()
