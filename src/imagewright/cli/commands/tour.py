"""`imagewright tour SOURCE [OTHER]`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, LabelColumn, Size, within
from imagewright.training.image_options import OF_IMAGES


@takes_pictures
def tour(
    source: Annotated[str, Parameter(help="a folder, also of classes, pairs or two sets; .zip, .npz ..., or a name")],
    other: Annotated[str | None, Parameter(help="the targets of these inputs, or a second set")] = None,
    /,
    *,
    minutes: Annotated[float, within(0, 10_000, above=True, help="of the whole tour")] = 20.0,
    out: Annotated[Path | None, Parameter(help="the folder; runs/tour-SOURCE by default")] = None,
    size: Annotated[
        Size | None, Parameter(help="64, or WIDTHxHEIGHT; by default what suits the time", metavar="SIZE")
    ] = None,
    labels: Annotated[Path | None, Parameter(help="a CSV, text or JSON file of labels")] = None,
    label_column: LabelColumn = None,
    split: Annotated[str | None, Parameter(help=OF_IMAGES["split"])] = None,
    seed: Annotated[Count, within(0, help="random seed")] = 0,
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], Parameter(help="where to train; auto: a GPU if any")] = (
        "auto"
    ),
) -> None:
    """Try every method on your pictures: groups, eigenfaces, autoencoders, GANs, translation, as one page.

    The same command goes on after Ctrl-C. The page is written anew after each part.
    """
    began = time.monotonic()  # what follows imports for seconds, and the minutes are those that the user waits

    import imagewright
    from imagewright.cli.progress import clock_bar

    given: dict[str, Any] = {"size": size, "labels": labels, "label_column": label_column, "split": split}
    with clock_bar() as (progress, tell):
        found = imagewright.tour(
            source,
            other,
            minutes=minutes,
            out=out,
            seed=seed,
            device=device,
            began=began,
            say=tell,
            progress=progress,
            **{name: value for name, value in given.items() if value is not None},
        )
    print("\n".join(found.lines()))
