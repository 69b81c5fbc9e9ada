"""Import published checkpoints: as networks behind their published interface, or as runs."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from imagewright import catalogue, configs
from imagewright.checkpoints.adapter import Adapter, Network, PublishedNetwork, State, fill_network, shapes_of
from imagewright.checkpoints.containers import state_dicts
from imagewright.checkpoints.reading import read_checkpoint
from imagewright.checkpoints.recognising import hint
from imagewright.downloads import file_checksum
from imagewright.errors import ConfigError, RunError, UserError, count_text, nearest_name, short_reason
from imagewright.images import notices
from imagewright.memoryless import without_initialisation
from imagewright.pixels import is_size, size_text
from imagewright.runs import places
from imagewright.runs.loading import ABSENT, Absent, load
from imagewright.runs.lock import lock_run
from imagewright.runs.run import Run
from imagewright.runs.weights import write_tensors
from imagewright.versions import versions

if TYPE_CHECKING:
    from imagewright.model import Model

LABEL_NAMES = ("class_names", "attribute_names")
"""Options that name the labels of a model, which no file does."""


def load_network(system: str, network: str, state_dict: Mapping[str, Any], /, **options: Any) -> nn.Module:
    """The network of a published state dict, in its published interface and in evaluation mode.

    system: a model of the catalogue whose published checkpoints can be read, such as "dcgan".
    network: one of its networks, such as "generator".
    state_dict: tensors by name, or the content of a file that contains the state dict.
    options: options of the model's configuration. They override options that follow from the shapes, and give the rest.

    The result is called with the published inputs by name (`z=`, `image=`) and returns a tensor, or a dictionary of
    tensors by name. Its attribute `network` is the network as it is in the model.

    Raises `UserError` for an unknown system or network, `ConfigError` for an unknown or impossible option, and
    `RunError` for a state dict that is not of that network.
    """
    adapter = find_adapter(system)
    network = adapter.aliases.get(network, network)
    if network not in adapter.networks:
        raise _unknown_network(adapter, system, network)
    config_class = catalogue.model_class(system).Config
    configs.check_names(config_class, options, system)
    held = dict(state_dict)
    with _recognising(held, system):
        declared = adapter.networks[network]
        state = declared.plain(_states_in(adapter, held, network, system)[network])
        found = adapter.options(held) | _options_of(declared, state, f"{network} of {system}")
        config = _configure(config_class, system, found, options)
        with without_initialisation():
            module = declared.build(config)
        with _counting_labels(found, options):
            fill_network(module, declared, state)
    return PublishedNetwork(module, declared.forward).eval()


def import_checkpoint(
    files: str | Path | Sequence[str | Path],
    system: str,
    out: str | Path | None = None,
    *,
    network: str | Sequence[str] | None = None,
    force: bool = False,
    **options: Any,
) -> Model:
    """The model of a published checkpoint, and with `out` a run of it that answers the verbs.

    files: one file, or several that hold a network each. Nothing in them is executed.
    system: a model of the catalogue whose published checkpoints can be read, such as "dcgan".
    out: the run directory to make; none is made by default.
    network: which network to take, if a file holds several or does not tell: a network's name, or a key of the
        dictionary in the file ("G", "gen_test"). With several files, one for each.
    force: replace a run at `out`.
    options: options of the model's configuration. They override options that follow from the shapes, and give the rest.

    Networks that no file holds are absent: the verbs that need them raise a `UserError`. Which ones these are, and
    what was found, is told to whoever gathers notices.
    Raises `RunError` for a file that cannot be read or is of another family, `ConfigError` for an unknown or impossible
    option, and `UserError` for an unknown system or network, or for files that do not belong together.
    """
    adapter = find_adapter(system)
    names = [] if network is None else [network] if isinstance(network, str) else network
    model_class = catalogue.model_class(system)
    configs.check_names(model_class.Config, options, system)
    paths = [Path(files)] if isinstance(files, str | Path) else [Path(file) for file in files]
    wanted: list[str | None] = [adapter.aliases.get(name, name) for name in names] or [None] * len(paths)
    if isinstance(network, str):
        wanted *= len(paths)
    if len(wanted) != len(paths):
        raise UserError(
            f"{len(paths)} files and {len(wanted)} networks: name one network for each file, in their order."
        )
    parts = [part for path, name in zip(paths, wanted, strict=True) for part in _read(path, adapter, system, name)]
    found = _merged_options(parts, options)
    with _naming(paths[0]), _recognising(parts[0].held, system), without_initialisation():
        model = model_class(_configure(model_class.Config, system, found, options))
    for part in parts:
        if part.network not in dict(model.named_modules()):
            raise UserError(
                f"{part.network} of {system} is compared with the published one by load_network alone: a run is made "
                f"of {', '.join(name for name in adapter.networks if name in dict(model.named_modules()))}."
            )
        with _naming(part.path), _counting_labels(part.stated | part.options, options), _recognising(part.held, system):
            fill_network(model.get_submodule(part.network), adapter.networks[part.network], part.state)
    held = [part.network for part in parts]
    own = dict(model.named_modules())
    absent = [name for name in adapter.networks if name in own and name not in held]
    finished = _finish(model, system, adapter, paths, absent, out, force)
    notices.add_notes(_tell_found(system, held, absent, parts, found, options))
    return finished


def _tell_found(
    system: str,
    held: Sequence[str],
    absent: Sequence[str],
    parts: Sequence[_Part],
    found: Mapping[str, Any],
    given: Mapping[str, Any],
) -> list[str]:
    """Sentences on what was found in the files, and which networks they lack."""
    told = {name: value for name, value in found.items() if any(name in part.options for part in parts)}
    assumed = {name: value for name, value in found.items() if name not in told and name not in given}
    sentences = [f"Found {', '.join(held)} of {system}. From the shapes: {_listed(told)}."]
    if assumed:
        sentences.append(f"As published, or as the file says: {_listed(assumed)}; an option changes what is wrong.")
    if absent:
        sentences.append(f"Absent: {', '.join(absent)}. What needs them is refused.")
    return sentences


def find_adapter(system: str) -> Adapter:
    """The adapter of a model. Raises `UserError` for an unknown model, and for one without published checkpoints."""
    target = catalogue.entry_of(system).adapter
    if target is None:
        known = ", ".join(entry.name for entry in catalogue.list_models() if entry.adapter)
        raise UserError(f"Published checkpoints of {system} cannot be read: they can of {known}.")
    module, _, attribute = target.partition(":")
    adapter: Adapter = getattr(importlib.import_module(module), attribute)
    return adapter


@dataclass(frozen=True)
class _Part:
    """One network of one file.

    options: those that follow from the shapes of its tensors.
    stated: those that follow from the file, or are the published ones that no file tells.
    held: all that the file holds.
    """

    network: str
    path: Path
    state: State
    options: dict[str, Any]
    stated: dict[str, Any]
    held: Any


def _read(path: Path, adapter: Adapter, system: str, network: str | None) -> list[_Part]:
    """The networks in a file. Errors name the file."""
    held = read_checkpoint(path)
    with _naming(path), _recognising(held, system):
        stated = adapter.options(held)
        found = _states_in(adapter, held, network, system)
        states = {name: adapter.networks[name].plain(state) for name, state in found.items()}
        return [
            _Part(name, path, state, _options_of(adapter.networks[name], state, f"{name} of {system}"), stated, held)
            for name, state in states.items()
        ]


def _options_of(network: Network, state: State, what: str) -> dict[str, Any]:
    """The options that follow from the shapes. Raises `RunError` if tensors that tell them are missing or misshapen."""
    empty = next((name for name, tensor in state.items() if not tensor.numel()), None)
    if empty is not None:
        raise RunError(f"It is no whole {what}: the tensor {empty} of {tuple(state[empty].shape)} holds no numbers.")
    try:
        return network.options(shapes_of(state))
    except RunError:  # says what it is instead
        raise
    except (LookupError, ValueError, TypeError) as error:
        raise RunError(
            f"It is no whole {what}: a tensor that tells its options is missing or has another name or shape "
            f"({short_reason(error)}); found {', '.join(list(state)[:3])} ..."
        ) from None


def _merged_options(parts: Sequence[_Part], given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of all parts together; what the shapes of one tell goes before what another file states.

    Raises `UserError` if parts disagree, or are of the same network.
    """
    merged: dict[str, Any] = {}
    seen: set[str] = set()
    told = {name for part in parts for name in part.options}
    for part in parts:
        if part.network in seen:
            raise UserError(f"Two of the files hold a {part.network}: give one file of each network.")
        seen.add(part.network)
        stated = {name: value for name, value in part.stated.items() if name not in told}
        for name, value in (stated | part.options).items():
            if name not in given and merged.setdefault(name, value) != value:
                raise UserError(
                    f"The files are of different networks: {name} is {merged[name]} in one and {value} in {part.path}."
                )
    return merged


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Prefix the messages of `UserError`s with the path of the file."""
    try:
        yield
    except UserError as error:
        raise type(error)(f"{path}: {error}") from None


@contextmanager
def _recognising(held: Any, system: str) -> Iterator[None]:
    """Add to a `RunError` which other system the file looks like, if it does."""
    try:
        yield
    except RunError as error:
        raise RunError(f"{error}{hint(held, system)}") from None


@contextmanager
def _counting_labels(found: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[None]:
    """Replace a `RunError` by one on the numbers of labels, if others were named than a network has.

    found: options that follow from the file.
    given: those of the user.
    """
    try:
        yield
    except RunError as error:
        named = {name: len(given[name]) for name in LABEL_NAMES if name in given}
        labels = next((len(found[name]) for name in LABEL_NAMES if found.get(name)), 0)
        total = sum(named.values())
        if not named or not labels or labels == total or given.get("condition") == "both":  # both: labels and a mask
            raise
        raise ConfigError(
            f"The network has {count_text(labels, 'label')}, and {total} {'was' if total == 1 else 'were'} named "
            f"({', '.join(named)}): name all, in the order of its training, or none. ({error})"
        ) from None


def _states_in(adapter: Adapter, held: Any, network: str | None, system: str) -> dict[str, State]:
    """The state dicts in the content of a file, by network; only the network that `network` names, if given."""
    if network is None:
        return adapter.split(held)
    found = state_dicts(held)
    if network in adapter.networks:
        if len(found) == 1:  # the user named the network: a state dict does not always show which one it is
            with suppress(UserError, LookupError):
                states = adapter.split(held)
                if network in states:
                    return {network: states[network]}
            return {network: next(iter(found.values()))}
        states = adapter.split(held)
        if network in states:
            return {network: states[network]}
        raise RunError(f"It holds no {network}, only {', '.join(states)}.")
    if network in found:
        return adapter.split(found[network])
    raise _unknown_network(adapter, system, network, [key for key in found if key])


def _unknown_network(adapter: Adapter, system: str, network: str, keys: Sequence[str] = ()) -> UserError:
    also = f"; the file has the keys {', '.join(keys)}" if keys else ""
    known = [*adapter.networks, *keys]
    return UserError(
        f"{system} has no network {network!r}.{nearest_name(network, known)} "
        f"It has {', '.join(adapter.networks)}{also}."
    )


def _configure(config_class: type[Any], system: str, found: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    """Build the configuration. Raises `ConfigError` if the options are at fault, `RunError` if the file is."""
    try:
        return configs.build(config_class, {**found, **options}, system)
    except ConfigError as error:
        if options:
            raise ConfigError(f"{error} (with what the shapes tell: {_listed(found)})") from None
        if "is missing" in str(error):
            raise ConfigError(f"{error}: the shapes do not tell it, so give it as an option.") from None
        raise RunError(f"The shapes are of no {system} that can be built: {error}") from None


def _listed(values: Mapping[str, Any]) -> str:
    shown = {name: size_text(value) if is_size(name, value) else value for name, value in values.items()}
    return ", ".join(f"{name}={value}" for name, value in shown.items()) or "nothing"


def _finish(
    model: Model,
    system: str,
    adapter: Adapter,
    paths: list[Path],
    absent: list[str],
    out: str | Path | None,
    force: bool,
) -> Model:
    """Mark networks that no file held, and write the run."""
    tensors = {
        name: tensor for name, tensor in model.state_dict().items() if not any(name.startswith(f"{a}.") for a in absent)
    }
    config = dataclasses.asdict(model.config)
    record = {"model": system, "config": config, "images_seen": 0, ABSENT: absent}
    if out is None:
        for name in absent:
            setattr(model, name, Absent(name, str(paths[0])))
        return model.eval()
    out = Path(out)
    places.check_place(out, force=force)
    with lock_run(out):
        places.recover(out)
        run = Run.create(out, _run_record(system, config, adapter, paths), force=force)
        try:
            write_tensors(run.checkpoint_at(0).weights, tensors, record)
        finally:
            places.restore(run.path)
    return load(run)


def _run_record(system: str, config: dict[str, Any], adapter: Adapter, paths: list[Path]) -> dict[str, Any]:
    digests = {path.name: file_checksum(path) for path in paths}
    return {
        "model": system,
        "config": config,
        "imported": digests,
        "licence": adapter.licence,
        "source": {"source": ", ".join(digests), "fingerprint": None, "notes": ["imported, not trained here"]},
        "options": {},
        "seed": 0,
        "versions": versions(),
    }
