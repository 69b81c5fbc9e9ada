"""The identities in the records of a set of faces, as a space in which its crops are compared: no pixel is needed."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from imagewright.analysis.spaces import NetworkFeatures
from imagewright.errors import DataError, count_text
from imagewright.faces.crop_records import find_face_record
from imagewright.images import Images
from imagewright.images.one_by_one import read_encoded_pictures
from imagewright.metrics.features.run_features import open_features

IDENTITY = "identity"


class IdentityFeatures:
    """The 128 numbers of who a face is, from the XMP of crops that `swap extract` wrote."""

    name, resolution, block = IDENTITY, 1e-6, 64
    title = "identities"

    def resize(self, images: Images) -> Images:
        return images

    def features(self, images: Tensor) -> Tensor:
        """Pixels do not tell. `rows` has the features."""
        raise NotImplementedError

    def rows(self, images: Images) -> Tensor:
        """The identities of the crops, float32 (N, 128). Raises `DataError` if one has none."""
        found: list[np.ndarray | None] = [None] * len(images)
        for number, payload in read_encoded_pictures(images):
            record = find_face_record(payload, images.name(number))
            found[number] = None if record is None else record.identity
        without = [images.name(number) for number, identity in enumerate(found) if identity is None]
        if without:
            raise DataError(
                f"{count_text(len(without), 'picture')} of {images.source} without a recorded identity, such as "
                f"{without[0]}: --features {IDENTITY} compares the crops of `imagewright swap extract`."
            )
        return torch.from_numpy(np.stack(found).astype(np.float32))  # type: ignore[arg-type]


ComparedFeatures: TypeAlias = NetworkFeatures | IdentityFeatures


def open_space(features: str) -> ComparedFeatures:
    """The space of a name of features: the recorded identities, or those of a network (`open_features`)."""
    return IdentityFeatures() if features == IDENTITY else NetworkFeatures(open_features(features))
