"""A branch: a new run that goes on from one checkpoint of another with other options (`--from RUN@400k`).

It has the options of that run, but those that are given; and its trained weights besides their averages. `--from RUN`,
without a checkpoint, is a transfer instead: it takes what fits of any run, and none of its options.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from imagewright import catalogue
from imagewright.configs import DATA_FIELDS, Config
from imagewright.errors import ConfigError
from imagewright.memoryless import without_memory
from imagewright.runs.loading import recorded_config
from imagewright.runs.points import names_point, point_name, resolve_point
from imagewright.runs.run import Run
from imagewright.training.option_list import list_options
from imagewright.training.recorded_options import model_options, training_options
from imagewright.training.reporting import Say

NEVER_TAKEN_OVER = ("device", "precision", "start", "held_out", "report_every", "checkpoint_every", "rank_timeout")
LENGTH = ("minutes", "images_seen")
# What follows from the pictures, and may change: weights that depend on it start anew.
FROM_LABELS = {
    "class_names": "classes",
    "attribute_names": "attributes",
    "unseen_classes": "unseen classes",
    "domain_names": "domains",
}


@dataclass(frozen=True)
class Branch:
    """Where a branch starts: a checkpoint of a run, and the options of that run by name, other than the defaults."""

    run: Run
    images_seen: int
    options: dict[str, Any]

    @property
    def name(self) -> str:
        """As `--from` takes it, with the images seen in digits."""
        return point_name(self.run.path, self.images_seen)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the run's pictures."""
        height, width = self.run.record["config"]["size"]
        return height, width

    def complete(
        self, training: dict[str, Any], options: dict[str, Any], say: Say
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The user's options of the training and of the model, and the run's for those that are not given."""
        config_class = catalogue.model_class(self.run.model).Config
        fields = {field.name for field in dataclasses.fields(config_class)} - set(DATA_FIELDS)
        own = {name: value for name, value in self.options.items() if name not in LENGTH}
        of_model = {name: value for name, value in own.items() if name in fields}
        of_training = {name: value for name, value in own.items() if name not in fields}
        taken = [name for name in own if name not in training and name not in options]
        say(
            f"a branch of {self.run.path} at {self.images_seen:,} images seen"
            + (f", with its {', '.join(name.replace('_', ' ') for name in taken)}" if taken else "")
        )
        return of_training | training | {"start": self.name}, of_model | options


def open_branch(model_name: str, start: str | None) -> Branch | None:
    """The checkpoint that a training branches from; None if it starts from nothing, or from a run without a checkpoint.

    model_name: of the new run, in the catalogue.
    start: the value of `--from`.

    Raises `RunError` if the run keeps no such checkpoint, `ConfigError` for a run of another model.
    """
    if start is None or not names_point(start) or catalogue.model_class(model_name).is_closed_form():
        return None
    path, images_seen = resolve_point(start)
    run = Run(path)
    if run.model != model_name:
        raise ConfigError(
            f"--from {start}: {path} is a run of {run.model}, and a branch goes on with the same model: train "
            f"{run.model}, or leave the checkpoint out, as in --from {path}, which takes the weights that fit."
        )
    assert images_seen is not None
    return Branch(run, images_seen, options_of_run(run))


def options_of_run(run: Run) -> dict[str, Any]:
    """The options of a run, of its training and its model, that are not the defaults and may hold for another run."""
    chosen = training_options(run) | model_options(run)
    return {
        option.name: value
        for option in list_options(run.model)
        if (value := chosen.get(option.name, option.default)) != option.default
        and option.kind not in ("run", "source")
        and option.name not in NEVER_TAKEN_OVER
    }


def check_branch(branch: Branch, config: Config, say: Say) -> None:
    """Raise `ConfigError`, with the names of the options, if weights of the checkpoint do not fit a configuration.

    branch: where the training starts.
    config: of the new run.
    say: called with a line if the classes differ, which may be.
    """
    former = recorded_config(branch.run)
    former_shapes = _shapes(branch.run.model, former)
    changed = [
        each.name for each in dataclasses.fields(former) if _plain(former, each.name) != _plain(config, each.name)
    ]
    for name, what in FROM_LABELS.items():
        if name in changed:
            here, there = (len(getattr(each, name)) for each in (config, former))
            say(
                f"the {what} differ: {here} here, {there} in {branch.run.path}"
                + ("; weights that depend on their number start anew" if here != there else "; each keeps its number")
            )
    fixed = [name for name in changed if name not in FROM_LABELS and not _fits(branch.run.model, former, config, name)]
    if not fixed and _shapes(branch.run.model, config) != former_shapes and not set(changed) & set(FROM_LABELS):
        fixed = changed
    if fixed:
        told = ", ".join(f"{name}={_plain(config, name)} (there {_plain(former, name)})" for name in fixed)
        raise ConfigError(
            f"--from {branch.name}: its weights do not fit {told}, which cannot change in a branch: give what the run "
            f"has. Or leave the checkpoint out, as in --from {branch.run.path}, which takes the weights that fit."
        )


def _fits(model: str, former: Config, config: Config, name: str) -> bool:
    """Whether the weights keep their shapes if one option changes."""
    try:
        changed = dataclasses.replace(former, **{name: getattr(config, name)})
        return _shapes(model, changed) == _shapes(model, former)
    except (ConfigError, ValueError, TypeError, RuntimeError):  # not without the others
        return False


def _shapes(model: str, config: Config) -> dict[str, tuple[int, ...]]:
    """The shapes of a model's tensors by name, without those that training fits to the data."""
    with without_memory():
        state = catalogue.model_class(model)(config).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items() if tensor.numel()}


def _plain(config: Config, name: str) -> Any:
    value = getattr(config, name)
    return tuple(value) if isinstance(value, list) else value
