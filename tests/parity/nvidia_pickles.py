"""Writes pickles in the form of NVIDIA's code, and hostile ones.

The classes named in such a file exist only while it is written: a reader that looked one of them up would fail.
"""

from __future__ import annotations

import collections
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn


def _reconstruct_persistent_obj(meta: dict[str, Any]) -> Any:
    raise AssertionError("a reader called a name from the file")


class EasyDict(dict):  # type: ignore[type-arg]
    """A subclass of dict, as `dnnlib.util.EasyDict`."""


class Network:
    """`dnnlib.tflib.network.Network`: an object that is restored from a state."""

    def __init__(self, **state: Any) -> None:
        self.state = state

    def __getstate__(self) -> dict[str, Any]:
        return self.state

    def __setstate__(self, state: dict[str, Any]) -> None:
        raise AssertionError("a reader restored an object")


PLACES = {
    "torch_utils.persistence": _reconstruct_persistent_obj,
    "dnnlib.util": EasyDict,
    "dnnlib.tflib.network": Network,
}


@contextmanager
def nvidia_modules() -> Iterator[None]:
    """Make the modules that such pickles name importable within the block."""
    names = {".".join(place.split(".")[: k + 1]) for place in PLACES for k in range(place.count(".") + 1)}
    for name in sorted(names):
        sys.modules[name] = ModuleType(name)
    homes = {thing: thing.__module__ for thing in PLACES.values()}
    for place, thing in PLACES.items():
        setattr(sys.modules[place], thing.__name__, thing)
        thing.__module__ = place
    try:
        yield
    finally:
        for thing, home in homes.items():
            thing.__module__ = home
        for name in names:
            del sys.modules[name]


class Persistent:
    """A module as a persistent object: the call that restores it gets the text of its file and its `__dict__`."""

    def __init__(self, module: nn.Module, **arguments: Any) -> None:
        self.module, self.arguments = module, arguments

    def __reduce__(self) -> Any:
        state = dict(vars(self.module))
        parts = ((name, part and Persistent(part)) for name, part in self.module._modules.items())
        state["_modules"] = collections.OrderedDict(parts)
        state |= {"_init_args": (), "_init_kwargs": EasyDict(self.arguments)}
        source = "raise AssertionError('the source text in the file was executed')"
        meta = {"type": "class", "version": 6, "module_src": source, "class_name": type(self.module).__name__}
        return _reconstruct_persistent_obj, (EasyDict(meta | {"state": state}),)


def write_pickle(path: Path, held: Any, protocol: int = 4) -> Path:
    with nvidia_modules():
        path.write_bytes(pickle.dumps(held, protocol))
    return path


class Call:
    """A careless unpickler would call the function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments
