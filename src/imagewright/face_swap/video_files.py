"""The videos in what the user named: a video itself, or those in a folder, beside pictures."""

from __future__ import annotations

from pathlib import Path

from imagewright.images.sources.listing import scan_folder
from imagewright.images.sources.video import VIDEO_SUFFIXES


def videos_at(path: Path) -> list[Path]:
    """The video that a path leads to, or those directly in a folder, in the order of their names."""
    if path.is_dir():
        return [other for other in scan_folder(path)[1] if other.suffix.lower() in VIDEO_SUFFIXES]
    return [path] if path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES else []


def pictures_in(folder: Path) -> list[Path]:
    """The pictures in a folder and its sub-folders."""
    return [folder / name for name in scan_folder(folder)[0].names()]
