"""CycleGAN, pix2pix and CUT as their authors' PyTorch code saves them: one file a network, names and layers as here.

junyanz/pytorch-CycleGAN-and-pix2pix: plain state dicts (`latest_net_G.pth`). CycleGAN's file is one direction's; it is
read as the generator from a to b, or with `network="generator_ba"` as the other one. Files of PyTorch before 0.4 hold
running statistics of instance norms, which the published pictures do not use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from imagewright.checkpoints.adapter import (
    RUNNING_STATISTICS,
    Adapter,
    Network,
    Shapes,
    State,
    picture_channels,
    wrong_network,
)
from imagewright.checkpoints.containers import one_of_each, state_dicts
from imagewright.errors import RunError
from imagewright.models.shared.translation import build_discriminator, build_generator
from imagewright.models.translation.cut import build_cut_discriminator, build_cut_generator
from imagewright.models.translation.cyclegan import CycleGANConfig
from imagewright.models.translation.pix2pix import Pix2PixConfig

PUBLISHED_SIZE = (256, 256)  # no shape tells it
EXPECTED = "CycleGAN or pix2pix: model.1.weight, model.10.conv_block.1.weight ..., or model.model.0.weight ..."


def published_options(held: Any) -> dict[str, Any]:
    """The size, which no file tells."""
    return {"size": PUBLISHED_SIZE}


def is_generator(state: Mapping[str, Any]) -> bool:
    """Whether the names are a generator's: residual blocks, or nested blocks."""
    return any(".conv_block." in name or name.startswith("model.model.") for name in state)


def is_discriminator(state: Mapping[str, Any]) -> bool:
    """Whether the names are a discriminator's: `model.N` or `net.N`, convolutions alone with their norms."""
    return not is_generator(state) and any(re.fullmatch(r"(model|net)\.0\.weight", name) for name in state)


def split_into(generator: str, discriminator: str) -> Callable[[Any], dict[str, State]]:
    """The `Adapter.split` of a model whose networks have these names."""

    def which(state: State) -> str | None:
        return generator if is_generator(state) else discriminator if is_discriminator(state) else None

    return lambda held: one_of_each(state_dicts(held), which, EXPECTED)


def generator_options(shapes: Shapes) -> dict[str, Any]:
    """The network, its width and depth, and its norm."""
    if not is_generator(shapes):
        raise wrong_network("generator", EXPECTED, shapes)
    return _unet_options(shapes) if "model.model.0.weight" in shapes else _resnet_options(shapes)


def discriminator_options(shapes: Shapes) -> dict[str, Any]:
    """What is judged, the width, the layers and the norm."""
    if not is_discriminator(shapes):
        raise wrong_network("discriminator", EXPECTED, shapes)
    prefix = "net" if "net.0.weight" in shapes else "model"
    options = {
        "discriminator": "pixel" if prefix == "net" else "patch",
        "discriminator_width": shapes[f"{prefix}.0.weight"][0],
    }
    strided = sum(len(shape) == 4 for name, shape in shapes.items() if name.endswith(".weight")) - 2
    if prefix == "model":
        options["discriminator_layers"] = strided
    inner = [name.removesuffix(".weight") for name, shape in shapes.items() if name.endswith(".weight")]
    convolution = sorted(inner, key=_place)[1]
    return options | {"norm": _norm(shapes, convolution, f"{prefix}.{_place(convolution) + 1}")}


def _resnet_options(shapes: Shapes) -> dict[str, Any]:
    places = {int(name.split(".")[1]) for name in shapes if ".conv_block." in name}
    last = max(int(name.split(".")[1]) for name in shapes if name.endswith(".weight"))
    second = f"model.{min(places)}.conv_block."
    return {
        "network": "resnet",
        "width": shapes["model.1.weight"][0],
        "blocks": len(places),
        # With dropout the second convolution of a block is one place further.
        "dropout": 0.5 if second + "6.weight" in shapes and len(shapes[second + "6.weight"]) == 4 else 0.0,
        "norm": _norm(shapes, "model.1", "model.2"),
        **_channels(shapes["model.1.weight"][1], shapes[f"model.{last}.weight"][0]),
    }


def _unet_options(shapes: Shapes) -> dict[str, Any]:
    down = [name for name in shapes if re.fullmatch(r"(model\.)+(\d\.model\.)*\d\.weight", name)]
    halvings = sum(len(shapes[name]) == 4 for name in down) // 2
    first_norm = "model.model.1.model." + ("2" if halvings > 2 else "4")  # the innermost block has one at its end alone
    return {
        "network": "unet",
        "width": shapes["model.model.0.weight"][0],
        "depth": halvings,
        "norm": _norm(shapes, "model.model.0", first_norm),
        **_channels(shapes["model.model.0.weight"][1], shapes["model.model.3.weight"][1]),
    }


def _channels(inputs: int, outputs: int) -> dict[str, Any]:
    return {"channels": picture_channels(outputs), "layer_channels": {"input": inputs, "target": outputs}}


def _norm(shapes: Shapes, convolution: str, norm: str) -> str:
    """By the bias of a convolution, which is there before an instance norm alone, and the weight of a batch norm."""
    if f"{convolution}.bias" in shapes:
        return "instance"
    return "batch" if f"{norm}.weight" in shapes else "none"


def _place(name: str) -> int:
    return int(name.rpartition(".")[2])


def _without_layers(options: Callable[[Shapes], dict[str, Any]]) -> Callable[[Shapes], dict[str, Any]]:
    """The options of a model that has no layers, and as many channels in as out."""

    def read(shapes: Shapes) -> dict[str, Any]:
        found = options(shapes)
        inputs, outputs = found.pop("layer_channels").values()
        if inputs != outputs:
            raise RunError(
                f"it takes {inputs} channels and returns {outputs}; here both sets have as many: --as pix2pix reads it"
            )
        return found

    return read


def _pair_options(shapes: Shapes) -> dict[str, Any]:
    """Of a discriminator of pairs, unless options say otherwise: half of its channels are the picture's if a picture
    may have so many, else 3."""
    options, channels = discriminator_options(shapes), _judged_channels(shapes)
    made = channels // 2 if channels < 4 or channels in (6, 8) else 3
    return options | _channels(channels - made, made)


def _image_options(shapes: Shapes) -> dict[str, Any]:
    """Of a discriminator of single images."""
    return discriminator_options(shapes) | {"channels": _judged_channels(shapes)}


def _cut_options(shapes: Shapes) -> dict[str, Any]:
    """Of CUT's generator, which may have filters, and is a ResNet."""
    options = _without_layers(generator_options)(shapes)
    if options.pop("network") != "resnet":
        raise RunError("it is a U-Net, and CUT has a ResNet: --as pix2pix reads it")
    return options | {"blurred": _has_filters(shapes)}


def _cut_discriminator_options(shapes: Shapes) -> dict[str, Any]:
    return _image_options(shapes) | {"blurred": _has_filters(shapes)}


def _has_filters(shapes: Shapes) -> bool:
    return any(name.endswith(".filt") for name in shapes)


def _judged_channels(shapes: Shapes) -> int:
    return shapes["net.0.weight" if "net.0.weight" in shapes else "model.0.weight"][1]


def generate(network: nn.Module, image: Tensor) -> Tensor:
    """image (N, C, H, W) in [-1, 1] to the translated image."""
    made: Tensor = network(image)
    return made


def judge(network: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """image (N, C, H, W) to `prediction`, logits of patches (N, 1, h, w)."""
    return {"prediction": network(image)}


def build_cycle_generator(config: CycleGANConfig) -> nn.Module:
    return build_generator(config, config.channels, config.channels)


def build_cycle_discriminator(config: CycleGANConfig) -> nn.Module:
    return build_discriminator(config, config.channels)


def build_pair_generator(config: Pix2PixConfig) -> nn.Module:
    return build_generator(config, config.layer_channels["input"], config.layer_channels["target"])


def build_pair_discriminator(config: Pix2PixConfig) -> nn.Module:
    return build_discriminator(config, sum(config.layer_channels.values()))


_CYCLE_GENERATOR = Network(
    build=build_cycle_generator,
    options=_without_layers(generator_options),
    forward=generate,
    ignored=RUNNING_STATISTICS,
)
_CYCLE_DISCRIMINATOR = Network(
    build=build_cycle_discriminator, options=_image_options, forward=judge, ignored=RUNNING_STATISTICS
)
CYCLEGAN = Adapter(
    networks={
        "generator_ab": _CYCLE_GENERATOR,
        "generator_ba": _CYCLE_GENERATOR,
        "discriminator_a": _CYCLE_DISCRIMINATOR,
        "discriminator_b": _CYCLE_DISCRIMINATOR,
    },
    split=split_into("generator_ab", "discriminator_b"),
    options=published_options,
    aliases={"generator": "generator_ab", "discriminator": "discriminator_b"},
    licence="BSD-2-Clause (Zhu & Park 2017)",
)
PIX2PIX = Adapter(
    networks={
        "generator": Network(
            build=build_pair_generator, options=generator_options, forward=generate, ignored=RUNNING_STATISTICS
        ),
        "discriminator": Network(
            build=build_pair_discriminator, options=_pair_options, forward=judge, ignored=RUNNING_STATISTICS
        ),
    },
    split=split_into("generator", "discriminator"),
    licence="BSD (Isola et al. 2017)",
    options=published_options,
)
CUT = Adapter(
    networks={
        "generator": Network(
            build=build_cut_generator, options=_cut_options, forward=generate, ignored=RUNNING_STATISTICS
        ),
        "discriminator": Network(
            build=build_cut_discriminator,
            options=_cut_discriminator_options,
            forward=judge,
            ignored=RUNNING_STATISTICS,
        ),
    },
    split=split_into("generator", "discriminator"),
    licence="BSD-2-Clause (Park & Zhu 2020)",
    options=published_options,
)
