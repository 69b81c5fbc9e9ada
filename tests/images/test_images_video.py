"""The frames of a video as a source."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from imagewright.errors import DataError
from imagewright.images import open_images


@pytest.fixture
def video(tmp_path):
    """Twelve frames of 32x16 (width by height), frame k of brightness 20 * k, lossless."""
    av = pytest.importorskip("av", reason="the extra 'faces' (av) is not installed")
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "bgr0"
        for number in range(12):
            frame = av.VideoFrame.from_ndarray(np.full((16, 32, 3), 20 * number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode())
    return path


def test_each_frame_in_order(video) -> None:
    images = open_images(video)
    assert (len(images), images.size, images.channels) == (12, (16, 32), 3)
    batch = images.batch(np.arange(12)).images
    assert batch[:, 0, 0, 0].tolist() == [20 * number for number in range(12)]
    assert images.name(3) == "clip_000003"
    assert [len(part.images) for part in images.stream(5)] == [5, 5, 2]


def test_files_that_are_no_video(tmp_path, video) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DataError, match="cannot be read as a video"):
        open_images(tmp_path / "text.mp4")
    content = video.read_bytes()
    video.write_bytes(content[: len(content) * 2 // 3])
    images = open_images(video).prepare()
    assert 0 < len(images) < 12


def test_without_pyav_the_extra_is_named(video, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataError, match=r"pip install 'imagewright\[video\]'"):
        open_images(video)


@pytest.mark.learning
def test_a_real_clip(shared) -> None:
    pytest.importorskip("av", reason="the extra 'faces' (av) is not installed")
    images = open_images(shared / "face_video" / "person_a_obama_address.mp4", size=(48, 64)).prepare()
    assert (len(images), images.skipped) == (259, [])
