"""BigGAN as its authors' PyTorch code saves it, and BigGAN-deep as Hugging Face converted it.

ajbrock/BigGAN-PyTorch: plain state dicts, `G.pth`, `G_ema.pth` (the moving average) and `D.pth`; weights converted from
DeepMind's modules have the same names. huggingface/pytorch-pretrained-BigGAN: `pytorch_model.bin`, a generator with
statistics of 51 truncations. No file names its classes: they are numbered.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from imagewright.checkpoints.adapter import Adapter, Network, Shapes, State, count_numbered, wrong_network
from imagewright.checkpoints.containers import one_of_each, state_dicts
from imagewright.errors import RunError
from imagewright.layers.biggan import DISCRIMINATOR_WIDTHS, GENERATOR_WIDTHS, NO_SIDES, START
from imagewright.losses.penalties import squared_gradient
from imagewright.models.adversarial.biggan import build_discriminator, build_generator
from imagewright.models.adversarial.biggan_deep import build_deep_generator

EXPECTED = "BigGAN: blocks.0.0.conv1.weight, blocks.0.0.bn1.gain.weight ..."
EXPECTED_DEEP = "BigGAN-deep: generator.layers.0.conv_0.weight_orig, embeddings.weight ..."
# Cross-replica norms, and norms of standing statistics, have their buffers one level deeper.
COUNTERS = ("*.accumulation_counter", "*.num_batches_tracked")  # of batches that statistics are of
PICTURE_CHANNELS = (1, 3, 4)
RENAMED = re.compile(r"\bbn\.(stored|running)_(mean|var)$")


def which(state: Mapping[str, Any]) -> str | None:
    """The network of BigGAN that a state dict is of: only the generator's blocks have norms."""
    if "blocks.0.0.conv1.weight" not in state:
        return None
    return "generator" if "blocks.0.0.bn1.gain.weight" in state else "discriminator"


def split(held: Any) -> dict[str, State]:
    return one_of_each({key: with_usual_names(state) for key, state in state_dicts(held).items()}, which, EXPECTED)


def with_usual_names(state: State) -> State:
    """A state dict with the statistics of its norms under the names that most files have."""
    return {RENAMED.sub(r"stored_\2", name): tensor for name, tensor in state.items()}


def is_deep(state: Mapping[str, Any]) -> str | None:
    """Whether a state dict is BigGAN-deep's generator."""
    return "generator" if "generator.layers.0.conv_0.weight_orig" in state else None


def split_deep(held: Any) -> dict[str, State]:
    return one_of_each(state_dicts(held), is_deep, EXPECTED_DEEP)


def numbered_classes(held: Any) -> dict[str, Any]:
    """The classes of a file by their numbers, and the option `condition`."""
    found: dict[str, Any] = {"condition": "labels"}
    with suppress(RunError):
        for state in state_dicts(held).values():
            count = class_count(state)
            if count:
                return found | {"class_names": tuple(str(number) for number in range(count))}
    return found


def class_count(state: State) -> int:
    """How many classes the embedding of a network has; 0 if it has none."""
    for name in ("shared.weight", "embed.weight", "embeddings.weight", "blocks.0.0.bn1.gain.weight"):
        if name in state and state[name].ndim == 2:
            return state[name].shape[1 if name == "embeddings.weight" else 0]
    return 0


# BigGAN


def generator_options(shapes: Shapes) -> dict[str, Any]:
    """Size, channels, widths, the parts of the noise and the embedding, and which maps have attention."""
    if which(shapes) != "generator":
        raise wrong_network("generator", EXPECTED, shapes)
    doublings = _doublings(count_numbered(shapes, r"blocks\.#\.0\.conv1\.weight"), 0)
    multiples = GENERATOR_WIDTHS[doublings]
    channels, widest = shapes["output_layer.2.weight"][:2]
    rows, chunk = shapes["linear.weight"]
    shared = shapes["shared.weight"][1] if "shared.weight" in shapes else 0
    hierarchical = bool(shared) and shapes["blocks.0.0.bn1.gain.weight"][1] > shared
    side = _side(rows // (widest // multiples[-1] * multiples[0]))
    return {
        "size": (side << doublings, side << doublings),
        "channels": channels,
        "width": widest // multiples[-1],
        "latent_dim": chunk * (doublings + 1) if hierarchical else chunk,
        "embedding_dim": shared,
        "hierarchical": hierarchical,
        "attention": _sides([side << (level + 1) for level in _attending(shapes, doublings)]),
    }


def discriminator_options(shapes: Shapes) -> dict[str, Any]:
    """Size (of a last map of 4x4 pixels), channels and widths, and which maps have attention."""
    if which(shapes) != "discriminator":
        raise wrong_network("discriminator", EXPECTED, shapes)
    blocks = count_numbered(shapes, r"blocks\.#\.0\.conv1\.weight")
    doublings = _doublings(blocks, 1)
    halvings = 2 if doublings == 3 else doublings
    inner = shapes["blocks.1.0.conv1.weight"][0]
    side = START << doublings
    first, channels = shapes["blocks.0.0.conv1.weight"][:2]
    return {
        "size": (side, side),
        "channels": channels,
        "discriminator_width": shapes["blocks.0.0.conv2.weight"][0] // DISCRIMINATOR_WIDTHS[doublings][0],
        "wide": first == shapes["blocks.0.0.conv2.weight"][0] and inner == shapes["blocks.1.0.conv2.weight"][0],
        "discriminator_attention": _sides([side >> min(level + 1, halvings) for level in _attending(shapes, blocks)]),
    }


def _doublings(blocks: int, more: int) -> int:
    if blocks - more not in GENERATOR_WIDTHS:
        raise RunError(f"It has {blocks} blocks, and those here have {1 + more} to {max(GENERATOR_WIDTHS) + more}.")
    return blocks - more


def _attending(shapes: Shapes, blocks: int) -> list[int]:
    return [level for level in range(blocks) if f"blocks.{level}.1.gamma" in shapes]


def _side(area: int) -> int:
    side = math.isqrt(area)
    if side * side != area:
        raise RunError(f"Its first map has {area} pixels, and is not square: give the option size.")
    return side


def _sides(sides: list[int]) -> str:
    return ",".join(str(side) for side in dict.fromkeys(sides)) or NO_SIDES


def names(ours: Iterable[str]) -> dict[str, str]:
    """Published names of ours: singular vectors and statistics have other ones."""
    return {_published(name): name for name in ours if not name.endswith("num_batches_tracked")}


def _published(name: str) -> str:
    for here, there in (("statistics.running_mean", "stored_mean"), ("statistics.running_var", "stored_var")):
        name = name.replace(here, there)
    if name.startswith("output_layer.0."):  # a plain batch norm
        last = name.rpartition(".")[2]
        return "output_layer.0." + {"weight": "gain", "running_mean": "stored_mean", "running_var": "stored_var"}.get(
            last, last
        )
    return re.sub(r"\.u$", ".u0", re.sub(r"\.singular_value$", ".sv0", name))


def generate(network: nn.Module, z: Tensor, label: Tensor) -> dict[str, Tensor]:
    """z (N, Z) from N(0, 1) and classes, int64 (N,), to `image` (N, C, H, W), and `image_half_z` of half of z."""
    noise = z[:, : network.noise]
    return {"image": network(noise, label), "image_half_z": network(noise * 0.5, label)}


def judge(network: nn.Module, image: Tensor, label: Tensor) -> dict[str, Tensor]:
    """Images (N, C, H, W) and classes (N,) to `logits` (N, 1) and `r1_penalty`, squared gradients at them, (N,)."""
    with torch.enable_grad():
        squares = squared_gradient(lambda images: network(images, label), image).detach()
    return {"logits": network(image, label)[:, None], "r1_penalty": squares}


BIGGAN = Adapter(
    networks={
        "generator": Network(
            build=build_generator, options=generator_options, names=names, forward=generate, ignored=COUNTERS
        ),
        "discriminator": Network(build=build_discriminator, options=discriminator_options, names=names, forward=judge),
    },
    split=split,
    options=numbered_classes,
    licence="MIT (Brock 2019; weights of DeepMind's modules: Apache-2.0)",
)


# BigGAN-deep


def deep_options(shapes: Shapes) -> dict[str, Any]:
    """Size, widths, noise and embedding, and which maps have attention; channels are 3, unless an option says else."""
    if is_deep(shapes) is None:
        raise wrong_network("generator", EXPECTED_DEEP, shapes)
    layers = count_numbered(shapes, r"generator\.layers\.#\..+")
    attending = [level for level in range(layers) if f"generator.layers.{level}.gamma" in shapes]
    doublings = _doublings((layers - len(attending)) // 2, 0)
    output_maps, finest = shapes["generator.conv_to_rgb.weight_orig"][:2]
    multiples = GENERATOR_WIDTHS[doublings]
    width = finest // multiples[-1]
    rows, condition = shapes["generator.gen_z.weight_orig"]
    side = _side(rows // (width * multiples[0]))
    embedding = shapes["embeddings.weight"][0]
    more = {} if output_maps in PICTURE_CHANNELS else {"output_maps": output_maps}
    return more | {
        "size": (side << doublings, side << doublings),
        "channels": output_maps if output_maps in PICTURE_CHANNELS else 3,
        "width": width,
        "latent_dim": condition - embedding,
        "embedding_dim": embedding,
        "attention": _sides([side << ((level - place) // 2) for place, level in enumerate(attending)]),
    }


def deep_names(ours: Iterable[str]) -> dict[str, str]:
    """Published names of ours."""
    kept = [name for name in ours if not name.endswith("num_batches_tracked")]
    found = {}
    for name in kept:
        published = name if name.startswith("embeddings.") else f"generator.{_deep_published(name, kept)}"
        found[published] = name
    return found


def _deep_published(name: str, ours: list[str]) -> str:
    layer, _, leaf = name.rpartition(".")
    statistics = {"statistics.running_mean": "running_means", "statistics.running_var": "running_vars"}
    for here, there in statistics.items():
        name = name.replace(here, there)
    if f"{layer}.u" in ours:  # a layer with a spectral norm
        leaf = {"weight": "weight_orig", "u": "weight_u", "v": "weight_v"}.get(leaf, leaf)
        name = f"{re.sub(r'[.](theta|phi|g|o)$', _attention_name, layer)}.{leaf}"
    return name


def _attention_name(found: re.Match[str]) -> str:
    return f".snconv1x1_{found[1]}" + ("_conv" if found[1] == "o" else "")


def generate_deep(
    network: nn.Module, z: Tensor, label: Tensor, truncations: Mapping[str, float] | None = None
) -> dict[str, Tensor]:
    """z (N, Z) from a truncated normal distribution and weights of classes (N, K) to images at several truncations.

    truncations: by the name of the output: image_t04, image_t0435 and image_t1 by default. z is multiplied by each.
    """
    chosen = truncations or {"image_t04": 0.4, "image_t0435": 0.435, "image_t1": 1.0}
    return {name: network(z * truncation, label, truncation) for name, truncation in chosen.items()}


BIGGAN_DEEP = Adapter(
    networks={
        "generator": Network(build=build_deep_generator, options=deep_options, names=deep_names, forward=generate_deep),
    },
    split=split_deep,
    options=numbered_classes,
    licence="MIT (Hugging Face 2019; weights of DeepMind's modules: Apache-2.0)",
)
