"""Files of others, read without running anything in them."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from imagewright.archives import open_arrays, opened_zip, refuse_bomb, total_size
from imagewright.checkpoints.pickles import interpret
from imagewright.checkpoints.rebuilding import MAGIC, Rebuilder
from imagewright.errors import DataError, RunError, short_reason
from imagewright.runs.weights import read_tensors

PAGES = (b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<!--")
POINTER = b"version https://git-lfs"


def read_checkpoint(path: str | Path) -> Any:
    """What a file holds: a state dict, or dictionaries of them beside other plain data; of a `.pkl`, also records.

    `.safetensors`, `.npz`, `.pkl` or `.pickle` by their names; everything else as PyTorch's own format, old or new.
    `containers.state_dicts` finds the state dicts in the result. Raises `RunError`, a single line, for a file that is
    missing, damaged or cut short, and for one in PyTorch's format that holds code or whole objects.
    """
    path = Path(path)
    if not path.is_file():
        raise RunError(f"There is no file {path}.")
    _refuse_web_page(path)
    is_pickle = path.suffix in (".pkl", ".pickle") and not zipfile.is_zipfile(path)
    return _READERS.get(path.suffix if is_pickle or path.suffix in (".safetensors", ".npz") else "", _read_torch)(path)


def _refuse_web_page(path: Path) -> None:
    """Raise `RunError` for what failed downloads leave: a page that says why, or a pointer to the file."""
    with path.open("rb") as stream:
        start = stream.read(512).lstrip(b"\xef\xbb\xbf\t\r\n ").lower()
    if start.startswith(PAGES):
        raise RunError(
            f"{path} looks like a web page, not like a checkpoint: the download failed, or saved the page beside the "
            "file. Open it in a browser to see what it says, and download the file itself."
        )
    if start.startswith(POINTER):
        raise RunError(f"{path} is a pointer of Git LFS to a checkpoint: fetch the file itself by `git lfs pull`.")


def _read_safetensors(path: Path) -> Any:
    return read_tensors(path)[0]


def _read_torch(path: Path) -> Any:
    try:
        if zipfile.is_zipfile(path):
            with opened_zip(path) as archive:
                refuse_bomb(path, total_size(archive))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the message below covers what torch warns of
            return torch.load(path, map_location="cpu", weights_only=True)
    except DataError as error:
        raise RunError(str(error)) from None
    except Exception:  # noqa: BLE001 (a damaged file can raise anything)
        # torch's own message is left out: it advises to load the file with its code.
        raise RunError(
            f"{path} cannot be read as a checkpoint. Expected a state dict, or a dictionary of them, written by "
            "torch.save, or .safetensors, .npz, .pkl; a file in PyTorch's format that is cut short, or that holds code "
            "or whole objects, is not opened."
        ) from None


def _read_npz(path: Path) -> Any:
    try:
        with open_arrays(path) as arrays:
            read = {name: arrays.read(name) for name in arrays.headers}
            # torch takes the machine's own byte order alone.
            return {name: torch.from_numpy(array.astype(array.dtype.newbyteorder("="))) for name, array in read.items()}
    except DataError as error:
        raise RunError(str(error)) from None


def _read_pickle(path: Path) -> Any:
    try:
        with path.open("rb") as stream:
            held = interpret(stream)
        if held == MAGIC:
            return _read_torch(path)
        return Rebuilder(path.stat().st_size).rebuild(held)
    except RunError as error:
        raise RunError(f"{path} cannot be read as a pickle: {error}") from None
    except RecursionError:
        raise RunError(f"{path} cannot be read as a pickle: its values are nested too deeply.") from None
    except Exception as error:  # noqa: BLE001
        raise RunError(
            f"{path} cannot be read as a pickle ({type(error).__name__}: {short_reason(error)}): it is cut short or "
            "damaged."
        ) from None


_READERS: dict[str, Callable[[Path], Any]] = {
    ".safetensors": _read_safetensors,
    ".npz": _read_npz,
    ".pkl": _read_pickle,
    ".pickle": _read_pickle,
}
