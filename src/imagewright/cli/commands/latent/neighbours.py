"""`imagewright latent neighbours RUN SOURCE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from imagewright.cli.commands.verbs import At, Force, RunPath, Seed, made_by
from imagewright.cli.values import Count


def neighbours(
    run: RunPath,
    source: Annotated[str, Parameter(help="the pictures that the run was trained on")],
    /,
    *,
    out: Annotated[Path, Parameter(help="the sheet (.png, .jpg, .webp, .tif)")],
    held_out: Annotated[
        str | None, Parameter(help="pictures like those, not trained on: how near new pictures come to them")
    ] = None,
    count: Annotated[Count, Parameter(help="samples, and pictures of the control")] = 1000,
    features: Annotated[Path | None, Parameter(help="a run that sees, instead of the model's own features")] = None,
    split: Annotated[str | None, Parameter(help="the part of SOURCE that was trained on, such as train")] = None,
    held_out_split: Annotated[str | None, Parameter(help="the part of --held-out, such as test")] = None,
    seed: Seed = 0,
    at: At = None,
    force: Force = False,
) -> None:
    """Has the model memorised? Samples beside their nearest training pictures, and a number with its control."""
    import imagewright
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say
    from imagewright.latent.neighbours.sheet import draw_neighbours
    from imagewright.output.provenance import COMPOSITE, make_record
    from imagewright.output.writing import PICTURES, check_suffix, refuse_existing, write_image

    check_suffix(out, list(PICTURES))
    refuse_existing([out], force=force)
    model = imagewright.load(run, images_seen=at)
    training = imagewright.open_images(source, split=split)
    new = None if held_out is None else imagewright.open_images(held_out, split=held_out_split)
    with progress_bar("comparing") as progress:
        found = imagewright.neighbours(
            model, training, new, count=count, features=features, seed=seed, progress=progress
        )
    say(found.said)
    made = made_by(run, model, at)
    numbers: dict[str, Any] = {
        space.space: {"share": space.share, "statistic": space.statistic} for space in found.spaces
    }
    settings = {"source": Path(source).name, "count": count, "control": found.control, **numbers}
    settings |= {"held_out": Path(held_out).name} if held_out is not None else {}
    record = make_record("neighbours", **made, seed=seed, settings=settings, source_type=COMPOSITE)
    title = (
        f"{made['model']}: the samples most like a training picture, of {len(found.samples):,}, beside the nearest. "
        "Distances: 1 is the control's median"
    )
    write_image(draw_neighbours(found, title), out, record, force=force)
    print(f"{'space':<24}{'samples below':>14}{'control':>9}{'by chance':>11}{'C_T':>8}")
    for space in found.spaces:
        print(f"{space.space:<24}{space.share:>14.1%}{0.01:>9.1%}{space.chance:>11.2g}{space.statistic:>+8.1f}")
    print(found.verdict)
    print(out)
