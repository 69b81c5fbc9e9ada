"""What exported files say of the run that they are of: model, configuration, training, licence, consent, software."""

from __future__ import annotations

import dataclasses
from typing import Any

from imagewright.model import Model
from imagewright.runs.cleaning import Cleaner
from imagewright.runs.places import RECORD
from imagewright.runs.provenance import run_record
from imagewright.runs.run import Run
from imagewright.views import View

OF_PICTURES = ("digital_source_type", "verb", "seed")  # entries of a picture's record that a model has not
OF_RUNS = ("licence", "imported", "options", "seed", "source", "versions")  # entries of run.json that an export repeats
OF_SOURCES = ("source", "fingerprint", "count", "size", "channels")  # entries of the description of a set
UNKNOWN_LICENCE = (
    "not stated: the weights were trained by the user on pictures whose terms hold for what is made of them"
)


def export_record(model: Model) -> dict[str, Any]:
    """What metadata says of a model: name, run, checkpoint, settings of the view, configuration, licence, consent."""
    made = {name: value for name, value in run_record("export", model).items() if name not in OF_PICTURES}
    cleaner = _cleaner_of(model)
    if "settings" in made:
        made["settings"] = cleaner.value(made["settings"])
    return {**made, "config": cleaner.config(dataclasses.asdict(model.config)), "licence": licence_of(model)}


def what_was_taken_out(model: Model) -> list[str]:
    """A sentence with the number of paths that the exported records lack; none if there were none."""
    cleaner = _cleaner_of(model)
    cleaner.config(dataclasses.asdict(model.config))
    _training(model, cleaner)
    return cleaner.notes()


def _cleaner_of(model: Model) -> Cleaner:
    """The cleaner of the run's records; of a weights file or a model, of its configuration."""
    run = run_of(model)
    return Cleaner(run.record if run else {"config": dataclasses.asdict(model.config)})


def licence_of(model: Model) -> str:
    """The licence that the run states, as imported ones do; else that none is stated."""
    return str(training_record(model).get("licence") or UNKNOWN_LICENCE)


def training_record(model: Model) -> dict[str, Any]:
    """What run.json says of the training, without paths of the machine; {} for a weights file or a model."""
    return _training(model, _cleaner_of(model))


def _training(model: Model, cleaner: Cleaner) -> dict[str, Any]:
    run = run_of(model)
    if run is None:
        return {}
    found = {name: run.record[name] for name in OF_RUNS if name in run.record}
    if isinstance(found.get("source"), dict):
        source = found["source"]
        found["source"] = {name: source[name] for name in OF_SOURCES if name in source}
    cleaned: dict[str, Any] = cleaner.value(found)
    return cleaned


def run_of(model: Model) -> Run | None:
    """The run directory that a model was loaded from; None if it was not."""
    origin = model.origin
    if origin is None or not (origin.path / RECORD).is_file():
        return None
    return Run(origin.path)


def base_of(model: Model) -> Model:
    """The model that a view is of."""
    while isinstance(model, View):
        model = model.base
    return model
