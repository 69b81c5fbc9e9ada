"""Translation: pictures, what the model makes of them, and of pairs the pictures that belong there."""

from __future__ import annotations

import torch

from imagewright.errors import count_text
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
LEAST_SHOWN = {"pix2pix": 300, "cut": 500}  # images of the training, before which translations are smears
ENOUGH = 2  # times as many show something


def too_few_images(model: str, seen: int) -> str | None:
    """What is said in place of translations that show nothing; None if the training saw enough images.

    model: that translates.
    seen: images of its training.
    """
    least = LEAST_SHOWN.get(model, 0)
    if seen >= least:
        return None
    return (
        f"Its training saw {count_text(seen, 'image')} in the time that it had on this machine, and its translations "
        f"are smears, which are not shown: from some {ENOUGH * least:,} images on they show something. The command "
        "below trains it longer."
    )


def train_translation(work: TourWork, part: PartRecord) -> None:
    """Train a model that translates, and show some of its translations."""
    part.facts, part.figures, part.values = [], [], {}
    run = train_part(work, part)
    model = load(run)
    part.trained_seconds = seconds_in(run)
    part.command = command_for_longer(work, part)
    part.doctor = doctor_lines(run)
    too_few = too_few_images(str(part.model), run.checkpoints()[-1].images_seen)
    if too_few is not None:
        part.facts.append(too_few)
        return
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
