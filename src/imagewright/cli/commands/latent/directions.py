"""`imagewright latent directions RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from imagewright.cli.commands.verbs import At, Force, RunPath, Seed, made_by
from imagewright.cli.values import Count

if TYPE_CHECKING:
    from imagewright.latent.directions.directions import Directions


def directions(
    run: RunPath,
    /,
    *,
    out: Annotated[Path, Parameter(help="the sheet (.png, .jpg, .webp, .tif): a strip for each direction")],
    method: Annotated[
        str,
        Parameter(help="activations of the first layer, its weights, or the latents of encoded pictures (--images)"),
    ] = "activations",
    count: Annotated[Count | None, Parameter(help="directions; 8, or as many as there are numbers to search")] = None,
    images: Annotated[str | None, Parameter(help="pictures to encode: a source, such as the one trained on")] = None,
    at_point: Annotated[
        tuple[str, ...],
        Parameter(help="what the strips start from: seeds, pictures or names kept in the run", consume_multiple=True),
    ] = ("0",),
    save: Annotated[
        tuple[str, ...],
        Parameter(help="keep directions in the run by name: --save 0=rotation 3=width", consume_multiple=True),
    ] = (),
    seed: Seed = 0,
    at: At = None,
    force: Force = False,
) -> None:
    """Find, without labels, the directions in which pictures vary most, a strip each, and keep those that mean much."""
    import imagewright
    from imagewright.cli.show import say
    from imagewright.latent import store as kept
    from imagewright.latent.directions.directions import count_of
    from imagewright.latent.directions.sheet import draw_directions
    from imagewright.latent.inputs import points_of
    from imagewright.output.provenance import COMPOSITE, GENERATED, make_record
    from imagewright.output.writing import PICTURES, check_suffix, refuse_existing, write_image

    check_suffix(out, list(PICTURES))
    refuse_existing([out], force=force)
    names = _names_of(save)
    for name in names.values():
        kept.place_of(imagewright.Run(run), name, force=force)
    model = imagewright.load(run, images_seen=at)
    count = count_of(model, count)
    _check_numbers(names, count)
    points = points_of(run, at_point, model=model)
    found = imagewright.directions(model, method, count, images=images, seed=seed)  # type: ignore[arg-type]
    say([*points.said, *found.said])
    made = made_by(run, model, at)
    settings: dict[str, Any] = {"method": method, "count": count, "at_point": points.labels}
    settings |= {"images": Path(images).name} if images is not None else {}
    record = make_record(
        "directions",
        **made,
        seed=seed,
        settings=settings,
        source_type=COMPOSITE if points.of_pictures else GENERATED,
    )
    title = f"{made['model']}: directions by {method}, in standard deviations"
    write_image(draw_directions(model, found, points, title), out, record, force=force)
    _state(found)
    print(out)
    for number, name in names.items():
        tensors = {"direction": found.directions[number], "scale": found.scales[number]}
        explained, change = float(found.explained[number]), float(found.changes[number])
        told = {"found": f"directions, {method}, number {number}", **settings, "seed": seed}
        told |= {"explained": explained, "change": change}
        print(kept.keep(imagewright.Run(run), model, name, "direction", tensors, told, force=force))


def _names_of(save: tuple[str, ...]) -> dict[int, str]:
    """`0=rotation`, as typed, to names by number."""
    from imagewright.errors import UserError

    names: dict[int, str] = {}
    for typed in save:
        number, _, name = typed.partition("=")
        if not number.isdecimal() or not name:
            raise UserError(f"{typed!r} does not say what to keep: expected NUMBER=NAME, as in --save 0=rotation.")
        if int(number) in names or name in names.values():
            raise UserError(f"{typed!r}: one direction a name, and one name a direction.")
        names[int(number)] = name
    return names


def _check_numbers(names: dict[int, str], count: int) -> None:
    """Raise before the search for a number that it will not find."""
    from imagewright.errors import UserError

    missing = [number for number in names if number >= count]
    if missing:
        raise UserError(f"There is no direction {missing[0]}: {count} are searched for, 0 to {count - 1} (--count).")


def _state(found: Directions) -> None:
    explains = "share of gain" if found.method == "weights" else "explains"
    print(f"{'direction':>9}  {explains:>13}  {'changes (grey levels)':>21}")
    for number, (explained, change) in enumerate(zip(found.explained, found.changes, strict=True)):
        print(f"{number:>9}  {float(explained):>13.1%}  {float(change):>21.1f}")
