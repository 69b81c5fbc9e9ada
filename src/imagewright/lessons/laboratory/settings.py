"""The settings of the GAN laboratory: those that change while it trains, and those of a fresh start."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from imagewright import configs
from imagewright.errors import ConfigError
from imagewright.lessons.gan.model import OptimizerName, PenaltyName, PriorName
from imagewright.losses.adversarial import AdversarialName


@dataclass(frozen=True, kw_only=True)
class LaboratorySettings:
    """How the GAN of the laboratory is made and trained. `FRESH` names those that need new networks."""

    loss: AdversarialName = Field("non_saturating", title="Loss", description="what both networks minimise")
    penalty: float = Field(
        0.3, ge=0, le=20, title="Penalty", description="weight of the penalty on the discriminator's gradient"
    )
    penalty_kind: PenaltyName = Field(
        "recommended",
        title="Where the penalty acts",
        description="at data (r1), at generated points too (r1_r2), or between both, where it wants a gradient of 1",
    )
    generator_optimizer: OptimizerName = Field(
        "adam",
        title="Optimizer of the generator",
        description="Adam scales each weight's step by its gradients; SGD does not, and needs about 100 times the rate",
    )
    generator_rate: float = Field(
        1e-3, ge=1e-5, le=1, title="Learning rate of the generator", description="how far it moves in a step"
    )
    discriminator_optimizer: OptimizerName = Field(
        "adam", title="Optimizer of the discriminator", description="as for the generator"
    )
    discriminator_rate: float = Field(
        1e-3, ge=1e-5, le=1, title="Learning rate of the discriminator", description="how far it moves in a step"
    )
    generator_every: int = Field(
        1, ge=1, le=10, title="Discriminator steps to one of the generator", description="more keep it near its optimum"
    )
    discriminator_every: int = Field(
        1, ge=1, le=10, title="Generator steps to one of the discriminator", description="more let the generator run on"
    )
    momentum: float = Field(
        0.0, ge=0, le=0.95, title="Momentum", description="of both optimizers: with much of it the networks circle"
    )
    batch_size: int = Field(
        256, ge=4, le=2048, title="Points a step", description="of the data, and as many generated ones"
    )
    width: int = Field(64, ge=2, le=256, title="Units of a layer", description="of both networks")
    depth: int = Field(2, ge=1, le=4, title="Hidden layers", description="of each network")
    latent_dim: int = Field(
        2, ge=1, le=2, title="Numbers z that a point is made from", description="one is taken on a line"
    )
    prior: PriorName = Field(
        "uniform", title="Distribution of z", description="uniform in [-1, 1], or Gaussian with variance 1"
    )
    wide_start: bool = Field(
        True, title="Start with points spread out", description="else the untrained generator has them all together"
    )
    seed: int = Field(0, ge=0, le=10_000, title="Seed", description="of the weights and of all that is random")


FRESH = ("width", "depth", "latent_dim", "prior", "wide_start", "seed")


def build_settings(values: dict[str, Any]) -> LaboratorySettings:
    """Checked settings. Raises `ConfigError`, which names what is wrong."""
    return configs.build(LaboratorySettings, values, "the laboratory")


def suggested_settings(options: Mapping[str, Any], settings: LaboratorySettings) -> dict[str, Any]:
    """What a remedy of the doctor is here, by name; empty if the laboratory has no such setting, or not that value.

    options: of a training, as the remedy has them.
    settings: the present ones; the ratio of both learning rates is kept.
    """
    changes = dict(options)
    if "learning_rate" in changes:
        rate = float(changes.pop("learning_rate"))
        changes["generator_rate"] = rate
        changes["discriminator_rate"] = float(f"{rate * settings.discriminator_rate / settings.generator_rate:.3g}")
    try:
        build_settings({**vars(settings), **changes})
    except ConfigError:
        return {}
    return changes


def describe_settings() -> list[dict[str, Any]]:
    """Each setting for a form: name, title, kind, default, bounds or choices, description, and if it is in `FRESH`."""
    schema = TypeAdapter(LaboratorySettings).json_schema()
    described = []
    for field in dataclasses.fields(LaboratorySettings):
        own = schema["properties"][field.name]
        described.append(
            {
                "name": field.name,
                "title": own["title"],
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
