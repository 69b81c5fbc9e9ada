"""Modules built without values: to count what a model needs before it is built, or to load its weights afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import _disable_current_modes

# What fills a tensor with its first values. Without memory there is nothing to fill, but torch takes milliseconds a
# tensor to find that out: most of the time in which a model of many layers is built.
_FILLS = {Tensor.normal_, Tensor.uniform_, Tensor.zero_, Tensor.fill_} | {
    getattr(nn.init, name) for name in dir(nn.init) if name.endswith("_") and not name.startswith("_")
}

# What layers compute their first values with. Only the shape of the result is wanted; torch would find it by functions
# in Python, whose first call imports its compiler: that takes longer than loading a model and sampling from it.
_RANDOM = {torch.rand, torch.randn}
_ELEMENTWISE = {Tensor.add, Tensor.sub, Tensor.mul, Tensor.div, Tensor.__pow__}  # what the signs of arithmetic call
_ELEMENTWISE |= {Tensor.square, Tensor.sqrt, Tensor.exp, nn.functional.normalize}


_to_be_loaded: ContextVar[bool] = ContextVar("_to_be_loaded", default=False)


class _NoValues(TorchFunctionMode):
    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        if func in _FILLS:
            tensor = args[0] if args else options["tensor"]
            if tensor.is_meta:
                return tensor
        if func in _RANDOM and not options.get("device"):
            options.pop("generator", None)
            return torch.empty(*args, **options)
        if func in _ELEMENTWISE and (tensor := _shaped((*args, *options.values()))) is not None:
            return tensor
        return func(*args, **options)


def _shaped(operands: Sequence[Any]) -> Tensor | None:
    """An empty tensor of the shape and type of an elementwise result. None if they cannot be told from the operands."""
    tensors = [each for each in operands if isinstance(each, Tensor)]
    dtype = torch.result_type(*operands[:2]) if len(operands) > 1 else tensors[0].dtype
    if not dtype.is_floating_point or not all(each.is_meta for each in tensors):
        return None  # quotients of whole numbers are of another type; tensors with values are computed
    rank = max(each.ndim for each in tensors)
    sides = zip(*((1,) * (rank - each.ndim) + each.shape for each in tensors), strict=True)
    return torch.empty([max(column) if all(column) else 0 for column in sides], dtype=dtype)


@contextmanager
def without_memory() -> Iterator[None]:
    """Modules that are built in the block have parameters and buffers of the right shapes, without memory or values."""
    with torch.device("meta"), _NoValues(), without_initialisation():
        yield


@contextmanager
def with_values() -> Iterator[None]:
    """Within the block tensors have values, also while a training is only counted: for those that a cache will keep."""
    with _disable_current_modes():
        yield


@contextmanager
def without_initialisation() -> Iterator[None]:
    """Within the block, initial weights that take long to compute are left out: the model is about to be loaded."""
    token = _to_be_loaded.set(True)
    try:
        yield
    finally:
        _to_be_loaded.reset(token)


def is_to_be_loaded() -> bool:
    """Whether a module that is built now gets its weights from elsewhere (`without_initialisation`)."""
    return _to_be_loaded.get()
