"""A video as footage: its frames one by one at their times, upright, with all that a copy must keep. Through PyAV."""

from __future__ import annotations

from collections.abc import Container, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from imagewright.errors import DataError, short_reason
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

TRANSFERS_OF_HDR = {16: "PQ", 18: "HLG"}  # FFmpeg's numbers (ITU-T H.273, table 3)
DEEPEST = 10  # bits of a sample that encoders take


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
            if frame.pts is not None:
                ticks = frame.pts - round(self.start / self.time_base)
            before = ticks if before is None else max(ticks, before + 1)
            if index >= start and (only is None or index in only):
                planes = read_planes(frame, self.layout, self.quarters)
                yield FootageFrame(index, before * self.time_base, planes, self.layout, picture_of(planes, self.layout))

    def frame_near(self, seconds: float) -> FootageFrame:
        """The first frame that is not more than half a frame before a time; else the last. Its time gives its number.

        It is decoded from the picture before it that is stored whole. Raises `DataError` if none can be decoded.
        """
        found, time = None, Fraction(0)
        for found in _decode(self.path, seek=seconds):
            time = Fraction(0) if found.pts is None else max(Fraction(0), found.pts * self.time_base - self.start)
            if float(time) > seconds - 0.5 / float(self.rate):
                break
        if found is None:
            raise DataError(f"{self.path} holds no frames that can be decoded.")
        planes = read_planes(found, self.layout, self.quarters)
        return FootageFrame(round(time * self.rate), time, planes, self.layout, picture_of(planes, self.layout))


def read_footage(path: str | Path) -> Footage:
    """Open a video file.

    Raises `DataError` without PyAV, for a file that is no video, holds no frames or needs a decoder that is not there.
    """
    path = Path(path)
    av = import_av(str(path))
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise DataError(f"{path} has no video stream.")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise DataError(f"{path} cannot be decoded: this build of PyAV has no decoder for its format.")
            start = max(Fraction(0), Fraction(container.start_time or 0, av.time_base))
            first = next(_decode(path), None)
            if first is None:
                raise DataError(f"{path} holds no frames that can be decoded.")
            return _describe(path, container, stream, first, start)
    except (av.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or short_reason(error)
        raise DataError(f"{path} cannot be read as a video: {reason}.") from error


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
    # The count in the header can be absent or wrong, so packets are counted, without decoding them.
    count = sum(1 for packet in container.demux(stream) if packet.size)
    rate, notes = _rate_of(stream, count)
    if len(first.format.components) in (2, 4):
        notes = (*notes, f"The transparency of {path.name} is not kept.")
    aspect = Fraction(stream.sample_aspect_ratio or 1)
    return Footage(
        path,
        width,
        height,
        rate,
        count,
        Fraction(first.time_base or stream.time_base or 1 / rate),
        start,
        quarters,
        layout,
        first.format.name,
        _tags_after(first, layout, colours),
        1 / aspect if turned else aspect,
        len(container.streams.audio),
        len(container.streams.subtitles),
        notes,
    )


def _tags_after(frame: Any, layout: PlaneLayout, colours: ColourTags) -> ColourTags:
    """What is to be said of the colours of frames in a layout: those of RGB were converted."""
    if layout.full_range:
        return replace(colours, range=FULL_RANGE)
    kind = frame.format
    return replace(colours, matrix=layout.matrix, range=LIMITED_RANGE) if kind.is_rgb or kind.has_palette else colours


def _rate_of(stream: Any, count: int) -> tuple[Fraction, tuple[str, ...]]:
    """Frames a second: as the file says, else by its length, else a usual rate, with a note."""
    said = stream.average_rate or stream.guessed_rate or stream.base_rate
    if said:
        return Fraction(said), ()
    if stream.duration and count > 1:
        return Fraction(count) / (stream.duration * stream.time_base), ()
    note = f"The file has no frame rate (it says 0): {FRAMES_PER_SECOND} frames a second are taken."
    return Fraction(FRAMES_PER_SECOND), (note,)


def _decode(path: Path, seek: float = 0.0) -> Iterator[Any]:
    """The frames of the first video stream. Packets that cannot be decoded are left out.

    seek: seconds; the first frame is the last one before it that needs no other to be decoded.
    """
    av = import_av(str(path))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
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
