"""Clusters and outliers of faces by the identities in their records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from face_files import write_face

import imagewright as iw
from imagewright.cli import main


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Six faces of each of two people; all pixels are equal."""
    folder = tmp_path / "faces"
    for number in range(6):
        write_face(folder, f"anna_{number}.png", person=0)
        write_face(folder, f"bert_{number}.png", person=1)
    return folder


def test_people_are_clusters(faces: Path) -> None:
    found = iw.cluster(faces, features="identity", clusters=2)
    assert found.space == "identities"
    assert sorted(np.bincount(found.labels).tolist()) == [6, 6]
    anna = [found.labels[number] for number in range(12) if found.images.name(number).startswith("anna")]
    assert len(set(anna)) == 1


def test_a_stranger_is_an_outlier(faces: Path) -> None:
    for path in faces.glob("bert_[1-5].png"):
        path.unlink()
    found = iw.outliers(faces, features="identity", method="features-neighbours")
    assert found.images.name(int(found.order[0])) == "bert_0.png"


def test_pictures_without_records_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], faces: Path) -> None:
    write_face(faces, "nobody.png", person=None)
    assert main(["cluster", str(faces), "--features", "identity", "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert "1 picture of" in message
    assert "nobody.png" in message
    assert main(["cluster", "digits", "--features", "identity", "--out", str(tmp_path / "out")]) == 2
    assert "digits are no files" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
