"""Files and folders that systems put beside pictures: previews, waste bins, resource forks. They hold no pictures."""

from __future__ import annotations

from collections import Counter

FOLDERS = frozenset(
    {"__macosx", "@eadir", "@recycle", "@recently-snapshot", "@tmp", "#recycle", "#snapshot", "$recycle.bin"}
    | {"system volume information", "lost+found", "__pycache__"}
)
NAMED_AT_MOST = 5


def is_system_folder(name: str) -> bool:
    """Whether a folder is hidden, or one that a system made: `.thumbnails`, `@eaDir`, `__MACOSX` ..."""
    return name.startswith(".") or name.lower() in FOLDERS


def system_folder_of(path: str) -> str | None:
    """The first folder of a file's path that is a system's; None if there is none."""
    return next((part for part in path.split("/")[:-1] if part not in {"", "."} and is_system_folder(part)), None)


def note_on_system_folders(found: Counter[str]) -> list[str]:
    """A note on folders of the system that were passed over, by name; none if there are none."""
    known = sorted(+found)
    if not known:
        return []
    names = ", ".join(known[:NAMED_AT_MOST]) + (" ..." if len(known) > NAMED_AT_MOST else "")
    return [f"Hidden and system folders, passed over: {found.total():,} ({names})."]
