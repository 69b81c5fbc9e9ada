"""The memory of values that hold tensors, arrays and bytes, however they are nested."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

PLAIN = (int, float, complex, str, type(None))  # small, or what was named by a user
OWN = __name__.partition(".")[0]


def count_bytes(value: Any, besides: nn.Module | None = None) -> int:
    """The bytes of all tensors, arrays and bytes in a value: in mappings, sequences, sets, and objects of this package.

    What several of them share, as views do, counts once. Objects of other packages are not looked into.

    besides: a model whose weights are not counted, though the value may refer to them.
    """
    seen: set[int] = set()
    if besides is not None:
        seen.update(place for place, _ in _storages(besides))
    total, visited, waiting = 0, set[int](), [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, PLAIN) or id(each) in visited:
            continue
        visited.add(id(each))
        for place, size in _storages(each):
            if place not in seen:
                seen.add(place)
                total += size
        waiting.extend(_inside(each))
    return total


def _storages(value: Any) -> Iterator[tuple[int, int]]:
    """The place and the bytes of each memory that a value holds itself; of a network all its weights'."""
    import numpy as np
    import torch

    if isinstance(value, torch.Tensor):
        storage = value.untyped_storage()
        yield storage.data_ptr(), storage.nbytes()
    elif isinstance(value, torch.nn.Module):
        for tensor in (*value.parameters(), *value.buffers()):
            yield from _storages(tensor)
    elif isinstance(value, np.ndarray):
        while isinstance(value.base, np.ndarray):
            value = value.base
        yield value.ctypes.data, value.nbytes
    elif isinstance(value, bytes | bytearray):
        yield id(value), len(value)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if isinstance(value, type):
        return []
    if dataclasses.is_dataclass(value):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    if type(value).__module__.partition(".")[0] == OWN:
        return list(getattr(value, "__dict__", {}).values())
    return []
