"""`train auto`: the model that suits the pictures, the machine and the time, with the reasons in sentences.

The rule is `model_choice.recommend_models`; here is what it asks of the pictures. Sizes, options and lengths follow as
for any model that the user names (`sizes.py`, `suggestions.py`, `planning.py`).
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagewright import catalogue, configs, distributed
from imagewright.catalogue_entries import Needs
from imagewright.counts import minutes_text
from imagewright.errors import ConfigError, DataError, RunError, count_text
from imagewright.familiar_names import suggest_option
from imagewright.images import Images, open_images
from imagewright.images.arrangement import arrangement_of, arrangement_of_two, holds_faces
from imagewright.model_choice import FIRST_CHOICES, Beginning, passed_over, recommend_models
from imagewright.pretrained.efficientnet_lite import find_efficientnet_weights
from imagewright.runs.run import Run
from imagewright.training.arranging import ARRANGING_OPTIONS
from imagewright.training.options import TrainingOptions
from imagewright.training.reporting import Say, tell_if_slow
from imagewright.training.setting import RENAMED_FOR_IMAGES, describe_source
from imagewright.training.suggestions import planned_minutes

AUTO = "auto"
"""Given for the name of a model: the one that suits is chosen."""
CHOSEN = "chosen"
"""The entry of `run.json` that says so."""
WORDS: dict[Needs, str] = {
    "pictures": "{count}",
    "classes": "{count} of {classes} classes",
    "pairs": "pairs of pictures",
    "two sets": "two sets of pictures",
    "people": "the faces of two people",
}


@dataclass(frozen=True)
class ChosenModel:
    """A model that was chosen for some pictures.

    model: its name in the catalogue.
    images: the user's images, as `iw.train(model, images)` takes them.
    reasons: sentences: what was found and chosen, why, and what was passed over.
    beginning: what was known.
    options: of the model, that it gets beside those that the user gave.
    """

    model: str
    images: Any
    reasons: tuple[str, ...]
    beginning: Beginning
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """What `run.json` keeps, as JSON values."""
        return {"reasons": list(self.reasons), "options": dict(self.options)} | dataclasses.asdict(self.beginning)

    def __repr__(self) -> str:
        return "\n".join(self.reasons)


def choose_model(images: Any, **options: Any) -> ChosenModel:
    """The model that `iw.train("auto", images, **options)` would train, with the reasons.

    images: a source as for `open_images`, opened images, or two of them: a tuple, or a mapping by their names.
    options: as for `iw.train`; `minutes`, `device` and those of `open_images` count.

    Raises `UserError` for images that cannot be opened, and for options that the chosen model does not have.
    """
    return choose_and_tell(images, options, lambda _: None)


def choose_and_tell(images: Any, options: Mapping[str, Any], say: Say) -> ChosenModel:
    """As `choose_model`; `say` gets each reason, before an option that does not fit is refused."""
    if (start := options.get("start")) is not None:
        raise ConfigError(
            f"auto chooses a model for the pictures, and {start} is of one: name it, as in `train dcgan ... --from`."
        )
    accelerator = distributed.choose_device(options.get("device", "auto")).type != "cpu"
    minutes = planned_minutes(options, accelerator=accelerator)
    found, notes = _look_at(images, options, say)
    beginning = dataclasses.replace(found, accelerator=accelerator, features=has_fixed_network(), minutes=minutes)
    asked = dataclasses.asdict(beginning)
    first = recommend_models(**asked)[0]
    counted = count_text(found.images, "picture")
    what = WORDS[found.needs if first.model != "pca" else "pictures"].format(count=counted, classes=found.classes)
    where, time = "a GPU" if accelerator else "a CPU", minutes_text(minutes)
    reasons = [
        f"auto chose {first.model} for {what}, on {where}" + ("" if first.model == "pca" else f", in {time}"),
        first.reason,
        *notes,
        *(f"Passed over: {each.model}, since {each.reason}" for each in passed_over(**asked)),
    ]
    for reason in reasons:
        say(reason)
    check_chosen_options(first.model, options)
    keeps = options.get("defaults") == "published"  # the papers' networks have no such options
    of_model = {} if keeps else {name: value for name, value in first.options.items() if name not in options}
    return ChosenModel(first.model, name_images(first.model, images), tuple(reasons), beginning, of_model)


def settle_model(
    model: str, images: Any, options: Mapping[str, Any], resumed: Path | None, say: Say
) -> tuple[str, Any, dict[str, Any]]:
    """The model of a training, its images, and what `run.json` says of the choice; {} for a model that was named.

    The choice has `options`, which the training gets beside those that the user gave (`with_chosen`).

    model: as the user named it, or "auto".
    images, options: as for `iw.train`.
    resumed: the run that is resumed, which has its model; None for a new one.
    say: called with each reason.
    """
    if model != AUTO:
        catalogue.entry_of(model)
        return model, images, {}
    if resumed is not None:
        return (*_chosen_before(resumed, images), {})
    chosen = choose_and_tell(images, options, say)
    return chosen.model, chosen.images, chosen.record()


def with_chosen(options: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The user's options with those of the choice (`settle_model`)."""
    return {**chosen.get("options", {}), **options}


def _chosen_before(run_path: Path, images: Any) -> tuple[str, Any]:
    """The model of a run that is resumed by `train auto`, and its images by the names that it knows.

    Raises `RunError` for a run whose model was not chosen.
    """
    run = Run(run_path)
    if CHOSEN not in run.record:
        raise RunError(f"{run.path} trained {run.model}, which was not chosen: resume it with `train {run.model}`.")
    return run.model, name_images(run.model, images)


def name_images(model: str, images: Any) -> Any:
    """Two sources by the names that a model has for them; one source as it is."""
    if not isinstance(images, Mapping | tuple) or model == AUTO:
        return images
    config = catalogue.model_class(model).Config
    names = config.sources if len(config.sources) > 1 else config.input_layers
    given = list(images.values()) if isinstance(images, Mapping) else list(images)
    if isinstance(images, Mapping) and len(config.sources) > 1:
        return images  # the user's names are those of the domains
    return dict(zip(names, given, strict=True))


def needs_consent(model: str, sources: Sequence[Any]) -> bool:
    """Whether a training learns people's faces, of which it keeps who agreed; for "auto": if it will."""
    if model != AUTO:
        return catalogue.model_class(model).Config.needs_consent
    return len(sources) == 2 and all(isinstance(each, str | Path) and holds_faces(each) for each in sources)


def has_fixed_network() -> bool:
    """Whether the weights are installed that `projected_gan` needs."""
    try:
        return find_efficientnet_weights() is not None
    except DataError:  # a file of that name with other content
        return False


def check_chosen_options(model: str, options: Mapping[str, Any]) -> None:
    """Raise `ConfigError` for an option that the chosen model does not have; it names models that do."""
    possible = set(configs.options_of(TrainingOptions)) | {*inspect.signature(open_images).parameters} - {"source"}
    possible |= {*RENAMED_FOR_IMAGES, *ARRANGING_OPTIONS, *configs.options_of(catalogue.model_class(model).Config)}
    for name in options:
        if name in possible:
            continue
        option = f"--{name.replace('_', '-')}"
        having = [each for each in FIRST_CHOICES if name in configs.options_of(catalogue.model_class(each).Config)]
        hint = f"{', '.join(having)} have it: to use it, train one of these by its name." if having else ""
        raise ConfigError(
            f"auto chose {model}, which has no option {option} ({name} in Python). "
            f"{hint or suggest_option(name, sorted(possible)).strip()}".rstrip()
        )


def _look_at(images: Any, options: Mapping[str, Any], say: Say) -> tuple[Beginning, list[str]]:
    """What the pictures are and how many, with sentences on what is not evident."""
    renamed = {RENAMED_FOR_IMAGES.get(name, name): value for name, value in options.items()}
    names = set(inspect.signature(open_images).parameters) - {"source"}
    opening = {name: value for name, value in renamed.items() if name in names}
    if isinstance(images, Mapping | tuple):
        return _look_at_two(images, opening, say)
    is_path = isinstance(images, str | Path)
    if is_path and holds_faces(images):
        note = f"{images} holds faces of one person: with a second such folder, auto trains swap."
        return Beginning("pictures", len(_open(images, opening, say))), [note]
    opened = _open(images, opening, say)
    classes = 0 if opened.labels is None else len(np.unique(opened.labels[opened.labels >= 0]))
    needs: Needs = arrangement_of(images, classes) if is_path else "pictures"
    notes = []
    if options.get("domains") is not None:
        needs = "two sets"
    elif len(opened.layers) == 2 or options.get("direction") is not None:
        needs = "pairs"
    elif needs in ("pictures", "classes") and is_path and opened.width == 2 * opened.height:
        needs = "pairs"
        notes = ["Its pictures are twice as wide as high: they are taken for pairs side by side."]
    elif needs in ("pictures", "classes"):
        needs = "classes" if classes > 1 else "pictures"
    return Beginning(needs, len(opened), classes if needs == "classes" else 0), notes


def _look_at_two(images: Any, opening: Mapping[str, Any], say: Say) -> tuple[Beginning, list[str]]:
    given = list(images.values()) if isinstance(images, Mapping) else list(images)
    if len(given) != 2:
        raise ConfigError(
            f"auto trains on one source or two, and {len(given)} were given: pictures; pairs as two folders; two sets "
            "to translate between; or two sets of faces."
        )
    are_paths = all(isinstance(each, str | Path) for each in given)
    needs = arrangement_of_two(*given) if are_paths else "two sets"
    if isinstance(images, Mapping) and set(images) == {"input", "target"}:
        needs = "pairs"
    counts = [len(_open(each, opening, say)) for each in given]
    note = {
        "pairs": "Most files of the two folders have equal names: they are taken for pairs.",
        "two sets": "The two sources are no pairs by their names, and no sets of faces.",
    }
    return Beginning(needs, min(counts) if needs == "pairs" else sum(counts)), [note[needs]] if needs in note else []


def _open(source: Any, opening: Mapping[str, Any], say: Say) -> Images:
    with tell_if_slow(say, f"looking through {describe_source(source)} ..."):
        return open_images(source, **({} if isinstance(source, Images) else dict(opening)))
