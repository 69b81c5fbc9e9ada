"""Faces of a video as tracks: who is where in each frame, with points that do not shake.

A track is one person in one shot. Faces of two frames belong together if they overlap, or by their identities where
that is not clear; a cut begins a new track. Frames are passed on six frames late, since points are smoothed over the
frames before and after (`faces/smoothing.py`), and a face that is missed for less is put between those around it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from imagewright.faces.detections import Face, FaceFinder, overlaps
from imagewright.faces.identities import SAME_PERSON
from imagewright.faces.smoothing import REACH, smooth_at
from imagewright.faces.tracks import CUT, between, difference, match_faces, thumbnail

IDENTIFY_EVERY = 8  # frames in which a face was found
OTHER_PERSON = 0.7  # distance of identities from which a face at the same place is another person: not the usual 0.6,
# since two bad frames of one person may be as far apart
NEAR_OVERLAP = 0.1  # intersection over union of two faces from which they may be exchanged: identities at each frame
SUSPICIOUS = CUT / 3  # difference of frames from which the identity is looked at again
LOST_AFTER = REACH  # frames without the face
HISTORY = 24  # frames before the one that is smoothed: what its shake is estimated from

FIND_EVERY = 4  # frames: in those between, faces are followed if the finder can, which is three times as fast

Identify = Callable[[np.ndarray, list[Face]], np.ndarray]


@dataclass(frozen=True, eq=False)
class TrackedFace:
    """A face in a frame.

    Attributes:
        face: with smoothed points.
        track: its number, from 0.
        identity: (128,), as last computed in this track; None without `identify`.
        track_identity: the mean of those computed in this track, up to six frames ahead.
        is_filled: whether the face was missed in this frame, and put between those around it.
    """

    face: Face
    track: int
    identity: np.ndarray | None = None
    track_identity: np.ndarray | None = None
    is_filled: bool = False


@dataclass(frozen=True, eq=False)
class TrackedFrame:
    """A frame, uint8 (H, W, 3), its number and time in seconds, and its faces, the largest first."""

    index: int
    time: float | None
    picture: np.ndarray
    faces: list[TrackedFace]


def track_faces(
    frames: Iterable[tuple[int, float | None, np.ndarray]],
    finder: FaceFinder,
    *,
    identify: bool = True,
    identify_every: int = IDENTIFY_EVERY,
    find_every: int = FIND_EVERY,
    smooth: bool = True,
) -> Iterator[TrackedFrame]:
    """The faces of consecutive frames, with the number of the track that each belongs to.

    Memory does not grow with the number of frames: seven frames are held, and the points of some thirty.

    frames: (number, time in seconds or None, uint8 (H, W, 3)).
    finder: as of `open_face_finder`.
    identify: whether identities are computed, which tell people apart who take the same place; without them, only
        overlap and cuts do.
    identify_every: frames of a track between two identities; one is computed when a track begins.
    find_every: frames in which faces are looked for anew; a face that appears is found so late at the most. After a cut
        and if a face is lost, that is done at once.
    smooth: whether points are smoothed, and gaps of a few frames are filled.
    """
    named: Identify | None = None
    if identify:
        from imagewright.pretrained.faces.networks import identify as compute

        named = compute
    tracker = _Tracker(finder, named, identify_every, find_every)
    waiting: deque[_Frame] = deque()
    for index, time, picture in frames:
        waiting.append(_Frame(index, time, picture, tracker.find(picture)))
        if len(waiting) > (REACH if smooth else 0):
            yield _finished(waiting.popleft(), tracker, smooth)
    while waiting:
        yield _finished(waiting.popleft(), tracker, smooth)


@dataclass(eq=False)
class _Sighting:
    """A face as it was found in a frame, and what was known of its identity then."""

    frame: int
    face: Face
    identity: np.ndarray | None


@dataclass(eq=False)
class _Track:
    number: int
    seen: deque[_Sighting] = field(default_factory=lambda: deque(maxlen=HISTORY + REACH + 1))
    identity: np.ndarray | None = None
    total: np.ndarray | None = None
    identified: int = 0
    since_identity: int = 0

    @property
    def last(self) -> _Sighting:
        return self.seen[-1]

    def add(self, frame: int, face: Face, identity: np.ndarray | None) -> None:
        self.since_identity += 1
        if identity is not None:
            self.identity, self.since_identity = identity, 0
            self.total = identity if self.total is None else self.total + identity
            self.identified += 1
        self.seen.append(_Sighting(frame, face, self.identity))

    @property
    def mean_identity(self) -> np.ndarray | None:
        return None if self.total is None else self.total / self.identified

    def distance(self, identity: np.ndarray) -> float:
        """From the mean identity of the track; endless if there is none."""
        mean = self.mean_identity
        return np.inf if mean is None else float(np.linalg.norm(identity - mean))


@dataclass(eq=False)
class _Frame:
    index: int
    time: float | None
    picture: np.ndarray
    place: int  # counted by the tracker, from 0


class _Tracker:
    """The tracks of all frames so far; those that ended are kept as long as a frame that waits may need them."""

    def __init__(self, finder: FaceFinder, identify: Identify | None, identify_every: int, find_every: int) -> None:
        self._finder, self._identify, self._every = finder, identify, identify_every
        self._follow = getattr(finder, "follow", None)
        self._find_every, self._since_found = find_every, 0
        self._active: list[_Track] = []
        self._ended: list[_Track] = []
        self._count = self._frames = 0
        self._before: np.ndarray | None = None

    def find(self, picture: np.ndarray) -> int:
        """Add the faces of the next frame to the tracks; the place of the frame."""
        place, self._frames = self._frames, self._frames + 1
        small = thumbnail(picture)
        change = 0.0 if self._before is None else difference(self._before, small)
        self._before = small
        if change > CUT:
            self._end(self._active)
        self._end([track for track in self._active if place - track.last.frame > LOST_AFTER])
        self._ended = [track for track in self._ended if place - track.last.frame <= 2 * REACH]
        found = self._find(picture, place)
        owners: list[_Track | None] = [None] * len(found)
        for row, column in match_faces([track.last.face for track in self._active], found):
            owners[column] = self._active[row]
        identities = self._identities(picture, found, owners, change > SUSPICIOUS)
        self._settle_owners(owners, identities)
        for face, owner, identity in zip(found, owners, identities, strict=True):
            track = self._begin() if owner is None else owner
            track.add(place, face, identity)
        return place

    def _settle_owners(self, owners: list[_Track | None], identities: list[np.ndarray | None]) -> None:
        """Give faces that are of another person than their track, or of no track, the track that has their identity.

        So people keep their tracks who cross each other, or move so fast that their boxes do not overlap. A track whose
        place another person took ends.
        """
        lost = []
        for number, (owner, identity) in enumerate(zip(owners, identities, strict=True)):
            if owner is not None and identity is not None and owner.distance(identity) > OTHER_PERSON:
                lost.append(owner)
                owners[number] = None
        free = [track for track in self._active if track not in owners]
        for number, (owner, identity) in enumerate(zip(owners, identities, strict=True)):
            if owner is None and identity is not None and free:
                nearest = min(free, key=lambda track: track.distance(identity))
                if nearest.distance(identity) < SAME_PERSON:
                    owners[number] = nearest
                    free.remove(nearest)
        self._end([track for track in lost if track not in owners])

    def _find(self, picture: np.ndarray, place: int) -> list[Face]:
        """Follow the faces of the frame before, or look for faces anew."""
        before = [track.last.face for track in self._active if track.last.frame == place - 1]
        self._since_found += 1
        may_follow = bool(before) and len(before) == len(self._active) and self._since_found < self._find_every
        if self._follow is not None and may_follow:
            followed: list[Face] | None = self._follow(picture, before)
            if followed is not None:
                return followed
        self._since_found = 0
        return self._finder.find(picture)

    def tracks_at(self, place: int) -> list[_Track]:
        """Those that have a face before and after a frame, or in it."""
        return [track for track in (*self._ended, *self._active) if track.seen[0].frame <= place <= track.last.frame]

    def _begin(self) -> _Track:
        track = _Track(self._count)
        self._count += 1
        self._active.append(track)
        return track

    def _end(self, tracks: list[_Track]) -> None:
        self._ended += tracks
        self._active = [track for track in self._active if track not in tracks]

    def _identities(
        self, picture: np.ndarray, found: list[Face], owners: list[_Track | None], is_suspicious: bool
    ) -> list[np.ndarray | None]:
        """The identity of each face for which it is due, else None."""
        rows: list[np.ndarray | None] = [None] * len(found)
        if self._identify is None:
            return rows
        due = [
            place
            for place, (face, owner) in enumerate(zip(found, owners, strict=True))
            if owner is None
            or is_suspicious
            or owner.since_identity + 1 >= self._every
            or self._is_near_another(face, owner, found)
        ]
        for place, row in zip(due, self._identify(picture, [found[place] for place in due]), strict=True):
            rows[place] = row
        return rows

    def _is_near_another(self, face: Face, owner: _Track, found: list[Face]) -> bool:
        """Whether another face is, or was in the frame before, so near that the two may be exchanged."""
        others = [each.box for each in found if each is not face]
        others += [track.last.face.box for track in self._active if track is not owner]
        return bool(others) and bool(overlaps(face.box, np.stack(others)).max() > NEAR_OVERLAP)


def _finished(frame: _Frame, tracker: _Tracker, smooth: bool) -> TrackedFrame:
    """A frame with its faces, once all frames that they depend on are known."""
    faces = [
        tracked
        for track in tracker.tracks_at(frame.place)
        if (tracked := _face_at(track, frame.place, smooth)) is not None
    ]
    faces.sort(key=lambda each: -each.face.area)
    return TrackedFrame(frame.index, frame.time, frame.picture, faces)


def _face_at(track: _Track, place: int, smooth: bool) -> TrackedFace | None:
    seen = list(track.seen)
    number = max(row for row, sighting in enumerate(seen) if sighting.frame <= place)
    sighting = seen[number]
    facts = (track.number, sighting.identity, track.mean_identity)
    if not smooth:
        return TrackedFace(sighting.face, *facts) if sighting.frame == place else None
    if sighting.frame == place:
        return TrackedFace(_smoothed(seen, number), *facts)
    after = seen[number + 1]
    if after.face.layout != sighting.face.layout:
        return None
    share = (place - sighting.frame) / (after.frame - sighting.frame)
    return TrackedFace(between(_smoothed(seen, number), _smoothed(seen, number + 1), share), *facts, is_filled=True)


def _smoothed(seen: list[_Sighting], number: int) -> Face:
    """A face with its points smoothed over the frames around it that follow one another and have the same points."""
    face = seen[number].face
    first = last = number
    while first > 0 and _follow(seen[first - 1], seen[first]):
        first -= 1
    while last + 1 < len(seen) and _follow(seen[last], seen[last + 1]):
        last += 1
    points = smooth_at(np.stack([sighting.face.points for sighting in seen[first : last + 1]]), number - first)
    if face.layout != "mesh":
        return replace(face, points=points)
    return replace(face, points=points, box=np.concatenate([points[:, :2].min(0), points[:, :2].max(0)]))


def _follow(before: _Sighting, after: _Sighting) -> bool:
    return after.frame - before.frame == 1 and after.face.layout == before.face.layout
