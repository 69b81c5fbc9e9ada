"""Networks of the user's own as features: a TorchScript file, or a function of a Python module.

`file:net.pt@224` and `python:package.module:function@224`: the number is the side that pictures are brought to, or
`192x256` its height and width; without one they keep their own. The function takes no argument and returns a module.
Either maps float32 pictures (N, 3, H, W) in [-1, 1] to features (N, F).

Both run what is in them: name only what you trust. Nothing is opened so that was merely found.
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
TRIAL_SIDE = 64  # of the pictures by which a network that takes any size is tried


def open_file(name: str, resize: str | None = None) -> ModuleFeatures:
    """A TorchScript file, which is run. The digest is that of the file: its program decides the features too.

    Raises `ConfigError` for a name or a file that is not there, `DataError` for one that gives no features.
    """
    place, size = _with_size(name.removeprefix("file:"))
    path = Path(place).expanduser()
    if not path.is_file():
        raise ConfigError(f"There is no file {path} for the features {name!r}.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch advises to export anew, which is for the file's author
            module = torch.jit.load(str(path), map_location="cpu")
    except RuntimeError as error:
        raise DataError(
            f"{path} cannot be read as TorchScript: expected what torch.jit.save writes. A state dict holds no "
            "network; for that, name a function that builds it: python:package.module:function."
        ) from error
    return _opened(module, f"file:{path.name}", file_checksum(path), size, resize)


def open_python(name: str, resize: str | None = None) -> ModuleFeatures:
    """What a function `package.module:function` returns, which is imported (also from the folder one is in) and run.

    The digest is over the module's parameters and buffers: changed code with the same weights keeps it.
    Raises `ConfigError` for a name that cannot be imported, `DataError` where it returns no module with features.
    """
    place, size = _with_size(name.removeprefix("python:"))
    module_name, _, function_name = place.partition(":")
    if not module_name or not function_name:
        raise ConfigError(f"The features {name!r} name no function: expected python:package.module:function.")
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
    return _opened(module, f"python:{place}", weights_digest(module.state_dict()), size, resize)


class _Own(nn.Module):
    """A user's module, whose results are looked at."""

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
            gave = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise DataError(
                f"{self.name} gives {gave} for {len(images)} pictures: expected features ({len(images)}, F)."
            )
        return Features(found.float())


def _with_size(place: str) -> tuple[str, tuple[int, int] | None]:
    """A name without its `@224` or `@192x256`, and (height, width)."""
    found = re.fullmatch(r"(.+)@(\d+)(?:x(\d+))?", place)
    if not found:
        return place, None
    height, width = int(found[2]), int(found[3] or found[2])
    if not height or not width:
        raise ConfigError(f"The size in {place!r} is none: expected a side such as @224.")
    return found[1], (height, width)


def _opened(
    module: nn.Module, name: str, digest: str, size: tuple[int, int] | None, resize: str | None
) -> ModuleFeatures:
    if size is None and resize not in {None, "none"}:
        raise ConfigError(f"resize={resize}, but {name} takes pictures as they are. Give it a size: {name}@224.")
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
    # Many networks keep what hooks saw for the call after: two threads would get each other's features.
    return ModuleFeatures(about, network, to_float, stateless=False)
