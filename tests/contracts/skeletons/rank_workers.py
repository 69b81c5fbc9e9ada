"""A rank of a training of a skeleton, as a child process runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workers import train_as_rank

from imagewright import catalogue
from skeletons import SKELETONS


def train_skeleton_as_rank(name: str, out: Path, notes: Path, **options: Any) -> None:
    listed = catalogue.entries()
    catalogue.entries = lambda: listed | SKELETONS  # type: ignore[assignment]
    train_as_rank(name, out, notes, **options)
