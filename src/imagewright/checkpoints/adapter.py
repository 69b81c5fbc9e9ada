"""The declaration of a published family, by which its files become our networks and our networks its files.

A new family is a file in `adapters/` with an `Adapter`, named in its catalogue entry. For each network, under the name
of the model's sub-module that it becomes (`generator`), it declares how the network is built, which options its shapes
tell, and what its tensors are called when published. `tests/parity/test_adapters.py` holds for every family.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn

from imagewright.errors import RunError

State = dict[str, Tensor]
Shapes = Mapping[str, tuple[int, ...]]


def same_names(names: Iterable[str]) -> dict[str, str]:
    """The names of a network whose layers are called as published."""
    return {name: name for name in names}


def call(network: nn.Module, **inputs: Tensor) -> Any:
    """The published interface of a network that takes the published inputs already."""
    return network(**inputs)


def nothing(held: Any) -> dict[str, Any]:
    """The options that a file states besides its shapes, for a family whose files state none."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Network:
    """One network of a published family.

    build: from the model's configuration to the network alone, as it is in the model, untrained.
    options: from the shapes of a published state dict to the options of the configuration that they tell.
    names: from the names of our tensors to {published name: our name}, in the order of the published file. Inverted,
        it exports.
    forward: the published interface: from our network and the published inputs, by name, to a tensor, or to a
        dictionary of tensors by name.
    ignored: patterns of published names without a counterpart here, such as `*.running_mean` of norms that keep none.
    optional: patterns of published names that a file may lack: these tensors keep the values they were built with.
    """

    build: Callable[[Any], nn.Module]
    options: Callable[[Shapes], dict[str, Any]]
    names: Callable[[Iterable[str]], dict[str, str]] = same_names
    forward: Callable[..., Any] = call
    ignored: tuple[str, ...] = ()
    optional: tuple[str, ...] = ("*.num_batches_tracked",)  # absent from files older than PyTorch 0.4.1


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A published family, named in its catalogue entry as "module:ATTRIBUTE".

    networks: by the name of the model's sub-module.
    split: from what `read_checkpoint` returned to a state dict for each network that it holds. Of several candidates
        the moving average is taken. Raises `RunError` if none is of this family; see `containers.one_of_each`.
    licence: of the published code and weights, recorded in the run.
    options: from what was read to options that the file states besides its shapes, such as constructor arguments.
    """

    networks: Mapping[str, Network]
    split: Callable[[Any], dict[str, State]]
    licence: str
    options: Callable[[Any], dict[str, Any]] = nothing


class PublishedNetwork(nn.Module):
    """A network of ours behind its published interface, in evaluation mode. `network` is the network itself."""

    def __init__(self, network: nn.Module, forward: Callable[..., Any]) -> None:
        super().__init__()
        self.network, self.published_forward = network.eval(), forward

    def forward(self, *inputs: Tensor, **named: Tensor) -> Any:
        """The published outputs of the published inputs."""
        return self.published_forward(self.network, *inputs, **named)


def shapes_of(state: State) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor."""
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def fill_network(module: nn.Module, network: Network, state: State) -> None:
    """Copy a published state dict into our network, in place.

    Raises `RunError` if a tensor is missing, is of another shape, or has a name that this network does not know.
    """
    own = module.state_dict()  # these share their memory with the parameters and buffers
    names = network.names(own)
    problems = [f"it has no tensor {name}" for name in names if name not in state and not _any(network.optional, name)]
    for name, tensor in state.items():
        if name in names and tensor.shape != own[names[name]].shape:
            problems.append(f"{name} is {tuple(tensor.shape)}, expected {tuple(own[names[name]].shape)}")
        elif name not in names and not _any(network.ignored, name):
            problems.append(f"{name} is unknown")
    if problems:
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise RunError(f"The tensors are not those of this network: {problems[0]}{more}.")
    for name, tensor in state.items():
        if name in names:
            own[names[name]].copy_(tensor)


def export_state(module: nn.Module, network: Network) -> State:
    """The state dict of our network under its published names, in the published order: what `fill_network` undoes."""
    own = module.state_dict()
    return {published: own[ours].detach().clone() for published, ours in network.names(own).items()}


def _any(patterns: Iterable[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
