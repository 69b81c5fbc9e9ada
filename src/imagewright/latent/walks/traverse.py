"""Sheets that vary one latent at a time: what each of them does to a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import latent_parts_of, verbs_of
from imagewright.errors import UserError
from imagewright.latent.inputs import Point, Points, points_of
from imagewright.latent.walks.code_sheets import code_sheets, values_of
from imagewright.latent.walks.paths import decoder_of
from imagewright.latent.walks.scales import (
    Dimension,
    Units,
    bases_of,
    centre_of,
    most_used,
    name_of,
    part_at,
    places_named,
    units_of,
)
from imagewright.model import Model
from imagewright.output.sheets import Sheet
from imagewright.verbs.apply import ImagesLike, RunLike, decode

MOST = 1000  # pictures that are encoded to measure how far latents reach
SEEDS = 8  # columns of a sheet of categories


@dataclass(frozen=True)
class Traversal:
    """The sheets, and what the user should know."""

    sheets: tuple[Sheet, ...]
    said: tuple[str, ...]


def traverse(
    run: RunLike,
    dimensions: Sequence[Dimension] | None = None,
    *,
    points: Sequence[Point] | Points | None = None,
    count: int = 10,
    steps: int = 9,
    reach: float = 2.0,
    images: ImagesLike | None = None,
    codes: bool | None = None,
) -> Traversal:
    """Vary one latent at a time, from -`reach` to `reach` deviations in `steps` pictures; all else is the point's.

    `dimensions`: latents by number (or the name of a code); by default the `count` that change the picture most, the
    most first. `points`: seeds, pictures or kept names, a row each for every latent; by default the first sample of
    seed 0. `images`: deviations, and the mean that is then the default point, are those of their latents; a model that
    does not sample needs some.
    `codes`: sheets of the model's categories, codes or attributes instead, by default where it found codes itself and
    no dimensions are asked for: a row a category, seeds by columns; for each code its values by columns.
    """
    if steps < 2:
        raise UserError(f"steps={steps}, but a row goes from one end to the other: give 2 or more.")
    if count < 1 or not reach > 0:
        raise UserError("A sheet has one row at least (count=1), and reaches farther than 0.")
    model, parts = decoder_of(run)
    if codes is None:
        codes = dimensions is None and any(part.code for part in parts)
    if codes:
        if dimensions is not None:
            raise UserError("Codes and dimensions are two kinds of sheets: ask for one of them.")
        found = _points(run, model, range(SEEDS) if points is None else points)
        sheets, said = code_sheets(model, found.latents, found.labels, steps, reach)
        return Traversal(sheets, (*found.said, *said))
    units = units_of(model, images, MOST)
    bases, names, told = _bases(run, model, units, points)
    places, changes, chosen = _rows(model, units, bases, dimensions, count)
    sheet = _sheet(model, units, bases, names, places, changes, torch.linspace(-reach, reach, steps))
    return Traversal((sheet,), (*chosen, *told))


def _points(run: RunLike, model: Model, given: Sequence[Point] | Points) -> Points:
    return given if isinstance(given, Points) else points_of(run, given, model=model)


def _bases(
    run: RunLike, model: Model, units: Units, points: Sequence[Point] | Points | None
) -> tuple[Tensor, list[str], list[str]]:
    """Where to start from, (B, n), the name of each, and what is to be said of them."""
    if points is None and units.encoded is not None:
        return centre_of(model, units)[None], ["the mean"], []
    found = _points(run, model, (0,) if points is None else points)
    said = list(found.said)
    if points is None and "encode" in verbs_of(model):
        # A VAE of many latents makes worse pictures of its prior's than of those it was trained on.
        said.append("This starts from a sample; --source starts from the mean of pictures.")
    return found.latents.flatten(1), found.labels, said


def _rows(
    model: Model, units: Units, bases: Tensor, dimensions: Sequence[Dimension] | None, count: int
) -> tuple[list[int], list[float] | None, list[str]]:
    if dimensions is not None:
        return places_named(model, dimensions), None, []
    places, changes = most_used(model, units, bases_of(model, units, bases[0]))
    if not places:
        raise UserError(f"{catalogue.name_of(model)} has no latents of its own to vary: ask for its codes.")
    said = []
    if len(places) > count:
        left = sum(change < 0.5 for change in changes)
        unused = f"; {left} change it by less than half a grey level" if left else ""
        said.append(f"The {count} of {len(units.mean)} latents that change the picture most{unused}. More: --count.")
    return places[:count], changes[:count], said


def _sheet(
    model: Model,
    units: Units,
    bases: Tensor,
    names: list[str],
    places: list[int],
    changes: list[float] | None,
    strengths: Tensor,
) -> Sheet:
    parts = latent_parts_of(model)
    rows, labels = [], []
    for row, place in enumerate(places):
        said = "" if changes is None else f" (changes {changes[row]:.0f})"
        for base, name in zip(bases, names, strict=True):
            latents = base.repeat(len(strengths), 1)
            part = part_at(parts, place)
            latents[:, place] = (
                units.mean[place] + units.deviation[place] * strengths
                if part.kind == "normal" or part.is_noise
                else values_of(part, strengths)
            )
            rows.append(latents)
            labels.append(f"{name_of(parts, place)}{said}" + (f", {name}" if len(names) > 1 else ""))
    pictures = decode(model, torch.cat(rows).unflatten(1, model.latent_shape))
    start = f" from {names[0]}" if len(names) == 1 else ""
    evidence = "" if changes is None else "; changes: grey levels, from -1 to +1"
    return Sheet(
        pictures,
        name="latents",
        row_labels=labels,
        column_labels=[f"{strength:+.3g}" if strength else "0" for strength in strengths.tolist()],
        title=f"{catalogue.name_of(model)}: one latent at a time{start}, in deviations{evidence}",
    )
