"""The check of a source: counts, sizes, labels, damage and duplicates."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from imagewright.errors import DataError
from imagewright.images import check


def test_a_folder_with_a_bit_of_everything(tmp_path, picture) -> None:
    for kind in ("cat", "dog"):
        (tmp_path / kind).mkdir()
    for seed in range(5):
        picture(seed, (40, 36)).save(tmp_path / "cat" / f"{seed}.png")
    for seed in range(5, 9):
        picture(seed, (20, 18), "L").save(tmp_path / "dog" / f"{seed}.bmp")
    shutil.copy(tmp_path / "cat" / "3.png", tmp_path / "dog" / "copy.png")
    picture(3, (40, 36)).save(tmp_path / "dog" / "same.tif")  # another file, the same pixels
    whole = (tmp_path / "cat" / "0.png").read_bytes()
    (tmp_path / "cat" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "dog" / "text.jpg").write_text("hello")
    seen: list[int] = []
    report = check(tmp_path, progress=lambda done, total: seen.append(done))
    assert (report.count, report.readable, report.unreadable) == (13, 11, 2)
    assert report.sizes == {"40x36": 7, "20x18": 4}
    assert report.modes == {"RGB": 7, "L": 4}
    assert report.formats == {"PNG": 6, "BMP": 4, "TIFF": 1}
    assert report.classes == {"cat": 6, "dog": 7}
    assert [name for name, _ in report.unreadable_examples] == ["cat/cut.png", "dog/text.jpg"]
    assert "cut short" in report.unreadable_examples[0][1]
    assert report.duplicates == 2
    assert report.duplicate_groups == [["cat/3.png", "dog/copy.png", "dog/same.tif"]]
    assert (report.suggested_size, report.suggested_channels) == ((16, 16), 3)
    assert seen[-1] == 13
    json.dumps(report.to_dict())
    text = "\n".join(report.lines())
    for part in ("13 pictures, 11 readable", "40x36 (7)", "dog/text.jpg: it holds text", "cat/3.png = dog/copy.png"):
        assert part in text


def test_nothing_readable_is_reported_and_no_error(tmp_path) -> None:
    (tmp_path / "a.jpg").write_text("hello")
    report = check(tmp_path)
    assert (report.readable, report.suggested_size, report.unreadable) == (0, None, 1)
    assert any("unreadable" in line for line in report.lines())
    with pytest.raises(DataError):
        check(tmp_path / "absent")


def test_equal_pixels_of_another_shape_are_no_duplicates(tmp_path) -> None:
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.zeros((6, 4), np.uint8)).save(tmp_path / "b.png")
    assert check(tmp_path).duplicates == 0


def test_attributes_and_arrays() -> None:
    report = check("digits")
    assert report.sizes == {"8x8": 1797}
    assert sum(report.classes.values()) == 1797
    assert report.suggested_size == (8, 8)


def test_real_faces(shared) -> None:
    report = check(shared / "celeba_178x218_sample")
    assert (report.count, report.unreadable, report.sizes) == (460, 0, {"178x218": 460})
    assert len(report.attributes) == 40
    assert report.suggested_size == (128, 128)


def test_more_examples_are_named_if_they_are_asked_for(tmp_path) -> None:
    for place in range(3):
        for copy in "ab":
            Image.fromarray(np.full((8, 8), 40 * place, np.uint8)).save(tmp_path / f"{place}{copy}.png")
    few, all_of_them = check(tmp_path, examples=1), check(tmp_path, examples=100)
    assert few.duplicates == all_of_them.duplicates == 3
    assert few.duplicate_groups == [["0a.png", "0b.png"]]
    assert all_of_them.duplicate_groups == [[f"{place}a.png", f"{place}b.png"] for place in range(3)]
