"""The sheet of an attribute's direction: a few examples moved along it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from imagewright.latent.attributes.evidence import EXAMPLES
from imagewright.latent.attributes.result import Attribute
from imagewright.latent.editing.sheet import with_originals
from imagewright.output.provenance import COMPOSITE, GENERATED
from imagewright.output.sheets import Results, Sheet
from imagewright.runs.provenance import run_record
from imagewright.verbs.apply import decode

STRENGTHS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


def attribute_sheet(found: Attribute, strengths: Sequence[float] = STRENGTHS) -> Sheet:
    """The examples of an attribute, a row each, moved by each strength; its results are the moved images."""
    moved = torch.stack([found.examples + strength * found.step for strength in strengths], 1)
    images = decode(found.model, moved.flatten(0, 1)).unflatten(0, moved.shape[:2])
    originals = [None] * len(images) if found.pictures is None else list(found.pictures)
    columns = [f"{strength:+g}" if strength else "0" for strength in strengths]
    cells, heads = with_originals(images, originals, decode(found.model, found.examples), columns)
    without = min(len(found.examples) // 2, EXAMPLES)
    record = attribute_record(found)
    return Sheet(
        cells.flatten(0, 1),
        row_labels=[f"without {found.name}"] * without + [f"with {found.name}"] * (len(found.examples) - without),
        column_labels=heads,
        title=f"{record['model']}: {found.name}, standard deviations",
        record=record,
        results=Results(images.flatten(0, 1), record),
        notes=found.notes,
    )


def attribute_record(found: Attribute) -> dict[str, Any]:
    """The provenance record of pictures of an attribute."""
    return run_record(
        "attribute",
        found.model,
        settings={"found": found.summary(), "source": Path(found.source).name},
        source_type=GENERATED if found.pictures is None else COMPOSITE,
    )
