"""Cases of functions rather than of networks: what our losses and layers give for the recorded weights and inputs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from imagewright.layers.spectral_norm import SpectralConvolution
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.orthogonal import (
    orthogonal_penalty,
    squared_distance_from_orthogonal,
    squared_products_of_rows,
)


def biggan_regularisation(case: Any) -> dict[str, Tensor]:
    """Gradients of orthogonal regularisation, hinge losses, and a spectral norm after three passes in training."""
    state, inputs = case.state_dict(), case.inputs()
    outputs: dict[str, Tensor] = {}
    for name in ("conv", "linear"):
        weight = state[f"{name}.weight"].requires_grad_()
        outputs[f"penalty_{name}"] = squared_products_of_rows(weight.detach())[None]
        (outputs[f"modified_grad_{name}"],) = torch.autograd.grad(orthogonal_penalty([weight]), weight)
        (outputs[f"default_grad_{name}"],) = torch.autograd.grad(squared_distance_from_orthogonal(weight) / 2, weight)
    hinge = ADVERSARIAL["hinge"]
    for name, value in hinge.discriminator(inputs["real"], inputs["fake"]).items():
        outputs[f"hinge_{name}"] = value[None]
    outputs["hinge_gen"] = hinge.generator(inputs["fake"], None)["adversarial"][None]
    return outputs | spectral_norm_after_three(inputs["sn_weight"], inputs["sn_u"], case.spec["note"])


def spectral_norm_after_three(weight: Tensor, u: Tensor, note: str) -> dict[str, Tensor]:
    found = re.search(r"eps ([\d.e-]+)\)", note)
    eps = float(found[1]) if found else 1e-12
    layer = SpectralConvolution(weight.shape[1], weight.shape[0], weight.shape[2], eps=eps, evaluation="iterated")
    layer.weight.data.copy_(weight)
    layer.u.copy_(u)
    for _ in range(3):
        normalised = layer.normalised_weight().detach()
    return {"sn_u_after3": layer.u, "sn_sigma_after3": layer.singular_value, "sn_weight_after3": normalised}


FUNCTIONS: dict[tuple[str, str], Callable[[Any], dict[str, Tensor]]] = {
    ("biggan", "regularisation"): biggan_regularisation,
}
"""By system and stem; a case whose stem begins so is one too."""


def function_of(system: str, stem: str) -> Callable[[Any], dict[str, Tensor]] | None:
    """What computes a case's outputs, if it is one of functions."""
    return next((call for (of, begin), call in FUNCTIONS.items() if of == system and stem.startswith(begin)), None)
