"""The sheet of a drag: the picture before and after, with the points and their goals marked."""

from __future__ import annotations

import torch
from torch import Tensor

from imagewright.latent.dragging.drag import Dragged
from imagewright.output.sheets import Results, Sheet
from imagewright.runs.provenance import run_record

LEAST_SIDE = 256  # pixels: smaller pictures are enlarged, so that marks do not hide them
ARM = 4  # pixels of a mark's arms
FROM, TO = (255, 64, 64), (64, 160, 255)


def drag_sheet(found: Dragged) -> Sheet:
    """Before, with points in red and goals in blue, and after, with the points where they came to."""
    scale = max(1, round(LEAST_SIDE / max(found.image.shape[1:])))
    before, after = (_enlarged(each, scale) for each in (found.start_image, found.image))
    for places, picture, colour in (
        (found.starts, before, FROM), (found.goals, before, TO), (found.points, after, FROM), (found.goals, after, TO),
    ):  # fmt: skip
        for place in places:
            _mark(picture, (place + 0.5) * scale - 0.5, colour)
    record = run_record("drag", found.model, settings={"input": found.label, **found.settings})
    return Sheet(
        torch.stack([before, after]),
        column_labels=["before", f"after {found.steps} steps"],
        title=f"{record['model']}: points dragged from red to blue",
        scale=1,
        record=record,
        results=Results(found.image[None], record, ["dragged.png"]),
        notes=found.notes,
    )


def _enlarged(picture: Tensor, scale: int) -> Tensor:
    """A colour picture, uint8 (3, H, W), enlarged pixel by pixel."""
    colour = picture[:3] if len(picture) >= 3 else picture[:1].expand(3, -1, -1)
    return colour.repeat_interleave(scale, 1).repeat_interleave(scale, 2).clone()


def _mark(picture: Tensor, place: Tensor, colour: tuple[int, int, int]) -> None:
    """A cross on white, in place."""
    x, y = (int(each) for each in place.round())
    for grow, value in ((1, (255, 255, 255)), (0, colour)):
        for wide, high in ((ARM, 0), (0, ARM)):
            rows = slice(max(0, y - high - grow), y + high + grow + 1)
            columns = slice(max(0, x - wide - grow), x + wide + grow + 1)
            picture[:, rows, columns] = torch.tensor(value, dtype=torch.uint8)[:, None, None]
