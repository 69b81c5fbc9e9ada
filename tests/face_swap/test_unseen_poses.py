"""What a conversion says before it begins: poses that the training hardly had, faces without points, gaps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

av = pytest.importorskip("av", reason="the extra 'video' (av) is not installed")

import painted_people  # noqa: E402
from face_shapes import posed_face  # noqa: E402
from footage_clips import make_clip  # noqa: E402
from painted_people import ANNA, RADIUS, identify_by_colour, paint, person  # noqa: E402

from imagewright.face_swap.convert import convert as converting  # noqa: E402
from imagewright.face_swap.convert import poses as unseen  # noqa: E402
from imagewright.face_swap.convert.convert import swap_faces  # noqa: E402
from imagewright.face_swap.pose_bins import choose_pose_bins  # noqa: E402
from imagewright.faces.detections import Face  # noqa: E402
from imagewright.faces.landmarks import five_points  # noqa: E402
from imagewright.faces.pose import Pose  # noqa: E402
from imagewright.model import Origin  # noqa: E402
from imagewright.pretrained.faces import networks  # noqa: E402

FRONT = [Pose(yaw, 0, 0) for yaw in range(-9, 10)]
TO_THE_RIGHT = [*FRONT, *(Pose(yaw, 0, 0) for yaw in range(11, 50))]


class AnnaTurns:
    """Finds Anna with these poses, one a frame: None where she is not found, "detector" where she has no mesh."""

    name, notes = "networks", ()

    def __init__(self, poses: Sequence[Pose | str | None]) -> None:
        self.poses = iter(poses)

    def find(self, picture: np.ndarray) -> list[Face]:
        pose = next(self.poses, None)
        if pose is None:
            return []
        face = posed_face(pose if isinstance(pose, Pose) else Pose(0, 0, 0), centre=(60, 48), side=RADIUS)
        if pose == "detector":
            return [Face(face.box, five_points(face), 0.9, "centerface")]
        return [face]


def swapped(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    poses: Sequence[Pose | str | None],
    trained: Sequence[Sequence[Pose]] = (FRONT, FRONT),
    **options: Any,
) -> tuple[list[str], list[str]]:
    """What is said before frames are made, and the notes of the result."""
    sources = {name: {"class_names": list(choose_pose_bins(each)[1])} for name, each in zip("ab", trained, strict=True)}
    monkeypatch.setattr(unseen, "Run", lambda path: SimpleNamespace(record={"sources": sources}))
    model = painted_people.untrained_swap()
    model.origin = Origin(tmp_path, None)
    monkeypatch.setattr(networks, "identify", identify_by_colour)
    monkeypatch.setattr(converting, "open_face_finder", lambda find, confirm: AnnaTurns(poses))
    monkeypatch.setattr(converting, "person_in_footage", lambda model, to: person(0))
    video = make_clip(tmp_path / "clip.mkv", [paint((60, ANNA))] * len(poses))
    said: list[str] = []
    stages: list[tuple[str, int]] = []

    def say(sentence: str) -> None:
        assert all(stage != "swapping faces" for stage, _ in stages)
        said.append(sentence)

    made = swap_faces(
        model,
        video,
        tmp_path / "out.mkv",
        say=say,
        progress=lambda stage, done, _: stages.append((stage, done)),
        **options,
    )
    assert set(said) <= set(made.notes)
    return said, made.notes


def test_poses_that_nobody_was_trained_with_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said, _ = swapped(tmp_path, monkeypatch, [Pose(0, 0, 0)] * 15 + [Pose(33, 0, 0)] * 5)
    told = [sentence for sentence in said if "smeared" in sentence]
    assert len(told) == 1
    assert told[0].startswith("25% of the faces to swap in clip.mkv")
    assert "put in and of the one replaced (yaw 25 to 40, pitch -12 to 12)" in told[0]
    assert any("--from RUN" in sentence for sentence in said)


@pytest.mark.parametrize(("to", "who"), [("source", "put in"), ("target", "replaced")])
def test_it_is_said_whose_pictures_lack_the_pose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str, who: str
) -> None:
    said, _ = swapped(tmp_path, monkeypatch, [Pose(33, 0, 0)] * 4, (FRONT, TO_THE_RIGHT), to=to)
    told = [sentence for sentence in said if "smeared" in sentence]
    assert len(told) == 1
    assert f"of the person {who} (" in told[0]


def test_trained_poses_and_those_beside_them_are_not_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said, notes = swapped(tmp_path, monkeypatch, [Pose(13, 0, 0), Pose(0, 15, 0)] * 5)
    assert not [sentence for sentence in [*said, *notes] if "smeared" in sentence or "--from" in sentence]


def test_faces_without_points_and_gaps_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Pose(0, 0, 0)] * 5
    said, _ = swapped(tmp_path, monkeypatch, [*found, *[None] * 9, *["detector"] * 5, *found])
    assert any("5 faces to swap" in sentence and "without points" in sentence for sentence in said)
    assert any("9 frames stay as they are" in sentence and "frames 5 to 13" in sentence for sentence in said)
