"""Frechet distance of swapped faces to real faces of the source person, in the features of a network.

Faces are cut from the brows to the lips, so that hair and background, which a swap does not change, do not count.

Few faces bias it upwards (Chong & Forsyth 2020, arXiv:1911.07023), so the distance of the footage's own faces, as many
and cut alike, is given beside it.
"""

from __future__ import annotations

import numpy as np

from imagewright.errors import count_text
from imagewright.face_swap.measures.measure import Measure, MeasuredValue
from imagewright.faces.crops import cut_square
from imagewright.faces.landmarks import FIRST, MEAN_FACE, STEADY
from imagewright.faces.similarity import apply_affine, fit_similarity
from imagewright.metrics.frechet.distance import frechet_distance
from imagewright.metrics.frechet.moments import Moments
from imagewright.metrics.metric import Value
from imagewright.pretrained.features.contract import About

SIDE = 128  # pixels of a crop
INNER = 1.1  # side of the square that is cut, in units of the mean face's
DISTANCE = Measure(
    "frechet/to_source", "Frechet distance to real faces of the source", "", "lower",
    "Heusel et al. 2017, arXiv:1706.08500", {"square": INNER, "side": SIDE},
)  # fmt: skip
LEAST = 8  # faces of each


def cut_inner(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The inner face, uint8 (S, S, 3), of a picture uint8 (H, W, 3).

    points: the common points (68, 2) in pixels of the picture.
    """
    unit = fit_similarity(MEAN_FACE[STEADY - FIRST], points[STEADY])
    corner = apply_affine(unit, np.full(2, (1 - INNER) / 2))
    return cut_square(picture, np.concatenate([unit[:, :2] * INNER, corner[:, None]], 1), SIDE)


def measure_realism(swapped: np.ndarray, original: np.ndarray, source: np.ndarray, about: About) -> MeasuredValue:
    """The distance of swapped faces to real ones, with the distance of the footage's faces in the note.

    swapped, original, source: features (N, F), (N, F), (K, F).
    about: the network of the features.
    """
    settings = {"features": about.to_dict(), "faces": len(swapped), "source_faces": len(source)}
    if min(len(swapped), len(source)) < LEAST:
        why = f"{count_text(len(swapped), 'face')} and {len(source):,} of the source: {LEAST} of each are needed"
        return MeasuredValue(DISTANCE, None, settings, why)
    real = Moments.from_features(source)
    ours, theirs = (frechet_distance(Moments.from_features(each), real) for each in (swapped, original))
    note = f"the footage's own faces: {theirs:.4g}; both are biased by few faces"
    return MeasuredValue(DISTANCE, Value(ours), settings, note)
