"""VAE-GAN against VAE of equal size and processor time, on CelebA faces of 64 pixels: which are nearer to real?

    python benchmarks/face_quality.py --seeds 0 --out /somewhere

Nearness is the Frechet distance in the features of a small network trained on CIFAR-10, which has no faces; sharpness
the variance of the Laplacian, printed for the real pictures too. Scored are samples, and reconstructions of faces of
people whom the training never saw.
"""

from __future__ import annotations

import math
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
from classifiers import build_network, open_people, train_classifier
from harness import AS_RECORDED, SHARED_DATA, add_seeds, make_parser, print_row
from torch import Tensor, nn
from torch.nn.functional import conv2d

import imagewright as iw
from imagewright.metrics.frechet.distance import frechet_distance
from imagewright.metrics.frechet.moments import Moments
from imagewright.output.grids import draw_grid

# Chosen on these faces at 32 pixels. Encoder and decoder hold 2.95 million numbers in the VAE, 1.87 in the VAE-GAN.
RECIPES: dict[str, dict[str, object]] = {
    "vae": {"latent_dim": 128, "width": 32, "schedule": "cosine", "images_seen": 400_000},
    "vae_gan": {"latent_dim": 128, "width": 16, "schedule": "linear", "images_seen": 70_000},
}
SAMPLES = 2_000
SHOWN = 10


def build_features_network(path: Path) -> nn.Module:
    """(N, 3, 64, 64) in [-1, 1] to features (N, 128): a classifier of CIFAR-10, up to its last map's mean."""
    torch.manual_seed(0)
    images = iw.open_images(SHARED_DATA / "cifar10_jpg", size=64, split="train")
    everything = images.batch(np.arange(len(images)))
    network = build_network(channels=3, size=64)
    train_classifier(network, everything.images, everything.labels, path, epochs=8)
    last_map = max(place for place, layer in enumerate(network) if isinstance(layer, nn.Conv2d)) + 2
    return nn.Sequential(*network[:last_map], nn.AdaptiveAvgPool2d(1), nn.Flatten())


def moments_of(network: nn.Module, images: Tensor) -> Moments:
    """The moments of the features of uint8 images (N, 3, H, W)."""
    with torch.inference_mode():
        return Moments.from_features(torch.cat([network(part / 127.5 - 1) for part in images.split(256)]).numpy())


def sharpness(images: Tensor) -> float:
    """The mean over pictures of the variance of the Laplacian of their grey values (Pech-Pacheco et al. 2000)."""
    grey = images.float().mean(1, keepdim=True)
    laplacian = conv2d(grey, torch.tensor([[[[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]]]))
    return float(laplacian.flatten(1).var(1).mean())


def score(run: iw.Run, real: Tensor, network: nn.Module) -> dict[str, float]:
    """Distances and sharpness of samples and of reconstructions."""
    reference = moments_of(network, real)
    made = {"samples": iw.sample(run, SAMPLES), "reconstructions": iw.reconstruct(run, real)}
    found = {}
    for what, images in made.items():
        found[f"distance of {what}"] = round(frechet_distance(moments_of(network, images), reference), 4)
        found[f"sharpness of {what}"] = round(sharpness(images), 1)
    return found


def size_of(run: iw.Run) -> int:
    """Parameters of the encoder and the decoder together."""
    model = iw.load(run)
    return sum(math.prod(p.shape) for name in ("encoder", "decoder") for p in model.get_submodule(name).parameters())


def options() -> Namespace:
    parser = make_parser(__doc__)
    add_seeds(parser)
    parser.add_argument("--models", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--out", type=Path, default=Path("runs/face-quality"))
    parser.add_argument("--images-seen", type=int, help="instead of the recipes' numbers")
    parser.add_argument("--score-only", action="store_true", help="of runs that are in --out already")
    return parser.parse_args()


def main() -> None:
    arguments = options()
    training, test = open_people(64)
    real = test.batch(np.arange(len(test))).images
    network = build_features_network(arguments.out / "cifar.safetensors")
    halves = [moments_of(network, training.batch(rows).images) for rows in np.arange(2_000).reshape(2, -1)]
    print_row({"real": {"sharpness": sharpness(real), "distance of two halves": frechet_distance(*halves)}})
    for seed in arguments.seeds:
        sheet = [real[:SHOWN]]
        for name in arguments.models:
            out = arguments.out / f"{name}-{seed}"
            started = time.process_time()
            if not arguments.score_only:
                recipe = RECIPES[name] | ({"images_seen": arguments.images_seen} if arguments.images_seen else {})
                iw.train(name, training, out=out, force=True, seed=seed, **(AS_RECORDED | recipe))
            run, minutes = iw.Run(out), (time.process_time() - started) / 60
            row = {"model": name, "seed": seed, "processor minutes": round(minutes, 1), "parameters": size_of(run)}
            print_row(row | score(run, real, network))
            sheet += [iw.reconstruct(run, real[:SHOWN]), iw.sample(run, SHOWN)]
        labels = ["real", *(f"{name} {what}" for name in arguments.models for what in ("rebuilt", "sampled"))]
        draw_grid(torch.cat(sheet), row_labels=labels).save(arguments.out / f"faces-{seed}.png")


if __name__ == "__main__":
    main()
