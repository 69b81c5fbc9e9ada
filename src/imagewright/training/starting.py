"""Training that starts from the weights of another run (`--from RUN`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.runs.weights import matching_tensors, read_tensors
from imagewright.training.setting import Say


def start_from(model: Model, start: str, say: Say) -> dict[str, Any]:
    """Copy the weights of a run, or of a weights file, whose names and shapes fit the model's.

    Says what was taken and what was not. Returns that for `run.json`, with the digest of the file. Raises `RunError`
    if nothing fits, or for a path that is no run and no weights file.
    """
    path = Path(start)
    if not path.is_file():
        path = Run(path).latest()[0].weights
    tensors, _ = read_tensors(path)
    taken = matching_tensors(model, tensors, path)
    for line in taken.lines():
        say(line)
    return taken.to_dict()
