"""Whose face it is: distances of the swapped face to the source and to the target person by the identity network.

FaceForensics++'s protocol asks for retrieval (the nearest of all real faces: is it of the source person?); distances
say more when two swaps are compared. The network is dlib's, whose distance between faces of one person is below 0.6
(King 2017). A network that a training used must not be the one that scores it; the swap model uses another one.
Shape letters: N swapped faces, K faces of a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from imagewright.face_swap.measures.intervals import frames_interval, mean_of
from imagewright.face_swap.measures.measure import Aim, Measure, MeasuredValue
from imagewright.faces.identities import SAME_PERSON, mean_distances, nearest_distances

SETTINGS = {"network": "dlib's ResNet (King 2017) in 8 bits", "distance": "Euclidean, of 128 numbers"}
SOURCE = "FaceForensics++ (Roessler et al. 2019, arXiv:1901.08971); King 2017"
TO_SOURCE = Measure(
    "identity/to_source", "distance to the source person", "", "lower", SOURCE, SETTINGS, Aim("at most", 0.6)
)
TO_TARGET = Measure("identity/to_target", "distance to the target person", "", "higher", SOURCE, SETTINGS)
NEARER = Measure(
    "identity/nearer_source", "frames nearer the source than the target", "share", "higher", SOURCE, SETTINGS,
    Aim("at least", 0.8),
)  # fmt: skip
RETRIEVED = Measure(
    "identity/retrieval", "frames whose nearest face of all is the source's", "share", "higher", SOURCE, SETTINGS,
    Aim("at least", 0.8),
)  # fmt: skip


def person_distances(identities: np.ndarray, person: np.ndarray) -> np.ndarray:
    """The distance of each of (N, 128) to a person, (N,): the mean over the faces (K, 128); or of (N, K, 128), in which
    each has its own person, over the K of that."""
    if person.ndim == 3:
        distances: np.ndarray = np.linalg.norm(identities[:, None] - person, axis=-1).mean(1)
        return distances
    return mean_distances(identities, person)


def people_of(identities: np.ndarray) -> np.ndarray:
    """The identities (N, 128) of an original as a person's, for `person_distances`: one person's, or if they differ
    too much for that, each face its own, (N, 1, 128)."""
    return identities if mean_distances(identities, identities).mean() < SAME_PERSON else identities[:, None]


def measure_identity(
    identities: np.ndarray, source: np.ndarray | None, target: np.ndarray | None, settings: Mapping[str, Any]
) -> list[MeasuredValue]:
    """Distances to each person that is known, and if both are, the share nearer the source, and retrieval.

    The distance to a person is the mean over their faces.

    identities: (N, 128), of swapped faces in the order of time.
    source: (K, 128), of faces of the person; None if they are not known.
    target: the same, or (N, K, 128) if each face has its own person.
    settings: what the recipe should say on where these faces are from.
    """
    found = []
    for measure, person in ((TO_SOURCE, source), (TO_TARGET, target)):
        if person is not None:
            distances = person_distances(identities, person)
            found.append(MeasuredValue(measure, frames_interval(distances, mean_of), settings))
    if source is not None and target is not None:
        nearer = person_distances(identities, source) < person_distances(identities, target)
        hits = nearest_distances(identities, source) < nearest_distances(identities, target.reshape(-1, 128))
        found.append(MeasuredValue(NEARER, frames_interval(nearer.astype(float), mean_of), settings))
        found.append(MeasuredValue(RETRIEVED, frames_interval(hits.astype(float), mean_of), settings))
    return found
