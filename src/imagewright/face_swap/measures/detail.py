"""Whether the swapped face is as detailed as the footage's: the contrast of its features, as a ratio.

A young network draws blurred eyes and lips, which look like the person and move well: no other measure sees that. The
band is that of features (2 % of the inner face), which sharpening of the finest detail does not make up for.
"""

from __future__ import annotations

import numpy as np

from imagewright.face_swap.measures.intervals import frames_interval, ratio_of_means
from imagewright.face_swap.measures.measure import Aim, Measure, MeasuredValue
from imagewright.face_swap.measures.realism import INNER, SIDE
from imagewright.faces.detail import detail_energy, fine_detail

SIGMA = 3.0  # pixels of the inner face of 128
RATIO = Measure(
    "detail/ratio",
    "detail inside the face, over the footage's",
    "",
    "near 1",
    "own",
    {
        "square": INNER,
        "side": SIDE,
        "detail": f"root mean square of the luma less its Gaussian blur, sigma {SIGMA:g}",
        "mean": "over frames, then the ratio",
    },
    Aim("at least", 0.8),
)


def feature_contrast(inner: np.ndarray) -> float:
    """The contrast of the features in grey levels, of an inner face, uint8 (S, S, 3), of `realism.cut_inner`."""
    detail = fine_detail(inner.astype(np.float32), SIGMA)
    return float(np.sqrt(detail_energy(detail, np.ones_like(detail))))


def measure_detail(contrasts: np.ndarray) -> MeasuredValue:
    """The ratio of the mean contrasts of the swapped face and the original, (T, 2)."""
    ours, theirs = contrasts.mean(0)
    note = f"{ours:.2f} against {theirs:.2f} grey levels" + ("; the face is blurred" if ours < 0.8 * theirs else "")
    return MeasuredValue(RATIO, frames_interval(contrasts, ratio_of_means), note=note)
