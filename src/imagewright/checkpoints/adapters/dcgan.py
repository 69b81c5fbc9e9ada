"""DCGAN as the PyTorch example saves it: a file of the generator, a file of the discriminator.

The names (`main.N.weight`) and the order of the layers are the same here; sizes and channels follow from the shapes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from imagewright.checkpoints.adapter import Adapter, Network, Shapes, State
from imagewright.checkpoints.containers import one_of_each, state_dicts
from imagewright.errors import RunError
from imagewright.layers.dcgan import Discriminator, Generator
from imagewright.models.adversarial.dcgan import DCGANConfig


def split(held: Any) -> dict[str, State]:
    """The generator, the discriminator, or both. Raises `RunError` if a file holds neither."""
    return one_of_each(state_dicts(held), which, "DCGAN: main.0.weight, main.1.weight ..., convolutions among them")


def which(state: State) -> str | None:
    """The network of a state dict: only the generator normalises its first layer. None if it is no DCGAN's."""
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if not all(name.startswith("main.") for name in state) or len(_convolutions(shapes)) < 2:
        return None
    return "generator" if "main.1.weight" in state else "discriminator"


def generator_options(shapes: Shapes) -> dict[str, Any]:
    """Size, channels, width and `latent_dim` from a first weight (Z, F, h, w) and a last one (f, C, 4, 4)."""
    first, *_, last = _two_convolutions(shapes)
    return _options(shapes, on_first_map=first, at_the_image=last) | {"latent_dim": first[0]}


def discriminator_options(shapes: Shapes) -> dict[str, Any]:
    """Size, channels and width from a first weight (f, C, 4, 4) and a last one (1, F, h, w)."""
    first, *_, last = _two_convolutions(shapes)
    return _options(shapes, on_first_map=last, at_the_image=first)


def build_generator(config: DCGANConfig) -> nn.Module:
    return Generator(config, config.latent_dim)


def build_discriminator(config: DCGANConfig) -> nn.Module:
    return Discriminator(config, normalised=config.normalises_discriminator)


def generate(network: nn.Module, z: Tensor) -> Tensor:
    """z (N, Z, 1, 1) or (N, Z) from N(0, 1) to images (N, C, H, W) in [-1, 1]."""
    images: Tensor = network(z)
    return images


def discriminate(network: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """Images (N, C, H, W) in [-1, 1] to `logit` (N,) and `probability` (N,), its sigmoid."""
    logit = network(image)
    return {"logit": logit, "probability": torch.sigmoid(logit)}


def _options(shapes: Shapes, *, on_first_map: tuple[int, ...], at_the_image: tuple[int, ...]) -> dict[str, Any]:
    doublings = len(_convolutions(shapes)) - 1
    # Both weights at the image are (f, C, 4, 4): a transposed convolution stores its inputs first.
    return {
        "size": (on_first_map[2] << doublings, on_first_map[3] << doublings),
        "channels": at_the_image[1],
        "width": at_the_image[0],
    }


def _convolutions(shapes: Shapes) -> list[tuple[int, ...]]:
    """Shapes of the convolutions' weights, in the order of the layers."""
    places = {name: name.removeprefix("main.").removesuffix(".weight") for name in shapes if name.endswith(".weight")}
    found = [name for name, place in places.items() if place.isdecimal() and len(shapes[name]) == 4]
    return [shapes[name] for name in sorted(found, key=lambda name: int(places[name]))]


def _two_convolutions(shapes: Shapes) -> list[tuple[int, ...]]:
    found = _convolutions(shapes)
    if len(found) < 2:
        raise RunError(
            "This is no state dict of a DCGAN: expected main.0.weight, main.1.weight ... with convolutions among them, "
            f"found {', '.join(list(shapes)[:3])} ..."
        )
    return found


ADAPTER = Adapter(
    networks={
        "generator": Network(build=build_generator, options=generator_options, forward=generate),
        "discriminator": Network(build=build_discriminator, options=discriminator_options, forward=discriminate),
    },
    split=split,
    licence="BSD-3-Clause (the PyTorch example, which distributes no weights)",
)
