"""`imagewright interpolate RUN`: a walk from picture to picture, or a blend of four corners."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from imagewright.cli.commands.verbs import At, Force, RunPath
from imagewright.cli.values import Count, Words

SHEET_STEPS = 8
ANIMATION_STEPS = 61  # a leg: 2.4 seconds at 25 frames a second
CORNER_STEPS = 7


def interpolate(
    run: RunPath,
    /,
    *,
    out: Annotated[
        Path, Parameter(help="a sheet (.png, .jpg, .tif), an animation (.webp, .gif, .mp4), .npz, or a folder")
    ],
    between: Annotated[
        Words, Parameter(help="two or more seeds, picture files or names saved in the run; by default 0 1")
    ] = (),
    corners: Annotated[Words, Parameter(help="instead: four of these, blended into a square of --steps a side")] = (),
    source: Annotated[str | None, Parameter(help="instead: pictures of this source, at even distances")] = None,
    count: Annotated[Count, Parameter(help="pictures of the source to walk between")] = 2,
    steps: Annotated[
        Count | None,
        Parameter(
            help="pictures from end to end, both included; by default 8 on a sheet, 61 in an animation, 7 a side"
        ),
    ] = None,
    way: Annotated[
        Literal["spherical", "linear"] | None,
        Parameter(
            help="along a great circle, or straight; by default spherical if the model's prior is standard normal"
        ),
    ] = None,
    loop: Annotated[
        bool | None,
        Parameter(
            help="go back to the first end, so that an animation repeats without a jump; the default for animations"
        ),
    ] = None,
    pace: Annotated[Literal["even", "smooth"], Parameter(help="smooth: slower at the ends")] = "even",
    frames_per_second: Annotated[float, Parameter(help="of an animation")] = 25.0,
    at: At = None,
    force: Force = False,
) -> None:
    """Walk from one picture to another: a sheet, or an animation. Or blend four corners into a square."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.cli.show import say
    from imagewright.errors import UserError
    from imagewright.output.sheets import check_output

    if sum(map(bool, (between, corners, source))) > 1:
        raise UserError("--between, --corners and --source each say what to walk between: give one of them.")
    is_animation = check_output(out, animated=not corners, force=force) == "animation"
    model = imagewright.load(run, images_seen=at)
    if corners:
        sheet = imagewright.blend_sheet(run, corners, CORNER_STEPS if steps is None else steps, way=way, model=model)
    else:
        usual_steps = ANIMATION_STEPS if is_animation else SHEET_STEPS
        sheet = imagewright.interpolation_sheet(
            run,
            usual_steps if steps is None else steps,
            ends=between or None,
            source=source,
            count=count,
            way=way,
            loop=is_animation if loop is None else loop,
            pace=pace,
            frames_per_second=frames_per_second,
            model=model,
        )
    say(sheet.notes)
    write_sheet(sheet, out, force=force)
