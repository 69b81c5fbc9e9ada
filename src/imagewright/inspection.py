"""`inspect`: what a file or a run directory is, and how it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagewright.runs.run import RECORD, Run


def inspect(path: str | Path) -> dict[str, Any]:
    """A picture's or video's provenance, an array's or checkpoint's contents, a run's record: JSON values.

    `kind` says which it is. Raises `UserError` for a path that is not there, or a file that is damaged or none of these.
    """
    path = Path(path)
    if path.is_dir() and (path / RECORD).exists():
        return _run(Run(path))
    from imagewright.images.inspecting import inspect_file

    return inspect_file(path)


def _run(run: Run) -> dict[str, Any]:
    metrics = run.metrics()
    return {
        "path": str(run.path),
        "kind": "run",
        **run.record,
        "checkpoints": [checkpoint.images_seen for checkpoint in run.checkpoints()],
        "last_report": metrics[-1] if metrics else None,
    }
