"""Export of weights: one safetensors file that the package opens again, or published files of the system."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.checkpoints import export_state, find_adapter
from imagewright.errors import UserError
from imagewright.exports.records import base_of, export_record, training_record
from imagewright.exports.results import Exported, listed
from imagewright.files import written_together
from imagewright.model import Model
from imagewright.output.writing import new_file, refuse_existing
from imagewright.runs.loading import ABSENT, absent_networks
from imagewright.runs.weights import write_tensors

SUFFIX = ".safetensors"
PUBLISHED_SUFFIX = ".pth"


def export_safetensors(model: Model, out: Path, *, force: bool) -> Exported:
    """Write all weights, averages in place, as one file that `load` opens.

    out: a file that ends in .safetensors.
    """
    if out.suffix != SUFFIX:
        raise UserError(f"The weights are one file, whose name ends in {SUFFIX}: not {out}.")
    refuse_existing([out], force=force)
    base = base_of(model)
    write_tensors(out, stored_tensors(base), weights_record(base))
    note = f"`imagewright sample {out}` and every other command on a run takes it."
    return Exported("safetensors", out, (out,), (note,))


def stored_tensors(model: Model) -> dict[str, Tensor]:
    """The tensors of a model; those of networks that are absent are not there."""
    return dict(model.state_dict())


def weights_record(model: Model) -> dict[str, Any]:
    """What `load` needs to know of the file, and where the weights come from."""
    facts = export_record(model)
    origin = model.origin
    return {
        "model": facts["model"],
        "config": facts["config"],
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
    it by `load_state_dict`. Raises `UserError` for a model without published checkpoints.
    """
    base = base_of(model)
    name = catalogue.name_of(base)
    adapter = find_adapter(name)
    absent = absent_networks(base)
    own = dict(base.named_modules())
    networks = [each for each in adapter.networks if each in own and each not in absent]
    if out.suffix == PUBLISHED_SUFFIX and len(networks) > 1:
        raise UserError(
            f"{out} is one file, and {name} has {len(networks)} networks: {listed(networks)}. Name a folder."
        )
    paths = {each: out if out.suffix == PUBLISHED_SUFFIX else out / f"{each}{PUBLISHED_SUFFIX}" for each in networks}
    refuse_existing(list(paths.values()), force=force)
    with written_together():
        for network, path in paths.items():
            content = io.BytesIO()
            torch.save(export_state(base.get_submodule(network), adapter.networks[network]), content)
            with new_file(path, force=force) as file:
                file.write(content.getbuffer())
    files = " ".join(str(path) for path in paths.values())
    named = " ".join(f"--network {network}" for network in paths)
    notes = [
        f"State dicts under the names of the published code: `load_state_dict(torch.load(FILE))` there, and here "
        f"`imagewright import {files} --as {name} {named} --out RUN`.",
        f"Licence of the published code: {adapter.licence}.",
    ]
    if absent:
        notes.append(f"Left out: {listed(absent)}, which the run does not hold.")
    unnamed = [each for each, part in base.named_children() if each not in adapter.networks and any(part.parameters())]
    if unnamed:
        notes.append(f"Left out: {listed(unnamed)}, which the published files do not have.")
    return Exported("published", out, tuple(paths.values()), tuple(notes))
