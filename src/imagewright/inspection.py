"""`inspect`: what a file or a run is, and where a picture comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagewright.output.inspecting import inspect_file
from imagewright.runs.run import RECORD, Run


def inspect(path: Run | str | Path) -> dict[str, Any]:
    """What is at a path, as JSON values. `kind` says what it is: picture, video, arrays, weights or run.

    A file: see `imagewright.output.inspecting.inspect_file`. A run: its record (`run.json`), its `checkpoints`
    by images seen, what of them is `damaged`, and its `last_report`. Raises `DataError` for a damaged file, `UserError`
    for what is none of these.
    """
    if isinstance(path, Run):
        return _run(path)
    if Path(path).is_dir() or Path(path).name == RECORD:
        return _run(Run(path if Path(path).is_dir() else Path(path).parent))
    return inspect_file(path)


def _run(run: Run) -> dict[str, Any]:
    from imagewright.runs.weights import damage

    checkpoints = run.checkpoints()
    reports = run.metrics()
    found = [damage(checkpoint, for_resume=False) for checkpoint in checkpoints]
    return {
        "kind": "run",
        "path": str(run.path),
        **run.record,
        "checkpoints": [checkpoint.images_seen for checkpoint in checkpoints],
        "damaged": [said for said in found if said],
        "last_report": reports[-1] if reports else None,
    }
