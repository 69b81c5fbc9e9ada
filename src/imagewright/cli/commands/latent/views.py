"""`imagewright latent grid` and `imagewright latent traverse`: where pictures lie, and what each latent changes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.commands.latent.loading import MODEL_DEFAULTS, ModelOptions
from imagewright.cli.commands.verbs import Force, RunPath
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, LabelColumn, Words, within

Source = Annotated[str | None, Parameter(help="pictures to encode: a folder, .zip, .npz ..., or digits, faces")]
Dimensions = Annotated[Words, Parameter(help="latents by number, or codes by name (c2)")]


@takes_pictures
def grid(
    run: RunPath,
    /,
    *,
    out: Annotated[Path, Parameter(help="the figure: .png, .svg or .pdf")],
    source: Source = None,
    dimensions: Dimensions = (),
    steps: Annotated[Count, within(2, 100, help="pictures a side")] = 20,
    count: Annotated[Count, within(1, help="pictures of the source to encode, spread evenly")] = 2000,
    input: Annotated[
        str | None, Parameter(help="a seed, picture or saved name whose other latents to take; their mean by default")
    ] = None,
    split: Annotated[str | None, Parameter(help="a part of the source, such as test")] = None,
    labels: Annotated[Path | None, Parameter(help="a CSV, text or JSON file of labels")] = None,
    label_column: LabelColumn = None,
    loading: ModelOptions = MODEL_DEFAULTS,
    force: Force = False,
) -> None:
    """Decode a plane of the latent space; beside it, where the pictures of a source lie, by class."""
    import imagewright
    from imagewright.cli.show import say
    from imagewright.output.figures import SUFFIXES
    from imagewright.output.writing import check_suffix, refuse_existing

    check_suffix(out, list(SUFFIXES))
    refuse_existing([out], force=force)
    model = loading.load(run)
    images = (
        None
        if source is None
        else imagewright.open_images(source, split=split, labels=labels, label_column=label_column)
    )
    found = imagewright.manifold(
        run, steps, dimensions=dimensions or None, images=images, most=count, input=input, model=model
    )
    say(found.notes)
    print(found.write(out, force=force))


@takes_pictures
def traverse(
    run: RunPath,
    /,
    *,
    out: Annotated[Path, Parameter(help="a picture (.png, .jpg, .webp, .tif), or a folder for one file a sheet")],
    dimensions: Dimensions = (),
    inputs: Annotated[
        Words, Parameter(help="what to start from: seeds, SEED:INDEX, pictures, saved names; 0 by default")
    ] = (),
    codes: Annotated[
        bool | None,
        Parameter(help="sheets of categories, codes and attributes; by default if the model found codes itself"),
    ] = None,
    count: Annotated[Count, within(1, help="latents to show, largest change of the picture first")] = 10,
    steps: Annotated[Count, within(2, help="pictures of one row")] = 9,
    reach: Annotated[float, within(0, above=True, help="how far from the mean, in standard deviations")] = 2.0,
    source: Source = None,
    split: Annotated[str | None, Parameter(help="a part of the source, such as test")] = None,
    loading: ModelOptions = MODEL_DEFAULTS,
    force: Force = False,
) -> None:
    """Vary one latent at a time: rows are latents, largest change first; or sheets of the model's codes."""
    import imagewright
    from imagewright.cli.show import say
    from imagewright.output.sheets import check_output

    check_output(out, force=force)
    model = loading.load(run)
    images = None if source is None else imagewright.open_images(source, split=split)
    found = imagewright.traverse(
        run,
        dimensions or None,
        inputs=inputs or None,
        count=count,
        steps=steps,
        reach=reach,
        images=images,
        codes=codes,
        model=model,
    )
    say(found.notes)
    print("\n".join(map(str, found.sheet().write(out, force=force))))
