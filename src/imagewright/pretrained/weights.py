"""Where weight files come from: the user's own folder, the cache, or a download that is checked.

A file is looked for in the folder of the variable IMAGEWRIGHT_WEIGHTS, then in `<cache>/weights`, then fetched into the
latter. Wherever it was found, it is used only if its checksum is that of the published file.
"""

from __future__ import annotations

import hashlib
import os
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagewright.downloads import RemoteFile, check_file, fetch
from imagewright.errors import DataError
from imagewright.files import cache_folder


def weight_file(
    name: str, file: RemoteFile, mirrors: tuple[str, ...], also: tuple[str, ...] = (), *, instead: str = ""
) -> Path:
    """The path of a weight file whose checksum is right, fetched if need be.

    `name`: of the network, for messages. `mirrors`: base URLs, to which the file's name is added. `also`: other names
    that the same bytes are distributed under. `instead`: a sentence on what does without the file. Raises `DataError`
    where it cannot be had, saying what to put where, and for a file of that name that is not the published one.
    """
    found = placed(file, also)
    if found is not None:
        return check_file(found, file)
    try:
        return fetch("weights", file, mirrors, weights_folder())
    except DataError as error:
        if (weights_folder() / file.name).exists():  # it is there and is not the one, which the error says
            raise
        raise DataError(
            f"The network {name!r} needs its weights: {error} A folder of your own where it is can be named by "
            f"IMAGEWRIGHT_WEIGHTS. {instead}".rstrip()
        ) from error


def weights_folder() -> Path:
    """Where fetched weights are kept, and files put by hand are found."""
    return cache_folder(None) / "weights"


def placed(file: RemoteFile, also: tuple[str, ...] = ()) -> Path | None:
    """The first file of that name, or of one of the others, in the user's folder and the cache; not yet checked."""
    own = os.environ.get("IMAGEWRIGHT_WEIGHTS")
    folders = [*([Path(own).expanduser()] if own else []), weights_folder()]
    for folder in folders:
        for name in (file.name, *also):
            if (folder / name).is_file():
                return folder / name
    return None


def read_weights(path: Path) -> dict[str, Tensor]:
    """Names and tensors of a state dict, `.pth` or `.safetensors`. Nothing in the file is executed.

    Raises `DataError` for a file that is not there, or cannot be read so.
    """
    if not path.is_file():
        raise DataError(f"There is no weight file {path}.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is odd about a file is said below
            # Published weights are often older than PyTorch's zip format, and only that can be mapped.
            mapped = zipfile.is_zipfile(path)
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception:  # noqa: BLE001 (a damaged file sends the reader astray in any way)
        loaded = None
    if not isinstance(loaded, Mapping) or not loaded or not all(isinstance(each, Tensor) for each in loaded.values()):
        raise DataError(f"{path} is no state dict that can be read: expected names with tensors, and nothing else.")
    return dict(loaded)


def checked_state(
    state: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], network: str
) -> dict[str, Tensor]:
    """`state` in float32, if it has these names and shapes; else `DataError`. `network`: what messages call it."""
    for name, shape in shapes.items():
        if name not in state:
            raise DataError(f"The weights are not those of {network}: there is no tensor {name}.")
        if tuple(state[name].shape) != tuple(shape):
            raise DataError(
                f"The weights are not those of {network}: {name} is {tuple(state[name].shape)}, expected {shape}."
            )
    unknown = sorted(set(state) - set(shapes))
    if unknown:
        raise DataError(f"The weights are not those of {network}: it has no tensor {unknown[0]}.")
    return {name: state[name].detach().float() for name in shapes}


def weights_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256, in hex, over names, types, shapes and bytes of tensors, in the order of their names.

    Of the numbers and not of a file: two files that hold the same weights have the same digest.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()
