"""Tensors in 8 bits, in the order of a manifest: the format of TensorFlow.js, as face-api stores its networks.

Only files of a known checksum are read.
"""

from __future__ import annotations

import json
import math

import numpy as np
import torch
from torch import Tensor


def read_quantised_shards(content: bytes, manifest: bytes) -> dict[str, Tensor]:
    """The tensors by name, as float32: a number is the stored byte times the tensor's scale, plus its least value.

    A tensor without a scale is stored as float32.

    content: the bytes of all tensors, one after the other.
    manifest: JSON with the name, the shape, the scale and the least value of each.
    """
    found, place = {}, 0
    for tensor in json.loads(manifest)[0]["weights"]:
        size, steps = math.prod(tensor["shape"]), tensor.get("quantization")
        kind = np.dtype(np.uint8 if steps else "<f4")
        values = np.frombuffer(content, kind, size, place).astype(np.float32)
        if steps:
            values = values * np.float32(steps["scale"]) + np.float32(steps["min"])
        found[str(tensor["name"])] = torch.from_numpy(values.reshape(tensor["shape"]))
        place += size * kind.itemsize
    return found
