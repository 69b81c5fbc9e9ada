"""`imagewright train auto SOURCE`: the model is chosen, and any option of it may be given."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

from cyclopts import Group, Parameter

from imagewright import catalogue
from imagewright.cli.commands.train import TRAINING_OPTIONS, make_command, shared_options
from imagewright.cli.options import make_option
from imagewright.cli.values import count_converter
from imagewright.model_choice import FIRST_CHOICES

OF_THE_MODEL = Group("Options of the chosen model", show=False)  # which the help of each model lists


def __getattr__(name: str) -> Callable[..., None]:
    """The command, which is built when it is used, as those of the models are."""
    if name != "auto":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return build_auto_command()


def build_auto_command() -> Callable[..., None]:
    """Build the function of `imagewright train auto`."""
    from imagewright.configs import options_of
    from imagewright.training.options import TrainingOptions

    shared = dict(inspect.signature(shared_options).parameters)
    source = shared.pop("source")
    second = "a second source: the targets of pairs, a set to translate to, or faces of a second person"
    other = source.replace(name="other", default=None, annotation=Annotated[str | None, Parameter(help=second)])
    of_training: Any = TrainingOptions
    options = {
        name: make_option(name, of_training.__pydantic_fields__[name], TRAINING_OPTIONS)
        for name in options_of(TrainingOptions)
    }
    annotations: dict[str, list[Any]] = {}
    for model in FIRST_CHOICES:
        config_class: Any = catalogue.model_class(model).Config
        for name in options_of(config_class):
            annotations.setdefault(name, []).append(config_class.__pydantic_fields__[name].annotation)
    for name, found in annotations.items():
        if name not in shared and name not in options:
            options[name] = _option_of_some_models(name, found)

    about = (
        "Train the model that suits the pictures, the machine and the time; the first lines say which, and why. "
        "Options of the model that is chosen may be given too."
    )
    return make_command("auto", about, [source, other, *shared.values(), *options.values()])


def _option_of_some_models(name: str, annotations: list[Any]) -> inspect.Parameter:
    """An option whose bounds are checked when the model is known; a text if it differs among models."""
    is_same = all(each == annotations[0] for each in annotations)
    is_count = is_same and annotations[0] in (int, int | None)
    option = Parameter(group=OF_THE_MODEL, converter=count_converter if is_count else None)
    annotation = annotations[0] if is_same else str
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[annotation | None, option]
    )
