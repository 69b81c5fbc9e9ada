"""Feature networks of the user's own: a TorchScript file, or a function of a Python module.

`file:net.pt@224` and `python:package.module:function@224`: pictures are resized to the side after the `@`, or to a
height and width such as `192x256`; without one they are not resized. The function takes no argument and returns a
module. The network maps float32 pictures (N, 3, H, W) in [-1, 1] to features (N, F).

The code of both is run: name only files and modules that you trust. Only what the user names is opened.
"""

from __future__ import annotations

import importlib
import re
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from imagewright.downloads import file_checksum
from imagewright.errors import ConfigError, DataError
from imagewright.pixels import to_float
from imagewright.pretrained.features.contract import About, Features
from imagewright.pretrained.features.module import ModuleFeatures
from imagewright.pretrained.resizing import check_filter
from imagewright.pretrained.weights import weights_digest

RESIZE = "bicubic"
TRIAL_SIDE = 64  # of the pictures that test a network without a size of its own


def open_file(name: str, resize: str | None = None) -> ModuleFeatures:
    """A TorchScript file, which is run. The digest is over the file, since its program decides the features too.

    Raises `ConfigError` if there is no such file, and `DataError` if it gives no features.
    """
    place, size = _split_size(name.removeprefix("file:"))
    path = Path(place).expanduser()
    if not path.is_file():
        raise ConfigError(f"There is no file {path} for the features {name!r}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # torch advises to export the network anew, which only the file's author can
            module = torch.jit.load(str(path), map_location="cpu")
    except RuntimeError as error:
        raise DataError(
            f"{path} cannot be read as TorchScript: expected what torch.jit.save writes. A state dict holds no "
            "network; for that, name a function that builds it: python:package.module:function."
        ) from error
    return _open(module, f"file:{path.name}", file_checksum(path), size, resize)


def open_python(name: str, resize: str | None = None) -> ModuleFeatures:
    """The module that a function `package.module:function` returns, imported also from the current folder, and run.

    The digest is over the module's parameters and buffers: changed code with the same weights has the same digest.
    Raises `ConfigError` if the name cannot be imported, and `DataError` if it returns no module with features.
    """
    place, size = _split_size(name.removeprefix("python:"))
    module_name, _, function_name = place.partition(":")
    if not module_name or not function_name:
        raise ConfigError(f"The features {name!r} do not name a function: expected python:package.module:function.")
    sys.path.insert(0, "")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"The features {name!r} cannot be imported: {error}.") from error
    finally:
        sys.path.remove("")
    module = function()
    if not isinstance(module, nn.Module):
        raise DataError(f"{place} returned {type(module).__name__}: expected a torch.nn.Module.")
    return _open(module, f"python:{place}", weights_digest(module.state_dict()), size, resize)


class _Own(nn.Module):
    """A user's module, whose outputs are checked."""

    def __init__(self, module: nn.Module, name: str) -> None:
        super().__init__()
        self.module, self.name = module, name

    def forward(self, images: Tensor) -> Features:
        try:
            found: Any = self.module(images)
        except Exception as error:
            shape = "x".join(str(side) for side in images.shape)
            raise DataError(f"{self.name} fails on pictures {shape}: {type(error).__name__}: {error}") from error
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(images):
            output = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise DataError(
                f"{self.name} gives {output} for {len(images)} pictures: expected features ({len(images)}, F)."
            )
        return Features(found.float())


def _split_size(place: str) -> tuple[str, tuple[int, int] | None]:
    """Split a name into the part before `@224` or `@192x256`, and (height, width)."""
    found = re.fullmatch(r"(.+)@(\d+)(?:x(\d+))?", place)
    if not found:
        return place, None
    height, width = int(found[2]), int(found[3] or found[2])
    if not height or not width:
        raise ConfigError(f"The size in {place!r} is 0: expected a side such as @224.")
    return found[1], (height, width)


def _open(
    module: nn.Module, name: str, digest: str, size: tuple[int, int] | None, resize: str | None
) -> ModuleFeatures:
    if size is None and resize not in {None, "none"}:
        raise ConfigError(f"resize={resize}, but pictures for {name} are not resized. Give it a size: {name}@224.")
    network = _Own(module, name).eval()
    with torch.inference_mode():
        tried = network(torch.zeros(2, 3, *(size or (TRIAL_SIDE, TRIAL_SIDE)))).pooled
    about = About(
        name=name,
        digest=digest,
        dimension=tried.shape[1],
        size=size,
        resize="none" if size is None else check_filter(resize or RESIZE),
        channels=3,
        value_range="-1 to 1",
        licence="the user's",
    )
    # Hooks of such a network may store values between calls: two threads would mix their features.
    return ModuleFeatures(about, network, to_float, stateless=False)
