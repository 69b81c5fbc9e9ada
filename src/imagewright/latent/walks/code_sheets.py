"""Sheets of a model's codes: categories by rows, and each continuous code or attribute from end to end.

Chen et al. 2016, arXiv:1606.03657, figure 2, varies one code at a time, and uniform codes from -2 to 2 although they
were trained from -1 to 1, to show that they generalise beyond the trained range.
Shape letters: B bases (latents from which codes are varied), K values of a category, n numbers of a latent.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from imagewright import catalogue
from imagewright.capabilities import LatentPart, latent_parts_of
from imagewright.errors import UserError
from imagewright.model import Model
from imagewright.output.sheets import Sheet
from imagewright.verbs.apply import decode

ROWS = 20  # categories on a sheet


def build_code_sheets(
    model: Model, bases: Tensor, names: Sequence[str], steps: int, reach: float
) -> tuple[tuple[Sheet, ...], list[str]]:
    """A sheet for each category, code and group of attributes, and notes.

    A category's sheet has a column for each base. Other sheets vary the first base, with a row for each value of the
    (first) category if there is one, else a row for each base.

    bases: (B, *latent shape).
    names: one for each base.
    steps: columns of a continuous code.
    reach: a continuous code goes from -reach to reach.
    Raises `UserError` for a model without codes, categories and attributes.
    """
    parts = latent_parts_of(model)
    bases = bases.flatten(1)
    category = next((part for part in parts if part.kind == "category"), None)
    rows = _with_each_value(category, bases[0]) if category else bases
    row_names = _value_names(model, category) if category else list(names)
    notes = []
    if category and category.stop - category.start > ROWS:
        notes.append(f"The first {ROWS} of {category.stop - category.start} values of {category.name}.")
    sheets = []
    for part in parts:
        if part.kind == "category":
            latents = torch.stack([_with_each_value(part, base) for base in bases], 1)
            title = f"{part.name} by rows, {len(names)} inputs by columns"
            sheets.append(_build_sheet(model, part.name, latents, _value_names(model, part), list(names), title))
        elif part.kind == "attributes":
            sheets.append(_attributes_sheet(model, part, bases[0], names[0], steps))
        elif part.code:
            sheets += [
                _code_sheet(model, part, dimension, rows, row_names, torch.linspace(-reach, reach, steps), names[0])
                for dimension in range(part.start, part.stop)
            ]
    if not sheets:
        raise UserError(f"{catalogue.name_of(model)} has no codes, categories or attributes: leave --codes out.")
    return tuple(sheets), notes


def code_values(part: LatentPart, strengths: Tensor) -> Tensor:
    """The values of a code for strengths: the strengths themselves, or for an attribute scaled to 0 to 1."""
    if part.kind == "attributes":
        return (strengths - strengths.min()) / (strengths.max() - strengths.min())
    return strengths


def _with_each_value(category: LatentPart, base: Tensor) -> Tensor:
    """The base (n,) with each value of the category, (K, n), with K at most `ROWS`."""
    size = category.stop - category.start
    latents = base.repeat(min(size, ROWS), 1)
    latents[:, category.places] = one_hot(torch.arange(len(latents)), size).to(latents.dtype)
    return latents


def _value_names(model: Model, category: LatentPart) -> list[str]:
    names = list(getattr(model, "class_names", ()))
    size = category.stop - category.start
    own = names if len(names) == size else [str(value) for value in range(size)]
    return [f"{category.name} = {name}" if category.code else name for name in own[:ROWS]]


def _code_sheet(
    model: Model, part: LatentPart, dimension: int, rows: Tensor, row_names: list[str], values: Tensor, base: str
) -> Sheet:
    latents = rows[:, None].repeat(1, len(values), 1)
    latents[:, :, dimension] = values
    outside = [part.kind == "uniform" and abs(value) > 1 + 1e-6 for value in values.tolist()]
    labels = [
        f"{value:+.3g}{' (beyond)' if far else ''}" if value else "0"
        for value, far in zip(values.tolist(), outside, strict=True)
    ]
    beyond = "; beyond: outside of -1 to 1, the trained range" if any(outside) else ""
    name = part.name if part.stop - part.start == 1 else f"{part.name} {dimension - part.start}"
    title = f"{name} from {values[0]:+.3g} to {values[-1]:+.3g}, all else {base}'s{beyond}"
    return _build_sheet(model, name, latents, row_names, labels, title)


def _attributes_sheet(model: Model, part: LatentPart, base: Tensor, name: str, steps: int) -> Sheet:
    own = list(getattr(model, "attribute_names", ())) or [str(number) for number in range(part.stop - part.start)]
    values = torch.linspace(0, 1, steps)
    latents = base.repeat(len(own), steps, 1)
    for row in range(len(own)):
        latents[row, :, part.start + row] = values
    labels = [f"{value:.2g}" for value in values.tolist()]
    return _build_sheet(model, part.name, latents, own, labels, f"{part.name} from 0 to 1, all else {name}'s")


def _build_sheet(model: Model, name: str, latents: Tensor, rows: list[str], columns: list[str], title: str) -> Sheet:
    """The sheet of latents (rows, columns, n)."""
    pictures = decode(model, latents.flatten(0, 1).unflatten(1, model.latent_shape))
    title = f"{catalogue.name_of(model)}: {title}"
    return Sheet(pictures, name=name, row_labels=rows, column_labels=columns, title=title)
