"""Does BigGAN sample the class that was requested? A classifier looks at 1,000 samples of each class of Fashion-MNIST.

    python benchmarks/high_fidelity_classes.py --model biggan --minutes 45 --seeds 0 --out /somewhere

The model is trained as the command line trains it if nothing else is said: options are those that the model suggests.
The classifier is trained on the real pictures for five epochs; its accuracy on real test pictures is printed too. A
sheet shows ten samples of each class, and a second one the same with truncated noise.
"""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
from classifiers import accuracy, build_network, open_split, probabilities, train_classifier
from harness import add_seeds, make_parser, parse_settings, print_row
from torch import Tensor, nn

import imagewright as iw
from imagewright.model import Model
from imagewright.output.grids import draw_grid

TRUNCATION = 0.5
WANTED = 0.7  # of the samples
EPOCHS = 5
SHOWN = 10  # samples of each class on a sheet


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--model", default="biggan", choices=["biggan", "biggan_deep"])
    parser.add_argument("--data", default="fashion_mnist", choices=["mnist", "fashion_mnist"])
    parser.add_argument("--minutes", type=float, default=45)
    parser.add_argument("--samples", type=int, default=1_000, help="of each class")
    add_seeds(parser, (0,))
    parser.add_argument("--out", type=Path, default=Path("runs/high-fidelity-classes"))
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="options of the model")
    return parser.parse_args()


def share_as_asked(network: nn.Module, samples: list[Tensor]) -> dict[str, object]:
    """The share of samples that the classifier puts into the class that was asked for."""
    shares = [
        float((probabilities(network, part).argmax(1) == label).float().mean()) for label, part in enumerate(samples)
    ]
    return {"as asked": round(float(np.mean(shares)), 4), "each class": [round(share, 3) for share in shares]}


def sample_classes(model: Model, names: tuple[str, ...], count: int, sheet: Path) -> list[Tensor]:
    """Samples of each class, uint8 (count, C, H, W); the first ones of each are written as a sheet."""
    samples = [iw.sample(model, count, seed=1, label=name) for name in names]
    draw_grid(torch.cat([part[:SHOWN] for part in samples]), columns=SHOWN).save(sheet)
    return samples


def main() -> None:
    given = options()
    training, test = open_split(given.data)
    real, held_out = training.batch(np.arange(len(training))), test.batch(np.arange(len(test)))
    names = tuple(training.class_names or ())
    torch.manual_seed(0)
    path = given.out / f"classifier-{given.data}.safetensors"
    network = train_classifier(build_network(), real.images, real.labels, path, epochs=EPOCHS)
    print_row({"accuracy on real test pictures": accuracy(network, held_out.images, held_out.labels)})
    for seed in given.seeds:
        started = time.monotonic()
        out = given.out / f"{given.data}-{given.model}-{seed}"
        chosen = {"precision": "fp32", "minutes": given.minutes} | parse_settings(given.set)
        run = iw.train(given.model, training, out, force=True, seed=seed, **chosen)
        minutes = (time.monotonic() - started) / 60
        row = {"seed": seed, "minutes": round(minutes, 1), "images_seen": run.checkpoints()[-1].images_seen}
        for truncation in (None, TRUNCATION):
            model = iw.load(run, truncation=truncation)
            sheet = out.with_name(f"{out.name}-{truncation or 'whole'}.png")
            samples = sample_classes(model, names, given.samples, sheet)
            print_row(row | {"truncation": truncation, "wanted": WANTED, **share_as_asked(network, samples)})


if __name__ == "__main__":
    main()
