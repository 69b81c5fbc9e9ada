"""`imagewright latent grid` and `imagewright latent traverse`: what lies where, and what each latent does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.commands.verbs import At, Force, RunPath, made_by
from imagewright.cli.values import Count

Source = Annotated[str | None, Parameter(help="pictures to encode: a folder, .zip, .npz ..., or digits, faces")]
Dimensions = Annotated[
    tuple[str, ...],
    Parameter(help="latents by number, or codes by name (c2)", consume_multiple=True, negative="", show_default=False),
]


def grid(
    run: RunPath,
    /,
    *,
    out: Annotated[Path, Parameter(help="the figure: .png, .svg or .pdf")],
    source: Source = None,
    dimensions: Dimensions = (),
    steps: Annotated[Count, Parameter(help="pictures a side")] = 20,
    count: Annotated[Count, Parameter(help="pictures of the source to encode, spread evenly")] = 2000,
    point: Annotated[
        str | None, Parameter(help="a seed, picture or kept name whose other latents to take; their mean by default")
    ] = None,
    split: Annotated[str | None, Parameter(help="a part of the source, such as test")] = None,
    labels: Annotated[Path | None, Parameter(help="a CSV or JSON file of labels")] = None,
    at: At = None,
    force: Force = False,
) -> None:
    """Decode a plane of the latent space; beside it, where the pictures of a source lie, by class."""
    import imagewright
    from imagewright.cli.show import say
    from imagewright.latent.inputs import points_of
    from imagewright.latent.walks.plane_figure import draw_manifold
    from imagewright.output.figures import SUFFIXES
    from imagewright.output.provenance import make_record
    from imagewright.output.writing import check_suffix, refuse_existing
    from imagewright.verbs.apply import images_for

    check_suffix(out, list(SUFFIXES))
    refuse_existing([out], force=force)
    model = imagewright.load(run, images_seen=at)
    images = None if source is None else images_for(model, imagewright.open_images(source, split=split, labels=labels))
    base = None if point is None else points_of(run, [point], model=model)
    found = imagewright.manifold(model, steps, dimensions=dimensions or None, images=images, most=count, point=base)
    say(found.said)
    names = [axis.name for axis in found.axes]
    settings = {"steps": steps, "latents": names} | ({} if source is None else {"source": Path(source).name})
    record = make_record("latent grid", **made_by(run, model, at), settings=settings)
    draw_manifold(found, out, record, title=f"{record['model']}: {names[0]} by {names[1]}", force=force)
    print(out)


def traverse(
    run: RunPath,
    /,
    *,
    out: Annotated[Path, Parameter(help="a picture (.png, .jpg, .webp, .tif), or a folder for one file a sheet")],
    dimensions: Dimensions = (),
    points: Annotated[
        tuple[str, ...],
        Parameter(
            help="seeds, pictures or kept names to start from; seed 0 by default", consume_multiple=True, negative=""
        ),
    ] = (),
    codes: Annotated[
        bool | None,
        Parameter(help="sheets of categories, codes and attributes; by default where the model found codes itself"),
    ] = None,
    count: Annotated[Count, Parameter(help="latents, those that change the picture most")] = 10,
    steps: Annotated[Count, Parameter(help="pictures of one row")] = 9,
    reach: Annotated[float, Parameter(help="how far from the mean, in standard deviations")] = 2.0,
    source: Source = None,
    split: Annotated[str | None, Parameter(help="a part of the source, such as test")] = None,
    at: At = None,
    force: Force = False,
) -> None:
    """Vary one latent at a time: rows are latents, the most used first; or sheets of the model's codes."""
    import imagewright
    from imagewright.cli.show import say
    from imagewright.latent.inputs import points_of
    from imagewright.output.provenance import make_record
    from imagewright.output.sheets import SheetStack, check_output
    from imagewright.verbs.apply import images_for

    check_output(out, force=force)
    model = imagewright.load(run, images_seen=at)
    images = None if source is None else images_for(model, imagewright.open_images(source, split=split))
    found = imagewright.traverse(
        model,
        dimensions or None,
        points=points_of(run, points, model=model) if points else None,
        count=count,
        steps=steps,
        reach=reach,
        images=images,
        codes=codes,
    )
    say(found.said)
    settings = {"steps": steps, "reach": reach, "sheets": [sheet.name for sheet in found.sheets]}
    record = make_record("latent traverse", **made_by(run, model, at), settings=settings)
    print("\n".join(map(str, SheetStack(found.sheets, record).write(out, force=force))))
