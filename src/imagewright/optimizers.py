"""PyTorch's optimizers without the import of its compiler.

PyTorch keeps its compiler out of the methods of its optimizers by decorators, which import the compiler at the first
call: more than a second at the start of a training, a projection or a drag. Steps are never compiled here, so these
classes have the methods without those decorators. Methods that another version of PyTorch decorates in another way are
left as they are there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

Kind = TypeVar("Kind", bound=torch.optim.Optimizer)

METHODS = ("add_param_group", "zero_grad", "step")
# The decorators by the names of the functions that they return. The last one is put on by each new optimizer.
WITHOUT_GRADIENT = "_use_grad_for_differentiable.<locals>._use_grad"
DECORATORS = ("_disable_dynamo.<locals>.inner", WITHOUT_GRADIENT, "Optimizer.profile_hook_step.<locals>.wrapper")


def without_compiler(kind: type[Kind]) -> type[Kind]:
    """Give a class of optimizers its methods without the decorators that import the compiler; returns the class.

    Its steps have no gradient: `differentiable=True` has no effect.
    """
    for name in METHODS:
        setattr(kind, name, _undecorated(getattr(kind, name)))
    return kind


def _undecorated(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method below the known decorators, from the outermost one to the first that is not known."""
    removed = []
    while hasattr(method, "__wrapped__") and (name := _name_of_code(method)) in DECORATORS:
        removed.append(name)
        method = method.__wrapped__
    return torch.no_grad()(method) if WITHOUT_GRADIENT in removed else method


def _name_of_code(function: Callable[..., Any]) -> str:
    """The name of a function where it was defined, which a decorator's copy of the other names leaves."""
    return str(getattr(getattr(function, "__code__", None), "co_qualname", ""))


@without_compiler
class Adam(torch.optim.Adam):
    """Kingma & Ba 2015, arXiv:1412.6980."""


@without_compiler
class AdamW(torch.optim.AdamW):
    """Loshchilov & Hutter 2019, arXiv:1711.05101."""


@without_compiler
class RMSprop(torch.optim.RMSprop):
    """Tieleman & Hinton 2012."""


@without_compiler
class SGD(torch.optim.SGD):
    """With momentum as in Polyak 1964."""
