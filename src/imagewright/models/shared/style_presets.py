"""The published configurations of StyleGAN2: batch, channels, rate and weights of the terms by the size of the images.

Karras et al. 2020 (ADA), arXiv:2006.06676, appendix C; numbers as in the published code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from imagewright.layers.style_discriminator import Architecture

PresetName = Literal["auto", "stylegan2", "paper256", "paper512", "paper1024", "cifar"]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """The numbers of a published configuration; images in thousands."""

    batch: int
    group: int
    channel_base: int
    learning_rate: float
    penalty: float
    half_life: float
    ramp_up: float = 0.0
    mapping_layers: int = 8
    architecture: Architecture = "resnet"
    style_mixing: float = 0.9
    path_length: float = 2.0
    thousands: int = 25_000


PRESETS = {
    "stylegan2": Preset(batch=32, group=4, channel_base=32768, learning_rate=2e-3, penalty=10, half_life=10),
    "paper256": Preset(batch=64, group=8, channel_base=16384, learning_rate=2.5e-3, penalty=1, half_life=20),
    "paper512": Preset(batch=64, group=8, channel_base=32768, learning_rate=2.5e-3, penalty=0.5, half_life=20),
    "paper1024": Preset(batch=32, group=4, channel_base=32768, learning_rate=2e-3, penalty=2, half_life=10),
    "cifar": Preset(
        batch=64,
        group=32,
        channel_base=32768,
        learning_rate=2.5e-3,
        penalty=0.01,
        half_life=500,
        ramp_up=0.05,
        mapping_layers=2,
        architecture="orig",
        style_mixing=0.0,
        path_length=0.0,
        thousands=100_000,
    ),
}


def preset_of(name: PresetName, side: int) -> Preset:
    """The numbers of a preset for images whose shorter side has so many pixels."""
    if name != "auto":
        return PRESETS[name]
    batch = max(min(4096 // side, 32), 1)
    return Preset(
        batch=batch,
        group=min(batch, 4),
        channel_base=32768 if side >= 512 else 16384,
        learning_rate=2e-3 if side >= 1024 else 2.5e-3,
        penalty=2e-4 * side**2 / batch,
        half_life=batch * 10 / 32,
        ramp_up=0.05,
        mapping_layers=2,
    )
