"""Gradient norms of each phase, and the size of an optimizer's step relative to the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

FOLD_AT = 256  # norms in the list of a phase before they are folded into sums, so that lists stay short


class GradientNorms:
    """The norms of each phase's gradients since the last report, collected without waiting for the device."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}  # of a phase: sum of logarithms, how many, largest, not finite ones
        self._new: dict[str, list[Tensor]] = {}

    def add(self, phase: str, norms: list[Tensor]) -> None:
        """One step of a phase: the norm of each of its networks' gradients."""
        gathered = self._new.setdefault(phase, [])
        gathered.append(norms[0] if len(norms) == 1 else torch.stack(norms).norm())
        if len(gathered) >= FOLD_AT:
            self._sums[phase] = self._summed(phase)
            gathered.clear()

    def _summed(self, phase: str) -> Tensor:
        norms = torch.stack([norm.float() for norm in self._new[phase]])
        finite = norms.isfinite()
        # A network that skips an update has a gradient of zero, whose logarithm would dominate the mean.
        moving = finite & (norms > 0)
        logarithms = torch.where(moving, norms.log(), 0).sum()
        new = torch.stack([logarithms, moving.sum(), torch.where(finite, norms, 0).max(), (~finite).sum()])
        before = self._sums.get(phase)
        if before is None:
            return new
        return torch.where(
            torch.tensor([False, False, True, False], device=new.device), before.maximum(new), before + new
        )

    def read(self) -> dict[str, float]:
        """Typical (geometric mean) and largest norm of each phase since the last call, and how many were not finite."""
        figures: dict[str, float] = {}
        for phase, new in self._new.items():
            sums = self._summed(phase) if new else self._sums[phase]
            logarithms, count, largest, broken = sums.tolist()
            if count:
                figures[f"gradients/{phase}/typical"] = math.exp(logarithms / count)
                figures[f"gradients/{phase}/largest"] = largest
            if broken:
                figures[f"gradients/{phase}/not_finite"] = broken
        self._sums, self._new = {}, {}
        return figures

    def state(self) -> dict[str, dict[str, list[float]]]:
        """For a checkpoint: with it, a resumed run's next report equals that of an unbroken run."""
        return {
            phase: {
                "new": [float(norm) for norm in new],
                "sums": self._sums[phase].tolist() if phase in self._sums else [],
            }
            for phase, new in self._new.items()
        }

    def restore(self, state: dict[str, dict[str, list[float]]], device: torch.device) -> None:
        """Continue from `state`."""
        self._new = {
            phase: [torch.tensor(norm, device=device) for norm in saved["new"]] for phase, saved in state.items()
        }
        self._sums = {
            phase: torch.tensor(saved["sums"], device=device) for phase, saved in state.items() if saved["sums"]
        }


def total_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """The norm of the gradients of a network's parameters, where they are."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return nn.utils.get_total_norm(gradients, foreach=True)


def relative_steps(networks: dict[str, nn.Module], optimizers: dict[str, torch.optim.Optimizer]) -> dict[str, float]:
    """The norm of each network's next step, by the optimizer's moments, as a share of the norm of its weights.

    The gradient of the next step is left out, so that no weights need to be stored for a comparison.
    """
    figures: dict[str, float] = {}
    for name, network in networks.items():
        moved = torch.zeros((), dtype=torch.float64)
        size = torch.zeros((), dtype=torch.float64)
        group = optimizers[name].param_groups[0]
        for parameter in network.parameters():
            size += parameter.detach().square().sum().double().cpu()
            state = optimizers[name].state.get(parameter)
            # RMSprop keeps no mean of the gradient: its step follows from the next gradient alone.
            if state and "exp_avg" in state and float(state["step"]):
                moved += _adam_step(state, group["betas"], group["eps"]).square().sum().double().cpu()
        # Weights that start at zero (a noise level) have no size yet: their step counts in full.
        if "betas" in group:
            figures[f"step/{name}"] = float(group["lr"]) * math.sqrt(float(moved)) / max(math.sqrt(float(size)), 1e-6)
    return figures


def _adam_step(state: dict[str, Tensor], betas: tuple[float, float], epsilon: float) -> Tensor:
    """Kingma & Ba 2015, arXiv:1412.6980, algorithm 1, for a learning rate of 1."""
    steps = float(state["step"])
    mean = state["exp_avg"] / (1 - betas[0] ** steps)
    variance = state["exp_avg_sq"] / (1 - betas[1] ** steps)
    return mean / (variance.sqrt() + epsilon)
