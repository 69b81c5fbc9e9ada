"""Finding the kind of a source: a path, a pattern, a name or an array, and the class that reads it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from imagewright.errors import DataError, nearest_name
from imagewright.images.decoding.admitted import formats_read
from imagewright.images.folders import top_folders
from imagewright.images.shapes.source import is_shapes, open_shapes
from imagewright.images.sources.archive import ZipSource
from imagewright.images.sources.arrays import open_npz
from imagewright.images.sources.base import PictureSource
from imagewright.images.sources.builtin import BUILTIN
from imagewright.images.sources.collection import open_object
from imagewright.images.sources.downloads import REMOTE_SETS, open_remote
from imagewright.images.sources.folder import FolderSource
from imagewright.images.sources.found_shards import find_shards, open_pictures
from imagewright.images.sources.idx import is_idx_name, open_idx, open_idx_folder
from imagewright.images.sources.listing import is_picture_name, list_file, scan_folder
from imagewright.images.sources.name_filter import ALL_NAMES, NameFilter
from imagewright.images.sources.shards import ShardSource, expand_pattern, is_tar_name
from imagewright.images.sources.video import VIDEO_SUFFIXES, VideoSource
from imagewright.images.sources.zip_directory import read_zip_directory

NAMES = (*BUILTIN, *REMOTE_SETS)
WHAT_OPENS = (
    "expected a folder of pictures, a picture, a .zip, tar shards (such as 'shards/{000..003}.tar'), IDX, .npz, a "
    f"video, an array, a list of files, of Pillow images or of arrays, or one of the names {', '.join(NAMES)}"
)


def find_source(
    source: Any, split: str | None, cache_dir: str | Path | None = None, names: NameFilter = ALL_NAMES
) -> PictureSource:
    """Open a path, a pattern of tar files, the name of a set, or an array. Raises `DataError`.

    split: a part of the source, such as "train" or a sub-folder.
    cache_dir: the folder of downloaded sets.
    names: which pictures are taken, by their names.
    """
    if isinstance(source, PictureSource):  # another part of the package made it
        return source
    shards = find_shards(source)
    if shards is not None:
        return _refuse_split(open_pictures(shards, names), split)
    found = _find(source, split, cache_dir, names)
    if names and found.names_taken != names:
        raise DataError(
            f"{names} would choose pictures by their names, which works in a folder, a .zip and tar shards: give those "
            f"of {found.typed} that are wanted."
        )
    return found


def _find(source: Any, split: str | None, cache_dir: str | Path | None, names: NameFilter) -> PictureSource:
    if not isinstance(source, (str, Path)):
        return _refuse_split(open_object(source, WHAT_OPENS), split)
    typed = str(source)
    if not typed.strip() or "\0" in typed:
        raise DataError(f"The source {typed!r} names nothing: {WHAT_OPENS}.")
    path = Path(typed).expanduser()
    if path.is_dir():
        return _open_folder(path, typed, split, names, cache_dir)
    if path.is_file():
        return _open_file(path, typed, split, names)
    if typed in BUILTIN or is_shapes(typed):
        return _refuse_split(BUILTIN[typed]() if typed in BUILTIN else open_shapes(typed), split)
    if typed in REMOTE_SETS:
        return open_remote(typed, split, cache_dir)
    if re.search(r"[{*?\[]", typed):
        if not is_tar_name(typed):
            raise DataError(
                f"{typed!r} is a pattern, and only tar shards are opened by one: name the "
                f"folder instead, with --only {Path(typed).name!r}."
            )
        return ShardSource(typed, expand_pattern(typed), split, names)
    raise DataError(f"There is nothing at {typed!r}: {WHAT_OPENS}.{nearest_name(typed, NAMES)}")


def sub_folders(path: Path) -> set[str]:
    """The names of the sub-folders of a folder, or of the parts of a zip file; none for others. Raises `DataError`."""
    if path.is_dir():
        return {entry.name for entry in path.iterdir() if entry.is_dir()}
    if path.is_file() and path.suffix.lower() == ".zip":
        return top_folders(read_zip_directory(path).listing)
    return set()


def _refuse_split(source: PictureSource, split: str | None) -> PictureSource:
    if split is not None:
        raise DataError(f"{source.typed} has no parts: split={split!r} cannot be taken from it.")
    return source


def _open_folder(
    path: Path, typed: str, split: str | None, names: NameFilter, cache_dir: str | Path | None
) -> PictureSource:
    if (path / "run.json").is_file() and (path / "checkpoints").is_dir():
        raise DataError(
            f"{typed} is a run directory, whose pictures are previews of its training: name the pictures that it "
            f"learned from. To train it on: --resume --out {typed}; to begin with its weights: --from {typed}."
        )
    listing, others = scan_folder(path)
    if len(listing):
        return FolderSource(typed, path, listing, split, names, cache_dir)
    if any(is_idx_name(other.name) for other in others):
        return open_idx_folder(path, others, typed, split)
    shards = [other for other in others if is_tar_name(other.name)]
    if shards:
        return ShardSource(typed, shards, split, names)
    archives = [other for other in others if other.suffix.lower() in {".zip", ".npz"}]
    chosen = [archive for archive in archives if archive.stem == (split or "train")]
    if chosen and len(archives) > 1:
        return _open_file(chosen[0], typed, None, names)
    if len(archives) == 1:
        return _open_file(archives[0], typed, split, names)
    if archives or any(other.suffix.lower() in VIDEO_SUFFIXES for other in others):
        openable = [other for other in others if other in archives or other.suffix.lower() in VIDEO_SUFFIXES]
        raise DataError(
            f"{typed} holds {len(openable)} archives or videos: name the one to open, such as {openable[0]}."
        )
    raise DataError(
        f"{typed} holds no pictures ({formats_read()}){listing.passed_over.sentence(path)} Name the folder of pictures."
    )


def _open_file(path: Path, typed: str, split: str | None, names: NameFilter) -> PictureSource:
    suffix = path.suffix.lower()
    if suffix == ".zip":
        return ZipSource(typed, path, split, names)
    if is_tar_name(path.name):
        return ShardSource(typed, [path], split, names)
    if suffix == ".npz":
        return open_npz(path, typed, split)
    if is_idx_name(path.name):
        return _refuse_split(open_idx(path, typed), split)
    if suffix in VIDEO_SUFFIXES:
        return _refuse_split(VideoSource(typed, path), split)
    if is_picture_name(path.name):
        return _refuse_split(FolderSource(typed, path.parent, list_file(path), None, names, None), split)
    raise DataError(f"{typed} is a file of an unknown kind: {WHAT_OPENS}.")
