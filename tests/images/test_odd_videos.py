"""Video files with covers, several streams, nonsense in the header, or a missing end: what is read, kept and said."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

av = pytest.importorskip("av", reason="the extra 'video' (av) is not installed")

from footage_clips import make_clip, plain_frames  # noqa: E402

import imagewright as iw  # noqa: E402
from imagewright.errors import DataError  # noqa: E402
from imagewright.images.footage import Footage, read_footage  # noqa: E402
from imagewright.output.footage.writer import write_footage  # noqa: E402


def clip_with_cover(path: Path, frames: list[np.ndarray], *, attached: bool = True, moving: bool = True) -> Path:
    """A video whose first stream is a picture: a cover, or a stream of one frame."""
    with av.open(str(path), "w") as container:
        still: Any = container.add_stream("mjpeg", rate=12)
        still.width, still.height, still.pix_fmt = 40, 40, "yuvj420p"
        if attached:
            still.disposition = av.stream.Disposition.attached_pic
        video = container.add_stream("libx264", rate=12) if moving else container.add_stream("aac", rate=24_000)
        if moving:
            video.height, video.width = frames[0].shape[:2]
            video.pix_fmt = "yuv420p"
        shown = [(still, np.full((40, 40, 3), 200, np.uint8), 0)]
        shown += [(video, frame, number) for number, frame in enumerate(frames)] if moving else []
        for stream, pixels, number in shown:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        if not moving:
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
            sound.rate = 24_000
            container.mux(video.encode(sound))
        for stream in (still, video):
            container.mux(stream.encode(None))
    return path


def covers_of(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.name for stream in container.streams.video if stream.disposition.value & 1024]


def copy_of(footage: Footage, path: Path) -> list[str]:
    return write_footage(((frame.time, frame.picture) for frame in footage.frames()), path, footage)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_picture_before_the_video_is_not_the_footage(tmp_path: Path, suffix: str) -> None:
    video = clip_with_cover(tmp_path / f"cover{suffix}", plain_frames(6), attached=suffix == ".mp4")
    footage = read_footage(video)
    assert (footage.width, footage.height, footage.count) == (48, 32, 6)
    assert [frame.picture.shape for frame in footage.frames()] == [(32, 48, 3)] * 6
    assert len(iw.open_images(str(video), size=32)) == 6
    assert [note for note in footage.notes if "2 video streams" in note and "number 2" in note] == (
        [] if suffix == ".mp4" else list(footage.notes)
    )


def test_a_cover_is_kept_where_the_container_holds_it_else_said(tmp_path: Path) -> None:
    footage = read_footage(clip_with_cover(tmp_path / "cover.mp4", plain_frames(6)))
    assert copy_of(footage, tmp_path / "out.mp4") == []
    assert covers_of(tmp_path / "out.mp4") == ["mjpeg"]
    assert read_footage(tmp_path / "out.mp4").count == 6
    assert any("cover picture is left out" in note for note in copy_of(footage, tmp_path / "out.mkv"))


def test_sound_with_a_cover_is_no_video(tmp_path: Path) -> None:
    song = clip_with_cover(tmp_path / "song.mp4", [], moving=False)
    with pytest.raises(DataError, match=r"song\.mp4 has only a cover picture"):
        read_footage(song)
    with pytest.raises(DataError, match=r"song\.mp4 has only a cover picture"):
        iw.open_images(str(song), size=32)


@pytest.mark.parametrize(("scale", "rate"), [(1, 2_000_000_000), (2_000_000_000, 1)])
def test_a_nonsense_frame_rate_is_said_and_replaced(tmp_path: Path, scale: int, rate: int) -> None:
    content = bytearray(make_clip(tmp_path / "good.avi", plain_frames(5), codec="mpeg4").read_bytes())
    place = content.index(b"strh") + 28  # of the scale and the rate in the header of the stream
    content[place : place + 8] = struct.pack("<II", scale, rate)
    (tmp_path / "odd.avi").write_bytes(content)
    footage = read_footage(tmp_path / "odd.avi")
    assert any("no frame rate that can be used" in note and "25" in note for note in footage.notes)
    assert [frame.time for frame in footage.frames()] == [Fraction(number, 25) for number in range(5)]
    copy_of(footage, tmp_path / "out.mp4")
    assert [frame.time for frame in read_footage(tmp_path / "out.mp4").frames()] == [
        Fraction(number, 25) for number in range(5)
    ]


def test_a_file_that_was_cut_short_is_said(tmp_path: Path) -> None:
    content = make_clip(tmp_path / "whole.mkv", plain_frames(30)).read_bytes()
    assert read_footage(tmp_path / "whole.mkv").notes == ()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    assert any("cut.mkv says that it lasts 2.50 s" in note for note in read_footage(tmp_path / "cut.mkv").notes)


@pytest.mark.parametrize(
    ("content", "why"), [(b"", r"is empty \(0 bytes\)"), (b"no video\n" * 99, "it is no video, or one that is damaged")]
)
def test_a_file_that_is_no_video_says_why(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "odd.mp4").write_bytes(content)
    with pytest.raises(DataError, match=why):
        read_footage(tmp_path / "odd.mp4")
    with pytest.raises(DataError, match=why):
        iw.open_images(str(tmp_path / "odd.mp4"), size=32)
