"""The option that a finding of the doctor suggests, as a value that a new training can be given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imagewright import configs
from imagewright.training.doctor.history import as_mapping
from imagewright.training.options import TrainingOptions

STEP = 2.0  # factor by which a number becomes lower or higher where the suggestion names none
OF_PICTURES = ("flip",)
# An option in a sentence: how it changes, its name, and a number, or a word that ends the clause.
SUGGESTED = re.compile(
    r"(?:(?P<change>lower|weaker|fewer|higher|more) )?--(?P<name>[a-z][a-z-]*)"
    r"(?: (?P<value>[0-9][0-9.e-]*[0-9]|[0-9]|[a-z_]+(?=[.,;)])))?"
    r"(?: \(now [^)]*\))?(?:, such as (?P<such>[0-9.]+[0-9]|[0-9]))?"
)


@dataclass(frozen=True)
class Remedy:
    """What a finding suggests to do.

    options: of a new training, by name; empty if the suggestion is about the pictures.
    resumes: whether the run itself is to be trained on.
    """

    options: dict[str, Any] = field(default_factory=dict)
    resumes: bool = False


def read_remedy(suggestion: str, record: Mapping[str, Any]) -> Remedy:
    """The first option of a suggestion that a training has.

    suggestion: of a `Finding`.
    record: the content of run.json, which has the present values.
    """
    if "--resume" in suggestion or suggestion.startswith("Train on"):
        return Remedy(resumes=True)
    if "try " not in suggestion.lower():  # what is done after a training
        return Remedy()
    for found in SUGGESTED.finditer(suggestion):
        name = found["name"].replace("-", "_")
        present = _present(name, record)
        if name not in OF_PICTURES and not _is_option(name, record):
            continue
        value = _value(found["such"] or found["value"], found["change"], present)
        if name in OF_PICTURES:
            value = True
        if value is not None:
            return Remedy({name: value})
    return Remedy()


def _is_option(name: str, record: Mapping[str, Any]) -> bool:
    return name in as_mapping(record.get("config")) or name in configs.options_of(TrainingOptions)


def _present(name: str, record: Mapping[str, Any]) -> Any:
    for part in ("plan", "config", "options"):
        if (value := as_mapping(record.get(part)).get(name)) is not None:
            return value
    return None


def _value(named: str | None, change: str | None, present: Any) -> Any:
    """The value that is named, or the present one changed; None if neither is known."""
    if named is not None:
        number = _number(named)
        return named if number is None else number
    if change is None or isinstance(present, bool) or not isinstance(present, int | float):
        return None
    changed = present * STEP if change in ("higher", "more") else present / STEP
    return round(changed) if isinstance(present, int) else float(f"{changed:.3g}")


def _number(text: str) -> int | float | None:
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError:
        return None
