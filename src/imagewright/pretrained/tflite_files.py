"""The constant tensors of a TensorFlow Lite file, read as data. The graph in it is not read.

Only files of a known checksum are read, so that their structure can be relied on. The format is a FlatBuffer: a table
has an offset to its list of fields before it, and each field an offset to what it holds.
"""

from __future__ import annotations

import struct

import numpy as np
import torch
from torch import Tensor

TYPES = {0: "<f4", 1: "<f2"}  # tensor types that hold weights: float32 and float16
KERNEL_AXES = 4


class _Table:
    """A table of a FlatBuffer: `field(k)` is the place of its k-th field, or 0 if that is not stored."""

    def __init__(self, content: bytes, place: int) -> None:
        self.content, self.place = content, place
        self.fields = place - struct.unpack_from("<i", content, place)[0]
        self.size = struct.unpack_from("<H", content, self.fields)[0]

    def field(self, number: int) -> int:
        at = 4 + 2 * number
        offset = struct.unpack_from("<H", self.content, self.fields + at)[0] if at < self.size else 0
        return self.place + offset if offset else 0

    def number(self, number: int, kind: str) -> int:
        place = self.field(number)
        return int(struct.unpack_from(kind, self.content, place)[0]) if place else 0

    def vector(self, number: int) -> tuple[int, int]:
        """(place of the first element, length) of a field that is a vector or a text; (0, 0) if it is not stored."""
        place = self.field(number)
        if not place:
            return 0, 0
        start = place + struct.unpack_from("<I", self.content, place)[0]
        return start + 4, int(struct.unpack_from("<I", self.content, start)[0])

    def tables(self, number: int) -> list[_Table]:
        """The tables of a field that is a vector of tables."""
        start, length = self.vector(number)
        places = [start + 4 * index for index in range(length)]
        return [_Table(self.content, each + struct.unpack_from("<I", self.content, each)[0]) for each in places]


def read_tflite(content: bytes) -> dict[str, Tensor]:
    """The float tensors of a file by name, as float32. Kernels have torch's order of axes.

    Kernels of plain convolutions are (outputs, inputs, rows, columns), depthwise ones (channels, 1, rows, columns).
    """
    model = _Table(content, struct.unpack_from("<I", content, 0)[0])
    buffers = [buffer.vector(0) for buffer in model.tables(4)]
    found: dict[str, Tensor] = {}
    for tensor in model.tables(2)[0].tables(0):
        kind = TYPES.get(tensor.number(1, "<b"))
        start, length = buffers[tensor.number(2, "<I")]
        if kind is None or not length:
            continue
        values = np.frombuffer(content, kind, length // np.dtype(kind).itemsize, start).astype(np.float32)
        place, axes = tensor.vector(0)
        values = values.reshape(struct.unpack_from(f"<{axes}i", content, place))
        place, size = tensor.vector(3)
        name = content[place : place + size].decode()
        if axes == KERNEL_AXES:
            order = (3, 0, 1, 2) if "depthwise" in name else (0, 3, 1, 2)
            values = values.transpose(order)
        found[name] = torch.from_numpy(np.ascontiguousarray(values))
    return found
