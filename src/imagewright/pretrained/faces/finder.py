"""Faces by networks: detectors for near and for small faces, then the mesh of each, twice.

The second mesh is fitted in the square that the first one gives, so that points depend less on the detector's box.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from imagewright.errors import ConfigError, DataError, nearest_name
from imagewright.faces.cascade import LOST, CascadeFinder
from imagewright.faces.detections import Face, FaceFinder, suppress_overlapping
from imagewright.faces.landmarks import five_points
from imagewright.pretrained.faces.networks import detect_any_size, detect_near, fit_meshes
from imagewright.pretrained.faces.weights import BLAZEFACE, CENTERFACE, FACE_MESH, SET
from imagewright.pretrained.published_weights import PublishedWeights, find_published
from imagewright.pretrained.weight_sets import describe_set, get_weights

FINDERS = ("networks", "cascade")
FinderName = Literal["networks", "cascade"]
MARGIN = 1.5  # of the square that the mesh is fitted in, in boxes
PRESENCE = 0.5  # probability of a face in that square
PASSES = 2
SURE = 0.8  # score from which a face is kept in which the mesh sees none, such as a full profile
NEEDED = (BLAZEFACE, FACE_MESH, CENTERFACE)


class NetworkFinder:
    """Finds faces of any size and pose, each with the 468 points of the mesh, or a detector's if the mesh sees none.

    small: whether small faces are searched too, by a second detector.
    """

    name = "networks"
    notes: Sequence[str] = ()

    def __init__(self, *, small: bool = True) -> None:
        self.small = small

    def find(self, picture: np.ndarray) -> list[Face]:
        """The faces of a picture, uint8 (H, W, 3), the largest first."""
        found = detect_near(picture)
        if self.small:
            found = suppress_overlapping([*found, *detect_any_size(picture)])
        return fit_faces(picture, found)

    def follow(self, picture: np.ndarray, faces: Sequence[Face]) -> list[Face] | None:
        """The faces of the frame before in this one, by the mesh alone: three times as fast as `find`.

        None if one of them is not there any more, or has no mesh: then look for faces anew.
        """
        if any(face.layout != "mesh" for face in faces):
            return None
        found = fit_faces(picture, faces, passes=1)
        return found if len(found) == len(faces) and all(face.layout == "mesh" for face in found) else None


def fit_faces(picture: np.ndarray, faces: Sequence[Face], passes: int = PASSES) -> list[Face]:
    """The faces with the points of the mesh. Those in which it sees no face are left out unless the score is high."""
    fitted, presences = list(faces), [0.0] * len(faces)
    for _ in range(passes):
        found = fit_meshes(picture, [mesh_square(face) for face in fitted])
        presences = [presence for _, presence in found]
        fitted = [
            Face(np.concatenate([points[:, :2].min(0), points[:, :2].max(0)]), points, face.score, "mesh")
            for face, (points, _) in zip(faces, found, strict=True)
        ]
    seen = [face for face, presence in zip(fitted, presences, strict=True) if presence >= PRESENCE]
    unseen = [face for face, each in zip(faces, presences, strict=True) if each < PRESENCE and face.score >= SURE]
    return suppress_overlapping([*seen, *unseen])


def mesh_square(face: Face) -> np.ndarray:
    """The square that the mesh is fitted in: around the box, turned so that the eyes are level."""
    eyes = five_points(face)[:2]
    across = eyes[1] - eyes[0]
    length = float(np.hypot(*across))
    across = across / length if length > 0 else np.array([1.0, 0.0])
    below = np.array([-across[1], across[0]])
    side = MARGIN * face.side
    if face.layout == "mesh":  # in its own axes, so that the box does not grow with the turn
        turned = face.points[:, :2] @ np.stack([across, below], 1)
        low, high = turned.min(0), turned.max(0)
        centre, side = ((low + high) / 2) @ np.stack([across, below]), MARGIN * float((high - low).max())
    else:
        centre = (face.box[:2] + face.box[2:]) / 2
    return np.stack([across * side, below * side, centre - (across + below) * side / 2], 1)


def absent_networks() -> list[PublishedWeights]:
    """The networks that finding faces needs and whose weights are not here."""
    return [weights for weights in NEEDED if find_published(weights) is None]


def open_face_finder(find: FinderName | None = None, confirm: Callable[[str], bool] | None = None) -> FaceFinder:
    """A finder of faces.

    find: "networks", "cascade", or None for the networks, whose weights are fetched at the first use, and the cascade
        if that is not possible, with a note on what is lost.
    confirm: asked before weights are fetched, with a sentence that says what will be done.
    Raises `ConfigError` for another name, `DataError` for "networks" without weights.
    """
    if find not in (None, *FINDERS):
        raise ConfigError(f"find={find!r}: expected {' or '.join(FINDERS)}.{nearest_name(str(find), FINDERS)}")
    if find == "cascade":
        return CascadeFinder(())
    missing = absent_networks()
    if missing and confirm is not None and not confirm(describe_set(SET)):
        if find == "networks":
            raise DataError(f"The networks that find faces need their weights. {missing[0].advice(SET)}")
        return CascadeFinder()
    if missing:
        try:
            get_weights(SET)
        except DataError as error:
            if find == "networks":
                raise
            return CascadeFinder((LOST, str(error)))
    return NetworkFinder()
