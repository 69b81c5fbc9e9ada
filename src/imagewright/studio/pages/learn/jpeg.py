"""JPEG's quality: the picture of a whole file, the bits of each block, and one block opened."""

from __future__ import annotations

from typing import Any

import torch

from imagewright.codecs.jpeg.dct import basis_pictures
from imagewright.lessons.jpeg.opened import OpenedJPEG, code_whole
from imagewright.output.provenance import ENHANCED, make_record
from imagewright.studio.pages.learn.chosen import channels_last, chosen_picture, key_of
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.page import Picture
from imagewright.studio.serving.recent import Recent
from imagewright.studio.serving.studio import Studio

SIDE = 256  # pixels of the longer side: blocks are to be seen, and coding is to follow a slider
_pixels: Recent[tuple[str, ...], torch.Tensor] = Recent(4)
_opened: Recent[tuple[str, ...], OpenedJPEG] = Recent(4)


def code(studio: Studio, asked: Asked) -> list[Picture]:
    """The picture as it is, and as the file of a quality decodes; numbers and the bits of blocks with the second."""
    quality = asked.whole("quality", 50, low=1, high=100)
    pixels = _picture(studio, asked)
    decoded, numbers = code_whole(pixels, quality)
    bits = _open(studio, asked, quality).bits
    about = numbers | {"bits": bits, "rows": bits.shape[0], "columns": bits.shape[1]}
    record = make_record("jpeg", model="jpeg", settings={"quality": quality}, source_type=ENHANCED)
    return [
        Picture(channels_last(pixels), None, "picture"),
        Picture(channels_last(decoded), record, f"quality-{quality}", about),
    ]


def block(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Every stage of one block of the luminance, and what each of its coefficients stands for."""
    opened = _open(studio, asked, asked.whole("quality", 50, low=1, high=100))
    rows, columns = opened.bits.shape
    row, column = asked.whole("row", high=rows - 1), asked.whole("column", high=columns - 1)
    stages = opened.block(row, column)
    return stages.to_dict() | {"nonzero": stages.nonzero_count, "basis": basis_pictures().numpy().round(4)}


def _picture(studio: Studio, asked: Asked) -> torch.Tensor:
    if "ticket" in asked:
        studio.shelf.get(asked.text("ticket"))  # it is in use, and stays on the shelf

    def make() -> torch.Tensor:
        pixels = chosen_picture(studio, asked, SIDE)
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy())

    return _pixels.get((str(studio.folder), *key_of(asked)), make)


def _open(studio: Studio, asked: Asked, quality: int) -> OpenedJPEG:
    pixels = _picture(studio, asked)
    return _opened.get((str(studio.folder), *key_of(asked), str(quality)), lambda: OpenedJPEG(pixels, quality))
