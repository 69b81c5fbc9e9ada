"""Footage: frames in the decoder's own samples at their own times, and videos written like another one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av", reason="the extra 'video' (av) is not installed")

from footage_clips import UNEVEN, make_clip, packets_of, plain_frames, turn_clip  # noqa: E402

from imagewright.errors import DataError, RunError, UserError  # noqa: E402
from imagewright.images import frame_planes  # noqa: E402
from imagewright.images.footage import Footage, read_footage  # noqa: E402
from imagewright.images.frame_planes import FootageFrame  # noqa: E402
from imagewright.output.footage import writer as writers  # noqa: E402
from imagewright.output.footage.writer import FootageWriter, write_footage  # noqa: E402


def write_copy(video: Path, path: Path, *, lossless: bool = True) -> list[str]:
    """A copy of a video without a change of its frames; what is said of it."""
    footage = read_footage(video)
    writer = FootageWriter(path, footage, path.with_suffix(".work"), lossless=lossless)
    writer.write(footage.frames)
    return writer.finish()


def samples_of(video: Path) -> list[tuple[np.ndarray, ...]]:
    return [frame.planes for frame in read_footage(video).frames()]


def times_of(video: Path) -> list[Fraction]:
    return [frame.time for frame in read_footage(video).frames()]


def assert_same_samples(one: Iterable[tuple[np.ndarray, ...]], other: Iterable[tuple[np.ndarray, ...]]) -> None:
    for planes, others in zip(one, other, strict=True):
        for plane, its in zip(planes, others, strict=True):
            assert np.array_equal(plane, its)


@pytest.mark.parametrize(
    ("pixel_format", "suffix"),
    [("yuv420p", ".mp4"), ("yuv422p", ".mkv"), ("yuv444p", ".mov"), ("yuv420p10le", ".mkv"), ("yuvj420p", ".mkv")],
)
def test_frames_keep_their_samples_and_times(tmp_path: Path, pixel_format: str, suffix: str) -> None:
    video = make_clip(tmp_path / "clip.mkv", plain_frames(12), times=UNEVEN, pixel_format=pixel_format)
    assert write_copy(video, tmp_path / f"copy{suffix}") == []
    copy = read_footage(tmp_path / f"copy{suffix}")
    assert copy.layout == read_footage(video).layout
    assert_same_samples(samples_of(video), samples_of(copy.path))
    assert np.allclose([float(time) for time in times_of(copy.path)], [time / 12 for time in UNEVEN], atol=6e-4)
    if copy.layout.depth > 8:  # PyAV dithers with the errors of the frames before
        return
    with av.open(str(video)) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert all(np.array_equal(frame.picture, each) for frame, each in zip(copy.frames(), decoded, strict=True))


def test_times_of_an_mp4_are_exact_over_several_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "SEGMENT_FRAMES", 5)
    times = sorted(np.random.default_rng(3).choice(400, 23, replace=False).tolist())
    video = make_clip(tmp_path / "clip.mp4", plain_frames(23), times=times, tracks=1)
    write_copy(video, tmp_path / "copy.mp4", lossless=False)
    start = times_of(video)[0]
    assert times_of(tmp_path / "copy.mp4") == times_of(video)
    assert times_of(video) == [start + Fraction(time - times[0], 12) for time in times]
    with av.open(str(tmp_path / "copy.mp4")) as container:
        decoding = [packet.dts for packet in container.demux(video=0) if packet.size]
    assert decoding == sorted(set(decoding))


def test_sound_and_subtitles_are_copied_packet_by_packet(tmp_path: Path) -> None:
    video = make_clip(tmp_path / "clip.mkv", plain_frames(12), tracks=2, subtitles="subrip")
    write_copy(video, tmp_path / "copy.mkv")
    for kind, tracks in (("audio", 2), ("subtitles", 1)):
        originals, copies = packets_of(video, kind), packets_of(tmp_path / "copy.mkv", kind)
        assert len(originals) == len(copies) == tracks
        for original, copy in zip(originals, copies, strict=True):
            assert [content for content, _ in copy] == [content for content, _ in original]
            assert np.allclose([time for _, time in copy], [time for _, time in original], atol=1.1e-3)
    (note,) = write_copy(video, tmp_path / "copy.mp4")
    assert "subtitle track (subrip) is left out" in note
    assert [[content for content, _ in track] for track in packets_of(tmp_path / "copy.mp4", "audio")] == [
        [content for content, _ in track] for track in packets_of(video, "audio")
    ]


def test_sound_that_the_container_does_not_hold_is_encoded_and_that_is_said(tmp_path: Path) -> None:
    video = make_clip(tmp_path / "clip.mkv", plain_frames(12), tracks=1, sound="pcm_s16le")
    (note,) = write_copy(video, tmp_path / "copy.mp4")
    assert "pcm_s16le" in note
    assert ".mkv" in note
    with av.open(str(tmp_path / "copy.mp4")) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
    assert write_copy(video, tmp_path / "copy.mov") == []


def test_turned_frames_are_upright_and_no_turn_is_left(tmp_path: Path) -> None:
    plain = make_clip(tmp_path / "plain.mp4", plain_frames(3), aspect=Fraction(4, 3))
    turned = turn_clip(plain, tmp_path / "turned.mp4")
    footage = read_footage(turned)
    assert (footage.height, footage.width, footage.aspect) == (48, 32, Fraction(3, 4))
    write_copy(turned, tmp_path / "copy.mp4")
    copy = read_footage(tmp_path / "copy.mp4")
    assert (copy.height, copy.width, copy.quarters, copy.aspect) == (48, 32, 0, Fraction(3, 4))
    expected = [tuple(np.rot90(plane, footage.quarters) for plane in planes) for planes in samples_of(plain)]
    assert footage.quarters in (1, 3)
    assert_same_samples(samples_of(copy.path), expected)


def test_colours_keep_their_tags_and_hdr_is_told(tmp_path: Path) -> None:
    tags = (9, 16, 9, 1)  # BT.2020, PQ
    video = make_clip(tmp_path / "clip.mkv", plain_frames(3), pixel_format="yuv420p10le", tags=tags)
    assert read_footage(video).hdr == "PQ"
    write_copy(video, tmp_path / "copy.mkv", lossless=False)
    copy = read_footage(tmp_path / "copy.mkv")
    assert (copy.colours.primaries, copy.colours.transfer, copy.colours.matrix, copy.colours.range) == tags
    assert copy.stored == "yuv420p10le"


def test_rgb_becomes_4_4_4_and_keeps_its_colours(tmp_path: Path) -> None:
    frames = [np.full((32, 48, 3), (200, 60, 30), np.uint8)] * 2
    video = make_clip(tmp_path / "clip.mkv", frames, codec="ffv1", pixel_format="bgr0")
    for name in ("copy.mkv", "copy.mp4"):
        write_copy(video, tmp_path / name)
        copy = read_footage(tmp_path / name)
        assert copy.stored == "yuv444p"
        for frame in copy.frames():
            assert np.abs(frame.picture.astype(int) - frames[0]).max() <= 2


def test_odd_sizes(tmp_path: Path) -> None:
    frames = [frame[:31, :47] for frame in plain_frames(3)]
    video = make_clip(tmp_path / "clip.avi", frames, codec="mpeg4")
    write_copy(video, tmp_path / "copy.mkv")
    assert_same_samples(samples_of(video), samples_of(tmp_path / "copy.mkv"))
    write_copy(video, tmp_path / "copy.mp4")
    copy = read_footage(tmp_path / "copy.mp4")
    assert (copy.height, copy.width) == (32, 48)
    inner = [
        tuple(plane[:31, :47] if not place else plane for place, plane in enumerate(p)) for p in samples_of(copy.path)
    ]
    assert_same_samples(samples_of(video), inner)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuvj420p"])
def test_a_change_reaches_the_samples_of_its_own_pixels_alone(tmp_path: Path, pixel_format: str) -> None:
    video = make_clip(tmp_path / "clip.mkv", plain_frames(1), pixel_format=pixel_format)
    (frame,) = read_footage(video).frames()
    rows, columns = slice(7, 24), slice(11, 40)
    inside = np.ones((17, 29), bool)
    inside[0, :] = inside[5, 9] = False
    generator = np.random.default_rng(0)
    change = generator.uniform(-30, 30, (17, 29, 3)).astype(np.float32)
    if frame.layout.across > 1:  # smooth, since chroma has fewer samples
        change = np.broadcast_to(np.float32([18, -12, 24]), change.shape)
    made = frame.changed(rows, columns, change, inside)
    free = np.zeros((32, 48), bool)
    free[rows, columns] = inside
    assert np.array_equal(made.planes[0][~free], frame.planes[0][~free])
    across, down = frame.layout.across, frame.layout.down
    whole = free.reshape(32 // down, down, 48 // across, across).all((1, 3))
    for plane, its in zip(made.planes[1:], frame.planes[1:], strict=True):
        assert np.array_equal(plane[~whole], its[~whole])
        assert (plane[whole] != its[whole]).mean() > 0.9
    wanted = np.clip(frame.picture[rows, columns].astype(float) + change, 0, 255)
    seen = frame_planes.picture_of(made.planes, frame.layout)[rows, columns]
    inner = np.s_[8:-2, 12:-2]
    clear = (wanted[inner] > 8) & (wanted[inner] < 247)
    assert np.abs(seen[inner] - wanted[inner])[clear].max() <= 4
    assert np.array_equal(made.picture[~free], frame.picture[~free])


def test_writing_goes_on_after_an_error_with_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "SEGMENT_FRAMES", 4)
    video = make_clip(tmp_path / "clip.mp4", plain_frames(14), tracks=1)
    footage = read_footage(video)
    write_copy(video, tmp_path / "whole.mp4", lossless=False)

    def until_ten(start: int) -> Iterator[FootageFrame]:
        for frame in footage.frames(start):
            if frame.index == 10:
                raise KeyboardInterrupt
            yield frame

    writer = FootageWriter(tmp_path / "made.mp4", footage, tmp_path / "work")
    with pytest.raises(KeyboardInterrupt):
        writer.write(until_ten)
    assert len(writer.segments()) == 2
    left = tmp_path / "work" / ".segment-000002.killed.nut"
    left.touch()
    starts = []

    def from_there(start: int) -> Iterator[FootageFrame]:
        starts.append(start)
        return footage.frames(start)

    again = FootageWriter(tmp_path / "made.mp4", footage, tmp_path / "work")
    assert again.write(from_there) == 6
    assert not left.exists()
    again.finish()
    assert starts == [8]
    assert (tmp_path / "made.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert not (tmp_path / "work").exists()


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "whole.mkv", plain_frames(20)).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    assert 0 < len(times_of(tmp_path / "cut.mkv")) < 20
    for content in (b"", b"no video", make_clip(tmp_path / "clip.mp4", plain_frames(4)).read_bytes()[:900]):
        (tmp_path / "bad.mp4").write_bytes(content)
        with pytest.raises(DataError, match=r"bad\.mp4 (cannot be read as a video|holds no frames)"):
            read_footage(tmp_path / "bad.mp4")


def test_what_cannot_be_written(tmp_path: Path) -> None:
    footage = read_footage(make_clip(tmp_path / "clip.mkv", plain_frames(2), pixel_format="yuv420p10le"))
    with pytest.raises(UserError, match=r"\.avi"):
        FootageWriter(tmp_path / "made.avi", footage, tmp_path / "work")
    with pytest.raises(UserError, match=r"10 bits without loss is written as \.mkv"):
        FootageWriter(tmp_path / "made.mp4", footage, tmp_path / "work", lossless=True)
    with pytest.raises(RunError, match="no frame"):
        write_footage(iter(()), tmp_path / "made.mp4", footage)
    assert not (tmp_path / "made.mp4").exists()


def test_a_file_without_a_frame_rate_takes_a_usual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from imagewright.images import footage as reading

    class NoRate:
        average_rate = guessed_rate = base_rate = duration = time_base = None

    rate, is_timed, notes = reading._rate_of(NoRate(), 10, Fraction(0))
    assert (rate, is_timed) == (25, True)
    assert "25 frames a second" in notes[0]


def test_rgb_pictures_become_a_video_like_another(tmp_path: Path) -> None:
    video = make_clip(tmp_path / "clip.mkv", plain_frames(12), times=UNEVEN, tracks=1)
    footage: Footage = read_footage(video)
    smooth = np.full((41, 31, 3), (180, 90, 60), np.uint8)
    frames = ((frame.time, smooth) for frame in footage.frames())
    assert write_footage(frames, tmp_path / "made.mp4", footage, {"verb": "test"}) == []
    made = read_footage(tmp_path / "made.mp4")
    assert (made.height, made.width, made.sound) == (42, 32, 1)
    assert np.abs(next(made.frames()).picture[:40, :30].astype(int) - smooth[:40, :30]).max() <= 4
    assert replace(made.layout, matrix=6) == made.layout
