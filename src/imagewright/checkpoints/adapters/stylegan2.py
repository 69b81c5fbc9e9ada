"""StyleGAN2 as NVIDIA's PyTorch code of ADA saves it: a pickle with `G`, `D` and `G_ema`, or a network's state dict.

NVlabs/stylegan2-ada-pytorch. Names of layers are `b{r}` for the resolution r; what the shapes do not tell is in the
constructor arguments that a pickle states. The names of the classes are in no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from imagewright.checkpoints.adapter import Adapter, Network, Shapes, State, count_numbered, wrong_network
from imagewright.checkpoints.containers import one_of_each, state_dicts
from imagewright.checkpoints.style_names import (
    class_options,
    mapping_name,
    mapping_options,
    nested,
    stated_by_constructors,
    widths_told,
)
from imagewright.checkpoints.tensorflow_style import with_present_names
from imagewright.layers.adaptive_augmentation import augment
from imagewright.layers.augmentation_numbers import Multipliers, Percentile
from imagewright.layers.style_mapping import StyleMappingNetwork
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.penalties import path_lengths, squared_gradient
from imagewright.models.adversarial.stylegan2 import (
    PATH_MEMORY,
    StyleBasedGenerator,
    StyleGAN2,
    StyleGAN2Config,
    build_discriminator,
)
from imagewright.models.shared.style_views import broadcast

EXPECTED = "StyleGAN2: synthesis.b4.const, mapping.fc0.weight ... (generator), b4.conv.weight, b8.conv0.weight ..."
FILTERS = ("*resample_filter",)  # constant
LAYERS = {
    "first": "conv0",
    "second": "conv1",
    "shortcut": "skip",
    "to_image": "torgb",
    "from_image": "fromrgb",
    "last": "conv",
    "dense": "fc",
    "out": "out",
}
CLAMP = 256.0
LOGISTIC = ADVERSARIAL["non_saturating"]
SHARES = [round(0.05 * place, 2) for place in range(1, 20)]
TENSORS = {"noise": "noise_const"}
_GROUPS = {
    "blit": "blitting",
    "geom": "geometry",
    "color": "colour",
    "filter": "bands",
    "noise": "noise",
    "cutout": "cutout",
}
_SETS = ("bg", "bgc", "bgcf", "bgcfn", "bgcfnc")  # the first so many of them
GROUPS = {name: {group: 1.0} for name, group in _GROUPS.items()} | {
    name: dict.fromkeys(list(_GROUPS.values())[: len(name)], 1.0) for name in _SETS
}


def which(state: Mapping[str, Any]) -> str | None:
    """The network that a state dict is of."""
    if "synthesis.b4.const" in state and "mapping.fc0.weight" in state:
        return "generator"
    return "discriminator" if "b4.conv.weight" in state and "b4.out.weight" in state else None


def split(held: Any) -> dict[str, State]:
    """The networks in a file; of the generator the moving average."""
    return one_of_each(with_present_names(state_dicts(held)), which, EXPECTED)


def generator_options(shapes: Shapes) -> dict[str, Any]:
    """Size, widths, the sizes of z and w, layers, architecture, classes."""
    if which(shapes) != "generator":
        raise wrong_network("generator", EXPECTED, shapes)
    sides = _sides(shapes, r"synthesis\.b(\d+)\.conv1\.weight")
    images = [side for side in sides if f"synthesis.b{side}.torgb.weight" in shapes]
    shortcut = f"synthesis.b{sides[-1]}.skip.weight" in shapes
    widths = {side: shapes[f"synthesis.b{side}.conv1.weight"][0] for side in sides}
    return {
        "size": (sides[-1], sides[-1]),
        "channels": shapes[f"synthesis.b{sides[-1]}.torgb.weight"][0],
        "architecture": "skip" if len(images) > 1 else "resnet" if shortcut else "orig",
        "noise": "synthesis.b4.conv1.noise_strength" in shapes,
        **widths_told(widths),
        **mapping_options(shapes, "mapping."),
    }


def discriminator_options(shapes: Shapes) -> dict[str, Any]:
    """Size, widths, architecture, classes."""
    if which(shapes) != "discriminator":
        raise wrong_network("discriminator", EXPECTED, shapes)
    sides = _sides(shapes, r"b(\d+)\.conv1\.weight")
    widths = {4: shapes["b4.conv.weight"][0]} | {side: shapes[f"b{side}.conv0.weight"][0] for side in sides}
    top = sides[-1]
    last, inputs = shapes["b4.conv.weight"][:2]
    shortcut = f"b{top}.skip.weight" in shapes
    return {
        "size": (top, top),
        "channels": shapes[f"b{top}.fromrgb.weight"][1],
        "discriminator_architecture": "skip" if "b4.fromrgb.weight" in shapes else "resnet" if shortcut else "orig",
        "deviation_maps": inputs - last,
        **widths_told(widths),
        **(_condition_options(shapes, last) if "mapping.embed.weight" in shapes else {}),
    }


def _condition_options(shapes: Shapes, last: int) -> dict[str, Any]:
    """Of the mapping of the class in a discriminator with so many channels at the base."""
    directions = shapes["b4.out.weight"][0]
    return {
        "condition_layers": count_numbered(shapes, r"mapping\.fc#\.weight"),
        **({"condition_dim": directions} if directions != last else {}),
        **class_options(shapes["mapping.embed.weight"][1]),
    }


def published_mapping_options(shapes: Shapes) -> dict[str, Any]:
    """Of a mapping network by itself."""
    return {"size": (8, 8), "channels": 3, **mapping_options(shapes, "")}


def _sides(shapes: Shapes, pattern: str) -> list[int]:
    """The resolutions there are, in ascending order. Raises `LookupError` without one."""
    found = sorted(int(match[1]) for name in shapes if (match := re.fullmatch(pattern, name)))
    if not found:
        raise LookupError(pattern)
    return found


def generator_names(own: Iterable[str]) -> dict[str, str]:
    """synthesis.blocks.1.first.affine.weight is synthesis.b8.conv0.affine.weight."""
    names = {_generator_name(name): name for name in own}
    return dict(sorted(names.items(), key=lambda pair: pair[0].startswith("mapping.")))


def _generator_name(name: str) -> str:
    network, _, rest = name.partition(".")
    if network == "mapping":
        return f"mapping.{mapping_name(rest)}"
    if rest == "start":
        return "synthesis.b4.const"
    _, place, layer, *others = rest.split(".")
    others[-1] = TENSORS.get(others[-1], others[-1])
    return ".".join(("synthesis", f"b{4 << int(place)}", LAYERS[layer], *others))


def discriminator_names(own: Iterable[str]) -> dict[str, str]:
    """blocks.0.first.weight is b64.conv0.weight at 64 pixels."""
    own = list(own)
    places = [int(name.split(".")[1]) for name in own if name.startswith("blocks.")]
    depth = max(places, default=-1) + 1
    return {_discriminator_name(name, depth): name for name in own}


def _discriminator_name(name: str, depth: int) -> str:
    part, _, rest = name.partition(".")
    if part == "mapping":
        return f"mapping.{mapping_name(rest)}"
    if part != "blocks":
        return f"b4.{LAYERS[part]}.{rest}"
    place, layer, tensor = rest.split(".")
    return f"b{4 << (depth - int(place))}.{LAYERS[layer]}.{tensor}"


def mapping_names(own: Iterable[str]) -> dict[str, str]:
    """layers.0.weight is fc0.weight."""
    return {mapping_name(name): name for name in own}


def losses_names(own: Iterable[str]) -> dict[str, str]:
    """Of both networks under `G.` and `D.`."""
    own = list(own)
    parts = {"G.": ("generator.", generator_names), "D.": ("discriminator.", discriminator_names)}
    found: dict[str, str] = {}
    for published, (ours, names) in parts.items():
        inner = names(name.removeprefix(ours) for name in own if name.startswith(ours))
        found |= {published + name: ours + each for name, each in inner.items()}
    return found


def losses_options(shapes: Shapes) -> dict[str, Any]:
    """Those of both networks."""
    inner = [{name[2:]: shape for name, shape in shapes.items() if name.startswith(part)} for part in ("G.", "D.")]
    return generator_options(inner[0]) | discriminator_options(inner[1])


def generate(network: nn.Module, z: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
    """z (N, Z), and label (N, K) of zeros and ones, to `w`, `image`, and `image_psi07`, truncated by 0.7."""
    assert isinstance(network, StyleBasedGenerator)
    layers, styles = network.synthesis.layers, network.mapping(z, label)
    truncated = network.mapping.truncate(styles, 0.7)
    made = {"image": styles, "image_psi07": truncated}
    return {"w": styles} | {name: network.synthesis(broadcast(each, layers)) for name, each in made.items()}


def judge(network: nn.Module, image: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
    """image and label to `logits` (N, 1), and `r1_penalty` (N,), the squared norms of their gradients."""
    with torch.enable_grad():
        penalty = squared_gradient(lambda images: network(images, label), image)
    return {"logits": network(image, label)[:, None], "r1_penalty": penalty.detach()}


def map_noise(network: nn.Module, z: Tensor, label: Tensor | None = None) -> dict[str, Tensor]:
    """z and label to `ws` (N, L, W), and `ws_psi05_cutoff3`, of which three layers are truncated by 0.5."""
    assert isinstance(network, LayeredMapping)
    styles = broadcast(network(z, label), network.count)
    return {"ws": styles, "ws_psi05_cutoff3": network.truncate(styles, 0.5, 3)}


def compute_losses(network: nn.Module, z: Tensor, pl_noise: Tensor, real: Tensor) -> dict[str, Tensor]:
    """z, the noise of the path lengths, and real images to the terms of the objective and some of their gradients.

    The noise of the layers is the fixed one; the running mean of path lengths starts at 0.1, gamma of R1 is 10.
    """
    assert isinstance(network, StyleGAN2)
    generator, discriminator = network.generator.requires_grad_(), network.discriminator.requires_grad_()
    with torch.enable_grad():
        styles = broadcast(generator.mapping(z), generator.synthesis.layers)
        lengths = path_lengths(generator.synthesis, styles, pl_noise)
        mean = torch.lerp(torch.full_like(lengths[:1], 0.1), lengths.mean(0, keepdim=True), PATH_MEMORY)
        penalty = (lengths - mean).square()
        r1 = squared_gradient(discriminator, real)
        on_real, on_fake = discriminator(real), discriminator(generator.synthesis(styles))
        loss = LOGISTIC.generator(on_fake, None)["adversarial"]
        (of_start,) = torch.autograd.grad(2 * penalty.mean(), generator.synthesis.start)
        (of_first,) = torch.autograd.grad(loss, generator.get_parameter("mapping.layers.0.weight"))
        (of_last,) = torch.autograd.grad(5 * r1.mean(), discriminator.get_parameter("blocks.0.first.weight"))
    made = {
        "pl_lengths": lengths,
        "pl_mean": mean,
        "pl_penalty": penalty,
        "pl_gradient_const": of_start,
        "logits_real": on_real[:, None],
        "logits_fake": on_fake[:, None],
        "r1_penalty": r1,
        "r1_gradient_conv": of_last,
        "loss_g": softplus(-on_fake)[:, None],
        "loss_d": (softplus(on_fake) + softplus(-on_real))[:, None],
        "loss_g_gradient_fc0": of_first,
    }
    return {name: each.detach() for name, each in made.items()}


def augment_at_percentiles(network: nn.Module, image: Tensor) -> dict[str, Tensor]:
    """image to `{group}_{share}`: a group of augmentations alone, all random numbers at a percentile."""
    return {
        f"{group}_{share}": augment(image, 1.0, Multipliers.of_groups(**factors), Percentile(share, len(image)))
        for group, factors in GROUPS.items()
        for share in SHARES
    }


def stated_options(held: Any) -> dict[str, Any]:
    """What the arguments of a pickle's networks tell besides the shapes: limits, rates, the group of deviations."""
    stated = stated_by_constructors(held)
    options: dict[str, Any] = {}
    flat = any("mapping_kwargs" in each and "synthesis_kwargs" not in each for each in stated.values())
    for arguments in stated.values():
        joined = nested(arguments, "mapping_kwargs", "synthesis_kwargs", "epilogue_kwargs")
        # Of StyleGAN3's code, whose arguments are flat, the default is 256; of ADA's none.
        limit = joined.get("conv_clamp", CLAMP if flat else None)
        options["clamp"] = float(limit) if limit else 0.0
        options["mapping_rate"] = float(joined.get("lr_multiplier", 0.01))
        if joined.get("mbstd_group_size"):
            options["group"] = int(joined["mbstd_group_size"])
    return options


class LayeredMapping(StyleMappingNetwork):
    """The mapping network with the number of layers that take a style."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__(
            config.latent_dim,
            config.style_dim,
            conditions=config.conditions,
            layers=config.chosen("mapping_layers"),
            width=config.mapping_width,
            rate=config.mapping_rate,
        )
        self.count = 2 * len(config.widths)


class NoTensors(nn.Module):
    """Augmentation has no weights; the published filters are computed here."""

    def __init__(self, config: StyleGAN2Config) -> None:
        super().__init__()


STYLEGAN2 = Adapter(
    networks={
        "generator": Network(
            build=StyleBasedGenerator,
            options=generator_options,
            names=generator_names,
            forward=generate,
            ignored=FILTERS,
        ),
        "discriminator": Network(
            build=build_discriminator,
            options=discriminator_options,
            names=discriminator_names,
            forward=judge,
            ignored=FILTERS,
        ),
        # Parts that are compared with the published ones; no file holds one of them by itself.
        "mapping": Network(
            build=LayeredMapping, options=published_mapping_options, names=mapping_names, forward=map_noise
        ),
        "losses": Network(
            build=StyleGAN2,
            options=losses_options,
            names=losses_names,
            forward=compute_losses,
            ignored=FILTERS,
            optional=("path_mean", "augmentation.*"),
        ),
        "augment": Network(
            build=NoTensors,
            options=lambda shapes: {"size": (32, 32), "channels": 3},
            forward=augment_at_percentiles,
            ignored=("p", "Hz_geom", "Hz_fbank"),
        ),
    },
    split=split,
    options=stated_options,
    licence="NVIDIA Source Code License: research and evaluation alone, not for commercial use (Karras et al. 2020)",
)
