"""StarGAN as its authors' code saves it: one file a network, names and layers as here.

yunjey/stargan: plain state dicts (`200000-G.ckpt`, `200000-D.ckpt`). No file tells the names of the labels: five are
the published attributes of CelebA, others are numbered unless options name them. Published pictures were made with the
statistics of each image, although the files hold running ones (`statistics="running"` uses those).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from imagewright.checkpoints.adapter import (
    RUNNING_STATISTICS,
    Adapter,
    Network,
    Shapes,
    State,
    count_numbered,
    shapes_of,
    wrong_network,
)
from imagewright.checkpoints.containers import one_of_each, state_dicts
from imagewright.models.translation.stargan import build_classifying_discriminator, build_label_generator

CELEBA = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")
PUBLISHED_SIZE = (128, 128)  # of the generator alone, whose shapes do not tell it
EXPECTED = "StarGAN: main.0.weight, main.9.main.0.weight ... (generator), or conv1.weight, conv2.weight (discriminator)"


def which(state: Mapping[str, Any]) -> str | None:
    """The network that a state dict is of."""
    if "conv2.weight" in state and "main.0.weight" in state:
        return "discriminator"
    return "generator" if any(re.fullmatch(r"main\.\d+\.main\.0\.weight", name) for name in state) else None


def split(held: Any) -> dict[str, State]:
    """The networks in a file."""
    return one_of_each(state_dicts(held), which, EXPECTED)


def generator_options(shapes: Shapes) -> dict[str, Any]:
    """Width, blocks and channels."""
    _check(shapes, "generator")
    blocks = count_numbered(shapes, r"main\.#\.main\..*")
    return {"width": shapes["main.0.weight"][0], "blocks": blocks, "channels": shapes[_last(shapes)][0]}


def discriminator_options(shapes: Shapes) -> dict[str, Any]:
    """Width, strided layers, channels, and the size, of which one pixel in 2^layers is left."""
    _check(shapes, "discriminator")
    layers = count_numbered(shapes, r"main\.#\.weight")
    height, width = shapes["conv2.weight"][2:]
    return {
        "discriminator_width": shapes["main.0.weight"][0],
        "discriminator_layers": layers,
        "channels": shapes["main.0.weight"][1],
        "size": (height << layers, width << layers),
    }


def published_options(held: Any) -> dict[str, Any]:
    """The size that no generator tells, and names for as many labels as the networks of a file have."""
    options: dict[str, Any] = {"size": PUBLISHED_SIZE}
    for state in state_dicts(held).values():
        network, shapes = which(state), shapes_of(state)
        if network == "discriminator":
            count = shapes["conv2.weight"][0]
        elif network == "generator" and len(shapes.get("main.0.weight", ())) == 4 and _last(shapes):
            count = shapes["main.0.weight"][1] - shapes[_last(shapes)][0]
        else:
            continue
        named = tuple(f"attribute_{place}" for place in range(1, count + 1))
        options["attribute_names"] = CELEBA if count == len(CELEBA) else named
    return options


def _last(shapes: Shapes) -> str:
    """The name of the generator's last convolution."""
    found = [name for name, shape in shapes.items() if re.fullmatch(r"main\.\d+\.weight", name) and len(shape) == 4]
    return max(found, key=lambda name: int(name.split(".")[1]), default="")


def _check(shapes: Shapes, network: str) -> None:
    if which(shapes) != network:
        raise wrong_network(network, EXPECTED, shapes)


def generate(network: nn.Module, image: Tensor, label: Tensor) -> Tensor:
    """image (N, C, H, W) in [-1, 1] and label (N, K), with the mask if there are two sets, to the translated image."""
    made: Tensor = network(image, label)
    return made


def judge(network: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """image (N, C, H, W) to `source`, a map of critic values (N, 1, h, w), and `classes`, logits (N, K)."""
    source, classes = network(image)
    return {"source": source, "classes": classes}


STARGAN = Adapter(
    networks={
        "generator": Network(
            build=build_label_generator, options=generator_options, forward=generate, ignored=RUNNING_STATISTICS
        ),
        "discriminator": Network(build=build_classifying_discriminator, options=discriminator_options, forward=judge),
    },
    split=split,
    options=published_options,
    licence="MIT (Choi et al. 2018)",
)
