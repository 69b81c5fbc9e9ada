"""`imagewright edit RUN PICTURES`: move pictures along kept directions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from imagewright.cli.commands.verbs import At, Force, RunPath
from imagewright.cli.values import Count, Flag

if TYPE_CHECKING:
    from imagewright.latent.editing.edit import Edited

STEPS = {"animation": 49}  # two seconds there, two back
SHEET_STEPS = 7


def edit(
    run: RunPath,
    /,
    *points: Annotated[str, Parameter(help="pictures, seeds, or names of points kept in the run; each is a row")],
    move: Annotated[
        tuple[str, ...],
        Parameter(
            help="kept directions: NAME=STRENGTH, or NAME alone, which goes --from ... --to",
            consume_multiple=True,
            negative="",
        ),
    ] = (),
    out: Annotated[
        Path, Parameter(help="a sheet (.png, .jpg, .tif), an animation (.webp, .gif, .mp4), .npz, or a folder")
    ],
    first: Annotated[float, Parameter(name="--from", help="the first strength, in standard deviations")] = -3.0,
    last: Annotated[float, Parameter(name="--to", help="the last strength")] = 3.0,
    steps: Annotated[
        Count | None, Parameter(help="strengths from the first to the last; 7, of an animation 49")
    ] = None,
    keep_detail: Annotated[
        Flag, Parameter(help="add what changes to the picture itself, so that it stays as sharp as it is")
    ] = False,
    frames_per_second: Annotated[float, Parameter(help="of an animation")] = 24.0,
    at: At = None,
    force: Force = False,
) -> None:
    """Move pictures or seeds along kept directions: `imagewright latent attribute` and `directions` find them."""
    import imagewright
    from imagewright.cli.commands.verbs import made_by
    from imagewright.cli.output import Output
    from imagewright.cli.show import say
    from imagewright.output.provenance import COMPOSITE, ENHANCED, GENERATED, make_record

    output = Output(out, animated=True, force=force)
    moves = _moves_of(move, first, last, STEPS.get(output.kind, SHEET_STEPS) if steps is None else steps)
    model = imagewright.load(run, images_seen=at)
    edited = imagewright.edit(run, points, moves, keep_detail=keep_detail, model=model)
    say(edited.said)
    real = COMPOSITE if output.is_sheet or keep_detail else ENHANCED
    record = make_record(
        "edit",
        **made_by(run, model, at),
        settings={"points": edited.labels, "moves": moves, "keep_detail": keep_detail},
        source_type=real if edited.of_pictures else GENERATED,
    )
    _write(output, edited, record, frames_per_second)


def _moves_of(typed: tuple[str, ...], first: float, last: float, steps: int) -> dict[str, float | list[float]]:
    """`smile=2` is fixed; `smile` alone goes through all strengths."""
    import numpy as np

    from imagewright.errors import UserError

    if not typed:
        raise UserError(
            "--move is missing: name a kept direction. `imagewright latent list RUN` shows which there are."
        )
    if steps < 2:
        raise UserError(f"steps={steps}, but from a strength to another there are two at least.")
    moves: dict[str, float | list[float]] = {}
    for each in typed:
        name, equals, value = each.rpartition("=")
        if not equals:
            moves[each] = np.linspace(first, last, steps).round(6).tolist()
            continue
        try:
            moves[name] = float(value)
        except ValueError:
            raise UserError(f"{each!r} is no move: expected NAME=STRENGTH, as in smile=2, or a name alone.") from None
    if sum(isinstance(value, list) for value in moves.values()) > 1:
        raise UserError(
            "One direction goes from strength to strength; give the others theirs, as in --move smile age=-1."
        )
    return moves


def _write(output: Any, edited: Edited, record: dict[str, Any], frames_per_second: float) -> None:
    from imagewright.errors import UserError
    from imagewright.latent.editing.sheet import column_labels, draw_edited, frames_of
    from imagewright.output.writing import write_animation, write_image

    moves = record["settings"]["moves"]
    if output.is_sheet:
        fixed = [f"{name} {value:+g}" for name, value in moves.items() if not isinstance(value, list)]
        moving = [f"{name}, standard deviations" for name, value in moves.items() if isinstance(value, list)]
        title = f"{record['model']}: {'; '.join([*moving, *fixed])}"
        write_image(draw_edited(edited, title), output.path, record, force=output.force)
        print(output.path)
    elif output.kind == "animation":
        if edited.images.shape[1] < 2:
            raise UserError("An animation goes from strength to strength: name one move without a strength.")
        frames = frames_of(edited)
        write_animation(frames, output.path, record, frames_per_second=frames_per_second, force=output.force)
        print(output.path)
    else:
        heads = [each.replace(", ", "_") for each in column_labels(edited.steps)]
        names = [f"{label.replace(' ', '')}_{head}.png" for label in edited.labels for head in heads]
        output.write(edited.images.flatten(0, 1), record, names=names)
