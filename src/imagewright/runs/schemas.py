"""What the files of a run may hold: one schema a file, checked wherever the file is read.

A run may come from someone else, or have been edited by hand. A schema names what the package reads; other entries,
such as those of a later version, are left as they are. Types are strict: "5" and true are no numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from imagewright.errors import RunError, one_line
from imagewright.json_files import JsonError, parse_json

LONGEST_NAME = 200  # characters of a name, such as a model's
LARGEST_COUNT = 10**15  # of images, steps, bytes: far above any, and small enough for arithmetic
LONGEST_SHOWN = 60  # characters of a wrong value in a message


class Schema(BaseModel):
    """The base of all schemas."""

    model_config = ConfigDict(strict=True, extra="allow", protected_namespaces=())


def _count(default: int | None = 0, *, least: int = 0) -> Any:
    return Field(default, ge=least, le=LARGEST_COUNT)


# run.json


class LayerRecord(Schema):
    """A layer of the images of a source."""

    name: str = Field(max_length=LONGEST_NAME, pattern=r"^\w+$")
    kind: str = Field(max_length=LONGEST_NAME, pattern=r"^\w+$")
    channels: int = _count(1)
    classes: int | None = _count(None)


class SourceRecord(Schema):
    """Images as `images.descriptions.describe` describes them; imported runs have the name alone."""

    source: str
    fingerprint: str | None = None
    count: int = _count()
    size: list[int] | None = Field(None, min_length=2, max_length=2)
    channels: int | None = Field(None, ge=1, le=LARGEST_COUNT)
    layers: list[LayerRecord] = []
    class_names: list[str] | None = None
    attribute_names: list[str] | None = None
    annotations: str | None = None
    resize: str = ""
    crop: str | None = None
    decode: str | None = None
    value_range: list[float] | None = Field(None, max_length=2)
    only: list[str] = []
    exclude: list[str] = []
    flip: bool | None = None
    cache: bool = True
    skipped: int = _count()
    notes: list[str] = []


class MilestonesRecord(Schema):
    """Points of a training, in images seen."""

    first: int = _count(1, least=1)
    largest: int = _count(1, least=1)


class PaceRecord(Schema):
    """When reports and checkpoints are due."""

    reports: MilestonesRecord
    checkpoints: MilestonesRecord


class PlanRecord(Schema):
    """The numbers of a training over time."""

    images_seen: int = _count(1, least=1)
    batch_size: int = _count(1, least=1)
    learning_rate: float = Field(0.0, ge=0, allow_inf_nan=False)
    clip: float | None = None
    images_per_second: float | None = Field(None, gt=0, allow_inf_nan=False)
    pace: PaceRecord | None = None


class ConsentRecord(Schema):
    """That people agreed to a model being trained on their faces, as `consent.Consent`."""

    who: str
    given_by: str
    when: str
    text: str | None = None
    file: str | None = None
    sha256: str | None = None


class ChosenRecord(Schema):
    """Why the model was chosen, as `training.choosing.ChosenModel`."""

    reasons: list[str] = []


class RunRecord(Schema):
    """run.json. The model's own configuration is checked when the model is built (`configs.build`)."""

    model: str = Field(min_length=1, max_length=LONGEST_NAME, pattern=r"^[\w.-]+$")
    config: dict[str, Any]
    source: SourceRecord | None = None
    sources: dict[str, SourceRecord] = {}
    options: dict[str, Any] = {}
    plan: PlanRecord | None = None
    seed: int = Field(0, ge=0, lt=2**63)
    imported: dict[str, str] | None = None
    started_from: dict[str, Any] | None = None
    consent: list[ConsentRecord] = []
    chosen: ChosenRecord | None = None
    versions: dict[str, Any] = {}
    command: str = ""


# metrics.jsonl


class RemedyRecord(Schema):
    """An option that the doctor suggests."""

    option: str | None = None
    value: bool | int | float | str | None = None
    now: bool | int | float | str | None = None
    resumes: bool = False
    note: str = ""


class FindingRecord(Schema):
    """A finding of the doctor. Those of older versions have no remedy as a value."""

    name: str
    evidence: str
    suggestion: str
    remedy: RemedyRecord | None = None
    images_seen: int = _count()


class ReportRecord(Schema):
    """A line of metrics.jsonl. A figure is null if it could not be had."""

    images_seen: int = Field(ge=0, le=LARGEST_COUNT)
    seconds: float = Field(0.0, ge=0, le=1e12)
    images_per_second: float | None = None
    losses: dict[str, float | None] = {}
    derived_metrics: dict[str, float | None] = {}
    readings: dict[str, float | None] = {}
    learning_rates: dict[str, float] = {}
    memory_bytes: float | None = None
    health: dict[str, float | None] = {}
    findings: list[FindingRecord] = []


# scores.json


class FeaturesRecord(Schema):
    """The features of a score's recipe."""

    name: str
    resize: str | None = None


class ReferenceRecord(Schema):
    """The real pictures of a score's recipe."""

    source: str = ""
    count: int = _count()
    fingerprint: str | None = None


class RecipeRecord(Schema):
    """What decides the value of a score."""

    features: FeaturesRecord | None = None
    reference: ReferenceRecord | None = None
    size: list[int] | None = Field(None, min_length=2, max_length=2)
    count: int | None = _count(None)


class ScoreRecord(Schema):
    """One score, as in `runs/scores.py`."""

    subject: str
    metric: str
    output: str
    title: str
    value: float | None
    better: Literal["lower", "higher"] | None
    recipe: RecipeRecord
    key: str
    low: float | None = None
    high: float | None = None
    interval: str = ""
    images_seen: int | None = _count(None)
    warnings: list[str] = []


class ScoresRecord(Schema):
    """scores.json."""

    scores: list[ScoreRecord]


# The records in safetensors files


class WeightsRecord(Schema):
    """Of a weights file: the model that its tensors are of, and the networks that an imported one does not hold."""

    model: str = Field(min_length=1, max_length=LONGEST_NAME, pattern=r"^[\w.-]+$")
    config: dict[str, Any]
    images_seen: int | None = _count(None)
    absent: list[str] = []


class NormsRecord(Schema):
    """The gradient norms of a phase since the last report."""

    new: list[float]
    sums: list[float] = Field(max_length=4)


class StateRecord(Schema):
    """Of a training state: the point of the training, and the sums of the next report."""

    index: int = Field(ge=0, le=LARGEST_COUNT)
    images_seen: int = Field(ge=0, le=LARGEST_COUNT)
    scaler: dict[str, float] = {}
    losses: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = {}
    gradient_norms: dict[str, NormsRecord] = {}


class LatentsRecord(Schema):
    """Of saved directions and latents."""

    kind: str | None = None
    model: str | None = None
    space: str | None = None
    latent_space: str | None = None


# Checking


def find_fault(value: Any, schema: type[Schema]) -> str | None:
    """What is wrong with a value by its schema, as the end of a sentence; None if nothing is."""
    if not isinstance(value, dict):
        return f"it is {_kind(value)}, and an object was expected"
    try:
        schema.model_validate(value)
    except ValidationError as error:
        return _described(error.errors(include_url=False, include_context=False)[0])
    return None


def check_record(value: Any, schema: type[Schema], where: str, hint: str = "") -> None:
    """Raise `RunError` if a value is not as its schema says.

    where: the file, for the error.
    hint: a sentence that ends the error.
    """
    fault = find_fault(value, schema)
    if fault is not None:
        raise RunError(f"{where} is damaged: {fault}." + (f" {hint}" if hint else ""))


def parse_record(content: str | bytes, schema: type[Schema], where: str, hint: str = "") -> dict[str, Any]:
    """The record in a text, as it was written. Raises as `check_record`, and for text that is no JSON."""
    try:
        value: dict[str, Any] = parse_json(content)
    except JsonError as error:
        raise RunError(f"{where} is damaged: {error}." + (f" {hint}" if hint else "")) from None
    check_record(value, schema, where, hint)
    return value


def _described(problem: Any) -> str:
    place = _place(problem["loc"])
    if problem["type"] == "missing":
        return f"it says no {place}"
    rule = problem["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return f"{place} is {_shown(problem['input'])}, and {rule} was expected"


def _place(parts: Iterable[int | str]) -> str:
    """Where a value is, such as sources.images.size or scores[2].value."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return one_line(text.removeprefix("."), LONGEST_SHOWN)


def _kind(value: Any) -> str:
    kinds = {list: "a list", dict: "an object", str: "a text", bool: "true or false", type(None): "null"}
    return kinds.get(type(value), "a number")


def _shown(value: Any) -> str:
    return _kind(value) if isinstance(value, dict | list) else one_line(repr(value), LONGEST_SHOWN)
