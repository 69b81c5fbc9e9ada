"""Rebuild tensors from a pickle's records of PyTorch storages and NumPy arrays. Other records stay records.

Sources: `torch/serialization.py`, `_legacy_save` (the layout of `torch.save` before PyTorch 1.6, which storages use
inside a plain pickle); `ndarray.__reduce__` and `dtype.__reduce__` of NumPy.
"""

from __future__ import annotations

import io
import math
import re
import reprlib
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imagewright.checkpoints.pickles import interpret
from imagewright.checkpoints.records import PERSISTENT, Global, Record, checked_key
from imagewright.errors import RunError
from imagewright.pretrained.torchscript_archives import STORAGES

MAGIC = 0x1950A86A20F9469CFC6C  # `torch.serialization.MAGIC_NUMBER`
MOST_REPEATED = 2**24  # numbers of a tensor that views memory repeatedly (expanded), such as a broadcast kernel
DTYPES = STORAGES | {"UntypedStorage": torch.uint8}
PLAIN_NUMBERS = re.compile(r"[<>=|]?[biufc]\d{1,2}")


class Rebuilder:
    """Turns the records of one pickle into tensors and plain data.

    size: bytes of the file. Tensors with more bytes in all are refused: a small pickle could otherwise allocate without
        bound.
    """

    def __init__(self, size: int) -> None:
        self.bytes_left = size
        # By the id of a value: the value and its result. Holding the value keeps its id from being reused.
        self.rebuilt: dict[int, tuple[Any, Any]] = {}

    def rebuild(self, value: Any) -> Any:
        """The same structure with tensors in place of the records that describe them. Shared values stay shared."""
        if not isinstance(value, list | tuple | dict | Record):
            return value
        if id(value) not in self.rebuilt:
            self._rebuild(value)
        return self.rebuilt[id(value)][1]

    def _rebuild(self, value: Any) -> None:
        if isinstance(value, Record):
            self._rebuild_record(value)
        elif isinstance(value, list):
            values: list[Any] = []
            self.rebuilt[id(value)] = (value, values)  # before its elements, since a list may contain itself
            values += map(self.rebuild, value)
        elif isinstance(value, dict):
            entries: dict[Any, Any] = {}
            self.rebuilt[id(value)] = (value, entries)
            entries.update({key: self.rebuild(each) for key, each in value.items()})
        else:
            self.rebuilt[id(value)] = (value, tuple(map(self.rebuild, value)))

    def _rebuild_record(self, record: Record) -> None:
        made = _MAKERS[record.name](self, record) if record.name in _MAKERS else None
        if made is not None:
            self.rebuilt[id(record)] = (record, made)
            return
        # OrderedDict, EasyDict, AttrDict: dictionaries with further methods. A ModuleDict is a module instead.
        if record.what.name.endswith("Dict") and "_modules" not in record.attributes:
            entries: dict[Any, Any] = {}
            self.rebuilt[id(record)] = (record, entries)
            pairs = record.args[0] if record.args and isinstance(record.args[0], list | tuple) else ()
            for key, each in (*pairs, *record.items.items()):
                entries[checked_key(key)] = self.rebuild(each)
            return
        new = Record(record.what)
        self.rebuilt[id(record)] = (record, new)
        new.args, new.options = self.rebuild(record.args), self.rebuild(record.options)
        new.state, new.items = self.rebuild(record.state), self.rebuild(record.items)
        new.values = self.rebuild(record.values)

    # PyTorch

    def tensor(self, record: Record) -> Tensor:
        """`_rebuild_tensor_v2(storage, offset, shape, stride, ...)`: a view; torch checks its bounds."""
        storage, offset, shape, stride = map(self.rebuild, record.args[:4])
        shape, stride, (offset,) = _whole_numbers(shape), _whole_numbers(stride), _whole_numbers((offset,))
        flat = self._tensor(storage, record)
        count = math.prod(shape)
        if count > max(len(flat), MOST_REPEATED) or min((offset, *shape, *stride)) < 0:
            raise RunError(f"a tensor in it claims {count:,} numbers, of which it holds {len(flat):,}.")
        return flat.as_strided(shape, stride, offset)

    def parameter(self, record: Record) -> Tensor:
        """`_rebuild_parameter(tensor, ...)`: the tensor."""
        return self._tensor(self.rebuild(record.args[0]), record)

    def typed_tensor(self, record: Record) -> Tensor:
        """`_rebuild_from_type_v2(function, type, args, state)`: a tensor; its attributes are dropped."""
        return self._tensor(self.rebuild(Record(record.args[0], record.args[2])), record)

    def storage(self, record: Record) -> Tensor:
        """`_load_from_bytes(bytes)`: the numbers of a storage, flat, from a `torch.save` inside the pickle."""
        content = self._count_bytes(self.rebuild(record.args[0]))
        stream = io.BytesIO(content)
        if interpret(stream) != MAGIC:
            raise RunError("a storage in it is in no format of PyTorch that is known here.")
        interpret(stream)  # the version of the protocol
        if not interpret(stream).get("little_endian", True):
            raise RunError("a storage in it is from a big-endian machine.")
        described = interpret(stream)
        interpret(stream)  # the keys of the storages: a single one
        if not isinstance(described, Record) or described.what is not PERSISTENT:
            raise RunError("a storage in it is described by something else.")
        kind, dtype, _, _, count = described.args[0][:5]
        if kind != "storage" or not isinstance(dtype, Global) or dtype.name not in DTYPES:
            raise RunError(f"a storage in it is of the unknown type {reprlib.repr(dtype)}.")
        (written,) = struct.unpack("<q", stream.read(8))
        raw = content[stream.tell() :]
        if written != count or len(raw) != count * DTYPES[dtype.name].itemsize:
            raise RunError(f"a storage in it has {len(raw):,} bytes, not those of {count:,} numbers.")
        return torch.frombuffer(raw, dtype=DTYPES[dtype.name]) if count else torch.empty(0, dtype=DTYPES[dtype.name])

    # NumPy

    def array(self, record: Record) -> Tensor | None:
        """`_reconstruct(...)`, state (version, shape, dtype, is_fortran, bytes). None unless of plain numbers."""
        _, shape, dtype, fortran, raw = record.state
        return self._array(self.rebuild(shape), dtype, raw, "F" if fortran else "C")

    def array_of_buffer(self, record: Record) -> Tensor | None:
        """`_frombuffer(bytes, dtype, shape, order)`. None unless of plain numbers."""
        raw, dtype, shape, order = record.args
        return self._array(self.rebuild(shape), dtype, raw, order)

    def scalar(self, record: Record) -> Any:
        """`scalar(dtype, bytes)`. None unless of plain numbers."""
        dtype, raw = record.args
        kind = _dtype(dtype)
        if kind is None:
            return None
        return np.frombuffer(_raw_bytes(self.rebuild(raw)), kind)[0].item()

    def encoded(self, record: Record) -> bytes:
        """`_codecs.encode(text, "latin1")`: bytes as older protocols write them."""
        text, encoding = record.args
        if encoding not in ("latin1", "latin-1"):
            raise RunError(f"bytes in it are encoded as {reprlib.repr(encoding)}.")
        return str(text).encode("latin-1")

    def no_bytes(self, record: Record) -> bytes | None:
        """`bytes()`: empty bytes, as older protocols write them. None for `bytes` with arguments."""
        return None if record.args else b""

    def size(self, record: Record) -> Any:
        """`torch.Size(numbers)`: the numbers."""
        return self.rebuild(record.args[0])

    def _array(self, shape: Any, dtype: Any, raw: Any, order: Any) -> Tensor | None:
        kind = _dtype(dtype)
        if kind is None:
            return None
        content = _raw_bytes(self.rebuild(raw))
        shape = _whole_numbers(shape)
        if math.prod(shape) * kind.itemsize != len(content):
            raise RunError(f"an array in it has {len(content):,} bytes, not those of the shape {shape}.")
        values = np.frombuffer(self._count_bytes(content), kind).reshape(shape, order="F" if order == "F" else "C")
        return torch.from_numpy(np.asarray(values, kind.newbyteorder("="), order="C"))

    def _count_bytes(self, raw: bytes) -> bytearray:
        """A copy of `raw`. Raises `RunError` if all copies together have more bytes than the file."""
        self.bytes_left -= len(raw)
        if self.bytes_left < 0:
            raise RunError("its tensors claim more bytes than the file has.")
        return bytearray(raw)

    @staticmethod
    def _tensor(value: Any, record: Record) -> Tensor:
        if not isinstance(value, Tensor):
            raise RunError(f"{record.name} is given something else than a storage or a tensor.")
        return value


def _whole_numbers(values: Any) -> tuple[int, ...]:
    """A shape, or steps. Raises `RunError` for anything else: to multiply texts and lists would repeat them."""
    if not isinstance(values, list | tuple) or not all(isinstance(each, int) and abs(each) < 2**63 for each in values):
        raise RunError("a shape in it is no list of numbers.")
    return tuple(values)


def _dtype(record: Any) -> np.dtype[Any] | None:
    """A dtype from `dtype("f4", ...)` and its state (version, byte order, ...). None unless of plain numbers."""
    code = record.args[0] if isinstance(record, Record) and record.name == "numpy.dtype" else None
    if not isinstance(code, str) or not PLAIN_NUMBERS.fullmatch(code):
        return None  # arrays of objects, texts or dates are no weights
    order = record.state[1] if record.state else "="
    return np.dtype(code).newbyteorder(">" if order == ">" else "<" if order == "<" else "=")


def _raw_bytes(value: Any) -> bytes:
    """The bytes of a value: Python 2 pickled bytes as text."""
    return value.encode("latin-1") if isinstance(value, str) else bytes(memoryview(value))


# The method that rebuilds the value of a record, by the record's name. A method that returns None leaves the record to
# the general rules of `_rebuild_record`.
_MAKERS: dict[str, Callable[[Rebuilder, Record], Any]] = {
    "torch.storage._load_from_bytes": Rebuilder.storage,
    "torch._utils._rebuild_tensor": Rebuilder.tensor,
    "torch._utils._rebuild_tensor_v2": Rebuilder.tensor,
    "torch._utils._rebuild_parameter": Rebuilder.parameter,
    "torch._utils._rebuild_parameter_with_state": Rebuilder.parameter,
    "torch._tensor._rebuild_from_type_v2": Rebuilder.typed_tensor,
    "torch.Size": Rebuilder.size,
    "_codecs.encode": Rebuilder.encoded,
    "__builtin__.bytes": Rebuilder.no_bytes,
    "builtins.bytes": Rebuilder.no_bytes,
    "numpy.core.multiarray._reconstruct": Rebuilder.array,
    "numpy._core.multiarray._reconstruct": Rebuilder.array,
    "numpy.core.multiarray.scalar": Rebuilder.scalar,
    "numpy._core.multiarray.scalar": Rebuilder.scalar,
    "numpy.core.numeric._frombuffer": Rebuilder.array_of_buffer,
    "numpy._core.numeric._frombuffer": Rebuilder.array_of_buffer,
}
