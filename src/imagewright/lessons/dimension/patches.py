"""Square patches of photographs as points: one coordinate a pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imagewright.errors import DataError

PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "coins", "rocket")  # of scikit-image, in its wheel
MOST_PICTURES = 64


def cut_patches(
    source: str | None, count: int, sides: Sequence[int], random: np.random.Generator
) -> dict[int, np.ndarray]:
    """Grey patches at random positions, by their side s: (count, s * s) in [0, 1], the same positions for every side.

    source: a source of pictures; None takes photographs of scikit-image.
    count: number of patches.
    sides: of the square patches, in pixels.
    random: of the positions.

    Raises `DataError` if a picture of the source is smaller than the largest patch.
    """
    pictures = _photographs() if source is None else _load_pictures(source)
    largest = max(sides)
    smallest = min(min(picture.shape) for picture in pictures)
    if smallest < largest:
        raise DataError(
            f"Patches of {largest}x{largest} pixels need pictures at least as large: {source} has {smallest} a side."
        )
    found = np.empty((count, largest, largest))
    for patch in found:
        picture = pictures[random.integers(len(pictures))]
        top, left = (random.integers(extent - largest + 1) for extent in picture.shape)
        patch[:] = picture[top : top + largest, left : left + largest]
    return {side: found[:, :side, :side].reshape(count, -1) for side in sides}


def _photographs() -> list[np.ndarray]:
    import skimage.data
    from skimage.color import rgb2gray
    from skimage.util import img_as_float

    pictures = [getattr(skimage.data, name)() for name in PHOTOGRAPHS]
    return [rgb2gray(picture) if picture.ndim == 3 else img_as_float(picture) for picture in pictures]


def _load_pictures(source: str) -> list[np.ndarray]:
    from imagewright.images import open_images

    images = open_images(source, channels=1).prepare()
    chosen = np.unique(np.linspace(0, len(images) - 1, MOST_PICTURES).round().astype(np.int64))
    return list(images.batch(chosen).images[:, 0].numpy() / 255)
