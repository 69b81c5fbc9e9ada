"""`imagewright edit RUN INPUT...`: move pictures along saved directions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.commands.latent.loading import EDIT_DEFAULTS, EditModelOptions, Layers
from imagewright.cli.commands.verbs import Force, RunPath
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, Flag, Words, within

SHEET_STEPS = 7
ANIMATION_STEPS = 49  # two seconds there and two back, at 24 frames a second


@takes_pictures
def edit(
    run: RunPath,
    /,
    *inputs: Annotated[str, Parameter(help="pictures, seeds, SEED:INDEX or names saved in the run; each is a row")],
    move: Annotated[
        Words, Parameter(help="saved directions: NAME=STRENGTH, or NAME alone for strengths --from ... --to")
    ] = (),
    out: Annotated[
        Path, Parameter(help="a sheet (.png, .jpg, .tif), an animation (.webp, .gif, .mp4), .npz, or a folder")
    ],
    first: Annotated[float, Parameter(name="--from", help="the first strength, in standard deviations")] = -3.0,
    last: Annotated[float, Parameter(name="--to", help="the last strength")] = 3.0,
    steps: Annotated[
        Count | None, within(2, help="strengths from the first to the last; by default 7, in an animation 49")
    ] = None,
    keep_detail: Annotated[
        Flag, Parameter(help="add the change to the original picture, so that it stays as sharp as it is")
    ] = False,
    full_size: Annotated[
        Flag, Parameter(help="write pictures at their own size with the change added; --out is then a folder")
    ] = False,
    layers: Layers = (),
    frames_per_second: Annotated[float, within(0, 1000, above=True, help="frames per second of an animation")] = 24.0,
    loading: EditModelOptions = EDIT_DEFAULTS,
    force: Force = False,
) -> None:
    """Move pictures or seeds along saved directions, found by `imagewright latent attribute` and `directions`."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.cli.show import say
    from imagewright.errors import UserError
    from imagewright.output.sheets import check_output

    kind = check_output(out, animated=True, force=force, sources=inputs)
    animated = kind == "animation"
    if full_size and kind not in ("folder", "arrays"):
        raise UserError(f"--full-size writes pictures of their own size, no sheet: --out {out} must be a folder.")
    default_steps = ANIMATION_STEPS if animated else SHEET_STEPS
    moves = _parse_moves(move, first, last, default_steps if steps is None else steps)
    model = loading.load(run)
    sheet = imagewright.edit_sheet(
        run,
        inputs,
        moves,
        keep_detail=keep_detail,
        full_size=full_size,
        layers=layers or None,
        frames_per_second=frames_per_second,
        model=model,
    )
    say(sheet.notes)
    write_sheet(sheet, out, force=force)


def _parse_moves(typed: tuple[str, ...], first: float, last: float, steps: int) -> dict[str, float | list[float]]:
    """Strengths by direction: one number for `smile=2`, all strengths for `smile` alone."""
    import numpy as np

    from imagewright.errors import UserError

    if not typed:
        raise UserError("--move is missing: name a saved direction. `imagewright latent list RUN` lists them.")
    if steps < 2:
        raise UserError(f"steps={steps}, but there are at least two strengths: the first and the last.")
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
            "At most one direction goes through all strengths: give the others one, as in --move smile age=-1."
        )
    return moves
