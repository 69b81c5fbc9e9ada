"""Load the model of a run, or of one checkpoint file."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from imagewright import catalogue, configs
from imagewright.errors import ConfigError, RunError, UserError, one_line
from imagewright.images import notices
from imagewright.memoryless import without_initialisation, without_memory
from imagewright.model import Origin
from imagewright.runs.lock import is_training
from imagewright.runs.places import RECORD, WEIGHTS_ALONE
from imagewright.runs.points import resolve_point
from imagewright.runs.run import Run
from imagewright.runs.schemas import WeightsRecord, check_record
from imagewright.runs.weights import Checkpoint, read_tensors
from imagewright.views import view_model

if TYPE_CHECKING:
    from torch import Tensor

    from imagewright.configs import Config
    from imagewright.model import Model


# Key of a checkpoint's record: the networks that the imported files did not hold.
ABSENT = "absent"
# A record of more numbers than this, and of more than so many times those in the file, is no record of that file.
# Networks that an imported file does not hold, and buffers that are resized on loading, may be larger than the file.
MOST_UNHELD, MOST_TIMES_HELD = 10**8, 20


class AbsentNetworkError(UserError, AttributeError):
    """A verb needs a network that is absent. An attribute error too, so that `hasattr` is false of a placeholder."""


class Absent(nn.Module):
    """Placeholder of a network that a checkpoint does not hold. A verb that needs it raises `UserError`."""

    def __init__(self, name: str, source: str) -> None:
        super().__init__()
        self.name, self.source = name, source

    def forward(self, *inputs: object) -> None:
        raise self._error()

    def __getattr__(self, name: str) -> Any:
        """For what only the network has, such as `features` or a part of it."""
        if name in ("name", "source"):  # while this is being built or copied
            raise AttributeError(name)
        raise self._error()

    def _error(self) -> AbsentNetworkError:
        return AbsentNetworkError(
            f"{self.source} holds no {self.name}: it was imported without one, and this verb needs it."
        )


def absent_networks(model: nn.Module) -> list[str]:
    """The networks that an imported model lacks, because no file held them."""
    return [part.name for part in model.modules() if isinstance(part, Absent)]


def load(
    source: Run | str | Path,
    *,
    images_seen: int | None = None,
    device: str = "cpu",
    space: str | None = None,
    truncation: float | None = None,
    sample_from: str | None = None,
) -> Model:
    """The model of a run in evaluation mode, with the moving averages of its networks where the training kept them.

    source: a run, its path, `RUN@400k` for one of its checkpoints, or one weights file.
    images_seen: an earlier checkpoint of the run; the latest by default.
    device: where the model's tensors are put.
    space: a latent space of the model, such as "w", if it has several.
    truncation: psi, if the model can truncate: 0 gives the average image, 1 changes nothing.
    sample_from: "prior", or "fitted": the density fitted to the latents of the training images, which is the default
        where there is one (vae, vae_gan).

    Of a run that is being trained now it is the latest checkpoint so far, which commands say (`training_notes`).
    Raises `RunError` for a missing or damaged file; the message names the latest checkpoint that is intact. Raises
    `UserError` for a space, truncation or distribution that the model does not have.
    """
    if not isinstance(source, Run):
        source, images_seen = resolve_point(source, images_seen)
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
        check_record(record, WeightsRecord, os.fspath(source))
    else:
        run = source if isinstance(source, Run) else Run(source)
        checkpoint = _checkpoint(run, images_seen)
        tensors, record = read_tensors(checkpoint.weights, WeightsRecord)
        origin = Origin(run.path, checkpoint.images_seen)
    model = _build_recorded(record, tensors, os.fspath(origin.path))
    load_weights(model, tensors, os.fspath(source))
    model.origin = origin
    if images_seen is None:  # else the user has named the checkpoint
        notices.add_notes(training_notes(model))
    return view_model(model.to(device).eval(), space, truncation, sample_from)


def training_notes(model: Model) -> list[str]:
    """For the user: that the run of a model is being trained now, if it is, and how far this checkpoint is."""
    origin = model.origin
    if origin is None or origin.images_seen is None or not is_training(origin.path):
        return []
    plan = Run(origin.path).record.get("plan")  # None of a model that is fitted in closed form
    planned = plan.get("images_seen") if isinstance(plan, dict) else None
    of = f" of {planned:,}" if isinstance(planned, int) else ""
    return [
        f"{origin.path} is being trained now: this is its checkpoint at {origin.images_seen:,}{of} images seen, and "
        "later ones will give other results."
    ]


def recorded_config(run: Run, *, in_parts: bool = False) -> Config:
    """The checked configuration of a run's model. Raises `RunError` if run.json says none of that model.

    in_parts: what the record does not say is taken from the model's tiny preset, and is no error.
    """
    config_class = catalogue.model_class(run.model).Config
    others = dataclasses.asdict(config_class.tiny()) if in_parts else {}
    try:
        return configs.build(config_class, others | run.record["config"], run.model)
    except (ConfigError, TypeError, ArithmeticError) as error:
        raise RunError(f"{run.path / RECORD} is damaged: {one_line(error).rstrip('.')}. {WEIGHTS_ALONE}") from None


def _build_recorded(record: dict[str, Any], tensors: dict[str, Tensor], where: str) -> Model:
    """A new model as the record of a weights file says. Raises `RunError` if there can be no such model."""
    model_class = catalogue.model_class(record["model"])
    try:
        config = configs.build(model_class.Config, record["config"], record["model"])
        stated = _numbers_of(model_class, config, tuple(record.get(ABSENT) or ()))
        held = sum(tensor.numel() for tensor in tensors.values())
        if stated > MOST_UNHELD and stated > MOST_TIMES_HELD * held:  # a damaged record can ask for any number of them
            raise RunError(
                f"{where} is damaged: its record is of a model of {stated:,} numbers, and it holds {held:,}."
            )
        with without_initialisation():
            model = model_class(config)
    except (ConfigError, TypeError, ArithmeticError, RuntimeError) as error:
        raise RunError(f"{where} is damaged: its record is of no {record['model']} ({one_line(error)}).") from None
    for name in record.get(ABSENT, ()):
        if name not in dict(model.named_children()):
            raise RunError(f"{where} is damaged: it lacks a network {one_line(name, 60)}, which the model has not.")
        setattr(model, name, Absent(name, where))
    return model


# By model class, options and absent networks. The same run is loaded by each verb of a notebook or a page.
_counted: dict[tuple[object, ...], int] = {}


def _numbers_of(model_class: type[Model], config: Config, absent: tuple[str, ...]) -> int:
    """How many numbers a model's weights are, but those of absent networks: an imported file may hold one only."""
    key = (model_class, repr(config), absent)
    if key not in _counted:
        with without_memory():
            whole = model_class(config).state_dict()
        outside = tuple(f"{name}." for name in absent)
        _counted[key] = sum(tensor.numel() for name, tensor in whole.items() if not name.startswith(outside))
    return _counted[key]


def load_weights(model: Model, tensors: dict[str, Tensor], source: str) -> None:
    """Copy tensors into a model. Raises `RunError` if their names or shapes are not those of the model."""
    try:
        model.resize_buffers(tensors)
        model.load_state_dict(tensors)
    except RuntimeError as error:
        problems = [" ".join(line.split()).rstrip(".") for line in str(error).splitlines()[1:]] or [str(error)]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise RunError(f"{source} does not hold this model's tensors: {one_line(problems[0])}{more}.") from None
    except (LookupError, TypeError, ValueError) as error:  # a model reads the shape of a tensor by its name
        raise RunError(f"{source} does not hold this model's tensors: {one_line(error)} is missing or wrong.") from None


def _checkpoint(run: Run, images_seen: int | None) -> Checkpoint:
    if images_seen is None:
        checkpoints = run.checkpoints()
        if not checkpoints and is_training(run.path):
            raise RunError(f"{run.path} is being trained now and has no checkpoint yet: wait until its first one.")
        checkpoint, wrong = run.latest()
        if wrong and checkpoint is not checkpoints[-1]:
            raise RunError(
                f"{wrong[0]}. The checkpoint at {checkpoint.images_seen} images is intact: "
                f"use it by --at {checkpoint.images_seen}."
            )
        return checkpoint
    checkpoint = run.checkpoint_at(images_seen)
    if not checkpoint.weights.exists():
        saved = ", ".join(str(each.images_seen) for each in run.checkpoints())
        raise RunError(f"{run.path} has no checkpoint at {images_seen} images: it has {saved or 'none'}.")
    return checkpoint
