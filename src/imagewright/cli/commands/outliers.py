"""`imagewright outliers SOURCE`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from imagewright.cli.values import Count, Flag

if TYPE_CHECKING:
    from imagewright.analysis.outliers.outliers import Outliers

NAMED = 8  # of the strangest, in what is printed


def outliers(
    source: Annotated[str | None, Parameter(help="a folder, .zip, IDX, .npz ..., or a built-in set")] = None,
    /,
    *,
    out: Annotated[Path | None, Parameter(help="a folder for the table, the sheet and the heat map")] = None,
    train_on: Annotated[
        str | None, Parameter(help="ordinary pictures to learn from: a source, or a class of SOURCE")
    ] = None,
    run: Annotated[Path | None, Parameter(name="--in", help="a run whose scores and latents join in")] = None,
    method: Annotated[str, Parameter(help="what ranks: ensemble, pca, edges-plane ... A wrong name lists them")] = (
        "ensemble"
    ),
    normal: Annotated[
        tuple[str, ...], Parameter(help="classes known to be ordinary: judges the methods", consume_multiple=True)
    ] = (),
    strange: Annotated[
        tuple[str, ...], Parameter(help="classes or attributes known to be strange", consume_multiple=True)
    ] = (),
    count: Annotated[Count | None, Parameter(help="of the strangest: on the sheet (16), to move or copy")] = None,
    fraction: Annotated[float | None, Parameter(help="instead, to move or copy: a share of all, such as 0.01")] = None,
    move_to: Annotated[
        Path | None, Parameter(help="move the strangest files to this folder; nothing is deleted")
    ] = None,
    copy_to: Annotated[Path | None, Parameter(help="copy them instead")] = None,
    undo: Annotated[Path | None, Parameter(help="a list that --move-to wrote: put the files back")] = None,
    split: Annotated[str | None, Parameter(help="a part of the source, such as train")] = None,
    labels: Annotated[Path | None, Parameter(help="a CSV or JSON file of labels or attributes")] = None,
    seed: Annotated[Count, Parameter(help="of all that is random; equal seeds give equal scores")] = 0,
    force: Annotated[Flag, Parameter(help="write over what is there")] = False,
) -> None:
    """Rank pictures by how strange they are beside the others, or beside ordinary ones (--train-on)."""
    from imagewright.analysis.outliers.moving import put_back
    from imagewright.errors import UserError

    if undo is not None:
        print(f"{put_back(undo):,} files are back where they were.")
        return
    if source is None or out is None:
        raise UserError("`imagewright outliers` needs SOURCE and --out. `imagewright outliers --help` shows how.")
    from imagewright.analysis.outliers.outliers import (
        SHOWN,
        check_outputs,
        find_outliers,
        take_strangest,
        write_outliers,
    )
    from imagewright.cli.progress import counted

    root = check_outputs(source, out, move_to=move_to, copy_to=copy_to, count=count, fraction=fraction, force=force)
    with counted("judging") as progress:
        found = find_outliers(
            source,
            train_on=train_on,
            run=run,
            method=method,
            normal=normal,
            strange=strange,
            labels=labels,
            split=split,
            seed=seed,
            progress=progress,
        )
    paths = write_outliers(found, out, count=count or SHOWN, run=run, force=force)
    _say(found)
    print("\n".join(map(str, paths)))
    target = move_to or copy_to
    if root is not None and target is not None:
        taken, listed = take_strangest(found, root, target, count=count, fraction=fraction, copy=move_to is None)
        how = "copied" if move_to is None else f"moved; `imagewright outliers --undo {listed}` puts them back"
        print(f"{taken:,} of the strangest files were {how}")


def _say(found: Outliers) -> None:
    """The notes, the names of the strangest, and how well each method did where that is known."""
    for note in found.notes:
        print(note)
    print(f"strangest by {found.method}: {', '.join(found.strangest(NAMED))}")
    if not found.judgements:
        if found.images.labels is not None:
            print("The pictures have labels: --normal CLASS judges the methods by them.")
        return
    one = next(iter(found.judgements.values()))
    print(f"{one.strange:,} known to be strange, {one.ordinary:,} ordinary")
    print(f"{'method':<22}{'AUROC':>8}{'average precision':>20}")
    for name, judged in found.judgements.items():
        print(f"{name:<22}{judged.auroc:>8.4f}{judged.average_precision:>20.4f}")
