"""`imagewright latent factors RUN SOURCE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.commands.latent.loading import MODEL_DEFAULTS, ModelOptions
from imagewright.cli.commands.verbs import Force, RunPath, Seed
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, LabelColumn, within


@takes_pictures
def factors(
    run: RunPath,
    source: Annotated[
        str, Parameter(help="pictures with known factors: shapes, or any with a table of classes, 0/1 or numbers")
    ] = "shapes",
    /,
    *,
    out: Annotated[Path, Parameter(help="the heat maps (.png, .svg, .pdf)")],
    count: Annotated[Count, within(100, help="pictures, spread evenly over the source")] = 5_000,
    trees: Annotated[Count, within(1, help="of each forest that predicts a factor from the latents")] = 10,
    labels: Annotated[Path | None, Parameter(help="a CSV, text or JSON file of labels, attributes or numbers")] = None,
    label_column: LabelColumn = None,
    split: Annotated[str | None, Parameter(help="a part of the source, such as test")] = None,
    seed: Seed = 0,
    loading: ModelOptions = MODEL_DEFAULTS,
    force: Force = False,
) -> None:
    """Which latent holds which known factor? Mutual information gap and DCI, and heat maps of latents and factors."""
    import imagewright
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say
    from imagewright.output.figures import SUFFIXES
    from imagewright.output.writing import check_suffix, refuse_existing

    check_suffix(out, list(SUFFIXES))
    refuse_existing([out], force=force)
    model = loading.load(run)
    pictures = imagewright.open_images(source, split=split, labels=labels, label_column=label_column)
    with progress_bar("encoding") as progress:
        found = imagewright.latent_factors(model, pictures, count=count, trees=trees, seed=seed, progress=progress)
    say(found.notes)
    print("\n".join([*found.lines(), str(found.write(out, force=force))]))
