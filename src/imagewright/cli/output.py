"""Write sheets and tables from commands, and print their paths."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagewright.output.sheets import Sheet


def write_sheet(sheet: Sheet, path: Path, *, force: bool) -> None:
    """Write a sheet, and print its path; for a folder, the number of pictures in it."""
    written = sheet.write(path, force=force)
    print(path if written == [path] else f"{path}: {len(written)} pictures")


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]], *, force: bool) -> None:
    """Write a CSV file, whole or not at all."""
    from imagewright.output.writing import new_file

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    with new_file(path, force=force) as file:
        file.write(text.getvalue().encode())
