"""Optimizers: one for each network, so that all phases that update a network share its moments."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from imagewright import optimizers
from imagewright.distributed import in_memory_order
from imagewright.phases import Phase
from imagewright.recipe import Optimizer

# The names of each optimizer's moments, as PyTorch has them. Each parameter also has a number of steps, `step`.
MOMENTS = {"adam": ("exp_avg", "exp_avg_sq"), "rmsprop": ("square_avg",), "sgd": ("momentum_buffer",)}


def lazy_correction(network: str, phases: Iterable[Phase]) -> float:
    """c = k / (k + 1) for a network with a lazy phase of interval k, else 1.

    The learning rate is multiplied by c, and the betas are raised to the power c, so that an optimizer that makes k + 1
    updates in k steps moves as far as one that makes k (Karras et al. 2019, StyleGAN2, arXiv:1912.04958, appendix B).
    Raises `ValueError` for several lazy phases.
    """
    intervals = [phase.every for phase in phases if phase.lazy and network in phase.updates]
    if len(intervals) > 1:
        raise ValueError(f"{len(intervals)} lazy phases update {network!r}, and the correction is known for one")
    return intervals[0] / (intervals[0] + 1) if intervals else 1.0


class AdamInMemoryOrder(optimizers.Adam):
    """Adam that takes each tensor as a flat view in memory order.

    The CPU's fused Adam (torch 2.13) copies channels_last weights and moments to contiguous tensors and back, which
    takes several times as long as the update itself, and it mixes up gradients whose layout is not their weights'.
    """

    def _init_group(self, group: Any, parameters: list[Tensor], gradients: list[Tensor], *lists: list[Tensor]) -> bool:
        has_complex: bool = super()._init_group(group, parameters, gradients, *lists)
        *moments, _, _ = lists  # the largest second moments, which are not used, and the numbers of steps
        for place, parameter in enumerate(parameters):
            if parameter.is_contiguous() or not parameter.is_contiguous(memory_format=torch.channels_last):
                continue
            gradients[place] = gradients[place].contiguous(memory_format=torch.channels_last)
            for each in (parameters, gradients, *moments):
                each[place] = in_memory_order(each[place].detach())
        return has_complex


def build_optimizer(
    network: nn.Module, hyperparameters: Optimizer, correction: float, *, capturable: bool = False
) -> torch.optim.Optimizer:
    """Build the optimizer of a network.

    Its moments are created here, in the memory layout of the weights, because a resumed run copies into them.

    network: whose parameters it updates.
    hyperparameters: at the start of training.
    correction: of `lazy_correction`.
    capturable: whether steps are captured as CUDA graphs; the learning rate is then a tensor.
    """
    parameters = list(network.parameters())
    fused = all(parameter.is_floating_point() for parameter in parameters)
    optimizer: torch.optim.Optimizer
    if hyperparameters.kind == "rmsprop":
        optimizer = optimizers.RMSprop(parameters, capturable=capturable)
    elif hyperparameters.kind == "sgd":
        optimizer = optimizers.SGD(parameters)
    else:
        kind = AdamInMemoryOrder if fused and parameters[0].device.type == "cpu" else optimizers.Adam
        optimizer = kind(parameters, fused=fused, capturable=capturable)
    for parameter in parameters:
        optimizer.state[parameter] = {
            "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
            **{
                name: torch.zeros_like(parameter, memory_format=torch.preserve_format)
                for name in MOMENTS[hyperparameters.kind]
            },
        }
    if capturable:
        # Steps before the capture are meant to run without a graph.
        optimizer._warned_capturable_if_run_uncaptured = True
        for group in optimizer.param_groups:
            group["lr"] = torch.zeros((), device=parameters[0].device)
    set_hyperparameters(optimizer, hyperparameters, correction)
    return optimizer


def set_hyperparameters(optimizer: torch.optim.Optimizer, hyperparameters: Optimizer, correction: float) -> None:
    """Set the hyperparameters of an optimizer, corrected for a lazy phase (`lazy_correction`)."""
    first, second = (beta**correction for beta in hyperparameters.betas)
    own: dict[str, Any] = {"betas": (first, second)}
    if hyperparameters.kind == "rmsprop":
        own = {"alpha": second}
    elif hyperparameters.kind == "sgd":
        own = {"momentum": first}
    for group in optimizer.param_groups:
        rate = hyperparameters.learning_rate * correction
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
        group.update(own, eps=hyperparameters.eps, weight_decay=hyperparameters.weight_decay)


def reset_moments(optimizer: torch.optim.Optimizer) -> None:
    """Set moments and step counts to zero."""
    for moments in optimizer.state.values():
        for tensor in moments.values():
            tensor.zero_()


def optimizer_tensors(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Moments and step counts by name, such as `main.0.weight.exp_avg`: the tensors themselves, not copies."""
    return {
        f"{name}.{key}": tensor
        for name, parameter in network.named_parameters()
        for key, tensor in optimizer.state[parameter].items()
    }
