"""Translation: pictures, what the model makes of them, and of pairs the pictures that belong there."""

from __future__ import annotations

import torch

from imagewright.images import Images
from imagewright.images.selection import even_places
from imagewright.output.grids import draw_grid
from imagewright.output.provenance import COMPOSITE
from imagewright.runs.loading import load
from imagewright.runs.provenance import run_record
from imagewright.tours.parts.models import command_for_longer, doctor_lines, train_part
from imagewright.tours.record import PartRecord
from imagewright.tours.work import TourWork
from imagewright.training.resume import seconds_in
from imagewright.verbs.translate import translate

SHOWN = 6


def train_translation(work: TourWork, part: PartRecord) -> None:
    """Train a model that translates, and show some of its translations."""
    part.facts, part.figures, part.values = [], [], {}
    run = train_part(work, part)
    model = load(run)
    part.trained_seconds = seconds_in(run)
    part.command = command_for_longer(work, part)
    images: Images = work.sized.reference
    batch = images.batch(even_places(len(images), SHOWN))
    is_paired = work.record.arrangement == "pairs"
    inputs = batch.layers["input"] if is_paired else batch.images
    made = torch.stack([torch.as_tensor(each) for each in translate(model, inputs)])
    rows = {"input": inputs, "translation": made} | ({"target": batch.images} if is_paired else {})
    channels = max(row.shape[1] for row in rows.values())
    cells = torch.cat([row if row.shape[1] == channels else row.expand(-1, channels, -1, -1) for row in rows.values()])
    record = run_record("translate", model, source_type=COMPOSITE, settings={"count": SHOWN})
    picture = draw_grid(cells, len(inputs), row_labels=list(rows))
    held = " None of them was in the training." if work.sized.held_out else " They were in the training."
    work.add_picture(
        part, f"{part.name}-translations", picture, "Inputs and what the model makes of them." + held, record
    )
    part.doctor = doctor_lines(run)
