"""What is measured of each pair of frames, collected over time in little memory: some kilobytes a frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from imagewright.face_swap.check.face_pairs import FacePair
from imagewright.face_swap.check.frame_pairs import Frame
from imagewright.face_swap.measures import detail, flicker, outside, realism, seam
from imagewright.face_swap.measures.expression import align_points
from imagewright.face_swap.optical_flow import FlowMethod, open_flow
from imagewright.faces.crops import crop_square, cut_square
from imagewright.faces.detections import Face
from imagewright.faces.landmarks import MESH_OF_68, OVAL, sixty_eight
from imagewright.faces.masks import hull_mask
from imagewright.faces.pose import head_pose
from imagewright.faces.similarity import apply_affine, invert_affine
from imagewright.pretrained.faces.networks import identify

MOST_IDENTIFIED = 500  # pairs whose faces are identified, at even distances
MOST_SEAMS = 250  # pairs whose edges are measured
MOST_CROPS = 128  # pairs whose faces are cut out for the Frechet distance


@dataclass
class Series:
    """The measured values of pairs of frames in which both have the face.

    count: pairs that are expected.
    timed: whether frames have times; pictures of a folder have none.
    with_crops: whether faces are cut out for the Frechet distance.

    Attributes:
        pairs: read so far.
        without_face: pairs whose original shows no face.
        lost: pairs whose swapped frame shows none where the original does.
        places: of each measured pair among all, and `times` in seconds.
        identified: places in these lists of the pairs whose faces are identified.
    """

    count: int
    timed: bool = True
    with_crops: bool = True
    flow: FlowMethod = field(default_factory=open_flow)
    pairs: int = 0
    without_face: int = 0
    lost: int = 0
    places: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    shots: list[int] = field(default_factory=list)
    points: tuple[list[np.ndarray], list[np.ndarray]] = field(default_factory=lambda: ([], []))
    poses: tuple[list[np.ndarray], list[np.ndarray]] = field(default_factory=lambda: ([], []))
    identities: tuple[list[np.ndarray], list[np.ndarray]] = field(default_factory=lambda: ([], []))
    identified: list[int] = field(default_factory=list)
    crops: tuple[list[np.ndarray], list[np.ndarray]] = field(default_factory=lambda: ([], []))
    contrasts: list[tuple[float, ...]] = field(default_factory=list)
    outside: list[tuple[float, float]] = field(default_factory=list)
    flickers: list[tuple[int, float, float]] = field(default_factory=list)
    seams: list[tuple[int, float, float, float]] = field(default_factory=list)
    _before: tuple[Frame, Frame, FacePair] | None = None
    _due: dict[str, int] = field(default_factory=dict)

    def add(self, swapped: Frame, original: Frame, faces: FacePair | None) -> None:
        """Measure a pair of frames; `faces` is None if the original has no face."""
        place, self.pairs = self.pairs, self.pairs + 1
        if faces is None or faces.swapped is None:
            self.without_face += faces is None
            self.lost += faces is not None
            self._before = None
            return
        row = len(self.places)
        self.places.append(place)
        self.times.append(original.time)
        self.shots.append(faces.shot)
        for side, face in enumerate((faces.swapped, faces.original)):
            self.points[side].append(sixty_eight(face).astype(np.float32))
            self.poses[side].append(_pose(face))
        if self._is_due(place, "identity", MOST_IDENTIFIED):
            self.identified.append(row)
            for side, (frame, face) in enumerate(((swapped, faces.swapped), (original, faces.original))):
                self.identities[side].append(identify(frame.pixels, [face])[0])
        inner = [
            realism.cut_inner(frame.pixels, sixty_eight(face))
            for frame, face in ((swapped, faces.swapped), (original, faces.original))
        ]
        self.contrasts.append(tuple(map(detail.feature_contrast, inner)))
        if self.with_crops and self._is_due(place, "crop", MOST_CROPS):
            for side, crop in enumerate(inner):
                self.crops[side].append(crop)
        self._add_edge(row, place, swapped, original, faces.original)
        self._add_flicker(row, swapped, original, faces)
        self._before = (swapped, original, faces)

    def every(self, most: int) -> int:
        """The distance of pairs at which at most about `most` are taken."""
        return max(1, -(-self.count // most))

    def _is_due(self, place: int, what: str, most: int) -> bool:
        """Whether a pair with the face is one of those at even distances. The first one is, and one after each gap."""
        if place < self._due.get(what, 0):
            return False
        self._due[what] = place - place % self.every(most) + self.every(most)
        return True

    def _add_edge(self, row: int, place: int, swapped: Frame, original: Frame, face: Face) -> None:
        """What can be seen at the edge of the face and beyond it."""
        shape = original.pixels.shape[:2]
        grown = outside.grow(face.points[:, :2], outside.GROWN)
        change = outside.change_outside(swapped.pixels, original.pixels, _mask(grown, shape) >= 0.5)
        if change is not None:
            self.outside.append(change)
        if self._is_due(place, "edge", MOST_SEAMS):
            hull, noise = _mask(face.points[:, :2], shape), 0.0 if change is None else change[0]
            mask = seam.pasted_mask(swapped.pixels, original.pixels, hull, noise)
            steps = seam.edge_steps(swapped.pixels, original.pixels, mask)
            if steps is not None:
                self.seams.append((row, *steps))

    def _add_flicker(self, row: int, swapped: Frame, original: Frame, faces: FacePair) -> None:
        if self._before is None or self._before[2].shot != faces.shot:
            return
        before_swapped, before_original, before = self._before
        square = crop_square(before.original, flicker.CROP)
        ours, theirs = (
            (cut_square(earlier.pixels, square, flicker.SIDE), cut_square(now.pixels, square, flicker.SIDE))
            for earlier, now in ((before_swapped, swapped), (before_original, original))
        )
        mask = _mask(
            apply_affine(invert_affine(square), before.original.points[:, :2]) * flicker.SIDE, (flicker.SIDE,) * 2
        )
        errors = flicker.warping_errors(ours, theirs, mask >= 0.5, self.flow)
        if errors is not None:
            self.flickers.append((row, *errors))

    def shots_in_a_row(self) -> np.ndarray:
        """The shots, with another number after each gap, so that frames of one number follow one another. (T,)."""
        breaks = (np.diff(self.places) != 1) | (np.diff(self.shots) != 0)
        return np.concatenate([[0], np.cumsum(breaks)])

    def aligned(self) -> tuple[np.ndarray, np.ndarray]:
        """Aligned points of the swapped and of the original faces, (T, 68, 2)."""
        ours, theirs = (np.stack([align_points(points) for points in side]) for side in self.points)
        return ours, theirs


def _pose(face: Face) -> np.ndarray:
    pose = head_pose(face)
    return np.full(3, np.nan) if pose is None else np.array([pose.yaw, pose.pitch, pose.roll])


def _mask(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The hull of the points of a mesh (468, 2) in a picture of a shape (H, W), from 0 to 1."""
    return hull_mask(points[MESH_OF_68], points[OVAL], shape[0], shape[1])
