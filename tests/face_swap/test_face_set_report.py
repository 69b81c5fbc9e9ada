"""`data check` of a set of faces: people, poses, sharpness, faces that look alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from face_files import write_face

import imagewright as iw
from imagewright.cli import main


def test_a_set_is_described_for_a_swap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "faces"
    write_face(folder, "anna.png", sharpness=0.3)
    write_face(folder, "anna_blurred.png", sharpness=0.05)
    write_face(folder, "anna_turned.png", yaw=32, sharpness=0.4)
    write_face(folder, "bert.png", person=1, yaw=30, grey=10)
    write_face(folder, "cascade.png", person=None)
    report = iw.check_faces(folder)
    assert report.count == 5
    assert report.people == [3, 1]
    assert report.poses == [[0] * 7, [0, 0, 0, 2, 0, 2, 0], [0] * 7]
    assert report.yaw == pytest.approx((0, 32), abs=0.01)
    assert (report.blurred, report.lookalikes, report.without_points) == (1, 1, 1)
    said = " ".join(report.notes)
    for part in ("mixes 2 people", "4 faces differ", "1 face without points", "looks to the left"):
        assert part in said
    assert main(["data", "check", str(folder)]) == 0
    assert "people           2: 3, 1 faces" in capsys.readouterr().out
    assert main(["data", "check", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["faces"]["lookalikes"] == 1
