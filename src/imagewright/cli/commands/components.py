"""`imagewright components SOURCE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from imagewright.cli.commands.data import Source, Split
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, Flag, LabelColumn, Size, within


@takes_pictures
def components(
    source: Source,
    /,
    *,
    out: Annotated[Path, Parameter(help="a folder for four figures and components.json")],
    method: Annotated[
        Literal["pca", "ica", "lda", "random"],
        Parameter(help="principal (eigenfaces), independent, discriminant (needs labels), or random directions"),
    ] = "pca",
    components: Annotated[
        Count | None, within(1, help="how many; by default 150 (ica 64), or the most that there are")
    ] = None,
    size: Annotated[Size | None, Parameter(help="64, or WIDTHxHEIGHT; at most 128 a side by default")] = None,
    channels: Annotated[Literal[1, 3, 4] | None, Parameter(help="1 grey, 3 RGB, 4 RGBA")] = None,
    picture: Annotated[Count, within(0, help="index of the picture to rebuild and decompose, from 0")] = 0,
    split: Split = None,
    labels: Annotated[Path | None, Parameter(help="a CSV, text or JSON file of labels, for lda")] = None,
    label_column: LabelColumn = None,
    seed: Annotated[Count, within(0, help="random seed")] = 0,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Decompose a set of pictures: the mean, its components, how many are needed, one picture as their sum."""
    import imagewright
    from imagewright.analysis.components.components import FILES
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say
    from imagewright.errors import UserError
    from imagewright.output.writing import refuse_existing

    if out.exists() and not out.is_dir():
        raise UserError(f"out={out} is a file, but several files are written: name a folder.")
    refuse_existing([out / name for name in FILES], force=force)
    with progress_bar("components") as progress:
        found = imagewright.components(
            source,
            method,
            components,
            size=size,
            channels=channels,
            picture=picture,
            seed=seed,
            progress=progress,
            split=split,
            labels=labels,
            label_column=label_column,
        )
    say(found.images.notes)
    paths = found.write(out, force=force)
    print("\n".join([*map(str, paths), *found.lines()]))
