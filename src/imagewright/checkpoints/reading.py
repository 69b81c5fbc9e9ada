"""State dicts from files of others: PyTorch's own format read without its code, and safetensors."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagewright.errors import RunError
from imagewright.runs.weights import read_tensors


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Names and tensors of a `.pth`, `.pt` or `.safetensors` file; a leading `module.` is dropped.

    Nothing in the file is executed: a file that needs code is refused. Raises `RunError` for one that cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise RunError(f"There is no file {path}.")
    if path.suffix == ".safetensors":
        return plain_state_dict(read_tensors(path)[0], str(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is odd about a file is said below
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # noqa: BLE001 (a damaged file sends the reader astray in any way)
        # What torch says is left out: it advises to load the file with its code.
        raise RunError(
            f"{path} cannot be read as a checkpoint. Expected a state dict written by torch.save, or .safetensors; "
            "a file that is cut short, or that holds code or whole objects, is not opened."
        ) from None
    return plain_state_dict(loaded, str(path))


def plain_state_dict(loaded: Any, source: str) -> dict[str, Tensor]:
    """Names and tensors of what a file held: itself, or the one under a customary key."""
    for key in ("state_dict", "model", "net"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not loaded or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise RunError(f"{source} holds no state dict: expected names with tensors, as `module.state_dict()` gives.")
    return {str(name).removeprefix("module."): tensor for name, tensor in loaded.items()}
