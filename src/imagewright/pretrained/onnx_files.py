"""The initial tensors of an ONNX file, read as data. The graph in it is not read.

Only files of a known checksum are read, so that their structure can be relied on. The format is that of protocol
buffers: a message is a row of fields, each with a key (its number and its kind) before its value.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

GRAPH, INITIALISER = 7, 5  # numbers of fields: of the graph in a model, and of a tensor in a graph
SHAPE, TYPE, FLOATS, NAME, RAW = 1, 2, 4, 8, 9  # of a tensor; its numbers are in one of FLOATS and RAW
FLOAT = 1  # the type float32
VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5  # kinds of values
FIXED = {EIGHT_BYTES: 8, FOUR_BYTES: 4}


def read_onnx(content: bytes) -> dict[str, Tensor]:
    """The float32 tensors of a file by name."""
    found: dict[str, Tensor] = {}
    for graph in (value for number, value in _fields(memoryview(content)) if number == GRAPH):
        assert isinstance(graph, memoryview)
        for tensor in (value for number, value in _fields(graph) if number == INITIALISER):
            assert isinstance(tensor, memoryview)
            fields = list(_fields(tensor))
            named = dict(fields)
            raw, name = named.get(RAW, named.get(FLOATS)), named[NAME]
            if named.get(TYPE) != FLOAT or not isinstance(raw, memoryview) or not isinstance(name, memoryview):
                continue
            shape = [side for number, value in fields if number == SHAPE for side in _numbers(value)]
            values = np.frombuffer(raw, "<f4").reshape(shape).copy()
            found[bytes(name).decode()] = torch.from_numpy(values)
    return found


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of each field of a message: whole numbers as such, all others as their bytes."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind = key & 7
        if kind == VARINT:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if kind == BYTES:
            length, place = _varint(message, place)
        else:
            length = FIXED[kind]
        yield key >> 3, message[place : place + length]
        place += length


def _numbers(value: int | memoryview) -> list[int]:
    """A repeated number: one, or several packed into bytes."""
    if isinstance(value, int):
        return [value]
    found, place = [], 0
    while place < len(value):
        number, place = _varint(value, place)
        found.append(number)
    return found


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """A whole number of seven bits a byte, the lowest first, and the place after it."""
    number = shift = 0
    while True:
        byte = message[place]
        number |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return number, place
