"""Resolve inputs to latents: a sample (a seed or SEED:INDEX), a picture, or a name saved in the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import SamplesClasses, samples_classes, verbs_of
from imagewright.errors import UserError, nearest_name
from imagewright.images.single import HeldPicture, SinglePicture, hold_pictures, is_held, name_of, read_pictures
from imagewright.images.sources.listing import is_picture_name
from imagewright.latent import store
from imagewright.latent.projection.project import project
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.verbs.apply import RunLike, encode, resolve_model
from imagewright.verbs.conditions import class_number, find_number
from imagewright.verbs.points import Point, parse_point

Input: TypeAlias = int | str | Path | Image.Image | np.ndarray | Tensor
Inputs: TypeAlias = Input | Sequence[Input]
QUICK: dict[str, Any] = {"starts": 4, "candidates": 512, "steps": 100}  # settings of a projection for other tools


@dataclass(frozen=True)
class ResolvedInputs:
    """Latents of inputs.

    latents: float32 (N, *latent shape).
    labels: one for each latent.
    notes: for the user, such as that a picture was resized.
    pictures: for each latent, the picture that it is of, uint8 (C, H, W) at the model's size; None of seeds and names.
    sources: for each latent, the file or the picture in memory that `pictures` was read from, or None.
    """

    latents: Tensor
    labels: list[str]
    notes: list[str]
    pictures: list[Tensor | None]
    sources: list[SinglePicture | None]

    @property
    def has_pictures(self) -> bool:
        """Whether any input is a real picture, which the record of a sheet states."""
        return any(picture is not None for picture in self.pictures)


def list_inputs(given: Inputs) -> list[Any]:
    """Inputs as a list: one input alone is a list of it, and an array of several pictures is a list of these."""
    if isinstance(given, int | str | Path) or is_held(given):
        return [given]
    return list(given)  # type: ignore[arg-type]  # an array (N, ...) is iterated over its pictures


def of_classes(model: Model, inputs: Inputs | None, labels: str | Sequence[str]) -> list[str]:
    """Inputs of given classes, as SEED:INDEX:CLASS: of one seed for all classes, or of a seed for each.

    model: which samples classes.
    inputs: seeds or SEED:INDEX; seed 0 by default.
    labels: names or numbers of classes; one text may hold several with commas between them.

    Raises `UserError` for a model that is not conditioned on classes, an unknown class, inputs that are no seeds, and
    as many inputs as fit neither one nor all classes.
    """
    if not samples_classes(model):
        raise UserError(
            f"{catalogue.name_of(model)} is not conditioned on classes, so there are none to interpolate between: "
            "leave --labels (labels=) out."
        )
    names = [name for given in ([labels] if isinstance(labels, str) else labels) for name in _split(given, model)]
    chosen = [model.class_names[class_number(model.class_names, name)] for name in names]
    given = [str(each) for each in (list_inputs(inputs) if inputs is not None else [0])]
    points = [parse_point(each) for each in given]
    for text, point in zip(given, points, strict=True):
        if point is None or point.label is not None:
            raise UserError(f"{text!r} cannot be given a class by --labels (labels=): expected a seed, or SEED:INDEX.")
    if len(points) == 1:
        points *= len(chosen)
    if len(points) != len(chosen):
        raise UserError(
            f"{len(chosen)} classes and {len(points)} seeds: give one seed for all classes, or one for each of them."
        )
    pairs = zip(points, chosen, strict=True)
    return [str(Point(point.seed, point.index, name)) for point, name in pairs if point is not None]


def _split(given: str, model: SamplesClasses) -> list[str]:
    """The classes in a text; commas that are in the name of a class do not part it."""
    if find_number(model.class_names, given) is not None:
        return [given]
    return [name.strip() for name in str(given).split(",") if name.strip()]


def resolve_inputs(run: RunLike, inputs: Inputs, *, model: Model | None = None) -> ResolvedInputs:
    """The latents of inputs, in their order.

    A seed is a number and stands for its first sample; SEED:INDEX is any other one, as sheets of samples name them, and
    SEED:INDEX:CLASS one of a class. A picture is brought to the model's size and encoded; if the model has no encoder
    it is projected, which is an optimisation of seconds. A saved name may hold several latents; so may a file of
    latents, as `store.save` writes them.

    run: a run, its directory, a weights file or a model.
    inputs: seeds, points such as "0:7", pictures and names saved in the run; or one of these alone. A picture is a
        file, a Pillow image, or an array or tensor (C, H, W), (H, W, C) or (H, W); an array of four axes is several.
    model: the run's model, if it is loaded already.
    Raises `UserError` for anything else, with the nearest saved name.
    """
    model = resolve_model(run) if model is None else model
    directory = store.resolve_run(run)
    held, notes = hold_pictures(list_inputs(inputs))
    if not held:
        raise UserError("No input was given: name seeds, SEED:INDEX, picture files or latents saved in the run.")
    resolved = [_resolve(directory, model, each) for each in held]
    return ResolvedInputs(
        torch.cat([each.latents for each in resolved]),
        [label for each in resolved for label in each.labels],
        [*notes, *(note for each in resolved for note in each.notes)],
        [picture for each in resolved for picture in each.pictures],
        [source for each in resolved for source in each.sources],
    )


def _resolve(directory: Run | None, model: Model, given: Any) -> ResolvedInputs:
    if isinstance(given, HeldPicture):
        return _encode_or_project(model, given)
    typed = str(given)
    point = parse_point(typed)
    if point is not None:
        name = f"seed {point.seed}" if ":" not in typed else str(point)
        return ResolvedInputs(point.latent(model), [name], [], [None], [None])
    is_file = typed.endswith(store.SUFFIX) and Path(typed).is_file()
    if is_file or (directory is not None and typed in store.names_of(directory, "latents")):
        saved = store.load(directory, model, typed, "latents")
        latents = saved.tensors["latents"]
        labels = saved.record.get("names") or [saved.name] * len(latents)
        return ResolvedInputs(latents, labels, list(saved.notes), [None] * len(latents), [None] * len(latents))
    if is_picture_name(typed) or Path(typed).is_file():
        return _encode_or_project(model, Path(typed))
    known = store.names_of(directory, "latents") if directory is not None else []
    raise UserError(
        f"{typed!r} is no seed (a whole number), no SEED:INDEX, no picture file, and no name of latents saved in "
        f"the run.{nearest_name(typed, known)}"
    )


def _encode_or_project(model: Model, source: SinglePicture) -> ResolvedInputs:
    """The latents of one picture."""
    pictures, notes = read_pictures([source], model.config.size, model.config.channels)
    label = Path(name_of(source)).stem
    if "encode" in verbs_of(model):
        return ResolvedInputs(encode(model, pictures), [label], notes, [pictures[0]], [source])
    found = project(model, pictures, **QUICK)
    error = f"{float(found.errors.psnr):.1f} dB from it, {float(found.errors.rmse):.0f} grey levels"
    notes += [
        f"{name_of(source)} is projected, since {catalogue.name_of(model)} has no encoder: its latent decodes to "
        f"a picture {error}. `imagewright latent project` takes longer, and comes closer.",
        *found.notes,
    ]
    return ResolvedInputs(found.latents, [label], notes, [pictures[0]], [source])
