"""`imagewright data shapes OUT`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from imagewright.cli.values import Count, Flag, within


def shapes(
    out: Annotated[Path, Parameter(help="a new folder; for a clip a file: .mp4, .webp or .gif")],
    /,
    *,
    kind: Annotated[
        Literal[
            "sprites",
            "plain",
            "striped",
            "dotted",
            "outlines",
            "labels",
            "pairs",
            "label-pairs",
            "clip",
            "people",
        ],
        Parameter(
            help="sprites; of one texture; their outlines or label maps, alone or beside the sprites; a clip of one; "
            "faces of two drawn people, for swaps"
        ),
    ] = "sprites",
    count: Annotated[
        Count | None, within(1, help="pictures (2,000), frames (96), or faces of each person (300)")
    ] = None,
    size: Annotated[Count, within(8, 1024, help="pixels of a side")] = 64,
    seed: Annotated[Count, within(0, help="of the factors: picture K is the same whatever the count")] = 0,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Draw the built-in set shapes into files: sprites whose shape, hue, size, place and turn are known."""
    import imagewright
    from imagewright.cli.progress import progress_bar

    with progress_bar("drawing") as progress:
        made = imagewright.make_shapes(out, kind, count=count, size=size, seed=seed, force=force, progress=progress)
    print("\n".join(made.lines()))
