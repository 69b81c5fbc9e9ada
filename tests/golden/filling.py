"""Weights without a file: the values of each tensor are a function of its name, its shape and a seed."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor


def fill_tensor(name: str, shape: tuple[int, ...], seed: int = 0, gain: float = 1.0) -> Tensor:
    """float32. Kernels have variance gain^2 / inputs, running variances are 1 or more, gains near 1, the rest small."""
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    values = random.standard_normal(shape).astype(np.float32)
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "running_var":
        values = 1 + 0.1 * np.abs(values)
    elif len(shape) >= 2:
        values = np.float32(gain / math.sqrt(math.prod(shape[1:]))) * values
    elif leaf in {"weight", "gamma"}:
        values = 1 + np.float32(0.1) * values
    else:
        values = np.float32(0.1) * values
    return torch.from_numpy(np.asarray(values, np.float32))


def fill_state(shapes: Mapping[str, tuple[int, ...]], seed: int = 0, gain: float = 1.0) -> dict[str, Tensor]:
    """A state dict with the given names and shapes."""
    return {name: fill_tensor(name, tuple(shape), seed, gain) for name, shape in shapes.items()}


def noise_pictures(count: int, size: tuple[int, int], seed: int) -> Tensor:
    """uint8 (count, 3, H, W): coarse noise, so that neighbouring pixels correlate as in pictures, plus fine noise."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(0, 255, (count, 3, -(-size[0] // 8), -(-size[1] // 8)))
    smooth = np.kron(coarse, np.ones((1, 1, 8, 8)))[:, :, : size[0], : size[1]]
    return torch.from_numpy(np.clip(smooth + random.normal(0, 20, smooth.shape), 0, 255).astype(np.uint8))
