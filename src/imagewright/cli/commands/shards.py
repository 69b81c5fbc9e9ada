"""`imagewright data shard SOURCE OUT`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, Flag, LabelColumn, Size, within


@takes_pictures
def shard(
    source: Annotated[
        str, Parameter(help="a folder, .zip, tar shards, IDX, .npz, a video, or a built-in set: digits, faces, shapes")
    ],
    out: Annotated[Path, Parameter(help="a new folder")],
    /,
    *,
    count: Annotated[
        Count | None,
        within(1, help="shards; a multiple of 8 by default, which 2, 4 and 8 ranks of a training share evenly"),
    ] = None,
    images_per_shard: Annotated[Count | None, within(1, help="pictures in each shard, in place of --count")] = None,
    size: Annotated[
        Size | None,
        Parameter(help="encode pictures anew at 64, or WIDTHxHEIGHT; by default the bytes of the source are kept"),
    ] = None,
    encoding: Annotated[
        Literal["png", "jpg"], Parameter(help="of pictures with --size; jpg (quality 95) changes pixels")
    ] = "png",
    shuffle: Annotated[
        bool,
        Parameter(help="mix the pictures, so that each shard is a fair share; else picture K goes to shard K % COUNT"),
    ] = True,
    seed: Annotated[Count, within(0, help="of the order")] = 0,
    terms: Annotated[str | None, Parameter(help="the terms of the set, such as its licence, kept in the index")] = None,
    split: Annotated[str | None, Parameter(help="a part of the source, such as train")] = None,
    labels: Annotated[Path | None, Parameter(help="a CSV, text or JSON file of labels or attributes")] = None,
    label_column: LabelColumn = None,
    image_layers: Annotated[
        str | None, Parameter(help="layers of each picture, such as input,target", metavar="NAMES")
    ] = None,
    layer_kinds: Annotated[
        str | None, Parameter(help="layers that are label maps, such as labels=labels", metavar="NAME=KIND")
    ] = None,
    force: Annotated[Flag, Parameter(help="replace a folder of shards")] = False,
) -> None:
    """Write a set as tar shards in WebDataset layout, with an index that opens them without reading them."""
    import imagewright
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say

    with progress_bar("writing shards") as progress:
        made = imagewright.write_shards(
            source,
            out,
            count=count,
            images_per_shard=images_per_shard,
            size=size,
            encoding=encoding,
            shuffle=shuffle,
            seed=seed,
            terms=terms,
            split=split,
            labels=labels,
            label_column=label_column,
            layers=image_layers,
            kinds=layer_kinds,
            force=force,
            progress=progress,
        )
    say(made.notes)
    print("\n".join(made.lines()))
