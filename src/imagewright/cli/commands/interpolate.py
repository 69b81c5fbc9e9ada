"""`imagewright interpolate RUN`: images between two or more ends, or the square between four corners."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from imagewright.cli.commands.latent.loading import MODEL_DEFAULTS, ModelOptions
from imagewright.cli.commands.verbs import Force, RunPath
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, Words, within

SHEET_STEPS = 8
ANIMATION_STEPS = 61  # a leg: 2.4 seconds at 25 frames a second
CORNER_STEPS = 7


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Ends:
    """Options that say what to interpolate between."""

    between: Annotated[
        Words,
        Parameter(
            help="the ends, two or more: seeds, SEED:INDEX as sheets print it, pictures, saved names; 0 1 by default"
        ),
    ] = ()
    corners: Annotated[Words, Parameter(help="instead: four corners, blended into a square of --steps a side")] = ()
    labels: Annotated[
        Words,
        Parameter(
            help="classes of the ends, of models with classes: --labels dog,ball, mixed on the way; one seed "
            "for all, or one for each, in --between or --corners"
        ),
    ] = ()
    source: Annotated[str | None, Parameter(help="instead: pictures spread evenly over this source")] = None
    count: Annotated[Count, within(1, help="pictures of the source to interpolate between")] = 2


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Animation:
    """Options for animations."""

    loop: Annotated[
        bool | None,
        Parameter(help="add a leg to the first end, so that it repeats without a jump; by default in animations"),
    ] = None
    pace: Annotated[Literal["even", "smooth"], Parameter(help="smooth: slow at the ends")] = "even"
    frames_per_second: Annotated[float, within(0, 1000, above=True, help="frames per second of an animation")] = 25.0
    scale: Annotated[
        Count | None,
        within(1, help="times that pictures are enlarged; by default to about 112 pixels, in animations 256"),
    ] = None


@takes_pictures
def interpolate(
    run: RunPath,
    /,
    *,
    out: Annotated[
        Path, Parameter(help="a sheet (.png, .jpg, .tif), an animation (.webp, .gif, .mp4), .npz, or a folder")
    ],
    ends: Ends = Ends(),
    steps: Annotated[
        Count | None,
        within(2, help="pictures of one leg, both ends included; 8 on a sheet, 61 in an animation, 7 of a square"),
    ] = None,
    interpolation: Annotated[
        Literal["spherical", "linear"] | None,
        Parameter(help="by default spherical if the model samples standard normal latents, else linear"),
    ] = None,
    animation: Animation = Animation(),
    loading: ModelOptions = MODEL_DEFAULTS,
    force: Force = False,
) -> None:
    """Interpolate from one picture to another: a sheet, or an animation. Or blend four corners into a square."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.cli.show import say
    from imagewright.errors import UserError
    from imagewright.output.sheets import check_output

    if sum(map(bool, (ends.between, ends.corners, ends.source))) > 1:
        raise UserError("--between, --corners and --source each say what to interpolate between: give one of them.")
    animated = check_output(out, animated=not ends.corners, force=force) == "animation"
    model = loading.load(run)
    if ends.corners:
        side = CORNER_STEPS if steps is None else steps
        sheet = imagewright.blend_sheet(
            run, ends.corners, side, labels=ends.labels, interpolation=interpolation, scale=animation.scale, model=model
        )
    else:
        default_steps = ANIMATION_STEPS if animated else SHEET_STEPS
        options: dict[str, Any] = {
            "steps": default_steps if steps is None else steps,
            "ends": ends.between or None,
            "labels": ends.labels,
            "source": ends.source,
            "count": ends.count,
            "interpolation": interpolation,
            "loop": animated if animation.loop is None else animation.loop,
            "pace": animation.pace,
            "frames_per_second": animation.frames_per_second,
            "scale": animation.scale,
            "model": model,
        }
        if animated:
            say(imagewright.write_interpolation(run, out, force=force, **options))
            print(out)
            return
        sheet = imagewright.interpolation_sheet(run, **options)
    say(sheet.notes)
    write_sheet(sheet, out, force=force)
