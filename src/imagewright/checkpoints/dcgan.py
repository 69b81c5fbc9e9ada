"""DCGAN state dicts of the PyTorch example: one of the generator, one of the discriminator.

Names and order of the layers are ours as well (`main.N.weight`); sizes and channels follow from the shapes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from imagewright import configs
from imagewright.errors import ConfigError, RunError
from imagewright.layers.dcgan import Discriminator, Generator
from imagewright.models.adversarial.dcgan import DCGANConfig

SYSTEM = "dcgan"
NETWORKS = ("generator", "discriminator")


def which(state: dict[str, Tensor]) -> str:
    """Whether a state dict is a generator's or a discriminator's: only the former's first layer is normalised."""
    _convolutions(state)
    return "generator" if "main.1.weight" in state else "discriminator"


def config_of(network: str, state: dict[str, Tensor]) -> dict[str, Any]:
    """The options of `DCGANConfig` that the shapes tell. Raises `RunError` where they are no DCGAN's."""
    weights = _convolutions(state)
    inner = weights[-1] if network == "generator" else weights[0]
    on_first_map = weights[0] if network == "generator" else weights[-1]
    doublings = len(weights) - 1
    # A generator's last layer is (f, C, 4, 4), a discriminator's first (f, C, 4, 4): transposed weights turn round too.
    found = {
        "size": (on_first_map.shape[2] << doublings, on_first_map.shape[3] << doublings),
        "channels": inner.shape[1],
        "width": inner.shape[0],
    }
    return found | ({"latent_dim": on_first_map.shape[0]} if network == "generator" else {})


def plain(network: str, state: dict[str, Tensor]) -> nn.Module:
    """The network of a published state dict, in evaluation mode."""
    try:
        config = configs.build(DCGANConfig, config_of(network, state), SYSTEM)
    except ConfigError as error:
        raise RunError(f"The shapes are those of no DCGAN that can be built: {error}") from None
    published = PublishedGenerator if network == "generator" else PublishedDiscriminator
    return published(config, state).eval()


class PublishedGenerator(nn.Module):
    """z (N, Z, 1, 1) or (N, Z) from N(0, 1) to images (N, C, H, W) in [-1, 1]."""

    def __init__(self, config: DCGANConfig, state: dict[str, Tensor]) -> None:
        super().__init__()
        self.network = _filled(Generator(config, config.latent_dim), state)

    def forward(self, z: Tensor) -> Tensor:
        images: Tensor = self.network(z)
        return images


class PublishedDiscriminator(nn.Module):
    """Images (N, C, H, W) in [-1, 1] to `logit` (N,) and `probability` (N,), its sigmoid."""

    def __init__(self, config: DCGANConfig, state: dict[str, Tensor]) -> None:
        super().__init__()
        self.network = _filled(Discriminator(config, normalised=config.normalises_discriminator), state)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        logit = self.network(image)
        return {"logit": logit, "probability": torch.sigmoid(logit)}


def _filled(network: nn.Module, state: dict[str, Tensor]) -> nn.Module:
    counters = {name: value for name, value in network.state_dict().items() if name.endswith("num_batches_tracked")}
    try:
        network.load_state_dict(counters | state)  # checkpoints from before PyTorch 0.4.1 have no counters
    except RuntimeError as error:
        raise RunError(f"This is no state dict of a DCGAN's networks: {' '.join(str(error).split())}") from None
    return network.eval()


def _convolutions(state: dict[str, Tensor]) -> list[Tensor]:
    weights = [tensor for name, tensor in state.items() if name.endswith("weight") and tensor.ndim == 4]
    if len(weights) < 2 or not all(name.startswith("main.") for name in state):
        raise RunError(
            "This is no state dict of a DCGAN: expected main.0.weight, main.1.weight ... with convolutions among them, "
            f"found {', '.join(list(state)[:3])} ..."
        )
    return weights
