"""Points of a model's prior as users type them: a seed, SEED:INDEX, or SEED:INDEX:CLASS.

`sample --seed 3` shows samples 3:0, 3:1, 3:2 ..., and prints these names under them. A seed alone is its first sample:
3 is 3:0. A class follows if the sample was asked for one: 3:7:cat.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from torch import Tensor

from imagewright.model import Model
from imagewright.verbs.apply import sample_numbered_latents

PATTERN = re.compile(r"(\d+)(?::(\d+)(?::(.+))?)?", re.DOTALL)


@dataclass(frozen=True)
class Point:
    """Sample `index` of a seed; of the class `label`, if it is not None."""

    seed: int
    index: int = 0
    label: str | None = None

    def __str__(self) -> str:
        return f"{self.seed}:{self.index}" + ("" if self.label is None else f":{self.label}")

    def latent(self, model: Model) -> Tensor:
        """Its latent, (1, *latent shape). Raises `UserError` for a class that the model does not have."""
        return sample_numbered_latents(model, [self.index], self.seed, self.label)


def parse_point(text: str) -> Point | None:
    """The point that a text names; None if it names none."""
    found = PATTERN.fullmatch(text)
    return None if found is None else Point(int(found[1]), int(found[2] or 0), found[3])
