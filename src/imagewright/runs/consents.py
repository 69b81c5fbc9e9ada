"""The consent records of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagewright.errors import RunError
from imagewright.runs.places import RECORD
from imagewright.runs.points import split_point
from imagewright.runs.run import Run
from imagewright.runs.weights import CHECKPOINTS


def recorded_consents(source: Run | str | Path) -> list[dict[str, Any]]:
    """The consent records of a run, its directory, or one of its checkpoints (`RUN@400k`, a weights file); or []."""
    if isinstance(source, Run):
        return list(source.record.get("consent") or [])
    path, _ = split_point(source)
    if path.is_file() and path.parent.name == CHECKPOINTS:
        path = path.absolute().parent.parent
    try:
        return recorded_consents(Run(path)) if (path / RECORD).exists() else []
    except RunError:  # the weights work alone, also beside a damaged record
        return []
