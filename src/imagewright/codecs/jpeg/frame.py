"""The frame of a JPEG file: its planes (components), their sampling, and the order of their blocks in a scan.

The files of this folder say "unit" for the standard's MCU (minimum coded unit).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from imagewright.errors import ConfigError, nearest_name

Subsampling = Literal["4:4:4", "4:2:2", "4:2:0"]
# Luminance samples, down and across, per chrominance sample.
SAMPLING: dict[str, tuple[int, int]] = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}


@dataclass(frozen=True)
class Component:
    """One plane of a frame."""

    identifier: int  # its number in the file
    down: int  # vertical sampling factor: blocks in a unit from top to bottom
    across: int  # horizontal sampling factor
    table: int  # number of its quantisation table


@dataclass(frozen=True)
class JPEGFrame:
    """The size of a picture in pixels, and its planes. A unit is the smallest area with whole blocks of all planes."""

    height: int
    width: int
    components: tuple[Component, ...]

    @property
    def most(self) -> tuple[int, int]:
        """The largest sampling factors of all planes, (down, across)."""
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


def build_frame(height: int, width: int, channels: int, subsampling: str) -> JPEGFrame:
    """The frame of a grey (1 channel), colour (3) or transparent (4) picture with that chrominance subsampling.

    Raises `ConfigError` for an unknown subsampling.
    """
    if subsampling not in SAMPLING:
        known = ", ".join(get_args(Subsampling))
        raise ConfigError(
            f"subsampling={subsampling!r}, but it must be one of {known}.{nearest_name(str(subsampling), SAMPLING)}"
        )
    if channels == 1:
        return JPEGFrame(height, width, (Component(1, 1, 1, 0),))
    down, across = SAMPLING[subsampling]
    planes = [Component(1, down, across, 0), Component(2, 1, 1, 1), Component(3, 1, 1, 1)]
    if channels == 4:
        planes.append(Component(4, down, across, 0))
    return JPEGFrame(height, width, tuple(planes))


def padded_blocks(frame: JPEGFrame, component: Component, *, alone: bool) -> tuple[int, int]:
    """The rows and columns of a plane's blocks in a scan: padded to whole units, unless the plane is alone in it."""
    if alone:
        return frame.blocks(component)
    (rows, columns), down, across = frame.units, component.down, component.across
    return rows * down, columns * across


def to_units(blocks: np.ndarray, component: Component, *, alone: bool) -> np.ndarray:
    """Blocks (rows, columns, ...) of a plane in whole units as (units, blocks of a unit, ...) in scan order."""
    down, across = (1, 1) if alone else (component.down, component.across)
    rows, columns, *rest = blocks.shape
    parts = blocks.reshape(rows // down, down, columns // across, across, *rest)
    return parts.swapaxes(1, 2).reshape(-1, down * across, *rest)


def from_units(blocks: np.ndarray, component: Component, rows: int, columns: int, *, alone: bool) -> np.ndarray:
    """The inverse of `to_units`."""
    down, across = (1, 1) if alone else (component.down, component.across)
    parts = blocks.reshape(rows // down, columns // across, down, across, *blocks.shape[2:])
    return parts.swapaxes(1, 2).reshape(rows, columns, *blocks.shape[2:])


def unit_sizes(components: Sequence[Component]) -> list[int]:
    """The number of blocks of each plane in one unit of a scan."""
    return [1] if len(components) == 1 else [each.down * each.across for each in components]
