"""Pictures that are converted: their pixels with the transparency, and what of a picture is not kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from imagewright.errors import count_text
from imagewright.images import Images
from imagewright.images.one_by_one import count_deep, read_one_by_one
from imagewright.output.writing import holds_transparency

OPAQUE = 255


@dataclass(frozen=True, eq=False)
class Still:
    """A picture.

    Attributes:
        picture: uint8 (H, W, 3), on white where it is transparent: what faces are found in.
        pixels: uint8 (H, W, 4) with the transparency, or `picture` if it has none.
    """

    picture: np.ndarray
    pixels: np.ndarray

    @classmethod
    def from_pixels(cls, pixels: np.ndarray) -> Still:
        """The picture of pixels uint8 (H, W, 4)."""
        if (pixels[..., 3] == OPAQUE).all():
            opaque = np.ascontiguousarray(pixels[..., :3])
            return cls(opaque, opaque)
        paper = Image.new("RGBA", pixels.shape[1::-1], "white")
        return cls(np.array(Image.alpha_composite(paper, Image.fromarray(pixels)).convert("RGB")), pixels)

    @property
    def is_transparent(self) -> bool:
        return self.pixels.shape[2] == 4

    def changed(self, picture: np.ndarray) -> np.ndarray:
        """The pixels, with the colours of a changed `picture` where it is changed, and the same transparency."""
        if not self.is_transparent:
            return picture
        pixels, places = self.pixels.copy(), (picture != self.picture).any(2)
        pixels[places, :3] = picture[places]
        return pixels


def read_stills(parts: Sequence[Images]) -> Iterator[tuple[int, Still]]:
    """The place of each picture that can be read, counted over all parts, and the picture."""
    first = 0
    for part in parts:
        part.skipped.clear()
        for number, picture in read_one_by_one(part, 4):
            yield first + number, Still.from_pixels(picture.permute(1, 2, 0).numpy())
        first += len(part)


def about_losses(parts: Sequence[Images], transparent: int, path: Path) -> list[str]:
    """Sentences on what is lost: transparency in formats without it, and bits beyond the eighth.

    transparent: how many pictures are.
    path: of a result, whose format all have.
    """
    notes = []
    if transparent and not holds_transparency(path):
        notes.append(
            f"{path.suffix} holds no transparency: {count_text(transparent, 'picture')} laid on white. Name a .png, "
            ".webp or .tif by --out (out=) to keep it."
        )
    if deep := sum(count_deep(part) for part in parts):
        notes.append(f"{count_text(deep, 'picture')} of 16 bits a channel written with 8, of which the networks are.")
    return notes
