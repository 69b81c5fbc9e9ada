"""What an export has written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagewright.errors import count_text


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        to: the kind of export, such as "onnx".
        out: the file or folder that was asked for.
        paths: the files.
        notes: sentences for the user: how it was checked, and what was left out.
    """

    to: str
    out: Path
    paths: tuple[Path, ...]
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.paths)

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON values."""
        return {"to": self.to, "out": str(self.out), "paths": [*map(str, self.paths)], "notes": list(self.notes)}

    def lines(self) -> list[str]:
        """Each file with its size."""
        return [f"{path}  {size_in_words(path.stat().st_size)}" for path in self.paths]

    def __str__(self) -> str:
        return f"{self.out}: {count_text(len(self.paths), 'file')}, {size_in_words(self.size)}"


def size_in_words(size: int) -> str:
    """A number of bytes.

    >>> size_in_words(1500), size_in_words(3 * 10**6)
    ('1.5 kB', '3.0 MB')
    """
    return f"{size / 10**6:.1f} MB" if size >= 10**6 else f"{size / 1000:.1f} kB"


def listed(names: Sequence[str]) -> str:
    """Names with commas between them."""
    return ", ".join(names)
