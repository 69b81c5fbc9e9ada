"""The two small sets inside the dependencies, which need no download and no file of the user."""

from __future__ import annotations

import numpy as np

from imagewright.images.annotations import Annotations
from imagewright.images.sources.arrays import ArraySource


def open_digits() -> ArraySource:
    """scikit-learn's handwritten digits: 1,797 grey pictures of 8x8 (0 to 16 scaled to 0 to 255), 10 classes."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped,unused-ignore]

    stored = load_digits()
    pixels = np.rint(stored.images * (255 / 16)).astype(np.uint8)[..., None]
    labels = Annotations(stored.target.astype(np.int64), tuple(str(digit) for digit in range(10)))
    return ArraySource("digits", pixels, labels)


def open_faces() -> ArraySource:
    """scikit-image's `lfw_subset`: its 100 faces of Labeled Faces in the Wild, grey 25x25.

    The file is inside the scikit-image package, so no network is needed. The set's other 100 pictures show backgrounds
    and are left out. Its values, from 0 to 1, are scaled to 0 to 255.
    """
    from skimage.data import lfw_subset

    stored: np.ndarray = lfw_subset()  # type: ignore[no-untyped-call,unused-ignore]
    return ArraySource("faces", np.rint(stored[:100] * 255).astype(np.uint8)[..., None])


BUILTIN = {"digits": open_digits, "faces": open_faces}
