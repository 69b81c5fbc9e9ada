"""`imagewright latent video RUN`: a walk through latents at a fixed frame rate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from imagewright.cli.commands.latent.loading import MODEL_DEFAULTS, ModelOptions
from imagewright.cli.commands.verbs import Force, RunPath, Seed
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, Words, within


@takes_pictures
def video(
    run: RunPath,
    /,
    *,
    out: Annotated[Path, Parameter(help="an .mp4, in memory that does not grow with its length; or .webp or .gif")],
    seconds: Annotated[float, within(0, above=True, help="length")] = 16.0,
    frames_per_second: Annotated[float, within(0, 100, above=True, help="frames per second")] = 30.0,
    between: Annotated[
        Words,
        Parameter(help="what the walk goes through: seeds, SEED:INDEX, pictures, saved names; samples by default"),
    ] = (),
    count: Annotated[
        Count | None, within(2, help="samples that a walk goes through; by default one for two seconds, 4 at least")
    ] = None,
    label: Annotated[str | None, Parameter(help="the class of the samples, of a model conditional on classes")] = None,
    rows: Annotated[Count, within(1, 20, help="walks one above the other")] = 1,
    columns: Annotated[Count, within(1, 20, help="walks side by side")] = 1,
    seed: Seed = 0,
    interpolation: Annotated[
        Literal["spherical", "linear"] | None,
        Parameter(help="by default spherical if the model samples standard normal latents, else linear"),
    ] = None,
    scale: Annotated[
        Count | None, within(1, help="times that pictures are enlarged; by default to about 256 pixels, in a grid 128")
    ] = None,
    loading: ModelOptions = MODEL_DEFAULTS,
    force: Force = False,
) -> None:
    """Write a video of a walk through the latent space and back to its start, at a fixed frame rate."""
    import imagewright
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say
    from imagewright.output.writing import ANIMATIONS, check_suffix, refuse_existing

    check_suffix(out, ANIMATIONS)
    refuse_existing([out], force=force)
    with progress_bar("encoding") as progress:
        notes = imagewright.write_walk(
            run,
            out,
            seconds,
            frames_per_second=frames_per_second,
            keys=between or None,
            count=count,
            label=label,
            grid=(rows, columns),
            seed=seed,
            interpolation=interpolation,
            scale=scale,
            progress=progress,
            model=loading.load(run),
            force=force,
        )
    say(notes)
    print(out)
