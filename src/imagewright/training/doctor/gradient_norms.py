"""Gradient norms of each phase, and the size of a step relative to the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

FOLD_AT = 256  # the number of norms of a phase at which their list is replaced by sums, so that lists stay short


class GradientNorms:
    """The gradient norms of each phase since the last report, collected without waiting for the device."""

    def __init__(self) -> None:
        # By phase: sum of logarithms of positive norms, their number, the largest norm, the number of not finite ones.
        self._sums: dict[str, Tensor] = {}
        self._new: dict[str, list[Tensor]] = {}  # norms that are not in the sums yet

    def add(self, phase: str, norms: list[Tensor]) -> None:
        """Add one update of a phase: the gradient norm of each of its networks, which are combined into one norm."""
        new = self._new.setdefault(phase, [])
        new.append(norms[0] if len(norms) == 1 else torch.stack(norms).norm())
        if len(new) >= FOLD_AT:
            self._sums[phase] = self._total(phase)
            new.clear()

    def _total(self, phase: str) -> Tensor:
        """The sums of a phase, with its new norms."""
        norms = torch.stack([norm.float() for norm in self._new[phase]])
        finite = norms.isfinite()
        # A network that skips an update has a gradient of zero, whose logarithm would be infinite.
        positive = finite & (norms > 0)
        logarithms = torch.where(positive, norms.log(), 0).sum()
        new = torch.stack([logarithms, positive.sum(), torch.where(finite, norms, 0).max(), (~finite).sum()])
        before = self._sums.get(phase)
        if before is None:
            return new
        return torch.where(
            torch.tensor([False, False, True, False], device=new.device), before.maximum(new), before + new
        )

    def read(self) -> dict[str, float]:
        """Typical (geometric mean) and largest norm of each phase since the last call, and how many were not finite.

        Resets the norms. Waits for the device.
        """
        figures: dict[str, float] = {}
        for phase, new in self._new.items():
            sums = self._total(phase) if new else self._sums[phase]
            logarithms, count, largest, not_finite = sums.tolist()
            if count:
                figures[f"gradients/{phase}/typical"] = math.exp(logarithms / count)
                figures[f"gradients/{phase}/largest"] = largest
            if not_finite:
                figures[f"gradients/{phase}/not_finite"] = not_finite
        self._sums, self._new = {}, {}
        return figures

    def state_dict(self) -> dict[str, dict[str, list[float]]]:
        """The norms as JSON values for a checkpoint, so that a resumed run has the report of an unbroken one."""
        return {
            phase: {
                "new": [float(norm) for norm in new],
                "sums": self._sums[phase].tolist() if phase in self._sums else [],
            }
            for phase, new in self._new.items()
        }

    def load_state_dict(self, state: dict[str, dict[str, list[float]]], device: torch.device) -> None:
        """Replace the norms by those of `state_dict`, on a device."""
        self._new = {
            phase: [torch.tensor(norm, device=device) for norm in saved["new"]] for phase, saved in state.items()
        }
        self._sums = {
            phase: torch.tensor(saved["sums"], device=device) for phase, saved in state.items() if saved["sums"]
        }


def total_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """The norm of the gradients of parameters, as a tensor on their device."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return nn.utils.get_total_norm(gradients, foreach=True)


def relative_steps(networks: dict[str, nn.Module], optimizers: dict[str, torch.optim.Optimizer]) -> dict[str, float]:
    """The norm of each Adam-trained network's step relative to the norm of its weights, as `step/NETWORK`.

    The step is computed from the optimizer's present moments, so that no earlier weights need to be stored.

    networks: by name.
    optimizers: of the networks, by the same names.
    """
    figures: dict[str, float] = {}
    for name, network in networks.items():
        squared_step = torch.zeros((), dtype=torch.float64)
        squared_weights = torch.zeros((), dtype=torch.float64)
        group = optimizers[name].param_groups[0]
        for parameter in network.parameters():
            squared_weights += parameter.detach().square().sum().double().cpu()
            moments = optimizers[name].state.get(parameter)
            # RMSprop has no mean of the gradient: its step depends on the next gradient.
            if moments and "exp_avg" in moments and float(moments["step"]):
                squared_step += _adam_step(moments, group["betas"], group["eps"]).square().sum().double().cpu()
        if "betas" in group:
            step = float(group["lr"]) * math.sqrt(float(squared_step))
            # The bound is for weights that start at zero, such as a noise level.
            figures[f"step/{name}"] = step / max(math.sqrt(float(squared_weights)), 1e-6)
    return figures


def _adam_step(moments: dict[str, Tensor], betas: tuple[float, float], epsilon: float) -> Tensor:
    """Adam's step for a learning rate of 1: Kingma & Ba 2015, arXiv:1412.6980, algorithm 1."""
    steps = float(moments["step"])
    mean = moments["exp_avg"] / (1 - betas[0] ** steps)
    variance = moments["exp_avg_sq"] / (1 - betas[1] ** steps)
    return mean / (variance.sqrt() + epsilon)
