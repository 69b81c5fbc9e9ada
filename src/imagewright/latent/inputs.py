"""Points in a model's latent space, named as people name them: a seed, a picture, or a name kept in the run."""

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
from imagewright.latent import store as kept
from imagewright.latent.projection.project import project
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.verbs.apply import RunLike, encode, resolve_model, sample_latents

Point = int | str | Path
QUICK: dict[str, Any] = {"starts": 4, "candidates": 512, "steps": 100}  # how a picture is projected in passing


@dataclass(frozen=True)
class Points:
    """Latents (N, *latent shape) with a label each, what the user should know, and whether real pictures are among."""

    latents: Tensor
    labels: list[str]
    said: list[str]
    of_pictures: bool


def run_of(run: RunLike) -> Run | None:
    """The run directory, where one was given and not a loaded model or a weights file."""
    if isinstance(run, Run):
        return run
    return Run(run) if not isinstance(run, Model) and Path(run).is_dir() else None


def points_of(run: RunLike, given: Sequence[Point], *, model: Model | None = None) -> Points:
    """The latents of what is `given`, in that order: seeds (numbers), picture files, or names kept in the run.

    A seed is its first sample. A picture is brought to the model's size and encoded, or projected (an optimisation)
    where the model has no encoder. A kept name may stand for several points. `model`: the run's, loaded already.
    Raises `UserError` for what is none of these, with the nearest kept name.
    """
    model = resolve_model(run) if model is None else model
    home = run_of(run)
    latents: list[Tensor] = []
    labels: list[str] = []
    said: list[str] = []
    of_pictures = False
    for each in given:
        typed = str(each)
        if typed.isdecimal():
            latents.append(sample_latents(model, 1, int(typed)))
            labels.append(f"seed {int(typed)}")
        elif home is not None and typed in kept.names_of(home, "points"):
            found = kept.find(home, model, typed, "points")
            latents.append(found.tensors["latents"])
            labels += found.record.get("names") or [typed] * len(found.tensors["latents"])
            said += found.said
        elif is_picture_name(typed) or Path(typed).is_file():
            encoded, changed = _latents_of_picture(model, Path(typed))
            latents.append(encoded)
            labels.append(Path(typed).stem)
            said += changed
            of_pictures = True
        else:
            known = kept.names_of(home, "points") if home is not None else []
            raise UserError(
                f"{typed!r} is no seed (a whole number), no picture file, and no name of latents kept in the run."
                f"{nearest_name(typed, known)}"
            )
    if not latents:
        raise UserError("No point was given: name seeds, picture files or latents kept in the run.")
    return Points(torch.cat(latents), labels, said, of_pictures)


def _latents_of_picture(model: Model, path: Path) -> tuple[Tensor, list[str]]:
    picture, said = read_pictures([path], model.config.size, model.config.channels)
    if "encode" in verbs_of(model):
        return encode(model, picture), said
    found = project(model, picture, **QUICK)
    error = f"{float(found.errors.psnr):.1f} dB from it, {float(found.errors.rmse):.0f} grey levels"
    return found.latents, [
        *said,
        f"{path.name} is projected, since {catalogue.name_of(model)} has no encoder: what its latent shows is {error}. "
        "`imagewright latent project` takes longer, and comes closer.",
        *found.said,
    ]
