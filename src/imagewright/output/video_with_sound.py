"""New pictures for a video: each frame at its own time, and the sound of the original. Through PyAV (extra `video`).

Sound is copied where MP4 holds its format, else encoded again as AAC. Frames are encoded as they come: the memory does
not grow with the length of the video.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import RunError, UserError
from imagewright.files import atomic_write
from imagewright.output.provenance import Record, mp4_box, to_xmp
from imagewright.output.video import CODECS
from imagewright.output.writing import check_suffix, refuse_existing

TICKS = 60_000  # a second: a frame of 24, 25, 30, 50, 60 or 30000/1001 a second is a whole number of them
COPIED = frozenset(("aac", "mp3", "ac3", "eac3", "alac"))  # sound that players expect in .mp4


def write_video_with_sound(
    frames: Iterable[tuple[Fraction, np.ndarray]],
    path: str | Path,
    original: str | Path,
    record: Record | None = None,
    *,
    rate: Fraction,
    force: bool = False,
) -> Path:
    """Write an .mp4 of frames at their times, with the sound of another video.

    frames: (seconds, uint8 (H, W, 3)) in ascending order, of one size. A line of black makes odd sizes even.
    original: the video whose sound is taken, if it has any. Its first track.
    record: the provenance record.
    rate: frames a second, roughly: what players are told.
    force: replace a file that exists.
    Raises `UserError` for another suffix, `RunError` if the file exists or cannot be written. If `frames`
    raises, nothing is left.
    """
    check_suffix(path, (".mp4",))
    refuse_existing([path], force=force)
    av = _import_av()
    with atomic_write(path, is_result=True) as temporary, av.open(str(original)) as source:
        with av.open(str(temporary), "w", format="mp4") as container:
            if record:
                container.metadata["comment"] = json.dumps(dict(record), default=str)
            _encode(av, container, frames, source, rate)
        if record:
            with temporary.open("ab") as file:
                file.write(mp4_box(to_xmp(record)))
    return Path(path)


def has_sound(path: str | Path) -> bool:
    """Whether a video has a sound track."""
    with _import_av().open(str(path)) as container:
        return bool(container.streams.audio)


def _import_av() -> Any:
    try:
        import av
    except ImportError:
        raise UserError("Videos need PyAV: pip install 'imagewright[video]'.") from None
    return av


def _encode(
    av: Any, container: Any, frames: Iterable[tuple[Fraction, np.ndarray]], source: Any, rate: Fraction
) -> None:
    stream = container.add_stream(next(name for name in CODECS if name in av.codecs_available), rate=rate)
    stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, TICKS)
    if stream.codec_context.name == "libx264":
        stream.options = {"crf": "18"}
    sound = _Sound(av, source, container)
    last = -1
    for time, pixels in frames:
        height, width = pixels.shape[0] + pixels.shape[0] % 2, pixels.shape[1] + pixels.shape[1] % 2
        if last < 0:
            stream.width, stream.height = width, height
            if stream.codec_context.name != "libx264":
                stream.bit_rate = max(400_000, int(width * height * rate / 2))
        even = np.zeros((height, width, 3), np.uint8)
        even[: pixels.shape[0], : pixels.shape[1]] = pixels
        frame = av.VideoFrame.from_ndarray(even, format="rgb24")
        last = max(round(time * TICKS), last + 1)
        frame.pts, frame.time_base = last, Fraction(1, TICKS)
        container.mux(stream.encode(frame))
        sound.write_until(time)
    if last < 0:
        raise RunError("The video has no frame that can be read.")
    container.mux(stream.encode(None))
    sound.write_until(None)


class _Sound:
    """The first sound track of a video, written piece by piece into another one."""

    def __init__(self, av: Any, source: Any, container: Any) -> None:
        self._container = container
        self._packets: Iterator[tuple[float, Any]] = iter(())
        self._waiting: tuple[float, Any] | None = None
        if not source.streams.audio:
            return
        track = source.streams.audio[0]
        self._start = Fraction(source.start_time or 0, av.time_base)
        if track.codec_context.name in COPIED:
            self._out = container.add_stream_from_template(track)
            self._packets = self._copied(source, track)
        else:
            self._out = container.add_stream("aac", rate=track.codec_context.sample_rate)
            self._packets = self._encoded(av, source, track)

    def write_until(self, time: Fraction | None) -> None:
        """Write what is heard up to a time in seconds; all that is left for None."""
        while True:
            if self._waiting is None:
                self._waiting = next(self._packets, None)
            if self._waiting is None or (time is not None and self._waiting[0] > time):
                return
            self._container.mux(self._waiting[1])
            self._waiting = None

    def _copied(self, source: Any, track: Any) -> Iterator[tuple[float, Any]]:
        for packet in source.demux(track):
            if packet.dts is None:  # the end
                continue
            shift = round(self._start / packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, self._out
            yield float(packet.pts * packet.time_base), packet

    def _encoded(self, av: Any, source: Any, track: Any) -> Iterator[tuple[float, Any]]:
        layout = "mono" if track.codec_context.layout.nb_channels == 1 else "stereo"
        resampler = av.AudioResampler(format="fltp", layout=layout, rate=track.codec_context.sample_rate)
        for frame in chain(source.decode(track), [None]):
            for sound in resampler.resample(frame):
                if sound.pts is not None:
                    sound.pts -= round(self._start / sound.time_base)
                yield from self._timed(self._out.encode(sound))
        yield from self._timed(self._out.encode(None))

    def _timed(self, packets: list[Any]) -> Iterator[tuple[float, Any]]:
        for packet in packets:
            yield float(packet.pts * packet.time_base), packet
