"""`imagewright outliers SOURCE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.pictures import takes_pictures
from imagewright.cli.show import mark_told
from imagewright.cli.values import Count, Flag, LabelColumn, Words, within


@takes_pictures
def outliers(
    source: Annotated[str | None, Parameter(help="a folder, .zip, IDX, .npz ..., or a built-in set")] = None,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="a folder for the table, the sheet and the heat map")] = None,
    train_on: Annotated[str | None, Parameter(help="normal pictures to fit to: a source, or a class of SOURCE")] = None,
    run: Annotated[Path | None, Parameter(help="a run whose scores and latents are used as well")] = None,
    method: Annotated[
        str, Parameter(help="the detector: ensemble, all, patches, pca, edges-plane ... A wrong name lists all")
    ] = "ensemble",
    features: Annotated[
        str | None,
        Parameter(
            help="compare a network's features instead of pixels: efficientnet_lite0 ...; identity: who faces are"
        ),
    ] = None,
    normal: Annotated[Words, Parameter(help="classes known to be normal, to evaluate the detectors by")] = (),
    strange: Annotated[Words, Parameter(help="classes or attributes known to be outliers")] = (),
    count: Annotated[Count | None, within(1, help="outliers on the sheet (16), and to move or copy")] = None,
    fraction: Annotated[
        float | None,
        within(0, 1, above=True, help="instead of --count: the share of all pictures to move or copy, such as 0.01"),
    ] = None,
    move_to: Annotated[
        Path | None, Parameter(help="move the files of the outliers to this folder; nothing is deleted")
    ] = None,
    copy_to: Annotated[Path | None, Parameter(help="copy them instead")] = None,
    undo: Annotated[Path | None, Parameter(help="the list that --move-to wrote: move the files back")] = None,
    split: Annotated[str | None, Parameter(help="a part of the source, such as train")] = None,
    labels: Annotated[Path | None, Parameter(help="a CSV, text or JSON file of labels or attributes")] = None,
    label_column: LabelColumn = None,
    seed: Annotated[Count, within(0, help="random seed; equal seeds give equal scores")] = 0,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Rank pictures by how much they differ from the others, or from normal ones (--train-on)."""
    from imagewright.analysis.outliers.moving import put_back
    from imagewright.errors import UserError
    from imagewright.shared_work import leave_to_main

    if undo is not None:
        leave_to_main()
        print(f"{put_back(undo):,} files were moved back.")
        return
    if source is None or out is None:
        raise UserError("`imagewright outliers` needs SOURCE and --out. `imagewright outliers --help` shows how.")
    import imagewright
    from imagewright.analysis.outliers.outliers import SHOWN, check_outputs
    from imagewright.cli.progress import progress_bar

    check_outputs(source, out, move_to=move_to, copy_to=copy_to, count=count, fraction=fraction, force=force)
    with progress_bar("scoring") as progress:
        found = imagewright.outliers(
            source,
            train_on=train_on,
            run=run,
            method=method,
            features=features,
            normal=normal,
            strange=strange,
            labels=labels,
            label_column=label_column,
            split=split,
            seed=seed,
            progress=progress,
        )
    paths = found.write(out, count=count or SHOWN, force=force)
    mark_told(found.notes)
    print("\n".join([*found.lines(), *map(str, paths)]))
    target = move_to or copy_to
    if target is not None:
        listed = found.move(target, count=count, fraction=fraction, copy=move_to is None)
        how = "copied" if move_to is None else f"moved; `imagewright outliers --undo {listed}` puts them back"
        print(f"{len(found.strangest(count, fraction)):,} files of outliers were {how}")
