"""The declaration of a published family, which maps its files to our networks and back.

A new family is a file in `adapters/` with an `Adapter`, named in its catalogue entry. For each network, under the name
of the model's sub-module (such as `generator`), the adapter declares how the network is built, which options follow
from the shapes of its tensors, and the published names of its tensors. `tests/parity/test_adapters.py` tests every
family.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from imagewright.errors import RunError

NAMED = 3  # tensors that a message names
RUNNING_STATISTICS = ("*.running_mean", "*.running_var", "*.num_batches_tracked")  # `Network.ignored` of instance norms
PICTURE_CHANNELS = (1, 3, 4)  # grey, RGB, RGBA
State = dict[str, Tensor]
Shapes = Mapping[str, tuple[int, ...]]


def same_names(names: Iterable[str]) -> dict[str, str]:
    """The `Network.names` of a network whose tensors have the published names here too."""
    return {name: name for name in names}


def same_inputs(network: nn.Module, **inputs: Tensor) -> Any:
    """The `Network.forward` of a network that takes the published inputs here too."""
    return network(**inputs)


def same_state(state: State) -> State:
    """The `Network.plain` of a network whose published tensors are those of its layers."""
    return state


def no_options(held: Any) -> dict[str, Any]:
    """The `Adapter.options` of a family whose files state no options."""
    return {}


@dataclass(frozen=True, kw_only=True)
class Network:
    """One network of a published family.

    build: returns the untrained network for a configuration of the model, as the model itself builds it.
    options: returns the options of the configuration that follow from the shapes of a published state dict.
    plain: returns a published state dict with the tensors of plain layers in place of others from which the published
        network computes them, such as those of a spectral norm. `options` and `names` are of what it returns.
    names: returns {published name: our name} for the names of our tensors, in the order of the published file. The
        inverse mapping is used for export.
    forward: the published interface: called with our network and the published inputs, by name. Returns a tensor, or a
        dictionary of tensors by name.
    ignored: patterns of published names without a counterpart here, such as `*.running_mean` if our norms keep none.
    optional: patterns of tensors that keep the values they were built with if they are not in the file. They match
        published names that a file may lack, and our own names for tensors that were never published.
    """

    build: Callable[[Any], nn.Module]
    options: Callable[[Shapes], dict[str, Any]]
    plain: Callable[[State], State] = same_state
    names: Callable[[Iterable[str]], dict[str, str]] = same_names
    forward: Callable[..., Any] = same_inputs
    ignored: tuple[str, ...] = ()
    optional: tuple[str, ...] = ("*.num_batches_tracked",)  # absent from files older than PyTorch 0.4.1


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """A published family, named in its catalogue entry as "module:ATTRIBUTE".

    networks: each network by the name of the model's sub-module.
    split: returns the state dict of each network in what `read_checkpoint` returned. If there are several candidates,
        it takes the moving average. Raises `RunError` if none is of this family; see `containers.one_of_each`.
    licence: of the published code and weights, recorded in the run.
    options: returns the options that a file states besides its shapes, such as constructor arguments, and published
        ones that no file tells. Called with what
        `read_checkpoint` returned, or with the `state_dict` of `load_network`.
    aliases: other names of networks, such as "generator" for that of the first of two directions.
    """

    networks: Mapping[str, Network]
    split: Callable[[Any], dict[str, State]]
    licence: str
    options: Callable[[Any], dict[str, Any]] = no_options
    aliases: Mapping[str, str] = field(default_factory=dict)


class PublishedNetwork(nn.Module):
    """Wrap a network in its published interface, in evaluation mode. `network` is the network itself."""

    def __init__(self, network: nn.Module, forward: Callable[..., Any]) -> None:
        super().__init__()
        self.network, self.published_forward = network.eval(), forward

    def forward(self, *inputs: Tensor, **named: Tensor) -> Any:
        """The published outputs of the published inputs."""
        return self.published_forward(self.network, *inputs, **named)


def shapes_of(state: State) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor."""
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def picture_channels(channels: int) -> int:
    """The channels of a run's pictures, for a network that makes so many: such a run is refused if they differ."""
    return channels if channels in PICTURE_CHANNELS else 3


def count_numbered(names: Iterable[str], pattern: str) -> int:
    """How many different numbers stand for `#` in names that match the pattern, a regular expression but for `#`."""
    expression = re.compile(pattern.replace("#", r"(\d+)"))
    return len({match[1] for name in names if (match := expression.fullmatch(name))})


def fill_network(module: nn.Module, network: Network, state: State) -> None:
    """Copy a published state dict into our network, in place.

    Raises `RunError` if a tensor is missing, has another shape or an unknown name, or if a tensor of our network has no
    published name and is not `optional`.
    """
    own = module.state_dict()  # these share their memory with the parameters and buffers
    names = network.names(own)
    filled = set(names.values())
    unfilled = [name for name in own if name not in filled and not _any(network.optional, name)]
    if unfilled:
        raise RunError(
            f"The adapter maps no published tensor to {unfilled[0]}, which would keep its initial value: add it "
            "to `names`, or to `optional` if the published network has no such tensor."
        )
    problems = misfits(own, network, state)
    if problems:
        raise RunError(f"The tensors are not those of this network: {'; '.join(problems)}.")
    for name, tensor in state.items():
        if name in names:
            own[names[name]].copy_(tensor)


def wrong_network(network: str, expected: str, names: Iterable[str]) -> RunError:
    """The error for tensors that are not of the network asked for: what was expected, and the first names found."""
    return RunError(f"This is no {network} of {expected}; found {', '.join(list(names)[:NAMED])} ...")


def misfits(own: Mapping[str, Tensor], network: Network, state: State) -> list[str]:
    """What a published state dict lacks, has besides, or has otherwise than a network expects, in short; [] if it fits.

    own: the state of our network, of which the shapes are looked at.
    """
    names = network.names(own)
    missing = [name for name in names if name not in state and not _any(network.optional, name)]
    unknown = [name for name in state if name not in names and not _any(network.ignored, name)]
    others = []
    for name, tensor in state.items():
        if name in names and tensor.shape != own[names[name]].shape:
            others.append(f"{name} is {tuple(tensor.shape)}, expected {tuple(own[names[name]].shape)}")
        elif name in names and (fault := _fault_of(tensor, own[names[name]])):
            others.append(f"{name} {fault}")
    problems = [f"it has no tensor {_in_short(missing)}"] if missing else []
    problems += [f"{_in_short(unknown)} {'is' if len(unknown) == 1 else 'are'} unknown"] if unknown else []
    more = f", and {len(others) - NAMED} more" if len(others) > NAMED else ""
    return problems + ([f"{', '.join(others[:NAMED])}{more}"] if others else [])


def _in_short(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _fault_of(tensor: Tensor, own: Tensor) -> str | None:
    """Why a tensor cannot be `own`, which has its shape; None if it can."""
    if tensor.layout != torch.strided:
        return "is sparse"
    if tensor.is_meta:
        return "was saved without its values"
    if tensor.is_quantized:
        return "is quantized"
    if tensor.is_complex():
        return "holds complex numbers"
    if own.is_floating_point() and not tensor.is_floating_point():
        return f"holds {str(tensor.dtype).removeprefix('torch.')}, expected fractions"
    return "holds NaN or infinity" if tensor.is_floating_point() and not tensor.float().isfinite().all() else None


def export_state(module: nn.Module, network: Network) -> State:
    """The state dict of our network under its published names and in their order: the inverse of `fill_network`."""
    own = module.state_dict()
    return {published: own[ours].detach().clone() for published, ours in network.names(own).items()}


def _any(patterns: Iterable[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
