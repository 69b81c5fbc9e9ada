"""Write sheets from commands, and print their paths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imagewright.errors import count_text

if TYPE_CHECKING:
    from imagewright.output.sheets import Sheet


def write_sheet(sheet: Sheet, path: Path, *, force: bool) -> None:
    """Write a sheet, and print its path; for a folder, the number of pictures in it."""
    written = sheet.write(path, force=force)
    print(path if written == [path] else f"{path}: {count_text(len(written), 'picture')}")
