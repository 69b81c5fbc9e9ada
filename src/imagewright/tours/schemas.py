"""What `tour.json` may hold: a tour may come from someone else, or have been edited by hand."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from imagewright.runs.schemas import LARGEST_COUNT, Schema, ScoreRecord
from imagewright.tours.plan import GANS, Arrangement, Kind
from imagewright.tours.texts import ABOUT

Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Side = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
Seconds = Annotated[float, Field(ge=0, le=1e12)]


class TourFigureSchema(Schema):
    """A picture of the page."""

    file: str
    caption: str


class PartValuesSchema(Schema):
    """Numbers that the head of the page and the table of scores need."""

    duplicates: Count = 0
    near_duplicates: Count = 0
    fitted: Count | None = None
    real: list[ScoreRecord] = Field(default_factory=list)


class PartLeftOutSchema(Schema):
    """A part for which there are too few minutes."""

    title: str
    minutes: Side


class TourPartSchema(Schema):
    """A part of a tour."""

    name: str
    title: str
    kind: Kind
    model: str | None = None
    state: Literal["waiting", "under way", "done", "failed"] = "waiting"
    planned: Seconds = 0.0
    minutes: Seconds = 0.0
    seconds: Seconds = 0.0
    trained_seconds: Seconds = 0.0
    figures: list[TourFigureSchema] = Field(default_factory=list)
    facts: list[str] = Field(default_factory=list)
    doctor: list[str] = Field(default_factory=list)
    command: str | None = None
    row: str | None = None
    error: str | None = None
    by_heart: str | None = None
    values: PartValuesSchema = Field(default_factory=PartValuesSchema)

    @model_validator(mode="after")
    def _check_name(self) -> TourPartSchema:
        if self.name not in ABOUT:
            raise ValueError(f"one of the names {', '.join(ABOUT)}")
        if self.model != (None if self.kind == "set" else self.name):
            raise ValueError("the model of its name")
        return self


class TourSchema(Schema):
    """tour.json."""

    source: str
    other: str | None
    opening: dict[str, Any]
    minutes: float = Field(gt=0, le=1e12)
    seed: int = Field(ge=0, lt=2**63)
    arrangement: Arrangement
    fingerprint: str
    pictures: Count
    used: Count
    classes: Count
    gan: str
    size: list[Side] = Field(min_length=2, max_length=2)
    channels: Side
    held_out: Count
    scored: Count
    features: str
    parts: list[TourPartSchema]
    left_out: list[PartLeftOutSchema] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check_parts(self) -> TourSchema:
        names = [part.name for part in self.parts]
        if len(set(names)) < len(names) or not {"set", "pca"} <= set(names):
            raise ValueError("each part once, the set and the components among them,")
        if self.gan not in GANS:
            raise ValueError(f"a GAN of {', '.join(GANS)}")
        return self
