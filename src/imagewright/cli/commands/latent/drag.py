"""`imagewright latent drag RUN INPUT`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.commands.latent.loading import EDIT_DEFAULTS, EditModelOptions
from imagewright.cli.commands.verbs import Force, RunPath
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, Words, within


@takes_pictures
def drag(
    run: RunPath,
    given: Annotated[str, Parameter(help="a seed, SEED:INDEX, a picture or a saved name", name="INPUT")],
    /,
    *,
    from_: Annotated[
        Words, Parameter(name="--from", help="points: pixels from the left and the top, X,Y", metavar="X,Y")
    ],
    to: Annotated[Words, Parameter(help="where each of them shall be", metavar="X,Y")],
    out: Annotated[
        Path | None, Parameter(help="a sheet (.png ...), an array of the picture (.npz), or a folder for it")
    ] = None,
    save: Annotated[str | None, Parameter(help="save the latents in the run under this name")] = None,
    steps: Annotated[Count, within(1, 10_000, help="most steps; fewer if the points arrive")] = 80,
    around: Annotated[
        float | None, within(0, above=True, help="pixels around the points' ways that may change; by default all may")
    ] = None,
    rate: Annotated[float, within(0, 10, above=True, help="of a step, in standard deviations of the latents")] = 0.02,
    loading: EditModelOptions = EDIT_DEFAULTS,
    force: Force = False,
) -> None:
    """Drag points of a picture to other places: the latent changes until what is there has come there."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say
    from imagewright.errors import UserError
    from imagewright.output.sheets import check_output

    if out is None and save is None:
        raise UserError("Name a sheet to look at (--out) or a name to save the latents under (--save), or both.")
    if out is not None:
        check_output(out, force=force, sources=[given])
    moves = _moves(from_, to)
    with progress_bar("dragging") as progress:
        found = imagewright.drag(
            run,
            given,
            moves,
            steps=steps,
            around=around,
            rate=rate,
            watch=lambda state: progress(state.step, state.steps),
            save=save,
            force=force,
            model=loading.load(run),
        )
    say(found.notes)
    print("\n".join(found.lines()))
    if out is not None:
        write_sheet(found.sheet(), out, force=force)
    if found.saved is not None:
        print(found.saved)


def _moves(starts: Words, goals: Words) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    from imagewright.errors import UserError

    if len(starts) != len(goals):
        raise UserError(f"{len(starts)} points by --from and {len(goals)} by --to: give as many of each.")
    return [(_place(start), _place(goal)) for start, goal in zip(starts, goals, strict=True)]


def _place(text: str) -> tuple[float, float]:
    from imagewright.errors import UserError

    try:
        x, y = (float(each) for each in text.split(","))
    except ValueError:
        raise UserError(
            f"{text!r} is no place: pixels from the left and the top, such as 20,30, were expected."
        ) from None
    return x, y
