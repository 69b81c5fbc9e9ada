"""A GAN that collapses, and what prevents it, as changes of the laboratory: the variants of the lesson on collapse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imagewright.lessons.collapse.lesson import variants
from imagewright.lessons.gan.data import DataName
from imagewright.lessons.gan.lesson import SETTINGS
from imagewright.lessons.gan.training import TrainingSettings

COLLAPSING: DataName = "ring"
# The lesson's R1 prevents a collapse from the start. Out of a collapse of 400 steps it did not lead within 1000 further
# ones with 0.3, and did with 1 (4, 5, 6, 7, 8 modes after 200 steps each); the relativistic pairing did with 0.3.
ESCAPING_PENALTY = 1.0
WASSERSTEIN = (
    "The critic's slope is held at 1 between data and generated points, so that it shows the way from far away. "
    "It makes three steps to one of the generator: slower."
)


@dataclass(frozen=True)
class Case:
    """A change of the settings.

    title: for a button.
    about: a sentence on what will be seen.
    changes: of the settings, by name.
    data: that it starts anew with; None goes on.
    """

    title: str
    about: str
    changes: dict[str, Any]
    data: DataName | None = None


def collapse_and_cures() -> list[Case]:
    """The collapse first, then its cures."""
    plain, *cured = variants(SETTINGS[COLLAPSING]).items()
    cases = [
        Case(
            "Let it collapse",
            "All generated points start together, and no penalty keeps the discriminator smooth: they run from mode to "
            "mode of the ring and cover one or two.",
            _changes(plain[1].penalty, plain[1].loss, plain[1].batch_size) | {"wide_start": False, "momentum": 0.0},
            COLLAPSING,
        )
    ]
    for name, variant in cured:
        title = name[0].upper() + name[1:]
        penalty = variant.penalty if variant.loss == "relativistic" or not variant.penalty else ESCAPING_PENALTY
        cases.append(Case(title, _about(variant), _changes(penalty, variant.loss, variant.batch_size)))
    # Out of the same collapse: 0, 0, 3, 6 and 5 modes after 200 steps each.
    critic = {"penalty_kind": "gradient_penalty", "generator_every": 3}
    changes = _changes(ESCAPING_PENALTY, "wasserstein", plain[1].batch_size) | critic
    cases.append(Case("Wasserstein, gradient penalty", WASSERSTEIN, changes))
    return cases


def _changes(penalty: float, loss: str, batch_size: int) -> dict[str, Any]:
    optimizers = {"generator_optimizer": "adam", "discriminator_optimizer": "adam"}
    rates = {"generator_rate": 1e-3, "discriminator_rate": 1e-3, "generator_every": 1, "discriminator_every": 1}
    return {
        "penalty": penalty,
        "penalty_kind": "recommended",
        "loss": loss,
        "batch_size": batch_size,
        **optimizers,
        **rates,
    }


def _about(variant: TrainingSettings) -> str:
    if not variant.penalty:
        return "More points a step: often thought to help, and alone it hardly does."
    if variant.loss == "relativistic":
        return "Each point is compared with one of the data, so that no mode can be left out for long."
    return "The discriminator's gradient is held small, so that its field pulls points apart over the whole plane."
