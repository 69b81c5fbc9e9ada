"""Read the tensors of a TorchScript archive (`torch.jit.save`) without running or compiling its program.

Such a file is a zip: `data.pkl` holds the tree of modules, `data/0`, `data/1` ... the bytes of the tensors, and `code/`
the program. Only the first two are read, by an unpickler that allows tensors and plain containers. A module of any
class becomes an object with attributes.
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagewright.archives import opened_zip, read_member, refuse_bomb, total_size
from imagewright.errors import DataError, short_reason

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

MOST_VISITS, DEEPEST = (
    100_000,
    100,
)  # modules and tensors, and modules inside one another: FID's network has 500, 4 deep


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """The tensors of a TorchScript archive by their names, such as `layers.conv.weight`.

    Raises `DataError` if the file is no such archive, is damaged, or holds anything but tensors and containers.
    """
    try:
        with opened_zip(path) as archive:
            refuse_bomb(path, total_size(archive))
            pickled = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
            if len(pickled) != 1:
                raise DataError(f"{path} is no TorchScript archive: it has no data.pkl.")
            with archive.open(pickled[0]) as stream:
                tree = _Unpickler(stream, archive, pickled[0].removesuffix(".pkl")).load()
        return _Collection().of(tree)
    except DataError:
        raise
    except Exception as error:  # a damaged file can raise anything
        raise DataError(
            f"{path} cannot be read as a TorchScript archive ({short_reason(error)}): is it whole?"
        ) from error


class _Module:
    """Replaces every module of the archive: it has the attributes, and no code."""


# The unpickler written in Python: the one in C sets aside memory for the largest number of a place that a file names.
class _Unpickler(pickle._Unpickler):
    def __init__(self, stream: Any, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(stream)
        self.archive, self.folder = archive, folder

    def find_class(self, module: str, name: str) -> Any:
        """Replacements of the few names that are allowed. Raises `DataError` for any other."""
        if module == "__torch__" or module.startswith("__torch__."):
            return _Module
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _build_tensor
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module == "torch.jit._pickle":
            return _first
        named = f"{module}.{name}"[:120]
        raise DataError(f"The archive names {named}, which is neither a tensor nor a container: not opened.")

    def persistent_load(self, reference: Any) -> Tensor:
        """The numbers of a storage as a flat tensor. `reference`: ("storage", type, file, device, count)."""
        kind, dtype, key, _, count = reference
        if kind != "storage":
            raise ValueError(f"{kind!r} is no storage")
        content = read_member(self.archive, f"{self.folder}/{key}", count * dtype.itemsize)
        return torch.frombuffer(bytearray(content), dtype=dtype) if count else torch.empty(0, dtype=dtype)


def _build_tensor(storage: Tensor, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    return storage.as_strided(shape, stride, offset)


def _first(value: Any, *_: Any) -> Any:
    """Replaces the functions that give containers their types."""
    return value


class _Collection:
    """All tensors of a tree of modules, by the attributes that lead to them, with a bound on the walk."""

    def __init__(self) -> None:
        self.visits = 0

    def of(self, tree: Any, name: str = "", depth: int = 0) -> dict[str, Tensor]:
        """The tensors of a module, or of a single tensor. Raises `ValueError` for modules shared without end."""
        self.visits += 1
        if self.visits > MOST_VISITS or depth > DEEPEST:
            raise ValueError("its modules are nested too deeply, or are shared too often")
        if isinstance(tree, Tensor):
            return {name: tree}
        found: dict[str, Tensor] = {}
        if isinstance(tree, _Module):
            for attribute, value in vars(tree).items():
                if isinstance(value, Tensor | _Module):
                    found |= self.of(value, f"{name}.{attribute}" if name else attribute, depth + 1)
        return found
