"""The face that was swapped, in each pair of frames: found in the original, followed, and its mesh fitted in both.

The mesh is fitted by the same steps in both frames, from one square at first, so that the shake of its points can be
compared: a video against itself has equal points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from imagewright.faces.detections import Face, overlaps
from imagewright.faces.identities import mean_distances
from imagewright.pretrained.faces.finder import PASSES, PRESENCE, NetworkFinder, mesh_square, open_face_finder
from imagewright.pretrained.faces.networks import fit_meshes, identify

SEARCHED_EVERY = 12  # frames: faces that come in are seen, and what is followed is checked
SAME = 0.3  # intersection over union of boxes of one face in two frames
CHANGED = 2.0  # grey levels: a mean change of a face that is no noise of encoding
CHANGED_MORE = 1.5  # times the change of the second most changed face
CUT_SIDE, CUT = 32, 20.0  # pixels, and grey levels by which the small original changes at a cut


@dataclass(frozen=True, eq=False)
class FacePair:
    """The face of the original, and that of the swapped frame at the same place, both by the mesh.

    swapped: None if there is no face.
    shot: another number after a cut, or where the face was lost.
    """

    original: Face
    swapped: Face | None
    shot: int


class FaceFollower:
    """Follows the face that was swapped from pair to pair.

    In a frame with several faces it is the one nearest the target person, if their faces are given; else the one that
    the swap changed most; else the one followed before, and at the start the largest.

    target: identities (K, 128) of the person in the footage; None if they are not given.
    """

    def __init__(self, target: np.ndarray | None = None) -> None:
        finder = open_face_finder("networks")
        assert isinstance(finder, NetworkFinder)
        self.finder, self.target = finder, target
        self.several = 0  # searched frames with several faces
        self._followed: Face | None = None
        self._shot, self._since_search = 0, 0
        self._small: np.ndarray | None = None

    def find(self, swapped: np.ndarray, original: np.ndarray) -> FacePair | None:
        """The pair of faces in a pair of frames, uint8 (H, W, 3); None if the original has no face."""
        if self._is_cut(original):
            self._lose()
        before = self._followed
        self._since_search += 1
        if before is None or self._since_search >= SEARCHED_EVERY:
            before = self._search(swapped, original)
        found = None if before is None else self._fit(swapped, original, before)
        if found is None and before is not None and self._since_search:  # what was followed has gone
            before = self._search(swapped, original)
            found = None if before is None else self._fit(swapped, original, before)
        if found is None:
            self._lose()
            return None
        if self._followed is not None and overlaps(self._followed.box, found[0].box[None])[0] < SAME:
            self._shot += 1
        self._followed = found[0]
        return FacePair(*found, self._shot)

    def _lose(self) -> None:
        self._shot += self._followed is not None
        self._followed = None

    def _is_cut(self, original: np.ndarray) -> bool:
        picture = Image.fromarray(original).convert("L").resize((CUT_SIDE, CUT_SIDE), Image.Resampling.BOX)
        before, self._small = self._small, np.asarray(picture, np.float32)
        return before is not None and float(np.abs(self._small - before).mean()) > CUT

    def _search(self, swapped: np.ndarray, original: np.ndarray) -> Face | None:
        self._since_search = 0
        faces = [face for face in self.finder.find(original) if face.layout == "mesh"]
        self.several += len(faces) > 1
        if len(faces) < 2:
            return faces[0] if faces else None
        if self.target is not None:
            return faces[int(mean_distances(identify(original, faces), self.target).argmin())]
        changes = [_change(swapped, original, face) for face in faces]
        order = np.argsort(changes)[::-1]
        if changes[order[0]] > CHANGED and changes[order[0]] > CHANGED_MORE * changes[order[1]]:
            return faces[order[0]]
        if self._followed is not None:
            shared = overlaps(self._followed.box, np.stack([face.box for face in faces]))
            if shared.max() >= SAME:
                return faces[int(shared.argmax())]
        return faces[0]

    def _fit(self, swapped: np.ndarray, original: np.ndarray, before: Face) -> tuple[Face, Face | None] | None:
        """The mesh in both frames, by two passes each from the square of the mesh before."""
        theirs = _fit_mesh(original, before)
        return None if theirs is None else (theirs, _fit_mesh(swapped, before))


def _fit_mesh(picture: np.ndarray, before: Face) -> Face | None:
    """The mesh near a face, of which the second pass is in the square of the first; None if there is no face."""
    fitted = before
    for _ in range(PASSES):
        ((points, presence),) = fit_meshes(picture, [mesh_square(fitted)])
        if presence < PRESENCE:
            return None
        box = np.concatenate([points[:, :2].min(0), points[:, :2].max(0)])
        fitted = Face(box, points, before.score, "mesh")
    return fitted


def _change(swapped: np.ndarray, original: np.ndarray, face: Face) -> float:
    """The mean absolute change in the box of a face, in grey levels."""
    height, width = original.shape[:2]
    x0, y0, x1, y1 = np.clip(np.round(face.box).astype(int), 0, [width, height, width, height])
    if x1 <= x0 or y1 <= y0:
        return 0.0
    parts = (picture[y0:y1, x0:x1].astype(np.float32) for picture in (swapped, original))
    return float(np.abs(np.subtract(*parts)).mean())
