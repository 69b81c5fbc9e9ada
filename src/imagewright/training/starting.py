"""Starting a training from the weights of another run (`--from RUN`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagewright import catalogue
from imagewright.errors import RunError
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.runs.weights import matching_tensors, read_tensors
from imagewright.training.reporting import Say


def start_from(model: Model, start: str, say: Say) -> dict[str, Any]:
    """Copy the weights whose name and shape are the same as in the model.

    model: changed in place.
    start: a run directory, whose latest checkpoint is taken, or a weights file.
    say: called with lines that name the weights that were taken and the others.

    Returns the same as JSON values for `run.json`, with the digest of the file. Raises `RunError` if no weight fits, or
    for a path that is neither a run nor a weights file.
    """
    path = Path(start)
    if not path.is_file():
        path = Run(path).latest()[0].weights
    elif path.suffix.lower() != ".safetensors":
        name = catalogue.name_of(model)
        raise RunError(
            f"{path} is neither a run nor a weights file of one. If it is a published checkpoint, make a run of it "
            f"first: imagewright import {path} --as {name} --out runs/published, then --from runs/published."
        )
    tensors, _ = read_tensors(path)
    taken = matching_tensors(model, tensors, path)
    for line in taken.lines():
        say(line)
    return taken.to_dict()
