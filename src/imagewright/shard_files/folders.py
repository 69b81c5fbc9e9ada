"""The folder of a set of shards: where it may be, and how it appears whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imagewright.errors import RunError
from imagewright.files import cut_name, explain_write_errors
from imagewright.images.images import Images
from imagewright.images.sources.shard_index import INDEX, TABLES, has_index
from imagewright.images.sources.shards import is_tar_name

LONGEST_NAME = 100  # bytes of the folder's own name in the hidden names beside it


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder beside `folder` that takes its place at the end of the block, and is removed if the block raises.

    Raises `RunError` if it cannot be written.
    """
    place = folder.resolve()  # "." has no name
    staged = _hidden_beside(place, "part")
    with explain_write_errors(folder):
        staged.mkdir(parents=True)
    try:
        with explain_write_errors(folder):
            yield staged
            _take_place(staged, place)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _hidden_beside(folder: Path, ending: str) -> Path:
    return folder.with_name(f".{cut_name(folder.name, LONGEST_NAME)}.{secrets.token_hex(4)}.{ending}")


def _take_place(staged: Path, folder: Path) -> None:
    """Give the finished folder its name; a former one is put aside first, and removed when the new one is there."""
    former = None
    if os.path.lexists(folder):
        former = _hidden_beside(folder, "old")
        folder.rename(former)
    try:
        staged.rename(folder)
    except BaseException:
        if former is not None and not os.path.lexists(folder):
            former.rename(folder)
        raise
    if former is not None:
        shutil.rmtree(former, ignore_errors=True)


def check_place(folder: Path, source: Any, *, force: bool) -> None:
    """Refuse a place that holds something other than shards, or that is in the source or around it."""
    if isinstance(source, Images):
        source = source.source
    if isinstance(source, str | Path):
        here, there = folder.resolve(), Path(source).expanduser().resolve()
        if there.exists() and (here == there or there in here.parents or here in there.parents):
            raise RunError(f"{folder} and the source {source} are one inside the other: give another folder.")
    if not os.path.lexists(folder):
        return
    if not force:
        raise RunError(f"{folder} exists already. Choose another name, or replace it with --force (force=True).")
    if not _is_ours(folder):
        raise RunError(f"{folder} holds other files than shards with an index, so that --force does not replace it.")


def _is_ours(folder: Path) -> bool:
    """Whether a folder is empty, or holds nothing but shards with their index, or several such folders."""
    if not folder.is_dir() or folder.is_symlink():
        return False
    entries = list(folder.iterdir())
    if has_index(folder):
        return all(entry.name in (INDEX, TABLES) or is_tar_name(entry.name) for entry in entries)
    return all(entry.is_dir() and any(entry.iterdir()) and _is_ours(entry) for entry in entries)
