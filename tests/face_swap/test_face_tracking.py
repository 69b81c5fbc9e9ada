"""Tracks of faces: overlap, cuts, people who take one place, gaps, and points without shake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from face_shapes import posed_face

from imagewright.face_swap import tracking
from imagewright.face_swap.tracking import TrackedFrame, track_faces
from imagewright.faces.detections import Face
from imagewright.faces.pose import Pose
from imagewright.faces.smoothing import smooth_points
from imagewright.pretrained.faces import networks


class Script:
    """A finder that answers with the faces of a script, frame by frame."""

    name, notes = "script", ()

    def __init__(self, frames: Iterable[list[Face]]) -> None:
        self._frames = iter(frames)

    def find(self, picture: np.ndarray) -> list[Face]:
        return next(self._frames)


def face_at(x: float, shake: float = 0.0, seed: int = 0) -> Face:
    face = posed_face(Pose(0, 0, 0), centre=(x, 60))
    face.points[:, :2] += np.random.default_rng(seed).normal(0, shake, (468, 2)) if shake else 0
    return face


def run(
    script: Sequence[list[Face]],
    pictures: Sequence[np.ndarray] | None = None,
    *,
    identify: bool = False,
    **options: bool,
) -> list[TrackedFrame]:
    shown = pictures or [np.zeros((120, 200, 3), np.uint8)] * len(script)
    frames = ((number, number / 25, picture) for number, picture in enumerate(shown))
    return list(track_faces(frames, Script(script), identify=identify, **options))


def tracks(frames: list[TrackedFrame]) -> list[list[int]]:
    return [[face.track for face in frame.faces] for frame in frames]


def test_two_people_keep_their_numbers_while_they_move() -> None:
    script = [[face_at(50 + number), face_at(150 - number)][:: 1 if number % 2 else -1] for number in range(20)]
    found = run(script)
    assert [frame.index for frame in found] == list(range(20))
    assert found[5].time == 0.2
    first = {face.track: face.face.points[:, 0].mean() for face in found[0].faces}
    for number, frame in enumerate(found):
        for face in frame.faces:
            step = number if first[face.track] < 100 else -number
            assert face.face.points[:, 0].mean() == pytest.approx(first[face.track] + step, abs=0.1)


def test_a_cut_begins_new_tracks() -> None:
    dark, bright = np.zeros((120, 200, 3), np.uint8), np.full((120, 200, 3), 200, np.uint8)
    found = run([[face_at(100)]] * 12, [dark] * 5 + [bright] * 7)
    assert tracks(found) == [[0]] * 5 + [[1]] * 7


def test_a_face_that_is_missed_for_some_frames_is_put_between() -> None:
    script = [[face_at(50 + 2 * number)] if number not in {4, 5, 6} else [] for number in range(14)]
    found = run(script)
    assert tracks(found) == [[0]] * 14
    assert [number for number, frame in enumerate(found) if frame.faces[0].is_filled] == [4, 5, 6]
    middles = [frame.faces[0].face.points[:, 0].mean() for frame in found]
    np.testing.assert_allclose(np.diff(middles), 2, atol=1e-6)
    assert tracks(run(script, smooth=False))[3:8] == [[0], [], [], [], [0]]


def test_a_face_that_was_away_longer_is_a_new_track() -> None:
    found = run([[face_at(50)] if not 4 <= number < 14 else [] for number in range(20)])
    assert tracks(found) == [[0]] * 4 + [[]] * 10 + [[1]] * 6


def test_points_are_those_of_the_whole_track_smoothed() -> None:
    script = [[face_at(100, shake=0.4, seed=number)] for number in range(30)]
    found = np.stack([frame.faces[0].face.points for frame in run(script)])
    whole = smooth_points(np.stack([faces[0].points for faces in script]))
    assert np.abs(found - whole).mean() < 0.02
    assert np.abs(found - found.mean(0)).mean() < 0.6 * np.abs(script[9][0].points - found.mean(0)).mean()
    raw = run(script, smooth=False)
    np.testing.assert_array_equal(raw[9].faces[0].face.points, script[9][0].points)


def test_another_person_at_the_same_place_is_another_track(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def identify(picture: np.ndarray, faces: list[Face]) -> np.ndarray:
        asked.append(int(picture[0, 0, 0]))
        return np.stack([np.eye(128)[0 if picture[0, 0, 0] < 20 else 1]] * len(faces)) if faces else np.zeros((0, 128))

    monkeypatch.setattr(networks, "identify", identify)
    pictures = [np.full((120, 200, 3), number, np.uint8) for number in range(20 - 16, 20 + 17)]
    found = run([[face_at(100)]] * len(pictures), pictures, identify=True)
    switch = tracks(found).index([1])
    assert 16 <= switch < 16 + tracking.IDENTIFY_EVERY
    assert tracks(found) == [[0]] * switch + [[1]] * (len(pictures) - switch)
    for frame in found:
        identity = frame.faces[0].identity
        assert identity is not None
        assert identity.argmax() == frame.faces[0].track


def test_people_who_cross_keep_their_tracks(monkeypatch: pytest.MonkeyPatch) -> None:
    def identify(picture: np.ndarray, faces: list[Face]) -> np.ndarray:
        return np.stack([np.eye(128)[int(face.score * 10) - 1] for face in faces]) if faces else np.zeros((0, 128))

    def scored(x: float, person: int) -> Face:
        return replace(face_at(x), score=(person + 1.5) / 10)

    monkeypatch.setattr(networks, "identify", identify)
    # They meet in frame 10, where one is hidden, and stand on the other side of each other from frame 12 on.
    script = [[scored(60 + 4 * number, 0), scored(140 - 4 * number, 1)] for number in range(10)]
    script += [[scored(100, 0)]] * 2
    script += [[scored(140 - 4 * number, 1), scored(60 + 4 * number, 0)] for number in range(12, 24)]
    found = run(script, identify=True)
    first = {face.track: face.face.score for face in found[0].faces}
    assert len(first) == 2
    for frame in found[16:]:
        assert {face.track: face.face.score for face in frame.faces} == first


def test_a_face_that_jumps_keeps_its_track_by_its_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "identify", lambda _, faces: np.tile(np.eye(128)[0], (len(faces), 1)))
    found = run([[face_at(40)]] * 5 + [[face_at(150)]] * 5, identify=True)
    assert tracks(found) == [[0]] * 10


def test_faces_are_followed_between_the_frames_in_which_they_are_looked_for() -> None:
    asked: list[int] = []

    class Follower(Script):
        def find(self, picture: np.ndarray) -> list[Face]:
            asked.append(int(picture[0, 0, 0]))
            return [face_at(100)]

        def follow(self, picture: np.ndarray, faces: Sequence[Face]) -> list[Face] | None:
            return None if picture[0, 0, 0] == 6 else list(faces)

    frames = [(number, None, np.full((8, 8, 3), number, np.uint8)) for number in range(12)]
    found = list(track_faces(frames, Follower([]), identify=False, find_every=4))
    assert tracks(found) == [[0]] * 12
    assert asked == [0, 4, 6, 10]  # every fourth, and where the face was lost
