"""Sampling: `sample`, whose picture k follows from its seed and k alone, against drawing and decoding.

    python benchmarks/sampling.py

4,000 pictures by PCA, by a DCGAN of 16 pixels, and by a VAE from its prior and from a fitted density, with the same
blocks of 16. The peer draws all latents by one generator, so that a picture of its depends on all before it. Processor
time, in turn.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from harness import make_parser, print_processor_ratios
from torch import Tensor
from training_steps import build_model

import imagewright as iw
from imagewright.model import Model
from imagewright.phases import Rows
from imagewright.pixels import to_uint8
from imagewright.views import view_model

BLOCK = 16


class Noise:
    """500 pictures of noise, as a fit reads them."""

    labels = None

    def __init__(self, *shape: int) -> None:
        self.pictures = torch.rand(500, *shape, generator=torch.Generator().manual_seed(0)) * 2 - 1

    def __len__(self) -> int:
        return len(self.pictures)

    def batches(self, batch_size: int) -> Iterator[Tensor]:
        yield from self.pictures.split(batch_size)


def build_models() -> dict[str, Model]:
    pca = build_model("pca", 28, components=64)
    pca.fit(Noise(3, 28, 28))
    vae = build_model("vae", 16, width=32, latent_dim=64).eval()
    with torch.no_grad():
        vae.encoder[-1].weight.mul_(20)  # so that its latents carry something of the pictures
        vae.fit_density([Rows(images=Noise(3, 16, 16).pictures)], seed=0, thorough=False)
    return {
        "PCA, 28 pixels": pca,
        "DCGAN, 16 pixels": build_model("dcgan", 16),
        "VAE, 16 pixels, prior": view_model(vae, sample_from="prior"),
        "VAE, 16 pixels, fitted": vae,
    }


def draw_and_decode(model: Model, count: int) -> Tensor:
    model.eval()
    with torch.inference_mode():
        latents = torch.randn(count, math.prod(model.latent_shape))
        return torch.cat([to_uint8(model.decode(block)) for block in latents.split(BLOCK)])


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name, model in build_models().items():
        print_processor_ratios(
            name,
            arguments.count,
            "images/s",
            ("imagewright", "draw and decode"),
            (lambda m=model: iw.sample(m, arguments.count), lambda m=model: draw_and_decode(m, arguments.count)),
            arguments.rounds,
        )


if __name__ == "__main__":
    main()
