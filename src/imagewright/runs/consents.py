"""The consent records of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagewright.errors import RunError
from imagewright.runs.places import RECORD
from imagewright.runs.run import Run
from imagewright.runs.weights import CHECKPOINTS


def recorded_consents(source: Run | str | Path) -> list[dict[str, Any]]:
    """The consent records of a run, of its directory, or of the run that a weights file lies in; [] without any."""
    if isinstance(source, Run):
        return list(source.record.get("consent") or [])
    path = Path(source)
    if path.is_file() and path.parent.name == CHECKPOINTS:
        path = path.absolute().parent.parent
    try:
        return recorded_consents(Run(path)) if (path / RECORD).exists() else []
    except RunError:  # the weights work alone, also beside a damaged record
        return []
