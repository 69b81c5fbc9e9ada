"""Some of many crops, for a sheet: the first ones, then each with the same chance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import torch

SHOWN, SHOWN_SIDE = 24, 128
About = TypeVar("About")


@dataclass
class ShownCrops(Generic[About]):
    """At most 24 crops of all that are added, by chance of a fixed seed, with what is known of each."""

    pixels: list[np.ndarray] = field(default_factory=list)
    about: list[About] = field(default_factory=list)
    seen: int = 0

    def add(self, pixels: np.ndarray, about: About) -> None:
        """Add a crop, uint8 (size, size, 3)."""
        place = self.seen
        self.seen += 1
        if place >= SHOWN:
            place = int(np.random.default_rng(place).integers(place + 1))
        if place < SHOWN:
            self.pixels[place : place + 1] = [_reduced(pixels)]
            self.about[place : place + 1] = [about]

    def stacked(self) -> torch.Tensor:
        """uint8 (N, 3, side, side), of 128 pixels at most."""
        return torch.from_numpy(np.stack(self.pixels)).permute(0, 3, 1, 2)


def _reduced(pixels: np.ndarray) -> np.ndarray:
    if len(pixels) <= SHOWN_SIDE:
        return pixels
    planes = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float()
    sides = (SHOWN_SIDE, SHOWN_SIDE)
    small = torch.nn.functional.interpolate(planes, sides, mode="bilinear", antialias=True)
    return small[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
