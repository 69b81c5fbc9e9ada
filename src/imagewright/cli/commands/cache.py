"""`imagewright data cache`: list or remove prepared pictures on the disk."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.values import Flag, within


def cache(
    *,
    clear: Annotated[Flag, Parameter(help="remove them; they are made again when needed")] = False,
    unused_for: Annotated[
        float | None, within(0, help="with --clear: only caches that were not used for this many days", metavar="DAYS")
    ] = None,
) -> None:
    """List or remove the prepared pictures, and features of pictures, on this machine. Sources stay as they are."""
    from datetime import datetime

    import imagewright
    from imagewright.errors import UserError
    from imagewright.files import cache_folder

    if unused_for is not None and not (clear and unused_for >= 0):
        raise UserError(f"unused_for={unused_for:g}: it needs --clear, and is a number of days from 0.")
    found = imagewright.caches()
    if clear:
        removed = imagewright.clear_caches(unused_for=unused_for)
        print(f"{len(removed)} of {len(found)} caches removed, {_mebibytes(sum(each.size for each in removed))}.")
        return
    for each in found:
        what = "unfinished" if each.unfinished else f"{each.shape[0]:,} of {_shape_text(each.shape[1:])}"
        what += " features" if each.kind == "features" else ""
        used = datetime.fromtimestamp(each.used).strftime("%Y-%m-%d %H:%M")
        print(f"{used}  {_mebibytes(each.size):>12}  {what:<24}  {each.source}")
    print(f"{len(found)} caches, {_mebibytes(sum(each.size for each in found))} in {cache_folder(None)}.")


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"


def _shape_text(shape: tuple[int, ...]) -> str:
    """(H, W, C) of a picture as `WIDTHxHEIGHTxC`; (F,) of features as `F`."""
    from imagewright.pixels import size_text

    return "x".join([size_text(shape[:2]), *map(str, shape[2:])]) if len(shape) > 2 else "x".join(map(str, shape))
