"""What a frame of a JPEG file is: its planes, their sampling, and the order in which a scan walks their blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from imagewright.errors import ConfigError, nearest_name

Subsampling = Literal["4:4:4", "4:2:2", "4:2:0"]
# The luminance samples, down and across, to one chrominance sample.
SAMPLING: dict[str, tuple[int, int]] = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}


@dataclass(frozen=True)
class Component:
    """One plane: its number in the file, its samples in each unit (down and across), its quantisation table."""

    identifier: int
    down: int
    across: int
    table: int


@dataclass(frozen=True)
class Frame:
    """The size of a picture in pixels, and its planes. A unit is the smallest piece with whole blocks of all planes."""

    height: int
    width: int
    components: tuple[Component, ...]

    @property
    def most(self) -> tuple[int, int]:
        """The samples down and across in a unit, of the plane with most."""
        return max(each.down for each in self.components), max(each.across for each in self.components)

    def samples(self, component: Component) -> tuple[int, int]:
        """The rows and columns of a plane."""
        down, across = self.most
        return -(-self.height * component.down // down), -(-self.width * component.across // across)

    def blocks(self, component: Component) -> tuple[int, int]:
        """The rows and columns of a plane, in blocks of 8x8."""
        rows, columns = self.samples(component)
        return -(-rows // 8), -(-columns // 8)

    @property
    def units(self) -> tuple[int, int]:
        """The rows and columns of units."""
        down, across = self.most
        return -(-self.height // (8 * down)), -(-self.width // (8 * across))

    @property
    def block_count(self) -> int:
        """The blocks of all planes."""
        return sum(rows * columns for rows, columns in map(self.blocks, self.components))


def frame_of(height: int, width: int, channels: int, subsampling: str) -> Frame:
    """The frame of a grey (1), colour (3), or transparent (4) picture, its chrominance sampled as said."""
    if subsampling not in SAMPLING:
        known = ", ".join(get_args(Subsampling))
        raise ConfigError(
            f"subsampling={subsampling!r}, but it must be one of {known}.{nearest_name(str(subsampling), SAMPLING)}"
        )
    if channels == 1:
        return Frame(height, width, (Component(1, 1, 1, 0),))
    down, across = SAMPLING[subsampling]
    planes = [Component(1, down, across, 0), Component(2, 1, 1, 1), Component(3, 1, 1, 1)]
    if channels == 4:
        planes.append(Component(4, down, across, 0))
    return Frame(height, width, tuple(planes))


def padded_blocks(frame: Frame, component: Component, *, alone: bool) -> tuple[int, int]:
    """The rows and columns of blocks that a scan holds of a plane: whole units, unless the plane is alone in it."""
    if alone:
        return frame.blocks(component)
    (rows, columns), down, across = frame.units, component.down, component.across
    return rows * down, columns * across


def in_units(blocks: np.ndarray, component: Component, *, alone: bool) -> np.ndarray:
    """Blocks (rows, columns, ...) of a plane in whole units as (units, blocks of a unit, ...), in a scan's order."""
    down, across = (1, 1) if alone else (component.down, component.across)
    rows, columns, *rest = blocks.shape
    parts = blocks.reshape(rows // down, down, columns // across, across, *rest)
    return parts.swapaxes(1, 2).reshape(-1, down * across, *rest)


def from_units(blocks: np.ndarray, component: Component, rows: int, columns: int, *, alone: bool) -> np.ndarray:
    """The inverse of `in_units`."""
    down, across = (1, 1) if alone else (component.down, component.across)
    parts = blocks.reshape(rows // down, columns // across, down, across, *blocks.shape[2:])
    return parts.swapaxes(1, 2).reshape(rows, columns, *blocks.shape[2:])


def unit_sizes(components: Sequence[Component]) -> list[int]:
    """How many blocks a unit holds of each plane of a scan."""
    return [1] if len(components) == 1 else [each.down * each.across for each in components]
