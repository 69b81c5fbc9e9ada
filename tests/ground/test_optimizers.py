"""Optimizers make the steps of PyTorch's own, whatever decorators PyTorch puts on their methods."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from imagewright import optimizers

KINDS = ("Adam", "AdamW", "RMSprop", "SGD")


def weights_after_steps(kind: type[torch.optim.Optimizer]) -> torch.Tensor:
    """The weights after three steps of a small network."""
    torch.manual_seed(0)
    network = nn.Linear(3, 2)
    optimizer = kind(network.parameters(), lr=0.1, weight_decay=0.01)  # type: ignore[call-arg]
    for step in range(3):
        optimizer.zero_grad()
        network(torch.full((1, 3), step - 0.5)).square().sum().backward()
        optimizer.step()
    return torch.cat([network.weight.detach().flatten(), network.bias.detach()])


@pytest.mark.parametrize("name", KINDS)
def test_steps_are_those_of_torch(name: str) -> None:
    found = weights_after_steps(getattr(optimizers, name))
    assert torch.equal(found, weights_after_steps(getattr(torch.optim, name)))


def counting(calls: list[str], name: str) -> Callable[..., Any]:
    """A decorator of another version of PyTorch, whose work must be done."""

    def decorate(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def counted(*arguments: Any, **options: Any) -> Any:
            calls.append(name)
            return method(*arguments, **options)

        return counted

    return decorate


@pytest.mark.parametrize("is_below", [False, True])
def test_a_decorator_that_is_not_known_stays(is_below: bool) -> None:
    """Below a known one, or as the only one."""
    calls: list[str] = []
    methods = {}
    for name in optimizers.METHODS:
        counted = counting(calls, name)(optimizers._undecorated(getattr(torch.optim.SGD, name)))
        methods[name] = torch._disable_dynamo(counted) if is_below else counted
    other = optimizers.without_compiler(type("Other", (torch.optim.SGD,), methods))
    assert torch.equal(weights_after_steps(other), weights_after_steps(torch.optim.SGD))
    assert calls == ["add_param_group", *3 * ["zero_grad", "step"]]


def test_methods_without_decorators_stay() -> None:
    plain = {name: optimizers._undecorated(getattr(torch.optim.SGD, name)) for name in optimizers.METHODS}
    plain["step"] = plain["step"].__wrapped__  # without gradients, as torch's own decorator would have it
    bare = type("Bare", (torch.optim.SGD,), plain)
    optimizers.without_compiler(bare)
    assert {name: getattr(bare, name) for name in plain} == plain
