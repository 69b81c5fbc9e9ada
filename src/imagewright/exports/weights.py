"""Export of weights: one safetensors file that the package opens again, or published files of the system."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic.fields import FieldInfo
from torch import Tensor

from imagewright import catalogue
from imagewright.checkpoints import export_state, find_adapter
from imagewright.checkpoints.adapter import Adapter, State, shapes_of
from imagewright.configs import DATA_FIELDS
from imagewright.errors import UserError
from imagewright.exports.names import SUFFIXES
from imagewright.exports.records import base_of, export_record, training_record, what_was_taken_out
from imagewright.exports.results import Exported, listed
from imagewright.files import written_together
from imagewright.layers.pca_base import PCABaseConfig
from imagewright.model import Model
from imagewright.output.writing import new_file, refuse_existing
from imagewright.runs.loading import ABSENT, absent_networks
from imagewright.runs.weights import write_tensors

PUBLISHED_SUFFIX = SUFFIXES["published"]


def export_safetensors(model: Model, out: Path, *, force: bool) -> Exported:
    """Write all weights, averages in place, as one file that `load` opens.

    out: a file that ends in .safetensors.
    """
    refuse_existing([out], force=force)
    base = base_of(model)
    write_tensors(out, stored_tensors(base), weights_record(base))
    note = f"`imagewright sample {out}` takes it, and so does each command that needs the model alone."
    return Exported("safetensors", out, (out,), (note, *what_was_taken_out(base)))


def stored_tensors(model: Model) -> dict[str, Tensor]:
    """The tensors of a model; those of networks that are absent are not there."""
    return dict(model.state_dict())


def weights_record(model: Model) -> dict[str, Any]:
    """What `load` needs to know of the file, and where the weights come from."""
    facts = export_record(model)
    origin = model.origin
    return {
        "model": facts["model"],
        "config": facts["config"],  # `load` builds the model of it: a path in it becomes the model that was copied
        "images_seen": (origin.images_seen if origin else None) or 0,
        ABSENT: absent_networks(model),
        "licence": facts["licence"],
        "provenance": {name: facts[name] for name in facts if name not in ("config", "licence")},
        "training": training_record(model),
    }


def export_published(model: Model, out: Path, *, force: bool) -> Exported:
    """Write each network's weights under the published names of its system: state dicts that its code loads.

    out: a folder, in which each network gets a file NETWORK.pth; or a file that ends in .pth, for a run of one network.

    A state dict holds tensors alone, and no code: systems whose own files are pickles of whole networks (NVIDIA's) read
    it by `load_state_dict`. Raises `UserError` for a model without published checkpoints, or with base=pca.
    """
    base = base_of(model)
    name = catalogue.name_of(base)
    adapter = find_adapter(name)
    if isinstance(base.config, PCABaseConfig) and base.config.base == "pca":
        raise UserError(
            f"This {name} adds its output to samples of PCA (base=pca), and the published code does not: its pictures "
            "would be wrong there. Export it to onnx, html or safetensors, or train one with --base none."
        )
    absent = absent_networks(base)
    own = dict(base.named_modules())
    networks = [each for each in adapter.networks if each in own and each not in absent]
    if out.suffix == PUBLISHED_SUFFIX and len(networks) > 1:
        raise UserError(
            f"{out} is one file, and {name} has {len(networks)} networks: {listed(networks)}. Name a folder."
        )
    paths = {each: out if out.suffix == PUBLISHED_SUFFIX else out / f"{each}{PUBLISHED_SUFFIX}" for each in networks}
    refuse_existing(list(paths.values()), force=force)
    states = {each: export_state(base.get_submodule(each), adapter.networks[each]) for each in networks}
    files = " ".join(str(path) for path in paths.values())
    named = " ".join(f"--network {network}" for network in paths)
    notes = [
        f"State dicts under the names of the published code: `load_state_dict(torch.load(FILE))` there, and here "
        f"`imagewright import {files} --as {name} {named}{_untold_options(base, adapter, states)} --out RUN`.",
        f"Licence of the published code: {adapter.licence}.",
    ]
    if absent:
        notes.append(f"Left out: {listed(absent)}, which the run does not hold.")
    if any(record in adapter.licence for record in ("NVIDIA", "Nvidia")):
        notes.append("NVIDIA's code saves whole networks as pickles, which run code when they are read: these do not.")
    unnamed = [
        each
        for each, part in base.named_children()
        if each not in {name.partition(".")[0] for name in adapter.networks}
        and next(part.parameters(), None) is not None
    ]
    if unnamed:
        notes.append(f"Left out: {listed(unnamed)}, which the published files do not have.")
    with written_together():
        for network, path in paths.items():
            content = io.BytesIO()
            torch.save(states[network], content)
            with new_file(path, force=force) as file:
                file.write(content.getbuffer())
    return Exported("published", out, tuple(paths.values()), tuple(notes))


def _untold_options(model: Model, adapter: Adapter, states: Mapping[str, State]) -> str:
    """The options of a model that neither the shapes of its files tell nor the defaults are, as they are typed."""
    told: dict[str, Any] = dict(adapter.options(states))
    for network, state in states.items():
        told |= adapter.networks[network].options(shapes_of(adapter.networks[network].plain(state)))
    typed = []
    for field in dataclasses.fields(model.config):
        value, usual = getattr(model.config, field.name), _default_of(field)
        if field.name in told or value in (usual, None) or field.name in DATA_FIELDS or isinstance(value, dict | tuple):
            continue
        option = field.name.replace("_", "-")
        typed.append(f"--{option} {value}")
    return "".join(f" {each}" for each in typed)


def _default_of(field: dataclasses.Field[Any]) -> Any:
    """The default of an option; pydantic keeps it in the field's own description."""
    return (
        field.default.get_default(call_default_factory=True) if isinstance(field.default, FieldInfo) else field.default
    )
