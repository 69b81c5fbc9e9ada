"""BigGAN and BigGAN-deep as functions of state dicts with the published names: as the facts and the paper say it.

`shapes` make the names and shapes of a configuration; the functions compute its outputs in evaluation mode.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, linear, max_pool2d, normalize, relu

State = dict[str, Tensor]


def fill(shapes: dict[str, tuple[int, ...]]) -> State:
    """Weights by their names alone: variances positive, singular vectors of length 1."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in shapes.items():
        values = torch.randn(shape, generator=generator)
        leaf = name.rpartition(".")[2]
        if "var" in leaf or leaf.startswith("sv"):
            values = 1 + 0.3 * values.abs()
        elif leaf in ("u0", "weight_u", "weight_v"):
            values = normalize(values.flatten(), dim=0).view(shape)
        elif len(shape) > 1 and "mean" not in leaf:
            values /= math.sqrt(math.prod(shape[1:]))
        state[name] = values
    return state


def spectral(name: str, *shape: int, bias: bool = True) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {f"{name}.weight": shape, f"{name}.u0": (1, shape[0]), f"{name}.sv0": (1,)}
    return found | ({f"{name}.bias": (shape[0],)} if bias else {})


def attention(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {f"{name}.gamma": ()}
    for part, inputs, outputs in (
        ("theta", channels, channels // 8),
        ("phi", channels, channels // 8),
        ("g", channels, channels // 2),
        ("o", channels // 2, channels),
    ):
        found |= spectral(f"{name}.{part}", outputs, inputs, 1, 1, bias=False)
    return found


def generator_shapes(
    widths: list[int], *, z: int, classes: int, shared: int, hier: bool, attn: int, channels: int
) -> dict[str, tuple[int, ...]]:
    chunk = z // len(widths) if hier else z
    condition = shared + (chunk if hier else 0)
    found: dict[str, tuple[int, ...]] = {"shared.weight": (classes, shared)} if shared else {}
    found |= spectral("linear", 16 * widths[0], chunk)
    for level, (inputs, outputs) in enumerate(pairwise(widths)):
        block = f"blocks.{level}.0."
        found |= spectral(f"{block}conv1", outputs, inputs, 3, 3) | spectral(f"{block}conv2", outputs, outputs, 3, 3)
        found |= spectral(f"{block}conv_sc", outputs, inputs, 1, 1)
        for norm, size in (("bn1", inputs), ("bn2", outputs)):
            found |= {f"{block}{norm}.stored_mean": (size,), f"{block}{norm}.stored_var": (size,)}
            for part in ("gain", "bias"):
                if shared:
                    found |= spectral(f"{block}{norm}.{part}", size, condition, bias=False)
                else:
                    found[f"{block}{norm}.{part}.weight"] = (classes, size)
        if 8 << level == attn:
            found |= attention(f"blocks.{level}.1", outputs)
    found |= {f"output_layer.0.{name}": (widths[-1],) for name in ("gain", "bias", "stored_mean", "stored_var")}
    return found | spectral("output_layer.2", channels, widths[-1], 3, 3)


def normalised(state: State, name: str) -> Tensor:
    weight = state[f"{name}.weight"]
    matrix = weight.flatten(1)
    v = normalize(state[f"{name}.u0"] @ matrix)
    u = normalize(v @ matrix.t())
    return weight / (v @ matrix.t() @ u.t())


def convolve(state: State, name: str, maps: Tensor) -> Tensor:
    weight = normalised(state, name)
    return conv2d(maps, weight, state.get(f"{name}.bias"), padding=weight.shape[2] // 2)


def attend(state: State, name: str, maps: Tensor) -> Tensor:
    theta = convolve(state, f"{name}.theta", maps).flatten(2)
    phi, g = (max_pool2d(convolve(state, f"{name}.{part}", maps), 2).flatten(2) for part in ("phi", "g"))
    weights = (theta.mT @ phi).softmax(-1)
    changes = convolve(state, f"{name}.o", (g @ weights.mT).view(len(maps), -1, *maps.shape[2:]))
    return maps + state[f"{name}.gamma"] * changes


def generate(state: State, z: Tensor, label: Tensor, *, hier: bool, eps: float = 1e-5) -> Tensor:
    blocks = sum(name.endswith("conv1.weight") for name in state)
    chunks = z.chunk(blocks + 1, 1) if hier else [z]
    embedded = state["shared.weight"][label] if "shared.weight" in state else None
    maps = linear(chunks[0], normalised(state, "linear"), state["linear.bias"]).view(len(z), -1, 4, 4)

    def norm(name: str, maps: Tensor, level: int) -> Tensor:
        mean, variance = state[f"{name}.stored_mean"], state[f"{name}.stored_var"]
        maps = (maps - mean[:, None, None]) / (variance + eps).sqrt()[:, None, None]
        if embedded is None:
            gain, bias = (state[f"{name}.{part}.weight"][label] for part in ("gain", "bias"))
        else:
            condition = torch.cat([embedded, chunks[level + 1]], 1) if hier else embedded
            gain, bias = (condition @ normalised(state, f"{name}.{part}").t() for part in ("gain", "bias"))
        return relu(maps * (1 + gain)[..., None, None] + bias[..., None, None])

    for level in range(blocks):
        block = f"blocks.{level}.0."
        inner = convolve(state, f"{block}conv1", interpolate(norm(f"{block}bn1", maps, level), scale_factor=2))
        inner = convolve(state, f"{block}conv2", norm(f"{block}bn2", inner, level))
        maps = inner + convolve(state, f"{block}conv_sc", interpolate(maps, scale_factor=2))
        if f"blocks.{level}.1.gamma" in state:
            maps = attend(state, f"blocks.{level}.1", maps)
    last = {
        part: state[f"output_layer.0.{part}"][:, None, None] for part in ("gain", "bias", "stored_mean", "stored_var")
    }
    maps = (maps - last["stored_mean"]) / (last["stored_var"] + eps).sqrt() * last["gain"] + last["bias"]
    return convolve(state, "output_layer.2", relu(maps)).tanh()


def discriminator_shapes(
    widths: list[int], halvings: int, *, classes: int, wide: bool, attn: int, channels: int
) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for level, (inputs, outputs) in enumerate(zip([channels, *widths], widths, strict=False)):
        block, hidden = f"blocks.{level}.0.", outputs if wide else inputs
        found |= spectral(f"{block}conv1", hidden, inputs, 3, 3) | spectral(f"{block}conv2", outputs, hidden, 3, 3)
        if inputs != outputs or level < halvings:
            found |= spectral(f"{block}conv_sc", outputs, inputs, 1, 1)
        if level == attn:
            found |= attention(f"blocks.{level}.1", outputs)
    return found | spectral("linear", 1, widths[-1]) | spectral("embed", classes, widths[-1], bias=False)


def judge(state: State, image: Tensor, label: Tensor, halvings: int) -> Tensor:
    maps = image
    for level in range(sum(name.endswith("conv1.weight") for name in state)):
        block = f"blocks.{level}.0."
        inner = convolve(state, f"{block}conv2", relu(convolve(state, f"{block}conv1", relu(maps) if level else maps)))
        shortcut = maps
        if level == 0:
            shortcut = avg_pool2d(shortcut, 2)
        if f"{block}conv_sc.weight" in state:
            shortcut = convolve(state, f"{block}conv_sc", shortcut)
        if level < halvings:
            inner, shortcut = avg_pool2d(inner, 2), avg_pool2d(shortcut, 2) if level else shortcut
        maps = inner + shortcut
        if f"blocks.{level}.1.gamma" in state:
            maps = attend(state, f"blocks.{level}.1", maps)
    features = relu(maps).sum((2, 3))
    projected = (normalised(state, "embed")[label] * features).sum(1, keepdim=True)
    return linear(features, normalised(state, "linear"), state["linear.bias"]) + projected
