"""Where the state dicts are in what a file holds: plain ones, dictionaries of them, modules of a pickle."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from imagewright.checkpoints.adapter import State
from imagewright.checkpoints.records import Record
from imagewright.errors import RunError, UserError

DEEPEST = 100
MOST_VISITS = 200_000  # of dictionaries and modules: shared ones are visited once for each way that leads to them
# Keys under which the moving average of a network is saved: gen_test, G_ema, generator_smooth, netG_avg.
AVERAGED = re.compile(r"(^|[_.\W])(ema|test|smooth|avg|average|averaged|shadow)($|[_.\W])", re.IGNORECASE)


def state_dicts(held: Any) -> dict[str, State]:
    """Every state dict in what `read_checkpoint` returned, by the keys that lead to it, joined by dots.

    A plain state dict is under "". A leading `module.` of names is dropped; optimisers, numbers and texts are left
    out. Modules of a pickle give the state dict that `module.state_dict()` would; networks of NVIDIA's TensorFlow
    code give their variables (`mapping/Dense0/weight`), as arrays of TensorFlow's layouts.
    Raises `RunError` if there is none.
    """
    found = dict(_Walk().state_dicts(held, ""))
    if found:
        return found
    names = ", ".join(sorted({record.name for record in _records(held)})[:3])
    if names:
        raise RunError(f"It holds no network whose tensors can be read, only objects of {names}.")
    raise RunError("It holds no state dict: expected names with tensors, as `module.state_dict()` gives.")


def one_of_each(found: dict[str, State], which: Callable[[State], str | None], family: str) -> dict[str, State]:
    """The state dict of each network, which is recognised by its tensors.

    found: from `state_dicts`.
    which: the network that a state dict is of, or None if it is of none.
    family: how a message calls what is expected.

    Of several of one network the moving average is taken. Raises `RunError` if there is no network of the family,
    and `UserError` if it is not clear which of several is meant.
    """
    candidates: dict[str, dict[str, State]] = {}
    for key, state in found.items():
        network = which(state)
        if network is not None:
            candidates.setdefault(network, {})[key] = state
    if not candidates:
        names = list(next(iter(found.values())))[:3]
        raise RunError(f"This is no state dict of a {family}; found {', '.join(names)} ...")
    return {network: _preferred(network, states) for network, states in candidates.items()}


def constructor(record: Any) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """(class name, positional arguments, keyword arguments) of one of NVIDIA's persistent objects.

    ("", (), {}) for anything else: only these objects carry the call that made them.
    """
    attributes = record.attributes if isinstance(record, Record) else {}
    if not isinstance(attributes.get("_init_kwargs"), dict):
        return "", (), {}
    name = str(record.args[0].get("class_name", "")) if record.args and isinstance(record.args[0], dict) else ""
    return name, tuple(attributes.get("_init_args") or ()), attributes["_init_kwargs"]


def _preferred(network: str, states: dict[str, State]) -> State:
    averaged = [key for key in states if AVERAGED.search(key)]
    chosen = list(states) if len(states) == 1 else averaged
    if len(chosen) != 1:
        raise UserError(
            f"It holds the {network} {len(states)} times, under {', '.join(states)}: choose one of these keys."
        )
    return states[chosen[0]]


class _Walk:
    """One walk through what a file holds, with a bound on its length."""

    def __init__(self) -> None:
        self.visits = 0
        self.seen: set[int] = set()  # the ids of values that were walked through; what holds them outlives the walk

    def state_dicts(self, value: Any, key: str, depth: int = 0) -> Iterator[tuple[str, State]]:
        self._count(depth, value)
        if isinstance(value, Record):
            state = self.state_of(value, depth)
            if state:
                yield key, state
            return
        if isinstance(value, list | tuple):
            value = dict(enumerate(value))
        if not isinstance(value, dict) or "param_groups" in value:  # the latter: an optimiser's
            return
        tensors = {str(name).removeprefix("module."): each for name, each in value.items() if isinstance(each, Tensor)}
        if tensors:
            yield key, tensors
        for name, each in value.items():
            if isinstance(each, Record | dict | list | tuple):
                yield from self.state_dicts(each, f"{key}.{name}" if key else str(name), depth + 1)

    def state_of(self, record: Record, depth: int) -> State:
        attributes = record.attributes
        if isinstance(attributes.get("_parameters"), dict):
            return dict(self.module(record, "", depth))
        if isinstance(attributes.get("variables"), list | tuple):
            return dict(self.variables(record, "", depth))
        return {}

    def module(self, record: Record, prefix: str, depth: int) -> Iterator[tuple[str, Tensor]]:
        """As `nn.Module.state_dict`: parameters, then buffers that are saved, then sub-modules."""
        attributes = record.attributes
        self._count(depth, attributes.get("_parameters"), attributes.get("_buffers"), attributes.get("_modules"))
        unsaved = attributes.get("_non_persistent_buffers_set")
        if isinstance(unsaved, Record):  # set([...]), as older protocols write it
            unsaved = unsaved.args[0] if unsaved.args else ()
        unsaved = unsaved if isinstance(unsaved, list | tuple) else ()
        for kind in ("_parameters", "_buffers"):
            for name, tensor in _entries(attributes.get(kind)):
                if isinstance(tensor, Tensor) and not (kind == "_buffers" and name in unsaved):
                    yield prefix + name, tensor
        for name, part in _entries(attributes.get("_modules")):
            if isinstance(part, Record):
                yield from self.module(part, f"{prefix}{name}.", depth + 1)

    def variables(self, record: Record, prefix: str, depth: int) -> Iterator[tuple[str, Tensor]]:
        """The variables of a `dnnlib.tflib.network.Network` or `tfutil.Network`, then of its components."""
        self._count(depth, record.attributes.get("variables"), record.attributes.get("components"))
        for pair in record.attributes.get("variables") or ():
            if isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[1], Tensor):
                yield f"{prefix}{pair[0]}", pair[1]
        for name, part in _entries(record.attributes.get("components")):
            if isinstance(part, Record):
                yield from self.variables(part, f"{prefix}{name}/", depth + 1)

    def _count(self, depth: int, *containers: Any) -> None:
        """Count a visit; each container that was walked through before counts as much as it holds."""
        self.visits += 1
        for each in containers:
            if id(each) in self.seen and isinstance(each, list | tuple | dict):
                self.visits += len(each)
            self.seen.add(id(each))
        if depth > DEEPEST or self.visits > MOST_VISITS:
            raise RunError("It is nested too deeply, or refers to itself too often, to be a checkpoint.")


def _entries(value: Any) -> list[tuple[str, Any]]:
    return [(str(name), each) for name, each in value.items()] if isinstance(value, dict) else []


def _records(held: Any) -> list[Record]:
    """The records in the outer two levels, for a message."""
    levels = [held]
    for _ in range(2):
        levels += [each for level in levels for each in _parts(level)]
    return [each for each in levels if isinstance(each, Record)]


def _parts(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list | tuple) else []
