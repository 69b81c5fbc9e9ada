"""JPEG as a coder of pictures, at several qualities."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from imagewright.analysis.compression.coders import CodedPictures
from imagewright.codecs.jpeg.batches import TransformedPictures

VALUES_AT_ONCE = 1 << 20  # pixel values of pictures that are coded together
KEPT_VALUES = 1 << 26  # of pictures that stay transformed for all qualities; more are transformed again for each

Group = Tensor | TransformedPictures
"""Some pictures that are coded together: transformed, or as they are."""


class JPEGCoder:
    """JPEG at several qualities. Bits are those of the file's scan, since every file has the standard's tables."""

    note = "bits of the entropy-coded scan; not the header, which holds the standard's tables"
    decoder_bytes = 0

    def __init__(self, qualities: Sequence[int], subsampling: str, name: str = "jpeg") -> None:
        self.name, self.subsampling = name, subsampling
        self.settings: list[float] = sorted({float(quality) for quality in qualities})

    def analyse(self, pictures: Tensor) -> list[Group]:
        groups = pictures.split(max(1, VALUES_AT_ONCE // math.prod(pictures.shape[1:])))
        if pictures.numel() > KEPT_VALUES:
            return list(groups)
        return [self._transformed(group) for group in groups]

    def count_bits(self, rows: list[Group], setting: float) -> Tensor:
        quality = round(setting)
        found = [self._transformed(group).quantise(quality).scan_bytes() for group in rows]
        return 8 * torch.cat([torch.from_numpy(each) for each in found]).double()

    def code(self, rows: list[Group], setting: float) -> CodedPictures:
        decoded, scans, whole = [], [], []
        for group in rows:
            quantised = self._transformed(group).quantise(round(setting))
            scans.append(torch.from_numpy(quantised.scan_bytes()))
            whole.append(scans[-1] + quantised.other_bytes())
            decoded.append(quantised.decode())
        return CodedPictures(torch.cat(decoded), 8 * torch.cat(scans).double(), 8 * torch.cat(whole).double())

    def label(self, setting: float) -> str:
        return f"quality {setting:.0f}"

    def _transformed(self, group: Group) -> TransformedPictures:
        return group if isinstance(group, TransformedPictures) else TransformedPictures.of(group, self.subsampling)
