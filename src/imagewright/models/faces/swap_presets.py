"""Presets of the swap model: widths of the networks, batch and rate for a CPU, and for GPUs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SwapPresetName = Literal["small", "classic", "whole_face"]


@dataclass(frozen=True, kw_only=True)
class SwapPreset:
    """The numbers of a preset.

    side: pixels of a crop that it is meant for.
    encoder_width, code, inner_width: as in `Widths`.
    decoder_width, mask_width: 8, 4 and 2 times as many channels follow the doublings.
    finer: whether the last doubling is left to a head that makes four pixels of each place.
    batch, learning_rate, images: of the training; images of each person.
    """

    side: int
    encoder_width: int
    code: int
    inner_width: int
    decoder_width: int
    mask_width: int
    finer: bool
    batch: int
    learning_rate: float
    images: int
    half_life: int


SWAP_PRESETS: dict[SwapPresetName, SwapPreset] = {
    # Learns on two cores of a CPU in less than an hour.
    "small": SwapPreset(
        side=96,
        encoder_width=24,
        code=256,
        inner_width=96,
        decoder_width=8,
        mask_width=2,
        finer=True,
        batch=8,
        learning_rate=1e-3,
        images=60_000,
        half_life=1_000,
    ),
    # The default widths of DeepFaceLab's SAEHD.
    "classic": SwapPreset(
        side=128,
        encoder_width=64,
        code=256,
        inner_width=256,
        decoder_width=64,
        mask_width=22,
        finer=False,
        batch=8,
        learning_rate=5e-5,
        images=1_600_000,
        half_life=5_000,
    ),
    "whole_face": SwapPreset(
        side=256,
        encoder_width=64,
        code=256,
        inner_width=256,
        decoder_width=32,
        mask_width=8,
        finer=True,
        batch=16,
        learning_rate=1e-4,
        images=3_200_000,
        half_life=10_000,
    ),
}
