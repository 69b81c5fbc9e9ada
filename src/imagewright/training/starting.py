"""Starting a training from the weights of another run: a transfer (`--from RUN`) or a branch (`--from RUN@400k`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from imagewright import catalogue
from imagewright.errors import RunError
from imagewright.model import Model
from imagewright.runs.points import resolve_point
from imagewright.runs.run import Run
from imagewright.runs.weights import Checkpoint, Taken, checkpoint_at, matching_tensors, read_tensors
from imagewright.training.reporting import Say

BASE = "base."  # before the names of tensors of `layers/pca_base.py`
TRAINED = "trained."  # before the names of trained weights in a state file; their averages are in the weights file


@dataclass(frozen=True)
class Started:
    """What a training starts with.

    record: for `run.json`.
    averages: tensors of the moving averages, by their names in the model, where they differ from the trained weights.
    """

    record: dict[str, Any]
    averages: dict[str, Tensor] = field(default_factory=dict)


def start_from(model: Model, start: str, say: Say) -> Started:
    """Copy the weights whose name and shape are the same as in the model.

    model: changed in place.
    start: a run directory, whose latest checkpoint is taken, one of its checkpoints, `RUN@400k`, or a weights file.
    say: called with lines that name the weights that were taken and the others.

    The record has the names and the digest of the file; of `RUN@400k` also the run and its images seen, and there the
    trained weights are taken besides the averages that the weights file holds. Raises `RunError` if no weight fits, if
    one of the two starts from PCA and the other does not, or for a path that is neither a run nor a weights file.
    """
    run, images_seen = resolve_point(start)
    path = run
    if images_seen is not None:
        path = checkpoint_at(run, images_seen).weights
    elif not path.is_file():
        path = Run(path).latest()[0].weights
    elif path.suffix.lower() != ".safetensors":
        name = catalogue.name_of(model)
        raise RunError(
            f"{path} is neither a run nor a weights file of one. If it is a published checkpoint, make a run of it "
            f"first: imagewright import {path} --as {name} --out runs/published, then --from runs/published."
        )
    tensors, _ = read_tensors(path)
    taken = matching_tensors(model, tensors, path)
    _check_base(start, taken)
    for line in taken.lines():
        say(line)
    if images_seen is None:
        return Started(taken.to_dict())
    averages = _take_trained(model, checkpoint_at(run, images_seen), tensors, say)
    return Started({**taken.to_dict(), "run": str(run), "images_seen": images_seen}, averages)


def _check_base(start: str, taken: Taken) -> None:
    """Raise `RunError` if one of two generators learned what to add to samples of PCA, and the other whole pictures."""
    if not any(name.startswith("generator.") for name in taken.taken):
        return
    if any(name.startswith(BASE) for name in taken.left):
        raise RunError(f"{start} learned what to add to samples of PCA: give --base pca (base=), or other weights.")
    if any(name.startswith(BASE) for name in taken.missing):
        raise RunError(f"{start} did not start from PCA: give --base none (base=), or other weights.")


def _take_trained(model: Model, checkpoint: Checkpoint, averaged: dict[str, Tensor], say: Say) -> dict[str, Tensor]:
    """Copy the trained weights of a checkpoint into the model; returns the averages of the same tensors."""
    if not checkpoint.state.is_file():
        say(f"{checkpoint.state} is not there: trained weights start as their averages")
        return {}
    state, _ = read_tensors(checkpoint.state)
    own, averages = model.state_dict(), dict[str, Tensor]()
    for key, tensor in state.items():
        name = key.removeprefix(TRAINED)
        if key.startswith(TRAINED) and name in own and name in averaged and own[name].shape == tensor.shape:
            own[name].copy_(tensor)
            averages[name] = averaged[name]
    return averages
