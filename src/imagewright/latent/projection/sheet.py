"""The sheet of a projection: each picture over what the search started from and what it found, with their errors."""

from __future__ import annotations

import torch

from imagewright.latent.projection.project import Errors, Projection, decibels
from imagewright.output.provenance import COMPOSITE
from imagewright.output.sheets import Sheet
from imagewright.runs.provenance import run_record

SHOWN = 12


def projection_sheet(found: Projection) -> Sheet:
    """The first twelve pictures, a column each."""
    count = min(len(found.labels), SHOWN)
    rows = [each[:count] for each in (found.images, found.starts, found.reconstruction)]
    labels = ["picture", found.started_at, "with own noise" if found.noise else "projection"]
    captions = [""] * count + _captions(found.start_errors, count) + _captions(found.errors, count)
    if found.tuned is not None:
        rows.append(found.tuned.images[:count])
        labels.append("tuned")
        captions += [f"{decibels(*pair):.1f} dB" for pair in zip(rows[0], rows[-1], strict=True)]
    record = run_record("project", found.model, seed=found.seed, settings=found.settings, source_type=COMPOSITE)
    return Sheet(
        torch.cat(rows),
        row_labels=labels,
        column_labels=list(found.labels[:count]),
        captions=captions,
        title=f"{record['model']}: projection. PSNR; distance in {found.perceptual_space}, 1 of unlike samples",
        record=record,
        notes=found.notes,
    )


def _captions(errors: Errors, count: int) -> list[str]:
    pairs = zip(errors.psnr[:count].tolist(), errors.perceptual[:count].tolist(), strict=True)
    return [f"{psnr:.1f} dB  {perceptual:.2f}" for psnr, perceptual in pairs]
