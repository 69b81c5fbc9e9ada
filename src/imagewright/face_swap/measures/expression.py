"""Whether the face does what the face in the footage does: its inner points, and how far mouth and eyes are open.

Points are aligned to the mean face by those that speech does not move, so that neither pose in the picture nor size
counts. Distances are in % of the mean face's eye distance. Shape letters: T frames.
"""

from __future__ import annotations

import numpy as np

from imagewright.errors import count_text
from imagewright.face_swap.measures.intervals import frames_interval, mean_of
from imagewright.face_swap.measures.measure import Aim, Measure, MeasuredValue
from imagewright.faces.landmarks import FIRST, LEFT_EYE, MEAN_FACE, RIGHT_EYE, STEADY
from imagewright.faces.similarity import apply_affine, fit_similarity

INNER = slice(17, 68)  # brows, nose, eyes, lips
MOUTH_PAIRS = ((61, 67), (62, 66), (63, 65))  # upper and lower inner lip
EYE_PAIRS = ((37, 41), (38, 40), (43, 47), (44, 46))  # upper and lower lid
# % of the eye distance: an opening whose standard deviation is less cannot be followed, and has no correlation.
STILL_MOUTH, STILL_EYES = 0.5, 0.2
LEAST_FRAMES = 10  # of a correlation

_EYES = (RIGHT_EYE, LEFT_EYE)
EYE_DISTANCE = float(
    np.linalg.norm(np.subtract(*(MEAN_FACE[eye.start - FIRST : eye.stop - FIRST].mean(0) for eye in _EYES)))
)
SETTINGS = {
    "points": "68 of the mesh, not smoothed",
    "alignment": "similarity of points 17-48 and 54 to the mean face",
    "unit": "% of the mean face's eye distance",
}
SOURCE = "expression error of FaceForensics++'s protocol, by points instead of a 3-D model's coefficients"
ERROR = Measure(
    "expression/error", "distance of inner points", "% of eye distance", "lower", SOURCE,
    SETTINGS | {"compared": "points 17-67"},
)  # fmt: skip
MOTION = Measure(
    "expression/motion_error", "the same without each video's mean face", "% of eye distance", "lower", SOURCE,
    SETTINGS | {"compared": "points 17-67 less their mean over time"},
)  # fmt: skip


def _opening_measures(
    name: str, owner: str, pairs: tuple[tuple[int, int], ...], aim: Aim | None
) -> tuple[Measure, Measure]:
    settings = SETTINGS | {"pairs": [list(pair) for pair in pairs]}
    title = f"correlation of the {owner} opening with the footage's"
    follows = settings | {"correlation": "Pearson"}
    return (
        Measure(f"{name}/correlation", title, "", "higher", SOURCE, follows, aim),
        Measure(
            f"{name}/error", f"error of the {owner} opening", "% of eye distance", "lower", SOURCE,
            settings | {"error": "mean absolute"},
        ),
    )  # fmt: skip


MOUTH = _opening_measures("mouth", "mouth's", MOUTH_PAIRS, Aim("at least", 0.8))
EYES = _opening_measures("eyes", "eyes'", EYE_PAIRS, None)


def align_points(points: np.ndarray) -> np.ndarray:
    """The common points (68, 2) of a face in the square of the mean face."""
    return apply_affine(fit_similarity(points[STEADY], MEAN_FACE[STEADY - FIRST]), points)


def mouth_opening(aligned: np.ndarray) -> np.ndarray:
    """How far the mouth is open: the mean distance of three pairs of points of the inner lips, in % of eye distance.

    aligned: (..., 68, 2), of `align_points`.
    """
    return _opening(aligned, MOUTH_PAIRS)


def eye_opening(aligned: np.ndarray) -> np.ndarray:
    """How far the eyes are open: the mean distance of two pairs of points of each eye's lids, in % of eye distance."""
    return _opening(aligned, EYE_PAIRS)


def _opening(aligned: np.ndarray, pairs: tuple[tuple[int, int], ...]) -> np.ndarray:
    upper, lower = (aligned[..., [pair[place] for pair in pairs], :] for place in (0, 1))
    return np.linalg.norm(upper - lower, axis=-1).mean(-1) * 100 / EYE_DISTANCE


def correlation(rows: np.ndarray) -> float:
    """Pearson's correlation of the two columns of (T, 2); NaN if one does not vary."""
    centred = rows - rows.mean(0)
    lengths = np.linalg.norm(centred, axis=0)
    return float(centred[:, 0] @ centred[:, 1] / lengths.prod()) if lengths.all() else float("nan")


def measure_expression(swapped: np.ndarray, original: np.ndarray) -> list[MeasuredValue]:
    """Errors of the inner points, and correlation and error of the openings of mouth and eyes.

    swapped, original: aligned points of each frame, (T, 68, 2).
    """
    found = []
    for measure, ours, theirs in (
        (ERROR, swapped, original),
        (MOTION, swapped - swapped.mean(0), original - original.mean(0)),
    ):
        if measure is MOTION and len(ours) < LEAST_FRAMES:  # one frame is its own mean
            found.append(MeasuredValue(measure, None, note=f"of {count_text(len(ours), 'frame')}: too few"))
            continue
        distances = np.linalg.norm(ours[:, INNER] - theirs[:, INNER], axis=-1).mean(-1) * 100 / EYE_DISTANCE
        found.append(MeasuredValue(measure, frames_interval(distances, mean_of)))
    for measures, opening, still in ((MOUTH, mouth_opening, STILL_MOUTH), (EYES, eye_opening, STILL_EYES)):
        found += _measure_opening(*measures, np.stack([opening(swapped), opening(original)], 1), still)
    return found


def _measure_opening(follows: Measure, error: Measure, openings: np.ndarray, still: float) -> list[MeasuredValue]:
    """openings: (T, 2), of the swapped face and of the original. still: its standard deviation that is too little."""
    errors = MeasuredValue(error, frames_interval(np.abs(openings[:, 0] - openings[:, 1]), mean_of))
    spread = float(openings[:, 1].std())
    if len(openings) < LEAST_FRAMES or spread < still:
        few = f"of {count_text(len(openings), 'frame')}: too few"
        varies = f"the footage's varies by {spread:.2f} % of the eye distance: too little"
        why = few if len(openings) < LEAST_FRAMES else varies
        return [MeasuredValue(follows, None, note=why), errors]
    return [MeasuredValue(follows, frames_interval(openings, correlation)), errors]
