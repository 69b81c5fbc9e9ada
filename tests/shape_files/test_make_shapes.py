"""The set `shapes` as files: what is written is what the source draws, with its factors, and is never half a set."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import imagewright as iw
from imagewright.cli import main
from imagewright.errors import ConfigError, RunError
from imagewright.face_swap.face_sets import read_face_set
from imagewright.shape_files import clip
from imagewright.shape_files.clip import clip_sprites
from imagewright.shape_files.people import ANNA, draw_face


def test_files_are_the_pictures_of_the_source_with_its_factors(tmp_path: Path) -> None:
    made = iw.make_shapes(tmp_path / "set", count=12, size=32, seed=4)
    assert made.lines()[0].startswith(f"{tmp_path / 'set'}: 12 pictures")
    files, drawn = iw.open_images(tmp_path / "set"), iw.open_images("shapes:count=12,size=32,seed=4")
    np.testing.assert_array_equal(files.batch(np.arange(12)).images, drawn.batch(np.arange(12)).images)
    assert files.factor_names == drawn.factor_names
    assert files.factors is not None
    assert drawn.factors is not None
    np.testing.assert_allclose(files.factors, drawn.factors, atol=0.006)
    assert [files.class_name(each) for each in range(12)] == [drawn.class_name(each) for each in range(12)]
    assert files.attribute_names == drawn.attribute_names
    np.testing.assert_array_equal(files.attributes, drawn.attributes)  # type: ignore[arg-type]
    assert (tmp_path / "set.png").is_file()


@pytest.mark.parametrize("kind", ["outlines", "labels", "pairs"])
def test_each_kind_is_a_view_of_the_source(tmp_path: Path, kind: str) -> None:
    iw.make_shapes(tmp_path / "set", kind, count=3, size=16)
    files, drawn = iw.open_images(tmp_path / "set"), iw.open_images(f"shapes:{kind},count=3,size=16")
    assert files.channels == drawn.channels
    np.testing.assert_array_equal(files.batch(np.arange(3)).images, drawn.batch(np.arange(3)).images)


def test_a_folder_with_files_is_refused_and_force_replaces_them(tmp_path: Path) -> None:
    iw.make_shapes(tmp_path / "set", count=2, size=16)
    before = (tmp_path / "set" / "000000.png").read_bytes()
    with pytest.raises(RunError, match=r"holds files already.*--force"):
        iw.make_shapes(tmp_path / "set", count=2, size=16, seed=1)
    assert (tmp_path / "set" / "000000.png").read_bytes() == before
    iw.make_shapes(tmp_path / "set", count=2, size=16, seed=1, force=True)
    assert (tmp_path / "set" / "000000.png").read_bytes() != before


def test_an_interruption_keeps_whole_pictures_and_says_how_many(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        iw.make_shapes(tmp_path / "set", count=10, size=16, progress=stop)
    assert "3 of 10 pictures" in stopped.value.__notes__[0]
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == [f"{each:06d}.png" for each in range(3)]


def test_a_clip_ends_as_it_begins_and_its_table_has_a_row_a_frame(tmp_path: Path) -> None:
    made = iw.make_shapes(tmp_path / "clip.gif", "clip", count=12, size=32)
    assert made.count == 12
    with (tmp_path / "clip.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    sprites = clip_sprites(12, 0)
    assert float(rows[5]["x"]) == pytest.approx(sprites.x[5], abs=1e-5)
    steps = np.abs(np.diff(sprites.x, append=sprites.x[0]))
    assert steps[-1] <= steps.max() + 1e-12


def test_a_clip_without_its_table_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(clip, "write_table", stop)
    with pytest.raises(KeyboardInterrupt):
        iw.make_shapes(tmp_path / "clip.gif", "clip", count=3, size=16)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["sprites", "people"])
def test_the_present_folder_has_its_sheet_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    (tmp_path / "set").mkdir()
    monkeypatch.chdir(tmp_path / "set")
    made = iw.make_shapes(".", kind, count=1, size=32)
    assert made.written[-1] == tmp_path / "set.png"
    assert (tmp_path / "set.png").is_file()


def test_a_place_without_a_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "shapes", "/", "--force"]) != 0
    assert "/ has no name" in capsys.readouterr().err
    assert main(["data", "shapes", ".", "--kind", "clip"]) != 0
    assert ". has no suffix" in capsys.readouterr().err


def test_people_are_sets_of_faces_whose_poses_are_known(tmp_path: Path) -> None:
    iw.make_shapes(tmp_path / "people", "people", count=3, size=48)
    report = iw.check_faces(tmp_path / "people" / "bert")
    assert report.to_dict()["count"] == 3
    for number, face in enumerate(read_face_set(tmp_path / "people" / "anna")):
        drawn = draw_face(ANNA, number, 48, 0)
        assert face.record.pose is not None
        assert face.record.pose.yaw == pytest.approx(drawn.pose.yaw, abs=0.1)
        assert face.record.pose.pitch == pytest.approx(drawn.pose.pitch, abs=0.1)
        points = face.record.points_in_crop()
        assert points is not None
        assert ((points > -0.1) & (points < 1.1)).all()
    identities = [read_face_set(tmp_path / "people" / name).identities()[0].mean(0) for name in ("anna", "bert")]
    assert np.linalg.norm(identities[0] - identities[1]) > 0.6


def test_what_cannot_be_made_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=r"kind='sprite'.*Did you mean 'sprites'\?"):
        iw.make_shapes(tmp_path / "set", "sprite")
    with pytest.raises(ConfigError, match=r"size=8.*16 to 1,024"):
        iw.make_shapes(tmp_path / "clip.gif", "clip", size=8)
    assert main(["data", "shapes", str(tmp_path / "a.txt"), "--kind", "clip"]) == 2
    assert ".txt" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_a_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "shapes", str(tmp_path / "set"), "--count", "2", "--size", "16"]) == 0
    assert "2 pictures" in capsys.readouterr().out
