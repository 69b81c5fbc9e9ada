"""`imagewright film RUN`: a training as a video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.commands.verbs import Force
from imagewright.cli.values import Count, within


def film(
    run: Annotated[Path, Parameter(help="a run directory; one that is being trained is shown up to now")],
    /,
    *,
    out: Annotated[Path, Parameter(help="an .mp4, .webp or .gif")] = Path("film.mp4"),
    seconds: Annotated[
        float | None,
        within(2, 3600, above=True, help="length; by default a quarter of a second a picture, 6 to 20 in all"),
    ] = None,
    count: Annotated[Count, within(1, 64, help="pictures at once")] = 16,
    curve: Annotated[
        str | None,
        Parameter(help="the curve under them, by name; by default a score, or else the losses"),
    ] = None,
    seed: Annotated[Count, within(0, help="of samples from checkpoints, of a run without previews")] = 0,
    force: Force = False,
) -> None:
    """Write a video of a training: the same latents, or inputs, over and over, and the curves under them."""
    import imagewright
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say
    from imagewright.output.writing import ANIMATIONS, check_suffix, refuse_existing

    check_suffix(out, ANIMATIONS)
    refuse_existing([out], force=force)
    with progress_bar("encoding") as progress:
        notes = imagewright.film(
            run, out, seconds=seconds, count=count, curve=curve, seed=seed, progress=progress, force=force
        )
    say(notes)
    print(out)
