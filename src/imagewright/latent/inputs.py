"""Resolve inputs to latents: a sample (a seed or SEED:INDEX), a picture file, or a name saved in the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import verbs_of
from imagewright.errors import UserError, nearest_name
from imagewright.images.single import read_pictures
from imagewright.images.sources.listing import is_picture_name
from imagewright.latent import store
from imagewright.latent.projection.project import project
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.verbs.apply import RunLike, encode, resolve_model
from imagewright.verbs.points import parse_point

Input = int | str | Path
QUICK: dict[str, Any] = {"starts": 4, "candidates": 512, "steps": 100}  # settings of a projection for other tools


@dataclass(frozen=True)
class ResolvedInputs:
    """Latents of inputs.

    latents: float32 (N, *latent shape).
    labels: one for each latent.
    notes: for the user, such as that a picture was resized.
    has_pictures: whether any input is a real picture, which the record of a sheet states.
    """

    latents: Tensor
    labels: list[str]
    notes: list[str]
    has_pictures: bool


def resolve_inputs(run: RunLike, inputs: Sequence[Input], *, model: Model | None = None) -> ResolvedInputs:
    """The latents of inputs, in their order.

    A seed is a number and stands for its first sample; SEED:INDEX is any other one, as sheets of samples name them, and
    SEED:INDEX:CLASS one of a class. A picture file is brought to the model's size and encoded; if
    the model has no encoder it is projected, which is an optimisation of seconds. A saved name may hold several
    latents.

    run: a run, its directory, a weights file or a model.
    inputs: seeds, points such as "0:7", picture files and names saved in the run.
    model: the run's model, if it is loaded already.
    Raises `UserError` for anything else, with the nearest saved name.
    """
    model = resolve_model(run) if model is None else model
    directory = store.resolve_run(run)
    if not inputs:
        raise UserError("No input was given: name seeds, SEED:INDEX, picture files or latents saved in the run.")
    resolved = [_resolve(directory, model, each) for each in inputs]
    return ResolvedInputs(
        torch.cat([each.latents for each in resolved]),
        [label for each in resolved for label in each.labels],
        [note for each in resolved for note in each.notes],
        any(each.has_pictures for each in resolved),
    )


def _resolve(directory: Run | None, model: Model, given: Input) -> ResolvedInputs:
    typed = str(given)
    point = parse_point(typed)
    if point is not None:
        name = f"seed {point.seed}" if ":" not in typed else str(point)
        return ResolvedInputs(point.latent(model), [name], [], False)
    if directory is not None and typed in store.names_of(directory, "latents"):
        saved = store.load(directory, model, typed, "latents")
        latents = saved.tensors["latents"]
        return ResolvedInputs(latents, saved.record.get("names") or [typed] * len(latents), list(saved.notes), False)
    if is_picture_name(typed) or Path(typed).is_file():
        latents, notes = _encode_or_project(model, Path(typed))
        return ResolvedInputs(latents, [Path(typed).stem], notes, True)
    known = store.names_of(directory, "latents") if directory is not None else []
    raise UserError(
        f"{typed!r} is no seed (a whole number), no SEED:INDEX, no picture file, and no name of latents saved in "
        f"the run.{nearest_name(typed, known)}"
    )


def _encode_or_project(model: Model, path: Path) -> tuple[Tensor, list[str]]:
    """Latents (1, *latent shape) of a picture file, and notes."""
    picture, notes = read_pictures([path], model.config.size, model.config.channels)
    if "encode" in verbs_of(model):
        return encode(model, picture), notes
    found = project(model, picture, **QUICK)
    error = f"{float(found.errors.psnr):.1f} dB from it, {float(found.errors.rmse):.0f} grey levels"
    return found.latents, [
        *notes,
        f"{path.name} is projected, since {catalogue.name_of(model)} has no encoder: its latent decodes to a picture "
        f"{error}. `imagewright latent project` takes longer, and comes closer.",
        *found.notes,
    ]
