"""Frames of a swap beside those of its original: by number, by time, by name; other sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagewright.errors import DataError
from imagewright.face_swap.check.frame_pairs import pair_frames

av = pytest.importorskip("av")


def frame(number: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """A picture whose grey level is its number, times ten."""
    return np.full((*size, 3), 10 * number, np.uint8)


def write_video(path: Path, numbers: list[int], rate: int = 10, size: tuple[int, int] = (48, 64)) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=rate, options={"crf": "0"})
        stream.height, stream.width = size
        stream.pix_fmt = "rgb24"
        for number in numbers:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame(number, size), format="rgb24")))
        container.mux(stream.encode())
    return path


def write_folder(path: Path, names: dict[str, int], size: tuple[int, int] = (48, 64)) -> Path:
    path.mkdir()
    for name, number in names.items():
        Image.fromarray(frame(number, size)).save(path / f"{name}.png")
    return path


def paired(swapped: Path, original: Path) -> tuple[list[tuple[int, int]], list[str], str]:
    pairs = pair_frames(swapped, original)
    found = [(round(one.pixels.mean() / 10), round(other.pixels.mean() / 10)) for one, other in pairs]
    return found, pairs.notes, pairs.how


def test_as_many_frames_are_paired_by_number(tmp_path: Path) -> None:
    one, other = (
        write_video(tmp_path / "a.mkv", [1, 2, 3, 4], rate=10),
        write_video(tmp_path / "b.mkv", [5, 6, 7, 8], 7),
    )
    assert paired(one, other) == ([(1, 5), (2, 6), (3, 7), (4, 8)], [], "number")


def test_another_number_of_frames_is_paired_by_time_and_said(tmp_path: Path) -> None:
    half = write_video(tmp_path / "half.mkv", [0, 2, 4, 6, 8], rate=10)
    full = write_video(tmp_path / "full.mkv", list(range(10)), rate=20)
    found, notes, how = paired(half, full)
    assert (found, how) == ([(0, 0), (2, 2), (4, 4), (6, 6), (8, 8)], "time")
    assert "5 frames" in notes[0]
    assert "10" in notes[0]
    assert paired(full, half)[0] == found
    short = write_video(tmp_path / "short.mkv", [0, 1, 2], rate=20)
    assert paired(short, full)[0] == [(0, 0), (1, 1), (2, 2)]


def test_another_size_is_brought_to_the_original_s_and_said(tmp_path: Path) -> None:
    large = write_video(tmp_path / "large.mkv", [3, 4], size=(96, 128))
    small = write_video(tmp_path / "small.mkv", [3, 4])
    pairs = pair_frames(large, small)
    shapes = {one.pixels.shape for one, _ in pairs}
    assert shapes == {(48, 64, 3)}
    assert pairs.resized == (96, 128)
    assert "128x96" in pairs.notes[0]
    wide = write_video(tmp_path / "wide.mkv", [3, 4], size=(48, 96))
    with pytest.raises(DataError, match=r"96x48.*64x48"):
        list(pair_frames(wide, small))


def test_pictures_are_paired_by_their_names(tmp_path: Path) -> None:
    one = write_folder(tmp_path / "a", {"x": 1, "y": 2})
    other = write_folder(tmp_path / "b", {"w": 4, "x": 5, "y": 6})
    found, notes, how = paired(one, other)
    assert (found, how) == ([(1, 5), (2, 6)], "name")
    assert "2 pictures" in notes[0]
    third = write_folder(tmp_path / "c", {"p": 7, "q": 8})
    found, notes, _ = paired(third, one)
    assert found == [(7, 1), (8, 2)]
    assert "order" in notes[0]
    with pytest.raises(DataError, match=r"2 pictures and .* 3"):
        pair_frames(third, other)


def test_a_folder_of_frames_is_paired_with_a_video(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a", {"0001": 1, "0002": 2})
    video = write_video(tmp_path / "b.mkv", [3, 4])
    assert paired(folder, video)[0] == [(1, 3), (2, 4)]
    with pytest.raises(DataError, match=r"2 frames and .* 3"):
        pair_frames(folder, write_video(tmp_path / "c.mkv", [3, 4, 5]))


def test_one_picture_and_one_that_is_not_there(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a", {"x": 1, "y": 2})
    assert paired(folder / "x.png", folder / "y.png") == ([(1, 2)], [], "number")
    with pytest.raises(DataError, match=r"gone\.mp4"):
        pair_frames(tmp_path / "gone.mp4", folder)
