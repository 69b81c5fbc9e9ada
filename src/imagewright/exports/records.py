"""What exported files say of the run that they are of: model, configuration, training, licence, consent, software."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from imagewright import catalogue
from imagewright.model import Model
from imagewright.runs.places import RECORD
from imagewright.runs.provenance import run_record
from imagewright.runs.run import Run
from imagewright.views import View

OF_PICTURES = ("digital_source_type", "verb", "seed")  # entries of a picture's record that a model has not
OF_RUNS = ("licence", "imported", "options", "seed", "source", "versions")  # entries of run.json that an export repeats
UNKNOWN_LICENCE = (
    "not stated: the weights were trained by the user on pictures whose terms hold for what is made of them"
)


def export_record(model: Model) -> dict[str, Any]:
    """What metadata says of a model: name, run, checkpoint, settings of the view, configuration, licence, consent."""
    made = {name: value for name, value in run_record("export", model).items() if name not in OF_PICTURES}
    config = {name: _last_name(value) for name, value in dataclasses.asdict(model.config).items()}
    return {**made, "config": config, "licence": licence_of(model)}


def _last_name(value: Any) -> Any:
    """The last name of a path: the others would tell strangers about the user's disk."""
    return re.split(r"[/\\\\]", value)[-1] if isinstance(value, str) else value


def licence_of(model: Model) -> str:
    """The licence that the run states, as imported ones do; else that none is stated."""
    return str(training_record(model).get("licence") or UNKNOWN_LICENCE)


def training_record(model: Model) -> dict[str, Any]:
    """What run.json says of the training, without paths of the machine; {} for a weights file or a model."""
    run = run_of(model)
    if run is None:
        return {}
    found = {name: run.record[name] for name in OF_RUNS if name in run.record}
    if isinstance(found.get("options"), dict):  # an option may name a file or a folder of this machine
        found["options"] = {name: _last_name(value) for name, value in found["options"].items()}
    if isinstance(found.get("source"), dict):
        source = found["source"]
        kept = {name: source[name] for name in ("fingerprint", "count", "size", "channels") if name in source}
        found["source"] = {"source": Path(str(source.get("source", ""))).name, **kept}
    return found


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


def name_of(model: Model) -> str:
    """The model's name in the catalogue."""
    return catalogue.name_of(model)
