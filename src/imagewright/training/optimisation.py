"""One Adam for each network, so that all phases that move it share its moments; the learning rate over time."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from imagewright.phases import Phase


def optimizer_of(
    network: nn.Module, name: str, phases: Iterable[Phase], learning_rate: float, betas: tuple[float, float]
) -> torch.optim.Adam:
    """A fused Adam. A lazy phase on the network corrects its rate and betas by k / (k + 1), k the phase's interval.

    Karras et al. 2019 (StyleGAN2), arXiv:1912.04958, appendix B, lazy regularisation: one step in k then weighs as if
    the regulariser ran in every step.
    """
    correction = 1.0
    for phase in phases:
        if phase.lazy and name in phase.updates:
            correction = phase.every / (phase.every + 1)
    parameters = list(network.parameters())
    optimizer = torch.optim.Adam(
        parameters,
        lr=learning_rate * correction,
        betas=(betas[0] ** correction, betas[1] ** correction),
        fused=all(parameter.is_floating_point() for parameter in parameters),
    )
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    # Made now, not at the first step: a resumed run copies into what is here, in the layout the weights have.
    for parameter in parameters:
        optimizer.state[parameter] = {
            "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
            "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
            "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
        }
    return optimizer


def optimizer_tensors(network: nn.Module, optimizer: torch.optim.Adam) -> dict[str, Tensor]:
    """The optimizer's own tensors by name, `main.0.weight.exp_avg`: to write, or to copy into."""
    return {
        f"{name}.{key}": tensor
        for name, parameter in network.named_parameters()
        for key, tensor in optimizer.state[parameter].items()
    }


def rate_factor(schedule: str, images_seen: int, total: int, warmup: int) -> float:
    """What the learning rate is multiplied by at a point of training, in 0..1."""
    rising = min(1.0, (images_seen + 1) / warmup) if warmup else 1.0
    gone = min(1.0, images_seen / total)
    falling = {"constant": 1.0, "linear": 1 - gone, "cosine": 0.5 * (1 + math.cos(math.pi * gone))}[schedule]
    return rising * falling
