"""The settings of the GAN laboratory: those that change while it trains, and those of a fresh start."""

from __future__ import annotations

import dataclasses
from typing import Any

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from imagewright import configs
from imagewright.lessons.gan.model import PenaltyName
from imagewright.losses.adversarial import AdversarialName


@dataclass(frozen=True, kw_only=True)
class LaboratorySettings:
    """How the GAN of the laboratory is made and trained. `FRESH` names those that need new networks."""

    loss: AdversarialName = Field("non_saturating", description="what both networks minimise")
    penalty: float = Field(0.3, ge=0, le=20, description="weight of the penalty on the discriminator's gradient")
    penalty_kind: PenaltyName = Field(
        "recommended", description="where the gradient is penalised: on data (R1), on generated points too, or between"
    )
    generator_rate: float = Field(1e-3, ge=1e-5, le=0.1, description="learning rate of the generator")
    discriminator_rate: float = Field(1e-3, ge=1e-5, le=0.1, description="learning rate of the discriminator")
    generator_every: int = Field(1, ge=1, le=10, description="steps of the discriminator to one of the generator")
    discriminator_every: int = Field(1, ge=1, le=10, description="steps of the generator to one of the discriminator")
    momentum: float = Field(0.0, ge=0, le=0.95, description="of Adam (beta 1): with it the two networks circle")
    batch_size: int = Field(256, ge=4, le=2048, description="points of one step")
    width: int = Field(64, ge=2, le=256, description="units of each hidden layer")
    depth: int = Field(2, ge=1, le=4, description="hidden layers of each network")
    latent_dim: int = Field(2, ge=1, le=2, description="numbers that the generator starts from; at most one on a line")
    wide_start: bool = Field(True, description="the untrained generator spreads its points; else they lie together")
    seed: int = Field(0, ge=0, le=10_000, description="of the weights and of all that is random")


FRESH = ("width", "depth", "latent_dim", "wide_start", "seed")


def build_settings(values: dict[str, Any]) -> LaboratorySettings:
    """Checked settings. Raises `ConfigError`, which names what is wrong."""
    return configs.build(LaboratorySettings, values, "the laboratory")


def describe_settings() -> list[dict[str, Any]]:
    """Each setting for a form: name, kind, default, bounds or choices, description; `fresh`: it needs a new start."""
    schema = TypeAdapter(LaboratorySettings).json_schema()
    described = []
    for field in dataclasses.fields(LaboratorySettings):
        own = schema["properties"][field.name]
        described.append(
            {
                "name": field.name,
                "kind": "choice" if "enum" in own else own["type"],
                "default": own["default"],
                "low": own.get("minimum"),
                "high": own.get("maximum"),
                "choices": own.get("enum"),
                "description": own["description"],
                "fresh": field.name in FRESH,
            }
        )
    return described
