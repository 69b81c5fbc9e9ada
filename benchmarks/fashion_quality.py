"""Samples of a model after ten minutes on two cores on Fashion-MNIST, scored by an independent classifier.

    python benchmarks/fashion_quality.py --model dcgan --minutes 10 --seeds 0 1 2 --out /somewhere

The classifier is a small convolutional network trained on the real pictures, and stopped at the end of the first epoch
after which it is above 0.9 confidence on 80 % of real test pictures. A sample is recognised if it is that sure.
"""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
from classifiers import accuracy, build_network, open_split, probabilities, train_classifier
from harness import AS_RECORDED, add_seeds, make_parser, parse_settings, print_row
from torch import Tensor, nn

import imagewright as iw
from imagewright.output.grids import draw_grid

# For ten minutes: few latents, many small steps, and R1, without which the discriminator wins.
RECIPES: dict[str, dict[str, object]] = {
    "dcgan": {
        "width": 32,
        "latent_dim": 16,
        "penalty": 0.5,
        "batch_size": 16,
        "learning_rate": 1e-3,
        "schedule": "linear",
    },
    "vae": {"latent_dim": 16, "likelihood": "bernoulli", "schedule": "cosine"},
}
CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
SURE = 0.9
REAL_SHARE = 0.8  # real test pictures that the classifier is sure of when its training stops
MOST_EPOCHS = 30


def sure_of(network: nn.Module, images: Tensor) -> float:
    """The share of uint8 images that the classifier is sure of."""
    return float((probabilities(network, images).max(1).values > SURE).float().mean())


def recognise(network: nn.Module, images: Tensor) -> dict[str, object]:
    """The share of pictures that are recognised, and their shares of the classes."""
    confidence, chosen = probabilities(network, images).max(1)
    shares = torch.bincount(chosen, minlength=10) / len(images)
    return {
        "sure": round(float((confidence > SURE).float().mean()), 4),
        "class_shares": {name: round(float(share), 3) for name, share in zip(CLASSES, shares, strict=True)},
        "smallest_share": round(float(shares.min()), 4),
        "largest_share": round(float(shares.max()), 4),
    }


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--model", default="dcgan", choices=RECIPES)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--images-seen", type=int, help="instead of --minutes")
    add_seeds(parser)
    parser.add_argument("--out", type=Path, default=Path("runs/fashion-quality"))
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="options of the model")
    return parser.parse_args()


def images_within(minutes: float, model: str, images: object, chosen: dict[str, object], out: Path) -> int:
    """How many images this machine trains on in that time, estimated from a short run."""
    run = iw.train(model, images, out / "speed", force=True, images_seen=10_000, report_every=5_000, **chosen)
    return int(run.metrics()[-1]["images_per_second"] * minutes * 60)


def main() -> None:
    arguments = options()
    chosen = AS_RECORDED | RECIPES[arguments.model] | parse_settings(arguments.set)
    training, test = open_split("fashion_mnist")
    real = training.batch(np.arange(len(training)))
    held_out = test.batch(np.arange(len(test)))
    torch.manual_seed(0)
    network = train_classifier(
        build_network(),
        real.images,
        real.labels,
        arguments.out / "classifier.safetensors",
        epochs=MOST_EPOCHS,
        is_enough=lambda network: sure_of(network, held_out.images) >= REAL_SHARE,
    )
    right = accuracy(network, held_out.images, held_out.labels)
    print_row({"real test pictures": recognise(network, held_out.images), "accuracy": round(right, 4)})
    seen = arguments.images_seen or images_within(arguments.minutes, arguments.model, training, chosen, arguments.out)
    for seed in arguments.seeds:
        started = time.monotonic()
        out = arguments.out / f"{arguments.model}-{seed}"
        run = iw.train(arguments.model, training, out, force=True, images_seen=seen, seed=seed, **chosen)
        minutes = (time.monotonic() - started) / 60
        samples = iw.sample(run, 5_000, seed=seed)
        draw_grid(samples[:100], columns=10).save(arguments.out / f"{arguments.model}-{seed}.png")
        row = {"seed": seed, "images_seen": seen, "minutes": round(minutes, 2), **recognise(network, samples)}
        print_row(row)


if __name__ == "__main__":
    main()
