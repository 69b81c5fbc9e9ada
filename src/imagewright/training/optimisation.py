"""One optimizer for each network, so that all phases that move it share its moments."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from imagewright.phases import Phase
from imagewright.recipe import Optimizer

# The state that each kind keeps for a parameter, besides the number of its steps.
MOMENTS = {"adam": ("exp_avg", "exp_avg_sq"), "rmsprop": ("square_avg",)}


def lazy_correction(network: str, phases: Iterable[Phase]) -> float:
    """k / (k + 1) for a network with a lazy phase of interval k, else 1: rate and betas are corrected by it.

    Karras et al. 2019 (StyleGAN2), arXiv:1912.04958, appendix B, lazy regularisation: one step in k then weighs as if
    the regulariser ran in every step.
    """
    correction = 1.0
    for phase in phases:
        if phase.lazy and network in phase.updates:
            correction = phase.every / (phase.every + 1)
    return correction


def build_optimizer(
    network: nn.Module, settings: Optimizer, correction: float, *, capturable: bool = False
) -> torch.optim.Optimizer:
    """The optimizer of a network, with its state made now: a resumed run copies into it, in the layout of the weights.

    capturable: for a step in a CUDA graph, which reads the rate from a tensor.
    """
    parameters = list(network.parameters())
    fused = all(parameter.is_floating_point() for parameter in parameters)
    optimizer: torch.optim.Optimizer
    if settings.kind == "rmsprop":
        optimizer = torch.optim.RMSprop(parameters, capturable=capturable)
    else:
        optimizer = torch.optim.Adam(parameters, fused=fused, capturable=capturable)
    for parameter in parameters:
        optimizer.state[parameter] = {
            "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
            **{
                name: torch.zeros_like(parameter, memory_format=torch.preserve_format)
                for name in MOMENTS[settings.kind]
            },
        }
    if capturable:
        # Steps before the capture are meant to run without a graph.
        optimizer._warned_capturable_if_run_uncaptured = True
        for group in optimizer.param_groups:
            group["lr"] = torch.zeros((), device=parameters[0].device)
    set_numbers(optimizer, settings, correction)
    return optimizer


def set_numbers(optimizer: torch.optim.Optimizer, settings: Optimizer, correction: float) -> None:
    """Give the optimizer the numbers of this point of training, corrected for a lazy phase."""
    first, second = (beta**correction for beta in settings.betas)
    own = {"alpha": second} if settings.kind == "rmsprop" else {"betas": (first, second)}
    for group in optimizer.param_groups:
        rate = settings.learning_rate * correction
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
        group.update(own, eps=settings.eps, weight_decay=settings.weight_decay)


def restart(optimizer: torch.optim.Optimizer) -> None:
    """Forget the moments, as where a network grows."""
    for state in optimizer.state.values():
        for tensor in state.values():
            tensor.zero_()


def optimizer_tensors(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's own tensors by name, `main.0.weight.exp_avg`: to write, or to copy into."""
    return {
        f"{name}.{key}": tensor
        for name, parameter in network.named_parameters()
        for key, tensor in optimizer.state[parameter].items()
    }
