"""The lesson on eigenfaces: its numbers against PCA, and its plane of two correlated pixels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import imagewright as iw
from imagewright.errors import DataError, UserError
from imagewright.images import open_images
from imagewright.lessons.eigenfaces import figures
from imagewright.lessons.eigenfaces.plane import axes_at, choose_plane


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """The lesson on scikit-image's faces, without its animation."""
    folder = tmp_path_factory.mktemp("lesson")
    iw.lesson("eigenfaces", folder, animation="none")
    return folder, json.loads((folder / "numbers.json").read_text())


@pytest.mark.learning
def test_the_figures_and_the_shares_of_variance(lesson: tuple[Path, dict]) -> None:
    folder, numbers = lesson
    assert {path.stem for path in folder.glob("*.png")} == {"axes", "strip", "variance", "basis"}
    learned = np.array(numbers["variance_explained_together"]["learned from"])
    unseen = np.array(numbers["variance_explained_together"]["never seen"])
    assert len(learned) == len(unseen) == numbers["components"] == 89
    assert learned[-1] == pytest.approx(1, abs=1e-5)  # 90 pictures lie in the space of 89 axes
    assert unseen[-1] < 0.9
    for shares in (learned, unseen):
        assert (np.diff(shares) >= -1e-6).all()
    for strip in numbers["strip"].values():
        assert strip["k"] == [0, 3, 10, 30, 50, 70]
        errors = np.array(strip["error_in_grey_levels"])
        assert (np.diff(errors, axis=1) <= 1e-3).all()


def test_the_axes_figure_shows_faces(lesson: tuple[Path, dict]) -> None:
    with Image.open(lesson[0] / "axes.png") as figure:
        pixels = np.asarray(figure.convert("L"))
    assert (pixels < 200).mean() > 0.2


def test_turned_axes_of_the_plane_are_uncorrelated_and_have_the_reported_variance() -> None:
    images = open_images("faces")
    plane = choose_plane(images.batch(np.arange(100)).images.float() / 127.5 - 1)
    assert 0.5 < abs(plane.correlation) < 0.9
    along = plane.centred @ axes_at(plane.angle).T
    assert np.corrcoef(along.T)[0, 1] == pytest.approx(0, abs=1e-6)
    assert plane.shares_at(plane.angle) == pytest.approx(plane.after)
    assert plane.shares_at(0) == pytest.approx(plane.before)
    assert plane.after[0] == pytest.approx(max(plane.shares_at(a)[0] for a in np.linspace(0, np.pi, 721)), abs=1e-4)
    (row, column), _ = plane.places
    grey = images.batch(np.arange(100)).images[:, 0, row, column]
    np.testing.assert_allclose(plane.points[:, 0], grey.numpy(), atol=1e-3)


@pytest.mark.learning
def test_the_animation_turns_and_drops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "TURNS", 6)  # of 36 frames, and of 20: each takes a third of a second to draw
    monkeypatch.setattr(figures, "DROPS", 4)
    random = np.random.default_rng(0)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(12):
        base = random.integers(0, 200)
        pixels = (base + random.integers(0, 55, (6, 6, 3))).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    iw.lesson("eigenfaces", tmp_path / "out", pictures=str(folder), components=4)
    with Image.open(tmp_path / "out" / "turning.webp") as moving:
        assert moving.n_frames == 6 + 4 - 1  # dropping begins where turning ends
        first = np.asarray(moving.convert("L"), np.int16)
        moving.seek(moving.n_frames - 1)
        assert np.abs(np.asarray(moving.convert("L"), np.int16) - first).max() > 100


def test_too_few_and_equal_pictures_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "few.npz", images=np.zeros((3, 8, 8), np.uint8))
    np.savez(tmp_path / "equal.npz", images=np.full((30, 8, 8), 7, np.uint8))
    with pytest.raises(DataError, match="holds 3: this lesson needs 8 pictures"):
        iw.lesson("eigenfaces", tmp_path / "out", pictures=str(tmp_path / "few.npz"))
    with pytest.raises(DataError, match="All pictures are equal"):
        iw.lesson("eigenfaces", tmp_path / "out", pictures=str(tmp_path / "equal.npz"))
    with pytest.raises(DataError, match="Fewer than two pixels"):
        choose_plane(torch.zeros(5, 1, 3, 3))
    with pytest.raises(UserError, match="components=1"):
        iw.lesson("eigenfaces", tmp_path / "out", components=1)
    assert not (tmp_path / "out").exists()
