"""`imagewright interpolate RUN`: a walk from end to end, or the square between four corners."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from imagewright.cli.commands.verbs import At, Force, RunPath, made_by, spread_of
from imagewright.cli.values import Count

if TYPE_CHECKING:
    from torch import Tensor

    from imagewright.model import Model

Points = tuple[str, ...]
STEPS = {"sheet": 8, "animation": 61}  # a leg: at 25 frames a second one of an animation takes 2.4 seconds
CORNER_STEPS = 7


@dataclass(frozen=True)
class _Ends:
    """The latents to walk between, the name of each, and where they came from."""

    latents: Tensor
    names: list[str]
    settings: dict[str, Any]


def interpolate(
    run: RunPath,
    /,
    *,
    out: Annotated[
        Path, Parameter(help="a sheet (.png, .jpg, .tif), an animation (.webp, .gif, .mp4), .npz, or a folder")
    ],
    between: Annotated[
        Points,
        Parameter(
            help="the ends, two or more: seeds, picture files, names kept in the run; 0 1 by default",
            consume_multiple=True,
            negative="",
        ),
    ] = (),
    corners: Annotated[
        Points,
        Parameter(
            help="instead: four corners, blended into a square of --steps a side", consume_multiple=True, negative=""
        ),
    ] = (),
    source: Annotated[str | None, Parameter(help="instead: between pictures spread over this source")] = None,
    count: Annotated[Count, Parameter(help="pictures of the source to walk between")] = 2,
    steps: Annotated[
        Count | None,
        Parameter(help="pictures of one leg, both ends included; 8 on a sheet, 61 in an animation, 7 of a square"),
    ] = None,
    way: Annotated[
        Literal["spherical", "linear"] | None,
        Parameter(
            help="along a great circle, as normal latents lie, or straight; by default what the model's latents ask for"
        ),
    ] = None,
    loop: Annotated[
        bool | None,
        Parameter(help="back to the first end, so that it repeats without a jump; animations do unless told not to"),
    ] = None,
    pace: Annotated[Literal["even", "smooth"], Parameter(help="smooth: rest at the ends")] = "even",
    frames_per_second: Annotated[float, Parameter(help="of an animation")] = 25.0,
    at: At = None,
    force: Force = False,
) -> None:
    """Walk from one picture to another: a sheet, or an animation. Or blend four corners into a square."""
    import imagewright
    from imagewright.cli.output import Output
    from imagewright.errors import UserError
    from imagewright.output.provenance import make_record
    from imagewright.verbs.paths import usual_way

    if sum(map(bool, (between, corners, source))) > 1:
        raise UserError("--between, --corners and --source each say what to walk between: give one of them.")
    output = Output(out, animated=not corners, force=force)
    model = imagewright.load(run, images_seen=at)
    ends = _ends_of(run, model, between or corners, source, count)
    way = way or usual_way(model)
    if steps is None:
        steps = CORNER_STEPS if corners else STEPS.get(output.kind, STEPS["sheet"])
    settings = {"steps": steps, "way": way, **ends.settings}
    made = made_by(run, model, at)
    if corners:
        record = make_record("interpolate", **made, settings=settings)
        _write_blend(output, imagewright.blend(model, steps=steps, latents=ends.latents, way=way), ends.names, record)
        return
    loop = output.kind == "animation" if loop is None else loop
    record = make_record("interpolate", **made, settings=settings | {"loop": loop, "pace": pace})
    walked = imagewright.interpolate(model, steps, latents=ends.latents, way=way, loop=loop, pace=pace)
    if output.is_sheet:
        _write_sheet(output, walked, ends.names, record, loop=loop)
    else:
        output.write(walked, record, frames_per_second=frames_per_second)


def _ends_of(run: Path, model: Model, points: Points, source: str | None, count: int) -> _Ends:
    import imagewright
    from imagewright import catalogue
    from imagewright.capabilities import verbs_of
    from imagewright.cli.show import say
    from imagewright.errors import UserError
    from imagewright.latent.inputs import points_of

    if source is not None:
        images, names, _ = spread_of(model, source, count, None)
        names = [Path(name).stem for name in names]
        return _Ends(imagewright.encode(model, images), names, {"ends": names, "source": Path(source).name})
    if not points and "sample" not in verbs_of(model):
        raise UserError(
            f"{catalogue.name_of(model)} draws no pictures to walk between: name some of your own, by --between a.jpg "
            "b.jpg or --source FOLDER."
        )
    found = points_of(run, points or ("0", "1"), model=model)
    say(found.said)
    return _Ends(found.latents, found.labels, {"ends": found.labels})


def _write_sheet(output: Any, walked: Tensor, names: list[str], record: dict[str, Any], *, loop: bool) -> None:
    """A leg a row, both of its ends on it."""
    steps = record["settings"]["steps"]
    stops = [*names, names[0]] if loop else names
    places = [(leg * (steps - 1) + step) % len(walked) for leg in range(len(stops) - 1) for step in range(steps)]
    output.write(
        walked[places],
        record,
        row_labels=[f"{start} to {end}" for start, end in pairwise(stops)],
        column_labels=[f"{step / (steps - 1):.0%}" for step in range(steps)],
        title=f"{record['model']}: {record['settings']['way']} interpolation",
    )


def _write_blend(output: Any, images: Tensor, names: list[str], record: dict[str, Any]) -> None:
    from imagewright.latent.walks.blend import draw_blend
    from imagewright.output.writing import write_image

    if not output.is_sheet:
        output.write(images, record)
        return
    title = f"{record['model']}: {record['settings']['way']} blend of four corners"
    write_image(draw_blend(images, names, title), output.path, record, force=output.force)
    print(output.path)
