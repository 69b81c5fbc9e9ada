"""Growing training, which ProGAN and StyleGAN share: options, the schedule by images seen, and the growth itself.

Karras et al. 2018 (ProGAN), arXiv:1710.10196, section 2 and appendix A.1. A stage of a size is trained for some images,
then the next size is faded in over as many. Numbers are those of the published training codes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from imagewright.configs import ConditionedConfig, DoublingConfig
from imagewright.layers.growing import LevelOfDetail
from imagewright.traits import Traits

SMALLEST = 4  # pixels of the smallest map of a size that is a power of 2
ON_A_CPU = {"channel_max": 128, "latent_dim": 128}
WIDTHS_ON_A_CPU = {0: 16, 30: 32}  # channels at full size, by the minutes from which on there are so many


@dataclass(frozen=True, kw_only=True)
class GrowingConfig(ConditionedConfig, DoublingConfig):
    """The options of a network that grows. Sides are named as if the smallest map were 4x4, as published.

    length: images of the published training.
    """

    length: ClassVar[int]

    channel_base: int = Field(
        16_384, ge=4, le=2**20, description="channels of a layer times the side of its map, up to `channel_max`"
    )
    channel_max: int = Field(512, ge=1, le=8192, description="the most channels of a layer")
    phase_images: int = Field(description="images, of `length`, of a stable phase and of a fade", ge=1, le=10**9)
    grow_from: int = Field(description="side in pixels at which the training starts; the full side: no growth", ge=4)

    @model_validator(mode="after")
    def _starts_at_a_size(self) -> GrowingConfig:
        if self.grow_from & (self.grow_from - 1):
            below = 1 << self.grow_from.bit_length() - 1
            raise ValueError(f"grow_from {self.grow_from}: sizes double from 4 on, so give {below} or {2 * below}")
        return self

    @property
    def widths(self) -> list[int]:
        """Channels from the smallest map to the full size."""
        sides = (SMALLEST << number for number in range(self.doublings + 1))
        return [max(1, min(self.channel_base // side, self.channel_max)) for side in sides]

    @property
    def first_lod(self) -> int:
        """Doublings that are missing at the start of the training."""
        begun = max(0, int(math.log2(self.grow_from / SMALLEST)))
        return max(0, self.doublings - begun)

    @property
    def phase(self) -> int:
        """`phase_images`, or so many fewer that the full size is reached at the end of the training."""
        return min(self.phase_images, self.length // (2 * max(1, self.first_lod)))

    def lod_at(self, images_seen: int) -> float:
        """The level of detail at a point of the training: 0 at full size; fractions while a size is faded in."""
        whole, inside = divmod(images_seen, 2 * self.phase)
        return max(0.0, self.first_lod - whole - max(0, inside - self.phase) / self.phase)

    def side_at(self, images_seen: int) -> int:
        """The side of the images at a point of the training, in pixels; of the new size while it is faded in."""
        return SMALLEST << (self.doublings - math.floor(self.lod_at(images_seen)))


def at_least(number: float, values: Mapping[int, Any]) -> Any:
    """The value of the largest key that is at most `number`; below all of them, of the smallest."""
    return values[max((key for key in values if key <= number), default=min(values))]


def grow(levels: Mapping[str, LevelOfDetail], lod: float) -> tuple[str, ...]:
    """Set the level of detail of networks, and return the names of those whose optimizers are to be reset.

    As published, they are where a size begins to be faded in, and where it is there.

    levels: by the name of the network.
    """
    reset = []
    for name, level in levels.items():
        before = level.value
        if before != lod:
            level.set(lod)
        if math.floor(before) != math.floor(lod) or math.ceil(before) != math.ceil(lod):
            reset.append(name)
    return tuple(reset)


def suggest_growing(traits: Traits) -> dict[str, Any]:
    """Narrow networks and small latents on a CPU, where the published ones take months.

    The share of a training in which a network grows stays the published one: at 32 pixels the first quarter.
    """
    if traits.accelerator:
        return {}
    side = min(traits.height, traits.width)
    full = SMALLEST << DoublingConfig.doublings_of((side, side))
    return ON_A_CPU | {"channel_base": at_least(traits.minutes, WIDTHS_ON_A_CPU) * full}
