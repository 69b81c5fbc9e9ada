"""The tensors of a TorchScript archive (`torch.jit.save`), read without running or compiling what is in it.

Such a file is a zip: `data.pkl` holds the tree of modules, `data/0`, `data/1` ... the tensors' bytes, `code/` the
program. Only the first two are read, by an unpickler that knows tensors and plain containers; a module becomes a bag
of attributes, whatever its class.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagewright.errors import DataError

STORAGES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """Names, such as `layers.conv.weight`, and tensors of a TorchScript archive.

    Raises `DataError` for a file that is none, is damaged, or holds what is neither a tensor nor a container.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            pickled = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
            if len(pickled) != 1:
                raise DataError(f"{path} is no TorchScript archive: it has no data.pkl.")
            with archive.open(pickled[0]) as stream:
                tree = _Unpickler(stream, archive, pickled[0].removesuffix(".pkl")).load()
        return _tensors(tree)
    except DataError:
        raise
    except Exception as error:  # a damaged file sends the reader astray in any way
        raise DataError(f"{path} cannot be read as a TorchScript archive ({error}): is it whole?") from error


class _Module:
    """What a module of the archive becomes: its attributes, no more."""


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: Any, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(stream)
        self.archive, self.folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        """What a name in the archive stands for; any but these few is refused."""
        if module == "__torch__" or module.startswith("__torch__."):
            return _Module
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module == "torch.jit._pickle":
            return _same
        raise DataError(f"The archive names {module}.{name}, which is neither a tensor nor a container: not opened.")

    def persistent_load(self, reference: Any) -> Tensor:
        """The numbers of a storage, flat: ("storage", type, file, device, count)."""
        kind, dtype, key, _, count = reference
        if kind != "storage":
            raise ValueError(f"{kind!r} is no storage")
        content = self.archive.read(f"{self.folder}/{key}")
        if len(content) != count * dtype.itemsize:
            raise ValueError(f"the tensor file {key} has {len(content)} bytes instead of {count * dtype.itemsize}")
        return torch.frombuffer(bytearray(content), dtype=dtype) if count else torch.empty(0, dtype=dtype)


def _tensor(storage: Tensor, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    return storage.as_strided(shape, stride, offset)


def _same(value: Any, *_: Any) -> Any:
    return value


def _tensors(tree: Any, name: str = "") -> dict[str, Tensor]:
    """All tensors below, by the attributes that lead to them."""
    if isinstance(tree, Tensor):
        return {name: tree}
    found: dict[str, Tensor] = {}
    if isinstance(tree, _Module):
        for attribute, value in vars(tree).items():
            found |= _tensors(value, f"{name}.{attribute}" if name else attribute)
    return found
