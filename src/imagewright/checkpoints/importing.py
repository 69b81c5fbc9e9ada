"""Published checkpoints as networks, and as runs that answer the verbs."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from imagewright import catalogue
from imagewright.checkpoints import dcgan
from imagewright.checkpoints.reading import plain_state_dict, read_state_dict
from imagewright.errors import ConfigError, RunError, UserError, nearest_name
from imagewright.runs.loading import ABSENT, Absent, build, load
from imagewright.runs.run import Run
from imagewright.runs.weights import write_tensors
from imagewright.versions import versions

if TYPE_CHECKING:
    from imagewright.model import Model

ADAPTERS: dict[str, ModuleType] = {dcgan.SYSTEM: dcgan}


def load_network(system: str, network: str, state_dict: dict[str, Tensor]) -> nn.Module:
    """The plain network of a published state dict, in evaluation mode; sizes and channels are found from its shapes.

    Called with the published inputs by name (`z`, `image`), it returns a tensor, or a dictionary of them by name.
    Raises `UserError` for an unknown system or network, `RunError` for a state dict that is not of that network.
    """
    adapter = _adapter(system)
    if network not in adapter.NETWORKS:
        known = ", ".join(adapter.NETWORKS)
        raise UserError(
            f"{system} has no network {network!r}.{nearest_name(network, adapter.NETWORKS)} It has {known}."
        )
    found: nn.Module = adapter.plain(network, plain_state_dict(state_dict, "The state dict"))
    return found


def import_checkpoint(
    files: str | Path | Sequence[str | Path], system: str, out: str | Path | None = None, *, force: bool = False
) -> Model:
    """The model of a published checkpoint: one file, or several with a network each. With `out`, a run of it too.

    Networks that no file holds are absent: the verbs that need them say so. Nothing in a file is executed.
    """
    adapter = _adapter(system)
    paths = [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]
    states: dict[str, dict[str, Tensor]] = {}
    options: dict[str, Any] = {}
    for path in paths:
        state = read_state_dict(path)
        network = adapter.which(state)
        if network in states:
            raise UserError(f"Two of the files hold a {network}: give one file of each network.")
        found = adapter.config_of(network, state)
        differing = [name for name in found if name in options and options[name] != found[name]]
        if differing:
            raise UserError(
                f"The files are of different networks: {differing[0]} is {options[differing[0]]} in one and "
                f"{found[differing[0]]} in {path}."
            )
        options |= found
        states[network] = state
    return _as_model(adapter, system, paths, states, options, out, force)


def _as_model(
    adapter: ModuleType,
    system: str,
    paths: list[Path],
    states: dict[str, dict[str, Tensor]],
    options: dict[str, Any],
    out: str | Path | None,
    force: bool,
) -> Model:
    try:
        model = build(system, options)
    except ConfigError as error:
        raise RunError(f"The shapes in {paths[0]} are of no {system} that can be built: {error}") from None
    for network, state in states.items():
        part = model.get_submodule(network)
        part.load_state_dict(adapter.plain(network, state).network.state_dict())
    absent = [network for network in adapter.NETWORKS if network not in states]
    tensors = {name: value for name, value in model.state_dict().items() if name.split(".")[0] in states}
    record = {"model": system, "config": dataclasses.asdict(model.config), "images_seen": 0, ABSENT: absent}
    if out is None:
        for network in absent:
            setattr(model, network, Absent(network, str(paths[0])))
        return model.eval()
    run = Run.create(out, _run_record(record, paths), force=force)
    write_tensors(run.checkpoint_at(0).weights, tensors, record)
    return load(run)


def _run_record(record: dict[str, Any], paths: list[Path]) -> dict[str, Any]:
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    return {
        "model": record["model"],
        "config": record["config"],
        "imported": digests,
        "source": {"source": ", ".join(digests), "fingerprint": None, "notes": ["imported, not trained here"]},
        "options": {},
        "seed": 0,
        "versions": versions(),
    }


def _adapter(system: str) -> ModuleType:
    if system not in ADAPTERS:
        catalogue.entry_of(system)
        raise UserError(f"Published checkpoints of {system} cannot be read: they can of {', '.join(ADAPTERS)}.")
    return ADAPTERS[system]
