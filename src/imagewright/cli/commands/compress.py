"""`imagewright compress SOURCE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from imagewright.cli.commands.data import Source, Split
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.show import mark_told
from imagewright.cli.values import Count, Flag, Size, within


@takes_pictures
def compress(
    source: Source,
    /,
    *,
    out: Annotated[Path, Parameter(help="a folder for the plot, the crops, results.json and results.csv")],
    methods: Annotated[
        tuple[str, ...],
        Parameter(
            help="jpeg, pca, pca-blocks (PCA of 8x8 blocks), or runs: --methods jpeg runs/vae",
            consume_multiple=True,
            negative="",
        ),
    ] = ("jpeg", "pca"),
    count: Annotated[Count, within(1, help="test pictures, at most a quarter; methods are fitted on the others")] = 32,
    components: Annotated[Count, within(1, help="components of PCA of whole pictures, at most")] = 128,
    qualities: Annotated[tuple[int, ...], within(1, 100, help="JPEG qualities", consume_multiple=True, negative="")] = (
        *(1, 5, 10, 20, 30, 40),
        *(50, 60, 70, 80, 90, 95),
    ),
    subsampling: Annotated[
        Literal["4:2:0", "4:2:2", "4:4:4"], Parameter(help="JPEG chrominance subsampling")
    ] = "4:2:0",
    rate: Annotated[
        float | None,
        within(0, above=True, help="bits per pixel of the crops; by default a rate that most methods reach"),
    ] = None,
    size: Annotated[
        Size | None, Parameter(help="64, or WIDTHxHEIGHT; by default the runs' or the source's own")
    ] = None,
    channels: Annotated[Literal[1, 3] | None, Parameter(help="1 grey, 3 RGB")] = None,
    split: Split = None,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Plot rate against distortion of JPEG, PCA and trained models on the same pictures; write crops and numbers."""
    import imagewright
    from imagewright.analysis.compression.comparison import FILES
    from imagewright.cli.progress import progress_bar
    from imagewright.errors import UserError
    from imagewright.output.writing import refuse_existing

    if out.exists() and not out.is_dir():
        raise UserError(f"out={out} is a file, but several files are written: name a folder.")
    refuse_existing([out / name for name in FILES], force=force)
    with progress_bar("compressing") as progress:
        found = imagewright.compress(
            source,
            methods,
            size=size,
            channels=channels,
            split=split,
            count=count,
            components=components,
            qualities=qualities,
            subsampling=subsampling,
            rate=rate,
            progress=progress,
        )
    paths = found.write(out, force=force)
    mark_told(found.notes)
    print("\n".join([*found.lines(), *map(str, paths)]))
