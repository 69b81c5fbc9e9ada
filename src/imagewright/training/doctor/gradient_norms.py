"""How hard a training pulls at its networks: the norms of gradients, and how far a step moves the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

FOLD_AT = 256  # norms that are kept one by one before they are folded: a list of scalars must not grow without end


class GradientNorms:
    """The norms of each phase's gradients since the last report, gathered without waiting for the device."""

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
        # A network that a rule lets rest for a step has a gradient of zero, whose logarithm would drown the others'.
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
        """What a checkpoint keeps, so that a resumed run's next report says what an unbroken one's would."""
        return {
            phase: {
                "new": [float(norm) for norm in new],
                "sums": self._sums[phase].tolist() if phase in self._sums else [],
            }
            for phase, new in self._new.items()
        }

    def restore(self, state: dict[str, dict[str, list[float]]], device: torch.device) -> None:
        """Go on from `state`."""
        self._new = {
            phase: [torch.tensor(norm, device=device) for norm in kept["new"]] for phase, kept in state.items()
        }
        self._sums = {phase: torch.tensor(kept["sums"], device=device) for phase, kept in state.items() if kept["sums"]}


def total_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """The norm of the gradients of a network's parameters, where they are."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return nn.utils.get_total_norm(gradients, foreach=True)


def relative_steps(networks: dict[str, nn.Module], optimizers: dict[str, torch.optim.Adam]) -> dict[str, float]:
    """How far the next step of Adam would move each network's weights, as a share of their own size.

    Read off the moments: the gradient's part of the step is left to them, and no weights need to be kept.
    """
    figures: dict[str, float] = {}
    for name, network in networks.items():
        moved = torch.zeros((), dtype=torch.float64)
        size = torch.zeros((), dtype=torch.float64)
        group = optimizers[name].param_groups[0]
        for parameter in network.parameters():
            size += parameter.detach().square().sum().double().cpu()
            state = optimizers[name].state.get(parameter)
            if state and float(state["step"]):
                moved += _adam_step(state, group["betas"], group["eps"]).square().sum().double().cpu()
        # Weights that start at zero (a noise level) have no size yet: what moves them counts in full.
        figures[f"step/{name}"] = group["lr"] * math.sqrt(float(moved)) / max(math.sqrt(float(size)), 1e-6)
    return figures


def _adam_step(state: dict[str, Tensor], betas: tuple[float, float], epsilon: float) -> Tensor:
    """Kingma & Ba 2015, arXiv:1412.6980, algorithm 1, for a rate of 1."""
    steps = float(state["step"])
    mean = state["exp_avg"] / (1 - betas[0] ** steps)
    variance = state["exp_avg_sq"] / (1 - betas[1] ** steps)
    return mean / (variance.sqrt() + epsilon)
