"""Which system a published file is of, for the message that refuses it as another one's."""

from __future__ import annotations

import importlib
from contextlib import suppress
from itertools import islice
from typing import Any

import torch

from imagewright import catalogue, configs
from imagewright.checkpoints.adapter import Adapter, Network, State, misfits, shapes_of
from imagewright.checkpoints.containers import state_dicts
from imagewright.errors import UserError
from imagewright.layers.initialisation import without_initialisation

MOST_STATES = 16  # state dicts of a file that are looked at
NO_FIT = (UserError, LookupError, ValueError, TypeError, RuntimeError, NotImplementedError, ImportError)
"""What adapters raise for a file of another family, whose tensors they look for."""


def systems_of(held: Any, but: str) -> dict[str, str]:
    """The systems whose networks fit what a file holds, and the network of each, in the order of the catalogue.

    A network fits if it can be built by what the shapes tell, and all its tensors are there, of its shapes. No memory
    is taken for it.

    held: what `read_checkpoint` returned, or a state dict.
    but: a system that is left out: the one that refused the file.
    """
    found: dict[str, str] = {}
    for entry in catalogue.list_models():
        if entry.adapter and entry.name != but:
            try:
                network = _fitting(held, entry.name, entry.adapter)
            except NO_FIT:
                continue
            if network is not None:
                found[entry.name] = network
    return found


def hint(held: Any, but: str) -> str:
    """A sentence that names the systems whose networks fit, after a space; "" if there are none."""
    found = systems_of(held, but)
    if not found:
        return ""
    what = " or ".join(f"a {network.replace('_', ' ')} of {system}" for system, network in found.items())
    return f" It looks like {what}: import it by {' or '.join(f'--as {system}' for system in found)}."


def _fitting(held: Any, system: str, target: str) -> str | None:
    """The first network of a system that fits."""
    module, _, attribute = target.partition(":")
    adapter: Adapter = getattr(importlib.import_module(module), attribute)
    stated = adapter.options(held)
    for name, state in _split(adapter, held):
        if _fits(adapter.networks[name], state, system, stated):
            return name
    return None


def _split(adapter: Adapter, held: Any) -> list[tuple[str, State]]:
    """Each network and its state dict; of a file that holds a network several times, that of each state dict."""
    try:
        return list(adapter.split(held).items())
    except NO_FIT:
        found = state_dicts(held)
        if len(found) < 2:
            raise
    parts: list[tuple[str, State]] = []
    for state in islice(found.values(), MOST_STATES):
        with suppress(*NO_FIT):
            parts += adapter.split(state).items()
    return parts


def _fits(network: Network, state: State, system: str, stated: dict[str, Any]) -> bool:
    if not all(tensor.numel() for tensor in state.values()):
        return False
    config_class = catalogue.model_class(system).Config
    config = configs.build(config_class, stated | network.options(shapes_of(state)), system)
    with torch.device("meta"), without_initialisation():
        module = network.build(config)
    return not misfits(module.state_dict(), network, state)
