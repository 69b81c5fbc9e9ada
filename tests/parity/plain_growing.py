"""ProGAN and StyleGAN written plainly from a state dict in the names of genforce: what our networks are held against.

Nothing here is shared with the package: fused kernels are summed by shifts, and doublings are whole maps.
"""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor
from torch.nn.functional import (
    avg_pool2d,
    conv2d,
    conv_transpose2d,
    instance_norm,
    interpolate,
    leaky_relu,
    linear,
    pad,
)

State = dict[str, Tensor]


def conv(state: State, name: str, maps: Tensor, gain: float = sqrt(2)) -> Tensor:
    weight = state[f"{name}.weight"]
    padding = weight.shape[-1] // 2
    return conv2d(maps, weight * gain / sqrt(weight[0].numel()), state.get(f"{name}.bias"), padding=padding)


def dense(state: State, name: str, numbers: Tensor, gain: float = sqrt(2), rate: float = 1.0) -> Tensor:
    weight = state[f"{name}.weight"]
    return linear(numbers, weight * gain * rate / sqrt(weight.shape[1]), state[f"{name}.bias"] * rate)


def shifted(weight: Tensor) -> Tensor:
    """The 4x4 kernel: the 3x3 one at four places."""
    padded = pad(weight, (1, 1, 1, 1))
    return padded[..., 1:, 1:] + padded[..., :-1, 1:] + padded[..., 1:, :-1] + padded[..., :-1, :-1]


def up(maps: Tensor) -> Tensor:
    return interpolate(maps, scale_factor=2, mode="nearest")


def normal(maps: Tensor) -> Tensor:
    return maps / (maps.square().mean(1, keepdim=True) + 1e-8).sqrt()


def act(maps: Tensor) -> Tensor:
    return leaky_relu(maps, 0.2)


def blurred(maps: Tensor) -> Tensor:
    line = maps.new_tensor([1.0, 2.0, 1.0])
    kernel = torch.outer(line, line) / 16
    return conv2d(maps, kernel.expand(maps.shape[1], 1, 3, 3), padding=1, groups=maps.shape[1])


def progan_images(state: State, z: Tensor, label: Tensor | None, *, fused: bool, lod: float) -> Tensor:
    maps = normal(z) if label is None else torch.cat([normal(z), label], 1)
    weight, sizes = state["layer0.weight"], sum(name.startswith("output") for name in state) // 2
    first = conv2d(maps[..., None, None], weight * sqrt(2) / sqrt(weight[0].numel()), padding=weight.shape[-1] - 1)
    maps = normal(act(first + state["layer0.bias"][:, None, None]))
    maps = normal(act(conv(state, "layer1", maps)))
    images = conv(state, "output0", maps, 1.0)
    for size in range(1, sizes):
        name = f"layer{2 * size}"
        if fused:  # (inputs, outputs, 3, 3)
            kernel = shifted(state[f"{name}.weight"]) * sqrt(2) / sqrt(9 * maps.shape[1])
            maps = conv_transpose2d(maps, kernel, state[f"{name}.bias"], stride=2, padding=1)
        else:
            maps = conv(state, name, up(maps))
        maps = normal(act(conv(state, f"layer{2 * size + 1}", normal(act(maps)))))
        missing = min(1.0, max(0.0, lod - (sizes - 1 - size)))
        images = (1 - missing) * conv(state, f"output{size}", maps, 1.0) + missing * up(images)
    return images


def judged(state: State, images: Tensor, *, group: int, fused: bool, styled: bool) -> Tensor:
    """The numbers of either discriminator at full size. `styled`: StyleGAN's, whose maps are blurred."""
    sizes = sum(name.startswith("input") for name in state) // 2
    maps = act(conv(state, "input0", images))
    for place in range(sizes - 1):
        maps, name = act(conv(state, f"layer{2 * place}", maps)), f"layer{2 * place + 1}"
        maps = blurred(maps) if styled else maps
        if fused:
            kernel = shifted(state[f"{name}.weight"]) * sqrt(2) / sqrt(9 * maps.shape[1]) / 4
            maps = act(conv2d(maps, kernel, state[f"{name}.bias"], stride=2, padding=1))
        elif styled:  # the bias after the mean
            maps = act(avg_pool2d(conv(state, name, maps), 2))
        else:
            maps = avg_pool2d(act(conv(state, name, maps)), 2)
    count, _, height, width = maps.shape
    size = min(group, count)
    members = maps.reshape(size, -1, *maps.shape[1:])
    deviations = (members - members.mean(0)).square().mean(0).add(1e-8).sqrt().mean((1, 2, 3)).repeat(size)
    maps = torch.cat([maps, deviations[:, None, None, None].expand(count, 1, height, width)], 1)
    last = 2 * (sizes - 1)
    hidden = act(dense(state, f"layer{last + 1}", act(conv(state, f"layer{last}", maps)).flatten(1)))
    return dense(state, f"layer{last + 2}", hidden, 1.0)


def stylegan_w(state: State, z: Tensor, label: Tensor | None, *, rate: float) -> Tensor:
    w = normal(z if label is None else torch.cat([z, label @ state["mapping.label_weight"]], 1))
    for number in range(sum(name.endswith(".bias") and name.startswith("mapping.dense") for name in state)):
        w = act(dense(state, f"mapping.dense{number}", w, rate=rate))
    return w


def stylegan_images(state: State, w: Tensor, *, fused: bool) -> Tensor:
    """Of the same style in all layers, at full size."""
    inner = {name.removeprefix("synthesis."): tensor for name, tensor in state.items()}
    sizes = sum(name.startswith("output") for name in inner) // 2
    maps = inner["layer0.const"].expand(len(w), -1, -1, -1)
    for number in range(2 * sizes):
        name = f"layer{number}"
        kernel = inner.get(f"{name}.weight")
        if kernel is not None:
            kernel = kernel * sqrt(2) / sqrt(kernel[0].numel())
            if number % 2:
                maps = conv2d(maps, kernel, padding=1)
            elif fused:
                maps = blurred(conv_transpose2d(maps, shifted(kernel).transpose(0, 1), stride=2, padding=1))
            else:
                maps = blurred(conv2d(up(maps), kernel, padding=1))
        noise = inner[f"{name}.apply_noise.noise"] * inner[f"{name}.apply_noise.weight"][:, None, None]
        maps = instance_norm(act(maps + noise + inner[f"{name}.bias"][:, None, None]), eps=1e-8)
        scale, shift = dense(inner, f"{name}.style", w, 1.0).unflatten(1, (2, -1))[..., None, None].unbind(1)
        maps = maps * (scale + 1) + shift
    return conv(inner, f"output{sizes - 1}", maps, 1.0)
