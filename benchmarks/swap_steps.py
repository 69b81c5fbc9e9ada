"""A training step of the face swap's small preset against the plain loop, with the same networks and torch.

    python benchmarks/swap_steps.py [--side 96] [--batch 8] [--precisions fp32 bf16] [--threads 1]

The plain loop (`swap_step`) is what programs for face swaps do: encoder and losses of one person after the other,
contiguous tensors, a convolution for each window of the structural dissimilarity, PyTorch's Adam and moving average of
each weight, in fp32. Deformations and colours are the same functions. Before, the losses of both ways are compared.
Times are of the processor.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from harness import make_parser, print_processor_ratios
from torch import Tensor
from torch.nn.functional import conv2d, pad
from training_steps import EngineSteps, build_engine, build_model

from imagewright.images import Batch
from imagewright.losses.structural_similarity import blur
from imagewright.models.faces.swap_autoencoder import OUTSIDE, SOFT, SwapAutoencoder
from imagewright.phases import Draws, Rows
from imagewright.phases import Step as TrainingStep

WANTED = 1.25  # a step in 0.8 of the plain loop's time
K1, K2 = 0.01, 0.03
REACH = 5


def options() -> Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--batch", type=int, default=8, help="faces of each person")
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"], choices=["fp32", "bf16"])
    parser.add_argument("--steps", type=int, default=2, help="in one timed round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


# The plain loop


def window_means(images: Tensor) -> Tensor:
    """Means with the Gaussian window of SSIM, 11 pixels wide."""
    offsets = torch.arange(-REACH, REACH + 1, dtype=torch.float32)
    line = torch.exp(-0.5 * (offsets / 1.5) ** 2)
    line /= line.sum()
    weight = (line[:, None] * line).expand(images.shape[1], 1, -1, -1).contiguous()
    return conv2d(pad(images, (REACH,) * 4, "replicate"), weight, groups=images.shape[1])


def dissimilarity(images: Tensor, targets: Tensor) -> Tensor:
    one, other = window_means(images), window_means(targets)
    variances = window_means(images**2) - one**2 + window_means(targets**2) - other**2
    covariance = window_means(images * targets) - one * other
    luminance = (2 * one * other + K1**2) / (one**2 + other**2 + K1**2)
    return (1 - luminance * (2 * covariance + K2**2) / (variances + K2**2)) / 2


def terms_of(config: Any, drawn: tuple[Tensor, Tensor], wanted: Tensor, parts: Tensor) -> list[Tensor]:
    """The losses of one person's faces."""
    picture, mask = drawn
    face, features = parts[:, :1], parts[:, 1:]
    weights = OUTSIDE + (1 - OUTSIDE) * (2 * blur(face, SOFT * max(config.size))).clamp(max=1)
    return [
        config.structure * (dissimilarity(picture, wanted) * weights).mean(),
        config.squared_error * ((picture - wanted) ** 2 * weights).mean(),
        config.features * ((picture - wanted).abs() * features).mean(),
        config.mask * ((mask - face) ** 2).mean(),
    ]


def plain_terms(model: SwapAutoencoder, rows: tuple[Rows, Rows], draws: Draws) -> list[Tensor]:
    """The losses of both people, one after the other."""
    networks: Any = model.networks
    inputs, targets, parts = model._deform(rows, draws)
    decoders = (networks.decoder_a, networks.decoder_b)
    terms: list[Tensor] = []
    for decoder, given, wanted, of_parts in zip(decoders, inputs, targets, parts, strict=True):
        drawn = decoder(networks.inner(networks.encoder(given)))
        terms += terms_of(model.config, drawn, wanted, of_parts)
    return terms


def swap_step(model: SwapAutoencoder, rows: tuple[Rows, Rows]) -> Callable[[], None]:
    """A step: gradients, Adam, and the moving average of each weight."""
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    average = deepcopy(model)
    generator = torch.Generator().manual_seed(0)
    count = len(rows[0].images)

    def step() -> None:
        adam.zero_grad()
        terms = plain_terms(model, rows, Draws(generator, count, 0, count))
        sum(terms).backward()  # type: ignore[union-attr]
        adam.step()
        with torch.no_grad():
            for mean, value in zip(average.parameters(), model.parameters(), strict=True):
                mean.lerp_(value, 0.01)
        [term.item() for term in terms]

    return step


# The comparison


def model_of(arguments: Namespace) -> SwapAutoencoder:
    model = build_model("swap", arguments.side, preset="small")
    assert isinstance(model, SwapAutoencoder)
    return model


def batches_of(arguments: Namespace) -> dict[str, Batch]:
    """Smooth noise with an oval of parts in it, for each person."""
    side, generator = arguments.side, torch.Generator().manual_seed(0)
    across = torch.linspace(-1, 1, side)
    parts = ((across[:, None] ** 2 + across**2) < 0.5).long() + ((across[:, None] ** 2 + across**2) < 0.05).long()
    made = {}
    for feed in ("a", "b"):
        noise = blur(torch.rand(arguments.batch, 3, side, side, generator=generator), 2.0) * 255
        images = noise.to(torch.uint8).contiguous(memory_format=torch.channels_last)
        layers = {"image": images, "parts": parts.expand(arguments.batch, side, side).contiguous()}
        made[feed] = Batch(images, layers=layers)
    return made


def rows_of(arguments: Namespace) -> tuple[Rows, Rows]:
    """The same as floats in contiguous tensors."""
    one, other = (
        Rows(images=batch.images.float().contiguous() / 127.5 - 1, layers={"parts": batch.layers["parts"]})
        for batch in batches_of(arguments).values()
    )
    return one, other


def largest_difference(arguments: Namespace) -> float:
    """Of the losses by both ways, relative to the size of each."""
    model, rows, count = model_of(arguments), rows_of(arguments), arguments.batch
    draws = [Draws(torch.Generator().manual_seed(0), count, 0, count) for _ in range(2)]
    step = TrainingStep(**vars(rows[0]), index=0, images_seen=0, draws=draws[0], feeds={"b": rows[1]})
    pairs = zip(model.rebuild_loss(step).values(), plain_terms(model, rows, draws[1]), strict=True)
    return max(float((ours - plain).abs() / plain.abs().clamp(min=1e-12)) for ours, plain in pairs)


def main() -> None:
    arguments = options()
    torch.set_num_threads(arguments.threads)
    print(f"largest relative difference of losses: {largest_difference(arguments):.1e}")
    for precision in arguments.precisions:
        engine = build_engine(model_of(arguments), arguments.batch, torch.device("cpu"), precision=precision)
        run, step = EngineSteps(engine, batches_of(arguments)), swap_step(model_of(arguments), rows_of(arguments))

        def plain(step: Callable[[], None] = step) -> None:
            for _ in range(arguments.steps):
                step()

        title = f"swap, small, {arguments.side} pixels, {arguments.batch} + {arguments.batch} faces, {precision}; "
        print_processor_ratios(
            f"{title}wanted {WANTED}",
            arguments.steps * arguments.batch,
            "faces/s of each",
            ("imagewright", "plain loop, fp32"),
            (lambda run=run: run(arguments.steps), plain),  # type: ignore[misc]
            arguments.rounds,
        )


if __name__ == "__main__":
    main()
