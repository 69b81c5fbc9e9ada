"""Faces in pictures that lie on their side or stand on their head."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from imagewright.faces.detections import Face, FaceFinder

TURNS = (0, 1, 2, 3)  # quarters to the right, tried in this order until a face is found
Follow = Callable[[np.ndarray, Sequence[Face]], list[Face] | None]
PATIENCE = 15  # frames without a face after which other turns are tried


def find_turned(finder: FaceFinder, picture: np.ndarray, turns: Sequence[int] = TURNS) -> tuple[int, list[Face]]:
    """The faces of a picture, and after how many quarter turns to the right some were found; (0, []) if never."""
    height, width = picture.shape[:2]
    for quarters in turns:
        found = finder.find(np.ascontiguousarray(np.rot90(picture, -quarters)))
        if found:
            return quarters, [face.unturned(quarters, height, width) for face in found]
    return 0, []


class TurningFinder:
    """Finds the faces of the frames of a video, also of one whose frames lie on their side without saying so.

    Frames are taken as they are until none has a face for a while; then other turns are tried, and the one that shows
    faces is kept.
    """

    def __init__(self, finder: FaceFinder) -> None:
        self.name, self.notes = finder.name, finder.notes
        self.quarters = 0
        self._finder = finder
        self._without = PATIENCE  # other turns are tried at the first frame, too

    @property
    def follow(self) -> Follow | None:
        """The finder's `follow`, if it has one, which depends on no turn."""
        return getattr(self._finder, "follow", None)

    def find(self, picture: np.ndarray) -> list[Face]:
        """The faces of a frame, uint8 (H, W, 3), the largest first."""
        _, found = find_turned(self._finder, picture, (self.quarters,))
        if found:
            self._without = 0
            return found
        self._without += 1
        if self._without < PATIENCE:
            return []
        self._without = 0
        quarters, found = find_turned(self._finder, picture, [turn for turn in TURNS if turn != self.quarters])
        self.quarters = quarters if found else self.quarters
        return found
