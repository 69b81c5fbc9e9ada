"""The sets that need no download and no file of the user: two inside the dependencies, and one that is drawn."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from imagewright.errors import DataError
from imagewright.images.annotations import Annotations
from imagewright.images.shapes.source import NAME, open_shapes
from imagewright.images.sources.arrays import ArraySource
from imagewright.images.sources.base import PictureSource


def open_digits() -> ArraySource:
    """scikit-learn's handwritten digits: 1,797 grey pictures of 8x8 (0 to 16 scaled to 0 to 255), 10 classes."""
    # The file alone is read: importing scikit-learn would take longer than training on it for a while.
    stored = _read_packaged("sklearn", "datasets/data/digits.csv.gz")
    pixels = np.rint(stored[:, :-1].reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    labels = Annotations(stored[:, -1].astype(np.int64), tuple(str(digit) for digit in range(10)))
    return ArraySource("digits", pixels, labels)


def _read_packaged(package: str, name: str) -> np.ndarray:
    """A compressed table of numbers, float64 (N, M), among the files of a package, which is not imported."""
    found = find_spec(package)
    folders = (found.submodule_search_locations or []) if found is not None else []
    path = next((path for folder in folders if (path := Path(folder) / name).is_file()), None)
    if path is None:
        raise DataError(f"{package} is not installed here, or without its file {name}: `pip install scikit-learn`.")
    lines = gzip.decompress(path.read_bytes()).decode().split()
    return np.fromstring(",".join(lines), sep=",").reshape(len(lines), -1)


def open_faces() -> ArraySource:
    """scikit-image's `lfw_subset`: its 100 faces of Labeled Faces in the Wild, grey 25x25.

    The file is inside the scikit-image package, so no network is needed. The set's other 100 pictures show backgrounds
    and are left out. Its values, from 0 to 1, are scaled to 0 to 255.
    """
    from skimage.data import lfw_subset

    stored: np.ndarray = lfw_subset()  # type: ignore[no-untyped-call,unused-ignore]
    return ArraySource("faces", np.rint(stored[:100] * 255).astype(np.uint8)[..., None])


BUILTIN: dict[str, Callable[[], PictureSource]] = {"digits": open_digits, "faces": open_faces, NAME: open_shapes}
