"""`inspect`: what a file or a run holds, and the provenance of a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagewright.errors import RunError
from imagewright.output.inspecting import inspect_file
from imagewright.runs.places import RECORD
from imagewright.runs.run import Run
from imagewright.runs.weights import Checkpoint, find_damage


def inspect(path: Run | str | Path) -> dict[str, Any]:
    """What is at a path, as JSON values; `kind` is "picture", "video", "arrays", "weights" or "run".

    A file has the values of `imagewright.output.inspecting.inspect_file`, such as the `provenance` of a picture.
    A run has the values of its `run.json`, its `checkpoints` (the images seen at each), `damaged` (a sentence for each
    damaged checkpoint), `last_report` (the last line of its metrics) and `notes` (on what was left out).

    path: a file, a run or its directory.
    Raises `DataError` for a damaged file or another kind of file, `UserError` if there is none, `RunError` for a
    folder without a run.
    """
    if isinstance(path, Run):
        return _inspect_run(path)
    if Path(path).is_dir() or Path(path).name == RECORD:
        return _inspect_run(Run(path if Path(path).is_dir() else Path(path).parent))
    return inspect_file(path)


def _fault(checkpoint: Checkpoint) -> str | None:
    """What is wrong with a checkpoint, or why that cannot be seen."""
    try:
        return find_damage(checkpoint, for_resume=False)
    except RunError as error:
        return str(error)


def _inspect_run(run: Run) -> dict[str, Any]:
    checkpoints = run.checkpoints()
    faults = [_fault(checkpoint) for checkpoint in checkpoints]
    return {
        "kind": "run",
        "path": str(run.path),
        **run.record,
        "checkpoints": [checkpoint.images_seen for checkpoint in checkpoints],
        "damaged": [fault for fault in faults if fault],
        "last_report": run.last_report(),
        "notes": [note] if (note := run.damage_note()) else [],
    }
