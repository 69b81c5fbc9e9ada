"""pix2pixHD as its authors' code saves it: plain state dicts, one file a network, names and layers as here.

NVIDIA/pix2pixHD: `latest_net_G.pth` (the published one is the local enhancer of label2city_1024p), `_D`, `_E`. No file
tells the size, nor what a generator's inputs are: of 1, 3 or 4 channels they are taken for a picture, of more for a map
a class with the edges of instances, unless `layer_channels` says otherwise.
"""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor, nn

from imagewright.checkpoints.adapter import (
    PICTURE_CHANNELS,
    RUNNING_STATISTICS,
    Adapter,
    Network,
    Shapes,
    State,
    count_numbered,
    picture_channels,
)
from imagewright.checkpoints.containers import one_of_each, state_dicts
from imagewright.errors import RunError
from imagewright.layers.instances import mean_over_instances
from imagewright.models.translation.pix2pixhd import (
    Pix2PixHDConfig,
    build_discriminators,
    build_encoder,
    build_generator,
)

PUBLISHED_SIZE = (512, 1024)  # no shape tells it
CITY = 35  # classes of the published training, which an encoder does not tell
EXPECTED = (
    "pix2pixHD: model.16.conv_block.1.weight ... (a generator, with model1_1.1.weight ... a local enhancer), "
    "scale0_layer0.0.weight ... (discriminators), or model.1.weight ... without blocks (an encoder)"
)


def published_options(held: Any) -> dict[str, Any]:
    """The size, which no file tells."""
    return {"size": PUBLISHED_SIZE}


def network_of(state: Shapes | State) -> str | None:
    """The network that the names are of; None if they are of none."""
    if any(re.match(r"(scale\d+_layer\d+|layer\d+)\.0\.weight$", name) for name in state):
        return "discriminators"
    if "model.1.weight" not in state:
        return None
    return "generator" if any(".conv_block." in name or name.startswith("model1_") for name in state) else "encoder"


def split_networks(held: Any) -> dict[str, State]:
    """The `Adapter.split`."""
    return one_of_each(state_dicts(held), network_of, EXPECTED)


def generator_options(shapes: Shapes) -> dict[str, Any]:
    """Widths, depths, enhancers, norm and channels of a global generator or a local enhancer."""
    # A global generator without blocks has the names of an encoder: it is one if the user says so.
    _check(shapes, "generator", "encoder")
    convolutions = _convolutions(shapes)
    enhancers = max((int(name[5 : name.index("_")]) for name in shapes if re.match(r"model\d+_1\.", name)), default=0)
    # One convolution for the input, two a halving, and one for the picture, which a local enhancer has elsewhere.
    ends = 1 if enhancers else 2
    options: dict[str, Any] = {
        "width": shapes["model.1.weight"][0],
        "downsamplings": (len(convolutions) - ends) // 2,
        "blocks": count_numbered(shapes, r"model\.#\.conv_block\..*"),
        "enhancers": enhancers,
        "norm": _norm(shapes, "model.2"),
    }
    inputs, last = shapes["model.1.weight"][1], convolutions[-1]
    if enhancers:
        fine = f"model{enhancers}_2."
        options["enhancer_blocks"] = count_numbered(shapes, rf"{re.escape(fine)}#\.conv_block\..*")
        places = [int(name.split(".")[1]) for name, shape in shapes.items() if _is_weight(name, shape, fine)]
        last = f"{fine}{max(places)}.weight"
    return options | _channels(inputs, shapes[last][0])


def discriminator_options(shapes: Shapes) -> dict[str, Any]:
    """Scales, layers, width and norm, and whether the inner features are returned."""
    _check(shapes, "discriminators")
    featured = "scale0_layer0.0.weight" in shapes
    prefix, first = ("scale0_layer", "scale0_layer0.0") if featured else ("layer0.", "layer0.0")
    scales = {name.split("_" if featured else ".")[0] for name in shapes}
    convolutions = sum(name.startswith(prefix) and len(shape) == 4 for name, shape in shapes.items())
    judged = shapes[f"{first}.weight"][1]
    outputs = 1 if judged < 4 else 3
    options = {
        "scales": len(scales),
        "discriminator_layers": convolutions - 2,
        "discriminator_width": shapes[f"{first}.weight"][0],
        "norm": _norm(shapes, "scale0_layer1.1" if featured else "layer0.3"),
    }
    return options | ({} if featured else {"matching": 0.0}) | _channels(judged - outputs, outputs)


def encoder_options(shapes: Shapes) -> dict[str, Any]:
    """Width, halvings, features, norm and channels of an encoder."""
    _check(shapes, "encoder")
    convolutions = _convolutions(shapes)
    return {
        "encoder_width": shapes["model.1.weight"][0],
        "encoder_downsamplings": (len(convolutions) - 2) // 2,
        "features": shapes[convolutions[-1]][0],
        "norm": _norm(shapes, "model.2"),
        **_channels(CITY + 1, shapes["model.1.weight"][1]),
    }


def _check(shapes: Shapes, network: str, *others: str) -> None:
    found = network_of(shapes)
    if found not in (network, *others):
        known = f"its {found}" if found else f"no network of {EXPECTED}"
        raise RunError(f"This is {known}, and not the {network}; found {', '.join(list(shapes)[:3])} ...")


def _channels(inputs: int, outputs: int) -> dict[str, Any]:
    if inputs in PICTURE_CHANNELS:
        return {"channels": picture_channels(outputs), "layer_channels": {"input": inputs, "target": outputs}}
    maps = {"input": "labels", "instances": "ids"}
    layers = {"input": inputs - 1, "instances": 1, "target": outputs}
    return {"channels": picture_channels(outputs), "layer_channels": layers, "layer_kinds": maps}


def _convolutions(shapes: Shapes) -> list[str]:
    """The names of the weights of `model.N`, in their order, without those of residual blocks."""
    found = [name for name, shape in shapes.items() if _is_weight(name, shape, "model.")]
    return sorted(found, key=lambda name: int(name.split(".")[1]))


def _is_weight(name: str, shape: tuple[int, ...], prefix: str) -> bool:
    """Whether a tensor is the weight of a convolution `prefix` + a number."""
    return len(shape) == 4 and re.fullmatch(rf"{re.escape(prefix)}\d+\.weight", name) is not None


def _norm(shapes: Shapes, place: str) -> str:
    """By the weights of the norm at a place, which instance norms have not."""
    return "batch" if f"{place}.weight" in shapes else "instance"


def build_judging(config: Pix2PixHDConfig) -> nn.Module:
    """The discriminators, with the sigmoid that the published ones end in if they were trained by cross-entropy."""
    return build_discriminators(config, sigmoid=config.loss == "non_saturating")


def generate(network: nn.Module, label: Tensor) -> Tensor:
    """label (N, C, H, W), with edges and features if it has any, to the picture."""
    made: Tensor = network(label)
    return made


def judge(network: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """image (N, C, H, W), all that is judged, to the maps of each stage: `scale{k}_layer{j}`, full size first."""
    return {
        f"scale{scale}_layer{place}": maps
        for scale, stages in enumerate(network(image))
        for place, maps in enumerate(stages)
    }


def encode(network: nn.Module, image: Tensor, instances: Tensor) -> dict[str, Tensor]:
    """image (N, C, H, W) and instances, integers (N, 1, H, W), to `features` averaged over each instance."""
    return {"features": mean_over_instances(network(image), instances[:, 0])}


PIX2PIXHD = Adapter(
    networks={
        "generator": Network(
            build=build_generator, options=generator_options, forward=generate, ignored=RUNNING_STATISTICS
        ),
        "discriminators": Network(
            build=build_judging, options=discriminator_options, forward=judge, ignored=RUNNING_STATISTICS
        ),
        "encoder": Network(build=build_encoder, options=encoder_options, forward=encode, ignored=RUNNING_STATISTICS),
    },
    split=split_networks,
    options=published_options,
    aliases={"discriminator": "discriminators"},
    licence="BSD-2-Clause (NVIDIA 2019)",
)
