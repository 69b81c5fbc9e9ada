"""Weight files: from the user's own folder, the cache, or a download.

A file is looked for in the folder of the variable IMAGEWRIGHT_WEIGHTS, then in `<cache>/weights`. If it is in neither,
it is fetched into the latter. In any case it is used only if its checksum is that of the published file.
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

from imagewright.archives import opened_zip, refuse_bomb, total_size
from imagewright.downloads import RemoteFile, check_file, fetch
from imagewright.errors import DataError
from imagewright.files import cache_folder, openable


def get_weight_file(
    name: str, file: RemoteFile, mirrors: tuple[str, ...], also: tuple[str, ...] = (), *, instead: str = ""
) -> Path:
    """The path of a weight file with the right checksum. It is fetched if it is not found.

    name: of the network, for messages.
    file: the published file.
    mirrors: base URLs, to which the file's name is appended.
    also: other names under which the same bytes are distributed.
    instead: a sentence for the message on what works without the file.

    Raises `DataError` if it cannot be fetched, saying which file to put where, and for a file of that name with another
    checksum.
    """
    found = find_weight_file(file, also)
    if found is not None:
        return check_file(found, file)
    try:
        return fetch("weights", file, mirrors, weights_folder())
    except DataError as error:
        if (weights_folder() / file.name).exists():  # the error says that it is not the published file
            raise
        raise DataError(
            f"The network {name!r} needs its weights: {error} If the file is in another folder, name that folder by "
            f"IMAGEWRIGHT_WEIGHTS. {instead}".rstrip()
        ) from error


def weights_folder() -> Path:
    """The folder of fetched weights, in which files put there by hand are found too."""
    return cache_folder(None) / "weights"


def find_weight_file(file: RemoteFile, also: tuple[str, ...] = ()) -> Path | None:
    """The first file of that name, or of another in `also`, in the user's folder and the cache. Not yet checked."""
    own = os.environ.get("IMAGEWRIGHT_WEIGHTS")
    folders = [*([Path(own).expanduser()] if own else []), weights_folder()]
    for folder in folders:
        for name in (file.name, *also):
            if (folder / name).is_file():
                return folder / name
    return None


def read_weights(path: Path) -> dict[str, Tensor]:
    """A state dict from a `.pth` or `.safetensors` file. Nothing in the file is executed.

    Raises `DataError` if the file is missing, damaged, or holds anything but a state dict.
    """
    if not path.is_file():
        raise DataError(f"There is no weight file {path}.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            with openable(path) as place:
                return load_file(place)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the error below covers what torch warns of
            # Published weights are often older than PyTorch's zip format, which alone can be memory-mapped.
            mapped = zipfile.is_zipfile(path)
            if mapped:
                with opened_zip(path) as archive:
                    refuse_bomb(path, total_size(archive))
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except DataError:
        raise
    except Exception:  # noqa: BLE001 (a damaged file can raise anything)
        loaded = None
    if not isinstance(loaded, Mapping) or not loaded or not all(isinstance(each, Tensor) for each in loaded.values()):
        raise DataError(f"{path} is no state dict that can be read: expected names with tensors, and nothing else.")
    return dict(loaded)


def check_state(state: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], network: str) -> dict[str, Tensor]:
    """`state` in float32. Raises `DataError`, which names `network`, if its names or shapes are not `shapes`."""
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

    It is over the numbers, not over a file: files of different formats with the same weights have the same digest.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()
