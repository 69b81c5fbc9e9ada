"""The sheet of edited pictures, strengths from left to right, and their animation, a loop without a jump."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from PIL import Image
from torch import Tensor

from imagewright.errors import UserError
from imagewright.latent.editing.edit import Edited, edit
from imagewright.latent.editing.full_size import carry_to_full_size
from imagewright.latent.inputs import Inputs
from imagewright.latent.layers import Layers, layers_text, resolve_layers
from imagewright.model import Model
from imagewright.output.grids import PAPER, plain_grid
from imagewright.output.provenance import COMPOSITE, ENHANCED, GENERATED
from imagewright.output.sheets import Results, Sheet
from imagewright.runs.provenance import run_record
from imagewright.verbs.apply import RunLike, resolve_model

FRAME_CELL = 192  # pixels of a picture's longer side in an animation: players blur small pictures


def edit_sheet(
    run: RunLike,
    inputs: Inputs,
    moves: Mapping[str, float | Sequence[float]],
    *,
    keep_detail: bool = False,
    full_size: bool = False,
    layers: Layers | None = None,
    frames_per_second: float = 24.0,
    model: Model | None = None,
) -> Sheet:
    """The sheet of `edit`, a row for each input. Its results are the edited images; its animation goes there and back.

    Rows of pictures begin with the picture and its reconstruction, so that what the model loses is not taken for
    the edit.

    run: a run, its directory, a weights file or a model.
    inputs, moves, keep_detail, layers, model: as for `edit`.
    full_size: the results (a folder, .npz) are the pictures at their own size, with the change added: as
        `keep_detail`, which shows the same at the model's size. The pictures have one size.
    frames_per_second: of an animation.
    """
    model = resolve_model(run) if model is None else model
    keep_detail |= full_size
    edited = edit(run, inputs, moves, keep_detail=keep_detail, layers=layers, model=model)
    results = edited.images
    if full_size:
        results = carry_to_full_size(edit(run, inputs, moves, layers=layers, model=model))
    strengths = {name: list(value) if isinstance(value, Sequence) else value for name, value in moves.items()}
    settings = {"inputs": edited.labels, "moves": strengths, "keep_detail": keep_detail}
    settings |= {"full_size": True} if full_size else {}
    chosen = [] if layers is None else resolve_layers(model, layers)
    settings |= {"layers": chosen} if chosen else {}
    where = f", in layers {layers_text(chosen)}" if chosen else ""
    # A picture that keeps its detail is composed of the real one and of what the model changed.
    result_type = (COMPOSITE if keep_detail else ENHANCED) if edited.has_pictures else GENERATED
    sheet_type = COMPOSITE if edited.has_pictures else GENERATED
    record = run_record("edit", model, settings=settings, source_type=sheet_type)
    columns = column_labels(edited.strengths)
    names = [
        f"{label.replace(' ', '').replace(':', '-')}_{column.replace(', ', '_')}.png"
        for label in edited.labels
        for column in columns
    ]
    has_seeds = edited.has_pictures and any(original is None for original in edited.originals)
    cells, heads = with_originals(edited.images, edited.originals, edited.reconstructions, columns)
    return EditSheet(
        cells.flatten(0, 1),
        row_labels=[
            f"{label} (no picture)" if has_seeds and original is None else label
            for label, original in zip(edited.labels, edited.originals, strict=True)
        ],
        column_labels=heads,
        title=f"{record['model']}: {_describe_moves(strengths)}{where}{_detail(edited, keep_detail=keep_detail)}",
        record=record,
        results=Results(
            results.flatten(0, 1), run_record("edit", model, settings=settings, source_type=result_type), names
        ),
        frames_per_second=frames_per_second,
        notes=edited.notes,
    )


class EditSheet(Sheet):
    """A row for each input, a column for each strength. A frame of the animation shows all inputs at one strength."""

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


def with_originals(
    images: Tensor, originals: Sequence[Tensor | None], reconstructions: Tensor, columns: Sequence[str]
) -> tuple[Tensor, list[str]]:
    """Put originals and reconstructions before edited images, if any row has an original.

    images: uint8 (N, K, C, H, W).
    originals: uint8 (C, H, W) of each row, or None, for which a cell is left empty.
    reconstructions: uint8 (N, C, H, W).
    columns: K labels.
    Returns cells (N, K or K + 2, C, H, W) and their column labels.
    """
    if all(original is None for original in originals):
        return images, list(columns)
    blank = torch.full_like(reconstructions[0], PAPER)
    first = torch.stack([blank if original is None else original for original in originals])
    return torch.cat([first[:, None], reconstructions[:, None], images], 1), ["picture", "rebuilt", *columns]


def column_labels(strengths: Sequence[dict[str, float]]) -> list[str]:
    """A label for each column: the strengths that change, such as "+1.5"; "edited" if there is one column."""
    changing = [name for name in strengths[0] if len({column[name] for column in strengths}) > 1]
    if not changing:
        return ["edited"] * len(strengths)
    return [", ".join(f"{column[name]:+.3g}" if column[name] else "0" for name in changing) for column in strengths]


def _detail(edited: Edited, *, keep_detail: bool) -> str:
    """What a title says of detail that was kept."""
    if not keep_detail or not edited.has_pictures:
        return ""
    return "; the picture's own detail is kept" if len(edited.labels) == 1 else "; the pictures' own detail is kept"


def _describe_moves(moves: Mapping[str, float | Sequence[float]]) -> str:
    fixed = [f"{name} {value:+g}" for name, value in moves.items() if not isinstance(value, Sequence)]
    moving = [f"{name}, standard deviations" for name, value in moves.items() if isinstance(value, Sequence)]
    return "; ".join([*moving, *fixed])


def _columns(count: int) -> int:
    return count if count <= 4 else -(-count // 2) if count <= 8 else round(count**0.5 * 1.3)
