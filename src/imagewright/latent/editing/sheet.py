"""The sheet of edited pictures, strengths from left to right, and their animation, a loop without a jump."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from PIL import Image
from torch import Tensor

from imagewright.errors import UserError
from imagewright.latent.editing.edit import edit
from imagewright.latent.inputs import Point
from imagewright.model import Model
from imagewright.output.grids import PAPER, draw_grid, plain_grid
from imagewright.output.provenance import COMPOSITE, ENHANCED, GENERATED
from imagewright.output.sheets import Results, Sheet
from imagewright.runs.provenance import run_record
from imagewright.verbs.apply import RunLike, model_of

FRAME_CELL = 192  # pixels of a picture's longer side in an animation: players blur small ones


def edit_sheet(
    run: RunLike,
    inputs: Sequence[Point],
    moves: Mapping[str, float | Sequence[float]],
    *,
    keep_detail: bool = False,
    frames_per_second: float = 24.0,
    model: Model | None = None,
) -> Sheet:
    """The sheet of `edit`, a row an input; its results are the edited images, and its animation goes there and back.

    Rows of picture files begin with the picture and its reconstruction, so that what the model loses is not taken for
    the edit.

    run: a run, its directory, a weights file or a model.
    inputs, moves, keep_detail, model: as for `edit`.
    frames_per_second: of an animation.
    """
    model = model_of(run) if model is None else model
    edited = edit(run, inputs, moves, keep_detail=keep_detail, model=model)
    strengths = {name: list(value) if isinstance(value, Sequence) else value for name, value in moves.items()}
    settings = {"points": edited.labels, "moves": strengths, "keep_detail": keep_detail}
    # A picture that keeps its detail is composed of the real one and of what the model changed.
    result_type = (COMPOSITE if keep_detail else ENHANCED) if edited.of_pictures else GENERATED
    sheet_type = COMPOSITE if edited.of_pictures else GENERATED
    record = run_record("edit", model, settings=settings, source_type=sheet_type)
    columns = column_labels(edited.steps)
    names = [
        f"{label.replace(' ', '')}_{column.replace(', ', '_')}.png" for label in edited.labels for column in columns
    ]
    cells, heads = _with_originals(edited.images, edited.originals, edited.rebuilt, columns)
    return EditSheet(
        cells.flatten(0, 1),
        row_labels=edited.labels,
        column_labels=heads,
        title=f"{record['model']}: {_title(strengths)}",
        record=record,
        results=Results(
            edited.images.flatten(0, 1), run_record("edit", model, settings=settings, source_type=result_type), names
        ),
        frames_per_second=frames_per_second,
        notes=edited.said,
    )


class EditSheet(Sheet):
    """A row an input, a column a strength. A frame of the animation shows every input at one strength."""

    def frames(self) -> list[Image.Image]:
        """All inputs side by side, from the first strength to the last and back."""
        assert self.results is not None
        assert self.row_labels is not None
        images = torch.as_tensor(self.results.images).unflatten(0, (len(self.row_labels), -1))
        if images.shape[1] < 2:
            raise UserError("An animation goes from strength to strength: name one move without a strength.")
        forth = list(range(images.shape[1]))
        scale = max(1, round(FRAME_CELL / max(images.shape[-2:])))
        return [
            plain_grid(images[:, column], columns=_columns(len(images)), scale=scale)
            for column in [*forth, *forth[-2:0:-1]]
        ]


def draw_rows(
    images: Tensor,
    originals: Sequence[Tensor | None],
    rebuilt: Tensor,
    labels: Sequence[str],
    columns: Sequence[str],
    title: str,
) -> Image.Image:
    """uint8 (N, K, C, H, W) in rows, after the original and its reconstruction, if any row has an original."""
    cells, heads = _with_originals(images, originals, rebuilt, columns)
    return draw_grid(cells.flatten(0, 1), row_labels=list(labels), column_labels=heads, title=title)


def _with_originals(
    images: Tensor, originals: Sequence[Tensor | None], rebuilt: Tensor, columns: Sequence[str]
) -> tuple[Tensor, list[str]]:
    """Cells (N, columns, C, H, W) and column labels: originals and reconstructions first, if there is any original."""
    if all(original is None for original in originals):
        return images, list(columns)
    blank = torch.full_like(rebuilt[0], PAPER)
    first = torch.stack([blank if original is None else original for original in originals])
    return torch.cat([first[:, None], rebuilt[:, None], images], 1), ["picture", "rebuilt", *columns]


def _title(moves: Mapping[str, float | Sequence[float]]) -> str:
    fixed = [f"{name} {value:+g}" for name, value in moves.items() if not isinstance(value, Sequence)]
    moving = [f"{name}, standard deviations" for name, value in moves.items() if isinstance(value, Sequence)]
    return "; ".join([*moving, *fixed])


def column_labels(steps: Sequence[dict[str, float]]) -> list[str]:
    """`+1.5` where one strength changes from column to column; `edited` where there is one column."""
    changing = [name for name in steps[0] if len({step[name] for step in steps}) > 1]
    if not changing:
        return ["edited"] * len(steps)
    return [", ".join(f"{step[name]:+.3g}" if step[name] else "0" for name in changing) for step in steps]


def _columns(count: int) -> int:
    return count if count <= 4 else -(-count // 2) if count <= 8 else round(count**0.5 * 1.3)
