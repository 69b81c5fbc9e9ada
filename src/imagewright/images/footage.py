"""A video as footage: its frames one by one at their times, upright, with all that a copy must keep. Through PyAV."""

from __future__ import annotations

from collections.abc import Callable, Container, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from imagewright.errors import DataError
from imagewright.images.frame_planes import (
    FULL_RANGE,
    LIMITED_RANGE,
    FootageFrame,
    PlaneLayout,
    layout_of,
    picture_of,
    read_planes,
)
from imagewright.images.sources.video import FRAMES_PER_SECOND
from imagewright.images.video_streams import about_streams, find_video_stream, unreadable_video

TRANSFERS_OF_HDR = {16: "PQ", 18: "HLG"}  # FFmpeg's numbers (ITU-T H.273, table 3)
DEEPEST = 10  # bits of a sample that encoders take
SLOWEST, FASTEST = Fraction(1, 3600), 10_000  # frames a second of a video; others are a damaged header
FEWEST_MISSING, LEAST_MISSING = 3, Fraction(1, 4)  # frames and seconds at the end that say that a file was cut


@dataclass(frozen=True)
class ColourTags:
    """What a file says of its colours, as FFmpeg's numbers; 2, or 0 of the range, is nothing."""

    primaries: int
    transfer: int
    matrix: int
    range: int


@dataclass(frozen=True)
class Footage:
    """A video file. Frames are turned as the file says; sizes are those of turned frames.

    Attributes:
        path: of the file.
        width, height: pixels.
        rate: mean frames a second.
        count: frames, counted without decoding them; damaged files have fewer.
        time_base: seconds a tick, the unit of the frames' times.
        is_timed: whether the file's times are used; else frames follow each other at `rate`.
        layout: how the samples of its frames are handed out.
        stored: FFmpeg's name of the pixel format in the file.
        colours: what the file says of its colours.
        aspect: width of a pixel over its height.
        sound: tracks of sound.
        subtitles: tracks of subtitles.
        notes: sentences for the user.
    """

    path: Path
    width: int
    height: int
    rate: Fraction
    count: int
    time_base: Fraction
    start: Fraction
    quarters: int
    layout: PlaneLayout
    stored: str
    colours: ColourTags
    aspect: Fraction
    sound: int
    subtitles: int
    is_timed: bool = True
    notes: tuple[str, ...] = field(default=())

    @property
    def hdr(self) -> str | None:
        """ "PQ" or "HLG" for footage of high dynamic range, else None."""
        return TRANSFERS_OF_HDR.get(self.colours.transfer)

    def frames(self, start: int = 0, only: Container[int] | None = None) -> Generator[FootageFrame]:
        """The frames from number `start` on, in the order in which they are shown. A damaged file ends early.

        Times ascend. A frame without a time comes as long after the one before as frames do on average.

        only: the numbers of the frames that are wanted; None for all.
        """
        before: int | None = None
        for index, frame in enumerate(_decode(self.path)):
            ticks = 0 if before is None else before + max(1, round(1 / (self.rate * self.time_base)))
            if frame.pts is not None and self.is_timed:
                ticks = frame.pts - round(self.start / self.time_base)
            before = ticks if before is None else max(ticks, before + 1)
            if index >= start and (only is None or index in only):
                planes = read_planes(frame, self.layout, self.quarters)
                yield FootageFrame(index, before * self.time_base, planes, self.layout, picture_of(planes, self.layout))

    def frame_near(self, seconds: float) -> FootageFrame:
        """The first frame that is not more than half a frame before a time; else the last. Its time gives its number.

        It is decoded from the picture before it that is stored whole. Raises `DataError` if none can be decoded.
        """
        if not self.is_timed:  # counted from the first one
            return _last_until(self.frames(), lambda frame: frame.index >= round(seconds * self.rate), self.path)
        near = _decode(self.path, seek=seconds)
        found = _last_until(
            near, lambda frame: float(self._time_of(frame)) > seconds - 0.5 / float(self.rate), self.path
        )
        planes, time = read_planes(found, self.layout, self.quarters), self._time_of(found)
        return FootageFrame(round(time * self.rate), time, planes, self.layout, picture_of(planes, self.layout))

    def _time_of(self, frame: Any) -> Fraction:
        return Fraction(0) if frame.pts is None else max(Fraction(0), frame.pts * self.time_base - self.start)


def read_footage(path: str | Path) -> Footage:
    """Open a video file.

    Raises `DataError` without PyAV, for a file that is no video, holds no frames or needs a decoder that is not there.
    """
    path = Path(path)
    av = import_av(str(path))
    try:
        with av.open(str(path)) as container:
            stream = find_video_stream(container, str(path))
            if stream.codec_context is None:
                raise DataError(f"{path} cannot be decoded: this build of PyAV has no decoder for its format.")
            start = max(Fraction(0), Fraction(container.start_time or 0, av.time_base))
            first = next(_decode(path), None)
            if first is None:
                raise DataError(f"{path} holds no frames that can be decoded.")
            return _describe(path, container, stream, first, start)
    except (av.FFmpegError, OSError) as error:
        raise unreadable_video(path, str(path), error) from error


def import_av(what: str) -> Any:
    """PyAV. Raises `DataError` if it is not installed."""
    try:
        import av
    except ImportError:
        raise DataError(f"{what} is a video, which needs PyAV: pip install 'imagewright[video]'.") from None
    return av


def _describe(path: Path, container: Any, stream: Any, first: Any, start: Fraction) -> Footage:
    quarters = round(int(getattr(first, "rotation", 0)) / 90) % 4
    turned = quarters % 2 == 1
    width, height = (first.height, first.width) if turned else (first.width, first.height)
    colours = ColourTags(
        int(first.color_primaries), int(first.color_trc), int(first.colorspace), int(first.color_range)
    )
    odd = quarters > 0 and (first.width % 2 == 1 or first.height % 2 == 1)
    layout = layout_of(
        "yuv444p" if odd else first.format.name,  # chroma of odd sizes has no place of its own after a turn
        colours.matrix,
        colours.range == FULL_RANGE,
        height,
        turned=turned,
        deepest=DEEPEST,
    )
    count, begin, end = _length_of(container, stream)
    rate, is_timed, notes = _rate_of(stream, count, end - begin)
    notes = (*about_streams(container, stream, path.name), *notes)
    if is_timed:
        notes = (*notes, *_about_end(path, stream, rate, begin, end))
    if len(first.format.components) in (2, 4):
        notes = (*notes, f"The transparency of {path.name} is not kept.")
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    return Footage(
        path,
        width,
        height,
        rate,
        count,
        Fraction(first.time_base or stream.time_base or 1 / rate) if is_timed else 1 / rate,
        start,
        quarters,
        layout,
        first.format.name,
        _tags_after(first, layout, colours),
        1 / aspect if turned else aspect,
        len(container.streams.audio),
        len(container.streams.subtitles),
        is_timed,
        notes,
    )


def _tags_after(frame: Any, layout: PlaneLayout, colours: ColourTags) -> ColourTags:
    """What is to be said of the colours of frames in a layout: those of RGB were converted."""
    if layout.full_range:
        return replace(colours, range=FULL_RANGE)
    kind = frame.format
    return replace(colours, matrix=layout.matrix, range=LIMITED_RANGE) if kind.is_rgb or kind.has_palette else colours


def _length_of(container: Any, stream: Any) -> tuple[int, Fraction, Fraction]:
    """How many frames a stream has, when the first one begins, and when the last one ends, in seconds.

    The count in the header can be absent or wrong, so packets are counted, without decoding them.
    """
    count, spans = 0, list[tuple[Fraction, Fraction]]()
    for packet in container.demux(stream):
        count += packet.size > 0
        if packet.size and packet.pts is not None and packet.time_base:
            begin = packet.pts * packet.time_base
            end = begin + (packet.duration or 0) * packet.time_base
            spans = [(min(begin, spans[0][0]), max(end, spans[0][1]))] if spans else [(begin, end)]
    return count, *(spans[0] if spans else (Fraction(0), Fraction(0)))


def _rate_of(stream: Any, count: int, seconds: Fraction) -> tuple[Fraction, bool, tuple[str, ...]]:
    """Frames a second, whether the times in the file are used, and notes. The rate is what the file says; if that is
    nonsense, by its length; if that is nonsense too, a usual one.

    seconds: from the first frame to the end of the last one; 0 without times.
    """
    said = Fraction(stream.average_rate or stream.guessed_rate or stream.base_rate or 0)
    length = seconds or (stream.duration or 0) * Fraction(stream.time_base or 0)
    by_length = count / length if length > 0 else Fraction(0)
    is_timed = seconds <= 0 or count < 2 or _is_sane(by_length)
    if is_timed and (_is_sane(said) or _is_sane(by_length)):
        return said if _is_sane(said) else by_length, True, ()
    fault = f"it says {float(said):.3g}"
    if _is_sane(said):
        fault = f"by their times {count:,} frames take {float(seconds):.3g} s"
    note = f"The file has no frame rate that can be used ({fault}): {FRAMES_PER_SECOND} frames a second are taken."
    return Fraction(FRAMES_PER_SECOND), is_timed, (note,)


def _is_sane(rate: Fraction) -> bool:
    return SLOWEST <= rate <= FASTEST


def _about_end(path: Path, stream: Any, rate: Fraction, begin: Fraction, end: Fraction) -> tuple[str, ...]:
    """A sentence if the frames end long before the time that the file says."""
    said = _said_length(stream)
    missing = Fraction(0) if said is None or not end else said - (end - begin)
    if missing <= max(FEWEST_MISSING / rate, LEAST_MISSING):
        return ()
    return (
        f"{path.name} says that it lasts {float(said or 0):.2f} s, and its frames end after {float(end - begin):.2f} "
        "s: the file was cut short.",
    )


def _said_length(stream: Any) -> Fraction | None:
    """How many seconds a stream lasts by the header: a number, or in Matroska a text such as 00:01:02.5."""
    if stream.duration and stream.time_base:
        return Fraction(stream.duration) * stream.time_base
    try:
        hours, minutes, seconds = stream.metadata.get("DURATION", "").split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    except ValueError:
        return None


def _last_until(frames: Iterator[Any], is_it: Callable[[Any], bool], path: Path) -> Any:
    """The first frame that is the one; else the last."""
    last = None
    for last in frames:
        if is_it(last):
            break
    if last is None:
        raise DataError(f"{path} holds no frames that can be decoded.")
    return last


def _decode(path: Path, seek: float = 0.0) -> Iterator[Any]:
    """The frames of the video. Packets that cannot be decoded are left out.

    seek: seconds; the first frame is the last one before it that needs no other to be decoded.
    """
    av = import_av(str(path))
    with av.open(str(path)) as container:
        stream = find_video_stream(container, str(path))
        stream.thread_type = "AUTO"
        if seek > 0:
            with suppress(av.FFmpegError, OSError):  # a file without an index is decoded from its start
                container.seek(int(seek * av.time_base) + max(0, container.start_time or 0))
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                yield from packet.decode()
            except (av.error.InvalidDataError, av.error.EOFError):
                continue
            except (av.FFmpegError, OSError):
                return
