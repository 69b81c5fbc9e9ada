"""Load the model of a run, or of one checkpoint file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from imagewright import catalogue, configs
from imagewright.errors import RunError, UserError
from imagewright.model import Origin
from imagewright.runs.lock import is_training
from imagewright.runs.run import Run
from imagewright.runs.weights import Checkpoint, read_tensors
from imagewright.views import view_model

if TYPE_CHECKING:
    from torch import Tensor

    from imagewright.model import Model


# Key of a checkpoint's record: the networks that the imported files did not hold.
ABSENT = "absent"


class Absent(nn.Module):
    """Placeholder of a network that a checkpoint does not hold. A verb that needs it raises `UserError`."""

    def __init__(self, name: str, source: str) -> None:
        super().__init__()
        self.name, self.source = name, source

    def forward(self, *inputs: object) -> None:
        raise UserError(f"{self.source} holds no {self.name}: it was imported without one, and this verb needs it.")


def load(
    source: Run | str | Path,
    *,
    images_seen: int | None = None,
    device: str = "cpu",
    space: str | None = None,
    truncation: float | None = None,
) -> Model:
    """The model of a run in evaluation mode, with the moving averages of its networks where the training kept them.

    source: a run, its path, or one weights file.
    images_seen: an earlier checkpoint of the run; the latest by default.
    device: where the model's tensors are put.
    space: a latent space of the model, such as "w", if it has several.
    truncation: psi, if the model can truncate: 0 gives the average image, 1 changes nothing.

    Raises `RunError` for a missing or damaged file; the message names the latest checkpoint that is intact. Raises
    `UserError` for a space or truncation that the model does not have.
    """
    if not isinstance(source, Run) and Path(source).is_file():
        tensors, record = read_tensors(Path(source))
        origin = Origin(Path(source), images_seen)
        if "model" not in record:
            if str(source).endswith(".state.safetensors"):
                raise RunError(
                    f"{source} is the training state, which only resuming needs: name the file without .state."
                )
            raise RunError(
                f"{source} was not written by imagewright: `imagewright import` takes published checkpoints."
            )
    else:
        run = source if isinstance(source, Run) else Run(source)
        checkpoint = _checkpoint(run, images_seen)
        tensors, record = read_tensors(checkpoint.weights)
        origin = Origin(run.path, checkpoint.images_seen)
    model = build_model(record["model"], record["config"])
    for name in record.get(ABSENT, ()):
        setattr(model, name, Absent(name, os.fspath(source)))
    load_weights(model, tensors, os.fspath(source))
    model.origin = origin
    return view_model(model.to(device).eval(), space, truncation)


def build_model(name: str, config: dict[str, Any]) -> Model:
    """A new model with the configuration of a `run.json`, under the present or former names of its options."""
    model_class = catalogue.model_class(name)
    return model_class(configs.build(model_class.Config, config, name))


def load_weights(model: Model, tensors: dict[str, Tensor], source: str) -> None:
    """Copy tensors into a model. Raises `RunError` if their names or shapes are not those of the model."""
    model.resize_buffers(tensors)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        problems = [" ".join(line.split()).rstrip(".") for line in str(error).splitlines()[1:]] or [str(error)]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise RunError(f"{source} does not hold this model's tensors: {problems[0]}{more}.") from None


def _checkpoint(run: Run, images_seen: int | None) -> Checkpoint:
    if images_seen is None:
        checkpoints = run.checkpoints()
        if not checkpoints and is_training(run.path):
            raise RunError(f"{run.path} is being trained now and has no checkpoint yet: wait until its first one.")
        checkpoint, wrong = run.latest()
        if wrong and checkpoint is not checkpoints[-1]:
            raise RunError(
                f"{wrong[0]}. The checkpoint at {checkpoint.images_seen} images is intact: "
                f"use it by --at {checkpoint.images_seen} (images_seen={checkpoint.images_seen} in Python)."
            )
        return checkpoint
    checkpoint = run.checkpoint_at(images_seen)
    if not checkpoint.weights.exists():
        saved = ", ".join(str(each.images_seen) for each in run.checkpoints())
        raise RunError(f"{run.path} has no checkpoint at {images_seen} images: it has {saved or 'none'}.")
    return checkpoint
