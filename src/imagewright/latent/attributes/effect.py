"""Measure the effect of a direction on pictures with an attribute classifier that was trained on real pictures only.

Pictures without the attribute are moved. The effect is the classifier's mean probability of the attribute against the
strength. Leakage is the change of every other attribute's probability at the strength where the effect reaches 0.7.
Shape letters: N pictures, S strengths, A attributes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imagewright.latent.attributes.attribute_classifier import AttributeClassifier
from imagewright.model import Model
from imagewright.verbs.apply import decode

STRENGTHS = tuple(step / 2 for step in range(11))  # standard deviations
THRESHOLD = 0.7
MOVED = 200  # pictures moved, at most


@dataclass(frozen=True)
class Effect:
    """The effect of a direction.

    attribute: that the direction was found for.
    names: of all A attributes.
    strengths: (S,), standard deviations by which pictures were moved.
    probabilities: (S, A), the classifier's mean probabilities.
    accuracy: of the classifier on held-out real pictures, by attribute.
    pictures: how many were moved.
    real: (A,), the mean probabilities of the original pictures; None if samples of the model were moved.
    crossing: the strength, interpolated linearly, at which the attribute's probability reaches 0.7; None if it does
        not.
    leakage: the change of each other attribute's probability at `crossing`, or at the greatest strength.
    """

    attribute: str
    names: tuple[str, ...]
    strengths: tuple[float, ...]
    probabilities: list[list[float]]
    accuracy: dict[str, float]
    pictures: int
    real: list[float] | None = None
    crossing: float | None = None
    leakage: dict[str, float] = field(default_factory=dict)

    def curve(self, name: str) -> list[float]:
        """The mean probability of one attribute at each strength."""
        column = self.names.index(name)
        return [row[column] for row in self.probabilities]

    @property
    def leakage_strength(self) -> float:
        """The strength at which `leakage` is measured."""
        return self.strengths[-1] if self.crossing is None else self.crossing

    def most_leaking(self, count: int) -> list[str]:
        """The other attributes by how much they change, largest first."""
        return sorted(self.leakage, key=lambda name: -abs(self.leakage[name]))[:count]

    def lines(self) -> list[str]:
        """The accuracy, the effect and the five largest changes of other attributes, in sentences."""
        curve = self.curve(self.attribute)
        lines = [f"The classifier is right on {self.accuracy[self.attribute]:.1%} of held-out real pictures."]
        mean = f"Its mean probability goes from {curve[0]:.2f}"
        if self.crossing is None:
            lines.append(f"{mean} to {max(curve):.2f} at most, and does not reach {THRESHOLD}.")
        else:
            lines.append(f"{mean} to {THRESHOLD:.2f} at strength {self.crossing:.2f}.")
        changed = [f"{name} {self.leakage[name]:+.2f}" for name in self.most_leaking(5)]
        return [*lines, f"The other attributes that change most there: {', '.join(changed)}."] if changed else lines

    def to_dict(self) -> dict[str, Any]:
        """All fields, rounded, as JSON values."""
        rounded: dict[str, Any] = _round(asdict(self))
        return rounded


def measure_effect(
    model: Model,
    classifier: AttributeClassifier,
    attribute: str,
    latents: Tensor,
    step: Tensor,
    *,
    pictures: Tensor | None = None,
    strengths: tuple[float, ...] = STRENGTHS,
) -> Effect:
    """Move latents by multiples of a step, and classify the decoded pictures.

    attribute: that the step is meant to change.
    latents: (N, *latent shape), of pictures without it.
    step: (*latent shape), one standard deviation along the direction.
    pictures: uint8 (N, C, H, W), the real pictures of the latents, if there are any.
    """
    means = [classifier.probabilities(decode(model, latents + strength * step)).mean(0) for strength in strengths]
    probabilities = torch.stack(means).numpy()
    own = classifier.names.index(attribute)
    crossing, change = _find_crossing(np.array(strengths), probabilities, own)
    return Effect(
        attribute,
        classifier.names,
        strengths,
        probabilities.tolist(),
        classifier.accuracy,
        len(latents),
        None if pictures is None else classifier.probabilities(pictures).mean(0).tolist(),
        crossing,
        {name: float(change[column]) for column, name in enumerate(classifier.names) if column != own},
    )


def _find_crossing(strengths: np.ndarray, probabilities: np.ndarray, own: int) -> tuple[float | None, np.ndarray]:
    """The strength at which the attribute reaches `THRESHOLD`, interpolated linearly, and all changes there (A,)."""
    curve = probabilities[:, own]
    beyond = np.flatnonzero(curve >= THRESHOLD)
    if not len(beyond):
        return None, probabilities[-1] - probabilities[0]
    after = int(beyond[0])
    if after == 0:
        return float(strengths[0]), probabilities[0] - probabilities[0]
    fraction = (THRESHOLD - curve[after - 1]) / (curve[after] - curve[after - 1])
    there = probabilities[after - 1] + fraction * (probabilities[after] - probabilities[after - 1])
    strength = strengths[after - 1] + fraction * (strengths[after] - strengths[after - 1])
    return float(strength), there - probabilities[0]


def _round(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: _round(each) for name, each in value.items()}
    return [_round(each) for each in value] if isinstance(value, list | tuple) else value
