"""What ten minutes on two cores give on Fashion-MNIST: samples of a model, judged by an independent classifier.

    python benchmarks/fashion_quality.py --model dcgan --minutes 10 --seeds 0 1 2 --out /somewhere

The classifier is a small convolutional network trained on the real pictures, and stopped at the end of the first epoch
after which it is above 0.9 confidence on 80 % of real test pictures. A sample is recognised where it is that sure.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from judges import accuracy, probabilities, small_network, split, trained
from torch import Tensor, nn

import imagewright as iw
from imagewright.output.grids import draw_grid

# What ten minutes are best spent on here: few latents, many small steps, and R1, without which the discriminator wins.
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
REAL_SHARE = 0.8  # of real test pictures that the classifier is sure of, when its training stops
MOST_EPOCHS = 30


def sure_of(network: nn.Module, images: Tensor) -> float:
    """The share of uint8 images that the classifier is sure of."""
    return float((probabilities(network, images).max(1).values > SURE).float().mean())


def judged(network: nn.Module, images: Tensor) -> dict[str, object]:
    """How many pictures are recognised, and how they spread over the classes."""
    confidence, chosen = probabilities(network, images).max(1)
    shares = torch.bincount(chosen, minlength=10) / len(images)
    return {
        "sure": round(float((confidence > SURE).float().mean()), 4),
        "class_shares": {name: round(float(share), 3) for name, share in zip(CLASSES, shares, strict=True)},
        "smallest_share": round(float(shares.min()), 4),
        "largest_share": round(float(shares.max()), 4),
    }


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="dcgan", choices=RECIPES)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--images-seen", type=int, help="instead of --minutes")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/fashion-quality"))
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="options of the model")
    return parser.parse_args()


def images_in(minutes: float, model: str, images: object, chosen: dict[str, object], out: Path) -> int:
    """How many images this machine trains on in that time: from a short run."""
    run = iw.train(model, images, out / "speed", force=True, images_seen=10_000, report_every=5_000, **chosen)
    return int(run.metrics()[-1]["images_per_second"] * minutes * 60)


def main() -> None:
    arguments = options()
    typed = (option.split("=") for option in arguments.set)
    chosen = RECIPES[arguments.model] | {n: json.loads(v) if v[0] in "0123456789-" else v for n, v in typed}
    training, test = split("fashion_mnist")
    real = training.batch(np.arange(len(training)))
    held_out = test.batch(np.arange(len(test)))
    torch.manual_seed(0)
    network = trained(
        small_network(),
        real.images,
        real.labels,
        arguments.out / "classifier.safetensors",
        epochs=MOST_EPOCHS,
        enough=lambda network: sure_of(network, held_out.images) >= REAL_SHARE,
    )
    right = accuracy(network, held_out.images, held_out.labels)
    print(json.dumps({"real test pictures": judged(network, held_out.images), "accuracy": round(right, 4)}))
    seen = arguments.images_seen or images_in(arguments.minutes, arguments.model, training, chosen, arguments.out)
    for seed in arguments.seeds:
        started = time.monotonic()
        out = arguments.out / f"{arguments.model}-{seed}"
        run = iw.train(arguments.model, training, out, force=True, images_seen=seen, seed=seed, **chosen)
        minutes = (time.monotonic() - started) / 60
        samples = iw.sample(run, 5_000, seed=seed)
        draw_grid(samples[:100], columns=10).save(arguments.out / f"{arguments.model}-{seed}.png")
        row = {"seed": seed, "images_seen": seen, "minutes": round(minutes, 2), **judged(network, samples)}
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
