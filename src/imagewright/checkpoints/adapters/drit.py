"""DRIT and DRIT++ as their authors' PyTorch code saves them (HsinYingLee/DRIT): one file with all networks.

The file is a dictionary of state dicts: `enc_c`, `enc_a`, `gen`, `disA`, `disB`, `disA2`, `disB2`, `disContent`, beside
optimisers (`enc_c_opt` ...) and numbers. A single state dict is read too. Concatenated and transforming networks are
told by their names. Of discriminators with spectral norm the stored `weight` is taken, as in evaluation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from imagewright.checkpoints.adapter import RUNNING_STATISTICS, Adapter, Network, Shapes, State, count_numbered
from imagewright.checkpoints.containers import one_of_each, state_dicts
from imagewright.errors import RunError
from imagewright.layers.pyramid_discriminator import PyramidDiscriminator
from imagewright.models.translation.drit import (
    DRITConfig,
    build_attribute_encoder,
    build_content_discriminator,
    build_content_encoder,
    build_decoder,
    build_judge,
)

PUBLISHED_SIZE = (216, 216)  # no shape tells it
EXPECTED = "DRIT: convA.0.model.1.weight, conv_A.1.weight, decA1.0.model.1.weight, Diss.0.0.model.1.weight ..."
KEYS = {
    "enc_c": "content_encoder",
    "enc_a": "attribute_encoder",
    "gen": "generator",
    "disA": "discriminator_a",
    "disB": "discriminator_b",
    "disA2": "discriminator_a2",
    "disB2": "discriminator_b2",
    "disContent": "content_discriminator",
}
# Patterns of our names, and the published ones; "@" is the domain's letter.
CONTENT_NAMES = {r"^own\.(\d)\.": "conv@.", r"^shared\.": "conv_share.", r"\.conv_block\.": ".model."}
ATTRIBUTE_NAMES = {
    r"^features\.(\d)\.": "conv_@.",
    r"^mean\.(\d)\.": "fc_@.0.",
    r"^log_variance\.(\d)\.": "fcVar_@.0.",
    r"^own\.0\.": "model_a.",
    r"^own\.1\.": "model_b.",
}
GENERATOR_NAMES = {
    r"^shared\.": "dec_share.",
    r"^own\.(\d)\.0\.": "dec@1.",
    **{rf"^own\.(\d)\.{stage}\.": f"dec@{stage + 1}.0." for stage in (1, 2, 3)},
    r"^codes\.(\d)\.": "mlp@.",
    **{rf"^transforms\.(\d)\.{place}\.": f"dec@{place + 1}." for place in range(4)},
    r"^doubling\.(\d)\.": "dec@5.",
    r"\.conv_block\.": ".model.",
}
DISCRIMINATOR_NAMES = {r"^cnns\.": "Diss.", r"\.conv\.": ".model.1."}


def published_options(held: Any) -> dict[str, Any]:
    """The size, which no file tells; and the channels of a content discriminator alone."""
    networks = {network_of(state) for state in state_dicts(held).values()}
    return {"size": PUBLISHED_SIZE} | ({"channels": 3} if networks == {"content_discriminator"} else {})


def names_by(patterns: Mapping[str, str]) -> Callable[[Iterable[str]], dict[str, str]]:
    """The `Network.names` of a table of patterns of our names."""

    def published(name: str) -> str:
        for pattern, wanted in patterns.items():
            found = re.search(pattern, name)
            if found:
                letter = "AB"[int(found[1])] if found.groups() else ""
                name = name[: found.start()] + wanted.replace("@", letter) + name[found.end() :]
        return name

    return lambda names: {published(name): name for name in names}


def network_of(state: Mapping[str, Any]) -> str | None:
    """The network that a state dict is of, by its names, and by its kernels where names are alike; None for others."""
    first_parts = {name.partition(".")[0] for name in state}
    for network, parts in (
        ("content_encoder", {"convA", "conv_share"}),
        ("attribute_encoder", {"conv_A", "model_a"}),
        ("generator", {"decA1", "dec_share"}),
        ("discriminator_a", {"Diss"}),
    ):
        if parts & first_parts:
            return network
    if "model.0.model.1.weight" not in state:
        return None
    kernel = state["model.0.model.1.weight"].shape[-1]
    return "discriminator_a" if kernel == 3 else "content_discriminator"


def split(held: Any) -> dict[str, State]:
    """The networks of a file, by the authors' keys; by the names of the tensors if there are none."""
    found = state_dicts(held)
    by_key = {KEYS[last]: state for key, state in found.items() if (last := key.rpartition(".")[2]) in KEYS}
    for network, state in by_key.items():
        kind = "discriminator_a" if network.startswith("discriminator") else network
        if network_of(state) != kind:
            raise RunError(f"Its {network} is none of {EXPECTED}; found {', '.join(list(state)[:3])} ...")
    return by_key or one_of_each(found, network_of, EXPECTED)


def content_encoder_options(shapes: Shapes) -> dict[str, Any]:
    """The width, the blocks and the channels of both domains."""
    first = shapes["convA.0.model.1.weight"]
    return {
        "width": first[0],
        "blocks": count_numbered(shapes, r"convA\.#\.model\.5\.weight"),
        **_channels(first[1], shapes["convB.0.model.1.weight"][1]),
    }


def attribute_encoder_options(shapes: Shapes) -> dict[str, Any]:
    """The injection, the widths and the channels of both domains."""
    if "model_a.1.weight" in shapes:
        first, other = shapes["model_a.1.weight"], shapes["model_b.1.weight"]
        options = {"injection": "transform", "style_dim": shapes["model_a.16.weight"][0]}
    else:
        first, other = shapes["conv_A.1.weight"], shapes["conv_B.1.weight"]
        options = {"injection": "concat", "style_dim": shapes["fc_A.0.weight"][0]}
    return options | {"attribute_width": first[0], **_channels(first[1], other[1])}


def generator_options(shapes: Shapes) -> dict[str, Any]:
    """The injection, the widths and the channels of both domains."""
    if "mlpA.0.weight" in shapes:
        return {
            "injection": "transform",
            "style_dim": shapes["mlpA.0.weight"][1],
            "width": shapes["decA5.2.weight"][0],
            **_channels(shapes["decA5.2.weight"][1], shapes["decB5.2.weight"][1]),
        }
    content = shapes["dec_share.0.model.1.weight"][0]
    return {
        "injection": "concat",
        "style_dim": shapes["decA1.0.model.1.weight"][0] - content,
        "width": content // 4,
        "blocks": count_numbered(shapes, r"decA1\.#\.model\.5\.weight"),
        **_channels(shapes["decA4.0.weight"][1], shapes["decB4.0.weight"][1]),
    }


def discriminator_options(shapes: Shapes) -> dict[str, Any]:
    """The kind, the scales, the layers and the width."""
    multiscale = any(name.startswith("Diss.") for name in shapes)
    prefix = "Diss.0." if multiscale else "model."
    first = shapes[f"{prefix}0.model.1.weight"]
    options: dict[str, Any] = {
        "discriminator": "multiscale" if multiscale else "single",
        "discriminator_layers": count_numbered(shapes, re.escape(prefix) + r"#\.model\.1\.weight"),
        "discriminator_width": first[0],
        "channels": first[1],
    }
    return options | ({"scales": count_numbered(shapes, r"Diss\.#\.0\.model\.1\.weight")} if multiscale else {})


def content_discriminator_options(shapes: Shapes) -> dict[str, Any]:
    """The width of content, and the layers."""
    return {
        "width": shapes["model.0.model.1.weight"][0] // 4,
        "content_layers": count_numbered(shapes, r"model\.#\.model\.1\.weight") - 1,
    }


def _channels(a: int, b: int) -> dict[str, Any]:
    return {"channels": a, "domain_channels": None if a == b else (a, b)}


def encode_content(network: nn.Module, **images: Tensor) -> dict[str, Tensor]:
    """image_a, image_b (N, C, H, W) to content_a, content_b (N, K, H / 4, W / 4)."""
    return {f"content_{name[-1]}": network(image, _number(name)) for name, image in images.items()}


def encode_attributes(network: nn.Module, **images: Tensor) -> dict[str, Tensor]:
    """image_a, image_b to mean_a, logvar_a, mean_b, logvar_b, or to attribute_a, attribute_b, (N, Z) each."""
    outputs: dict[str, Tensor] = {}
    for name, image in images.items():
        found, letter = network(image, _number(name)), name[-1]
        if isinstance(found, tuple):
            outputs |= {f"mean_{letter}": found[0], f"logvar_{letter}": found[1]}
        else:
            outputs[f"attribute_{letter}"] = found
    return outputs


def decode(network: Any, content: Tensor, attribute: Tensor) -> dict[str, Tensor]:
    """To image_a, image_b (N, C, H, W) in [-1, 1], and to pre_tanh_a, pre_tanh_b."""
    unbounded = {letter: network.before_tanh(content, attribute, number) for number, letter in enumerate("ab")}
    images = {f"image_{letter}": torch.tanh(values) for letter, values in unbounded.items()}
    return images | {f"pre_tanh_{letter}": values for letter, values in unbounded.items()}


def judge(network: nn.Module, image: Tensor) -> Tensor | dict[str, Tensor]:
    """Images (N, C, H, W) to scale0, scale1 ... (N, 1, h, w); to logits in one row for a discriminator of one scale."""
    scales = network(image)
    if isinstance(network, PyramidDiscriminator):
        return {f"scale{number}": logits for number, logits in enumerate(scales)}
    flat: Tensor = scales[0].flatten()
    return flat


def judge_content(network: nn.Module, content: Tensor) -> dict[str, Tensor]:
    """Content (N, K, h, w) to logits in one row."""
    return {"logits": network(content).flatten()}


def _number(name: str) -> int:
    return {"image_a": 0, "image_b": 1}[name]


def _judge_of(domain: int) -> Network:
    def build(config: DRITConfig) -> nn.Module:
        return build_judge(config, domain)

    return Network(
        build=build,
        options=discriminator_options,
        names=names_by(DISCRIMINATOR_NAMES),
        forward=judge,
        ignored=("*.weight_orig", "*.weight_u", "*.weight_v"),
    )


ADAPTER = Adapter(
    networks={
        "content_encoder": Network(
            build=build_content_encoder,
            options=content_encoder_options,
            names=names_by(CONTENT_NAMES),
            forward=encode_content,
            ignored=RUNNING_STATISTICS,
        ),
        "attribute_encoder": Network(
            build=build_attribute_encoder,
            options=attribute_encoder_options,
            names=names_by(ATTRIBUTE_NAMES),
            forward=encode_attributes,
            ignored=RUNNING_STATISTICS,
        ),
        "generator": Network(
            build=build_decoder,
            options=generator_options,
            names=names_by(GENERATOR_NAMES),
            forward=decode,
            ignored=RUNNING_STATISTICS,
        ),
        "discriminator_a": _judge_of(0),
        "discriminator_a2": _judge_of(0),
        "discriminator_b": _judge_of(1),
        "discriminator_b2": _judge_of(1),
        "content_discriminator": Network(
            build=build_content_discriminator,
            options=content_discriminator_options,
            forward=judge_content,
            ignored=("*.weight_orig", "*.weight_u", "*.weight_v"),
        ),
    },
    split=split,
    licence="none stated (Lee et al. 2018): all rights reserved",
    options=published_options,
    aliases={"discriminator": "discriminator_a", **KEYS},
)
