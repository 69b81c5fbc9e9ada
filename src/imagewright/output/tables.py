"""Write tables as CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from imagewright.output.names import encode_text, safe_cell
from imagewright.output.writing import new_file


def write_table(
    path: str | Path, header: Sequence[str], rows: Iterable[Sequence[object]], *, force: bool = False
) -> Path:
    """Write a CSV file, whole or not at all. Returns its path.

    header: the names of the columns.
    rows: the cells of each row. Text that a spreadsheet would take for a formula is marked (`names.safe_cell`).
    force: replace a file that exists.
    Raises `RunError` if the file exists or cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    with new_file(path, force=force) as file:
        file.write(encode_text(text.getvalue()))
    return Path(path)
