"""StyleGAN3 as NVIDIA's PyTorch code saves it: a pickle with `G`, `D` and `G_ema`, or a network's state dict.

NVlabs/stylegan3. Layers are named `L{place}_{height}_{channels}`; what the shapes do not tell is in the constructor
arguments that a pickle states. The discriminator is StyleGAN2's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from imagewright.checkpoints.adapter import Adapter, Network, Shapes, State, wrong_network
from imagewright.checkpoints.adapters import stylegan2
from imagewright.checkpoints.containers import one_of_each, state_dicts
from imagewright.checkpoints.style_names import mapping_name, mapping_options
from imagewright.layers.alias_free_synthesis import plan_layers
from imagewright.models.adversarial.stylegan3 import (
    PUBLISHED,
    AliasFreeGenerator,
    StyleGAN3Config,
    build_discriminator,
    build_mapping,
)
from imagewright.models.shared.style_views import broadcast

EXPECTED = "StyleGAN3: synthesis.input.freqs, synthesis.L0_36_512.weight ... (generator), b4.conv.weight ..."
TENSORS = {
    "input.frequencies": "input.freqs",
    "magnitude.value": "magnitude_ema",
    "activation.up_filter": "up_filter",
    "activation.down_filter": "down_filter",
}


def which(state: Mapping[str, Any]) -> str | None:
    """The network that a state dict is of."""
    if "synthesis.input.freqs" in state and "mapping.fc0.weight" in state:
        return "generator"
    return "discriminator" if stylegan2.which(state) == "discriminator" else None


def split(held: Any) -> dict[str, State]:
    """The networks in a file; of the generator the moving average. Raises `RunError` for a discriminator alone."""
    found = one_of_each(state_dicts(held), which, EXPECTED)
    if "generator" not in found:
        raise wrong_network("generator", EXPECTED, next(iter(found.values())))
    return found


def generator_options(shapes: Shapes) -> dict[str, Any]:
    """Size, layers, widths, the sizes of z and w, classes, and the variant."""
    if which(shapes) != "generator":
        raise wrong_network("generator", EXPECTED, shapes)
    found = [re.fullmatch(r"synthesis\.L(\d+)_(\d+)_(\d+)\.weight", name) for name in shapes]
    layers = sorted(tuple(map(int, match.groups())) for match in found if match)
    (_, side, channels), first = layers[-1], "synthesis.L{}_{}_{}.".format(*layers[0])
    kernel, radial = shapes[first + "weight"][-1], len(shapes[first + "down_filter"]) == 2
    variant = "r" if radial or kernel == 1 else "t"
    told = {"kernel": kernel, "radial": radial}
    return {
        "size": (side, side),
        "channels": channels,
        "variant": variant,
        **{name: value for name, value in told.items() if value != PUBLISHED[name][variant]},
        "layers": len(layers) - 1,
        **_widths([width for _, _, width in layers[:-1]], side),
        **mapping_options(shapes, "mapping."),
    }


def _widths(widths: list[int], side: int) -> dict[str, int]:
    """`channel_base` and `channel_max`, of which the channels are rounded."""
    most, layers = max(widths), len(widths)
    twice = [2 * plan.cutoff for plan in plan_layers((side, side), layers, 1, 1, 1)[:-1]]
    narrow = [(width, each) for width, each in zip(widths, twice, strict=True) if width < most] or [(most, twice[-1])]
    lowest = max((width - 0.5) * each for width, each in narrow)
    highest = min((width + 0.5) * each for width, each in narrow)
    rounded = round(widths[-1] * twice[-1])
    return {
        "channel_base": rounded if lowest <= rounded <= highest else round((lowest + highest) / 2),
        "channel_max": most,
    }


def discriminator_options(shapes: Shapes) -> dict[str, Any]:
    """Size, widths, classes."""
    options = stylegan2.discriminator_options(shapes)
    del options["discriminator_architecture"]
    return options | {f"discriminator_{name}": options.pop(name) for name in ("channel_base", "channel_max")}


def published_mapping_options(shapes: Shapes) -> dict[str, Any]:
    """Of a mapping network by itself."""
    return {"size": (16, 16), "channels": 3, **mapping_options(shapes, "")}


def generator_names(own: Iterable[str]) -> dict[str, str]:
    """synthesis.blocks.0_36_512.magnitude.value is synthesis.L0_36_512.magnitude_ema."""
    names = {_generator_name(name): name for name in own}
    return dict(sorted(names.items(), key=lambda pair: pair[0].startswith("mapping.")))


def _generator_name(name: str) -> str:
    network, _, rest = name.partition(".")
    if network == "mapping":
        return f"mapping.{mapping_name(rest)}"
    for ours, published in TENSORS.items():
        rest = rest.removesuffix(ours) + published if rest.endswith(ours) else rest
    return f"synthesis.{rest}".replace("synthesis.blocks.", "synthesis.L")


def mapping_names(own: Iterable[str]) -> dict[str, str]:
    """mapping.layers.0.weight is fc0.weight."""
    return {mapping_name(name.removeprefix("mapping.")): name for name in own}


def generate(network: nn.Module, z: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
    """z (N, Z), and label (N, K) of zeros and ones, to `w`, `image`, and `image_psi07`, truncated by 0.7."""
    assert isinstance(network, AliasFreeGenerator)
    layers, styles = network.synthesis.layers, network.mapping(z, label)
    made = {"image": styles, "image_psi07": network.mapping.truncate(styles, 0.7)}
    return {"w": styles} | {name: network.synthesis(broadcast(each, layers)) for name, each in made.items()}


def map_noise(network: nn.Module, z: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
    """z and label to `ws` (N, L, W), and `ws_psi05_cutoff8`, of which eight layers are truncated by 0.5."""
    assert isinstance(network, MappingForLayers)
    styles = broadcast(network.mapping(z, label), network.count)
    return {"ws": styles, "ws_psi05_cutoff8": network.mapping.truncate(styles, 0.5, 8)}


class MappingForLayers(nn.Module):
    """The mapping network with the number of layers that take a style."""

    def __init__(self, config: StyleGAN3Config) -> None:
        super().__init__()
        self.mapping, self.count = build_mapping(config), config.layers + 2


STYLEGAN3 = Adapter(
    networks={
        "generator": Network(
            build=AliasFreeGenerator, options=generator_options, names=generator_names, forward=generate
        ),
        "discriminator": Network(
            build=build_discriminator,
            options=discriminator_options,
            names=stylegan2.discriminator_names,
            forward=stylegan2.judge,
            ignored=stylegan2.FILTERS,
        ),
        # A part that is compared with the published one; no file holds it by itself.
        "mapping": Network(
            build=MappingForLayers, options=published_mapping_options, names=mapping_names, forward=map_noise
        ),
    },
    split=split,
    options=stylegan2.stated_options,
    licence="NVIDIA Source Code License: research and evaluation alone, not for commercial use (Karras et al. 2021)",
)
