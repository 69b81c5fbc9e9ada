"""`imagewright latent neighbours RUN SOURCE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.commands.latent.loading import MODEL_DEFAULTS, ModelOptions, check_sheet
from imagewright.cli.commands.verbs import Force, RunPath, Seed
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, within


@takes_pictures
def neighbours(
    run: RunPath,
    source: Annotated[str, Parameter(help="the pictures that the run was trained on")],
    /,
    *,
    out: Annotated[Path, Parameter(help="the sheet (.png, .jpg, .webp, .tif)")],
    held_out: Annotated[
        str | None, Parameter(help="similar pictures, not trained on: how near new pictures come to SOURCE")
    ] = None,
    count: Annotated[Count, within(1, help="samples, and pictures of the control")] = 1000,
    features: Annotated[
        str | None,
        Parameter(help="a run, or a network such as efficientnet_lite0, whose features to use instead of the model's"),
    ] = None,
    split: Annotated[str | None, Parameter(help="the part of SOURCE that was trained on, such as train")] = None,
    held_out_split: Annotated[str | None, Parameter(help="the part of --held-out, such as test")] = None,
    seed: Seed = 0,
    loading: ModelOptions = MODEL_DEFAULTS,
    force: Force = False,
) -> None:
    """Has the model memorised? Samples beside their nearest training pictures, and a number with its control."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say

    check_sheet(out, force=force)
    model = loading.load(run)
    training = imagewright.open_images(source, split=split)
    new = None if held_out is None else imagewright.open_images(held_out, split=held_out_split)
    with progress_bar("comparing") as progress:
        found = imagewright.neighbours(
            model, training, new, count=count, features=features, seed=seed, progress=progress
        )
    say(found.notes)
    print("\n".join(found.lines()))
    write_sheet(found.sheet(), out, force=force)
