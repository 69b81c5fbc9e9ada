"""Sheets that vary one latent at a time, to show what each changes in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import latent_parts_of, verbs_of
from imagewright.errors import UserError, count_text
from imagewright.latent.inputs import Inputs, resolve_inputs
from imagewright.latent.walks.code_sheets import build_code_sheets, code_values
from imagewright.latent.walks.paths import load_decoder
from imagewright.latent.walks.scales import (
    Dimension,
    LatentScales,
    choose_bases,
    label_of,
    mean_latent,
    measure_latent_scales,
    part_at,
    rank_by_change,
    resolve_dimensions,
)
from imagewright.model import Model
from imagewright.notebooks import NotebookDisplay
from imagewright.output.provenance import Record
from imagewright.output.sheets import Sheet, SheetStack
from imagewright.reprs import names_text, short_repr
from imagewright.runs.loading import training_notes
from imagewright.runs.provenance import run_record
from imagewright.verbs.apply import ImagesLike, RunLike, decode

MOST = 1000  # pictures encoded to measure the scales, at most
SEEDS = 8  # columns of a sheet of categories


@dataclass(frozen=True)
class Traversal(NotebookDisplay):
    """Sheets that vary latents.

    sheets: one of all latents, or one for each code, category and group of attributes.
    notes: for the user.
    record: the provenance record.
    """

    sheets: tuple[Sheet, ...]
    notes: tuple[str, ...]
    record: Record

    def __repr__(self) -> str:
        names = names_text([sheet.name for sheet in self.sheets])
        return short_repr(self, f"{count_text(len(self.sheets), 'sheet')} ({names})", ".sheet() is all of them")

    def sheet(self) -> SheetStack:
        """All sheets, one under the other."""
        return SheetStack(self.sheets, self.record)


def traverse(
    run: RunLike,
    dimensions: Sequence[Dimension] | None = None,
    *,
    inputs: Inputs | None = None,
    count: int = 10,
    steps: int = 9,
    reach: float = 2.0,
    images: ImagesLike | None = None,
    codes: bool | None = None,
    model: Model | None = None,
) -> Traversal:
    """Vary one latent at a time and hold all others; or make sheets of the model's codes, categories and attributes.

    run: a run, its directory, a weights file or a model.
    dimensions: latents by number, or by the name of a code; by default the `count` that change the picture most.
    inputs: seeds, pictures (as for `interpolate`) or saved names to start from, a row each for every latent. By default
        the mean of `images`, else seed 0.
    count: latents, if no dimensions are given.
    steps: images of a row, 2 or more.
    reach: a row goes from -reach to reach deviations from the mean.
    images: pictures to encode: mean and deviations are then those of their latents. Required for a model that cannot
        sample.
    codes: True for sheets of codes, categories and attributes: categories by rows and seeds by columns, every other
        code from -reach to reach. By default True if the model found codes itself and no dimensions are given.
    model: the run's model, if it is loaded already.
    Raises `UserError` for an unknown dimension, and for codes of a model without any.
    """
    if steps < 2:
        raise UserError(f"steps={steps}, but a row goes from one end to the other: give 2 or more.")
    if count < 1 or not reach > 0:
        raise UserError("A sheet has one row at least (count=1), and reaches farther than 0.")
    model, parts = load_decoder(run if model is None else model)
    told = training_notes(model)
    if codes is None:
        codes = dimensions is None and any(part.code for part in parts)
    if codes:
        if dimensions is not None:
            raise UserError("codes and dimensions make two kinds of sheets: give one of them.")
        resolved = resolve_inputs(run, range(SEEDS) if inputs is None else inputs, model=model)
        sheets, notes = build_code_sheets(model, resolved.latents, resolved.labels, steps, reach)
        return Traversal(sheets, (*told, *resolved.notes, *notes), _record(model, sheets, steps, reach))
    scales = measure_latent_scales(model, images, MOST)
    bases, names, base_notes = _start(run, model, scales, inputs)
    chosen, changes, row_notes = _choose_dimensions(model, scales, bases, dimensions, count)
    sheet = _build_sheet(model, scales, bases, names, chosen, changes, torch.linspace(-reach, reach, steps))
    return Traversal((sheet,), (*told, *row_notes, *base_notes), _record(model, (sheet,), steps, reach))


def _record(model: Model, sheets: Sequence[Sheet], steps: int, reach: float) -> Record:
    settings = {"steps": steps, "reach": reach, "sheets": [sheet.name for sheet in sheets]}
    return run_record("latent traverse", model, settings=settings)


def _start(
    run: RunLike, model: Model, scales: LatentScales, inputs: Inputs | None
) -> tuple[Tensor, list[str], list[str]]:
    """The latents to start from (B, n), their names, and notes."""
    if inputs is None and scales.encoded is not None:
        return mean_latent(model, scales)[None], ["the mean"], []
    resolved = resolve_inputs(run, (0,) if inputs is None else inputs, model=model)
    notes = list(resolved.notes)
    if inputs is None and "encode" in verbs_of(model):
        # A VAE of many latents decodes samples of its prior to worse pictures than latents of its training pictures.
        notes.append("This starts from a sample; --source starts from the mean of pictures.")
    return resolved.latents.flatten(1), resolved.labels, notes


def _choose_dimensions(
    model: Model, scales: LatentScales, bases: Tensor, dimensions: Sequence[Dimension] | None, count: int
) -> tuple[list[int], list[float] | None, list[str]]:
    """The dimensions to vary, how much each changes the picture (None if they were given), and notes."""
    if dimensions is not None:
        return resolve_dimensions(model, dimensions), None, []
    ranked, changes = rank_by_change(model, scales, choose_bases(model, scales, bases[0]))
    if not ranked:
        raise UserError(f"{catalogue.name_of(model)} has no latents but its codes: give --codes.")
    notes = []
    if len(ranked) > count:
        unused = sum(change < 0.5 for change in changes)
        little = f"; {unused} change it by less than half a grey level" if unused else ""
        notes.append(f"The {count} of {len(scales.mean)} latents that change the picture most{little}. More: --count.")
    return ranked[:count], changes[:count], notes


def _build_sheet(
    model: Model,
    scales: LatentScales,
    bases: Tensor,
    names: list[str],
    dimensions: list[int],
    changes: list[float] | None,
    strengths: Tensor,
) -> Sheet:
    parts = latent_parts_of(model)
    rows, labels = [], []
    for row, dimension in enumerate(dimensions):
        change = "" if changes is None else f" (changes {changes[row]:.0f})"
        for base, name in zip(bases, names, strict=True):
            latents = base.repeat(len(strengths), 1)
            part = part_at(parts, dimension)
            latents[:, dimension] = (
                scales.mean[dimension] + scales.deviation[dimension] * strengths
                if part.kind == "normal" or part.is_noise
                else code_values(part, strengths)
            )
            rows.append(latents)
            labels.append(f"{label_of(parts, dimension)}{change}" + (f", {name}" if len(names) > 1 else ""))
    start = f" from {names[0]}" if len(names) == 1 else ""
    evidence = "" if changes is None else "; changes: grey levels, from -1 to +1"
    return Sheet(
        decode(model, torch.cat(rows).unflatten(1, model.latent_shape)),
        name="latents",
        row_labels=labels,
        column_labels=[f"{strength:+.3g}" if strength else "0" for strength in strengths.tolist()],
        title=f"{catalogue.name_of(model)}: one latent at a time{start}, in deviations{evidence}",
    )
