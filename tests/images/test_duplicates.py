"""`iw.duplicates`: equal and nearly equal pictures by name, within one source and in two."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from test_near_duplicates import recompressed, scene

import imagewright as iw


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve scenes; `copy.png` equals `3.png`, `again.tif` too, and `small.jpg` is `5.png` recompressed."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    for seed in range(12):
        scene(seed).save(folder / f"{seed}.png")
    shutil.copy(folder / "3.png", folder / "copy.png")
    Image.open(folder / "3.png").save(folder / "again.tif")
    recompressed(scene(5), 60).save(folder / "small.jpg")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def test_groups_of_equal_and_of_nearly_equal_pictures(photos: Path) -> None:
    reports: list[tuple[int, int]] = []
    found = iw.duplicates(photos, progress=lambda done, total: reports.append((done, total)))
    assert [sorted(group) for group in found.equal] == [["3.png", "again.tif", "copy.png"]]
    assert found.near == [["5.png", "small.jpg"]]
    assert (found.against, found.unreadable, reports[-1]) == (None, 1, (16, 16))
    assert json.loads(json.dumps(found.to_dict()))["near"] == [["5.png", "small.jpg"]]
    text = "\n".join(found.lines())
    assert "5.png ~ small.jpg" in text
    assert " = copy.png" in text


def test_pictures_that_two_sources_share(photos: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for seed in (1, 20, 21):
        scene(seed).save(other / f"{seed}.bmp")
    recompressed(scene(8), 50).save(other / "eight.jpg")
    found = iw.duplicates(other, photos)
    assert found.equal == [["1.bmp", "1.png"]]
    assert found.near == [["eight.jpg", "8.png"]]
    assert found.against == str(photos)
    assert str(photos) in found.lines()[0]
