"""What moving latents along a direction does to pictures, by a judge that knows real pictures only.

Pictures that lack the attribute are moved; the judge's mean probability of it, against the strength, is the effect, and
the change of every other attribute's, where the effect has reached 0.7, is what leaks.
Shape letters: N pictures, S strengths, A attributes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imagewright.latent.attributes.attribute_classifier import Judge
from imagewright.model import Model
from imagewright.verbs.apply import decode

STRENGTHS = tuple(step / 2 for step in range(11))  # standard deviations
PASSED = 0.7
SHOWN = 200  # pictures moved


@dataclass(frozen=True)
class Effect:
    """The judge's mean probabilities (S, A) of `names`, of `pictures` pictures moved by `strengths`.

    `real`: of the same pictures before the model rebuilt them, or None where they are the model's own. `accuracy`: of
    the judge, on real pictures it had not seen. `passes`: the strength, between two that were tried, at which the
    attribute's probability is 0.7; None where it never is. `leakage`: by how much each other probability has changed
    there, or at the greatest strength.
    """

    attribute: str
    names: tuple[str, ...]
    strengths: tuple[float, ...]
    probabilities: list[list[float]]
    accuracy: dict[str, float]
    pictures: int
    real: list[float] | None = None
    passes: float | None = None
    leakage: dict[str, float] = field(default_factory=dict)

    def curve(self, name: str) -> list[float]:
        """The mean probability of one attribute at each strength."""
        place = self.names.index(name)
        return [row[place] for row in self.probabilities]

    @property
    def reached(self) -> float:
        """The strength at which the leakage is stated."""
        return self.strengths[-1] if self.passes is None else self.passes

    def most_leaking(self, count: int) -> list[str]:
        """The other attributes that change most, the most first."""
        return sorted(self.leakage, key=lambda name: -abs(self.leakage[name]))[:count]

    def to_record(self) -> dict[str, Any]:
        """All of it, rounded, as JSON values."""
        rounded: dict[str, Any] = _rounded(asdict(self))
        return rounded


def effect_of(
    model: Model,
    judge: Judge,
    attribute: str,
    latents: Tensor,
    step: Tensor,
    *,
    pictures: Tensor | None = None,
    strengths: tuple[float, ...] = STRENGTHS,
) -> Effect:
    """Move `latents` (N, *latent shape) by multiples of `step` (one standard deviation along a direction), and judge.

    `pictures`: uint8, the real ones that the latents are of.
    """
    judged = [judge.probabilities(decode(model, latents + strength * step)).mean(0) for strength in strengths]
    probabilities = torch.stack(judged).numpy()
    own = judge.names.index(attribute)
    passes, change = _crossing(np.array(strengths), probabilities, own)
    return Effect(
        attribute,
        judge.names,
        strengths,
        probabilities.tolist(),
        judge.accuracy,
        len(latents),
        None if pictures is None else judge.probabilities(pictures).mean(0).tolist(),
        passes,
        {name: float(change[place]) for place, name in enumerate(judge.names) if place != own},
    )


def _crossing(strengths: np.ndarray, probabilities: np.ndarray, own: int) -> tuple[float | None, np.ndarray]:
    """The strength at which the attribute passes 0.7, by straight lines between those tried, and all changes (A,)."""
    curve = probabilities[:, own]
    beyond = np.flatnonzero(curve >= PASSED)
    if not len(beyond):
        return None, probabilities[-1] - probabilities[0]
    after = int(beyond[0])
    if after == 0:
        return float(strengths[0]), probabilities[0] - probabilities[0]
    share = (PASSED - curve[after - 1]) / (curve[after] - curve[after - 1])
    there = probabilities[after - 1] + share * (probabilities[after] - probabilities[after - 1])
    strength = strengths[after - 1] + share * (strengths[after] - strengths[after - 1])
    return float(strength), there - probabilities[0]


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value
