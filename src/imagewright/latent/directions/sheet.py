"""The sheet of directions: each as a strip from three standard deviations below an input to three above it."""

from __future__ import annotations

import torch

from imagewright.latent.directions.result import Directions
from imagewright.latent.inputs import Inputs, ResolvedInputs, resolve_inputs
from imagewright.latent.layers import layers_text
from imagewright.output.provenance import COMPOSITE, GENERATED
from imagewright.output.sheets import Sheet
from imagewright.runs.provenance import run_record
from imagewright.verbs.apply import decode

STRENGTHS = (-3, -2, -1, 0, 1, 2, 3)


def directions_sheet(found: Directions, inputs: Inputs | ResolvedInputs = (0,)) -> Sheet:
    """A row for each direction and input, with the input itself in the middle.

    inputs: seeds and pictures; or, to take names saved in a run as well, what `resolve_inputs` returns.
    """
    resolved = inputs if isinstance(inputs, ResolvedInputs) else resolve_inputs(found.model, inputs)
    several = len(resolved.labels) > 1
    strips, labels = [], []
    for number in range(len(found.scales)):
        for row, latents in enumerate(resolved.latents):
            strip = [found.move(latents[None], number, strength) for strength in STRENGTHS]
            strips.append(decode(found.model, torch.cat(strip)))
            name = resolved.labels[row] if several else ""
            labels.append(f"{_label(found, number)}  {name}".strip() if row == 0 else name)
    layers = found.settings.get("layers")
    where = "" if layers is None else f" in layers {layers_text(layers)}"
    middle = "0" if several else resolved.labels[0]
    record = run_record(
        "directions",
        found.model,
        seed=found.seed,
        settings=found.settings | {"inputs": resolved.labels},
        source_type=COMPOSITE if resolved.has_pictures else GENERATED,
    )
    return Sheet(
        torch.cat(strips),
        row_labels=labels,
        column_labels=[f"{strength:+d}" if strength else middle for strength in STRENGTHS],
        title=f"{record['model']}: directions by {found.method}{where}, in standard deviations",
        record=record,
        notes=(*resolved.notes, *found.notes),
    )


def _label(found: Directions, number: int) -> str:
    what = "gain" if found.method == "weights" else "explains"
    return f"{number}: {what} {float(found.explained[number]):.1%}, changes {float(found.changes[number]):.0f}"
