"""Small video files of every kind for the tests: layouts, variable rates, sound, subtitles, turns, colours."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.images.footage import read_footage

UNEVEN = (0, 1, 2, 5, 6, 9, 10, 12, 13, 17, 18, 19)  # times of frames, in twelfths of a second
UPRIGHT = b"\x00\x01\x00\x00" + bytes(12) + b"\x00\x01\x00\x00" + bytes(12) + b"\x40\x00\x00\x00"
QUARTER = bytes(4) + b"\x00\x01\x00\x00" + bytes(4) + b"\xff\xff\x00\x00" + bytes(16) + b"\x40\x00\x00\x00"
RATE = 24_000  # of sound, a second


def plain_frames(count: int, height: int = 32, width: int = 48) -> list[np.ndarray]:
    """Noise over a ramp, other in each frame."""
    generator = np.random.default_rng(7)
    ramp = np.linspace(40, 200, width)[None, :, None] + np.zeros((height, 1, 3))
    return [np.uint8(ramp + generator.integers(0, 30, (height, width, 3))) for _ in range(count)]


def make_clip(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    times: Sequence[int] | None = None,
    pixel_format: str = "yuv420p",
    codec: str = "libx264",
    tracks: int = 0,
    sound: str = "aac",
    subtitles: str | None = None,
    tags: tuple[int, int, int, int] | None = None,
    aspect: Fraction = Fraction(1),
) -> Path:
    """A video of RGB frames at times in twelfths of a second, with as many tracks of sound as asked for.

    tags: FFmpeg's numbers of primaries, transfer, matrix and range.
    """
    import av

    times = list(range(len(frames))) if times is None else times
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=12)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.codec_context.time_base = pixel_format, Fraction(1, 1200)
        stream.codec_context.sample_aspect_ratio = aspect
        if tags is not None:
            context = stream.codec_context
            context.color_primaries, context.color_trc, context.colorspace, context.color_range = tags
        if codec == "mpeg4":
            stream.bit_rate = 4_000_000
        sounds = [container.add_stream(sound, rate=RATE) for _ in range(tracks)]
        texts = None if subtitles is None else container.add_mux_stream(subtitles)
        for time, pixels in zip(times, frames, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = time * 100, Fraction(1, 1200)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        for number, track in enumerate(sounds):
            _add_sound(av, container, track, 300 + 200 * number, (times[-1] + 1) / 12)
        if texts is not None:
            _add_texts(av, container, texts)
    return path


def _add_sound(av: Any, container: Any, track: Any, pitch: int, seconds: float) -> None:
    count = int(seconds * RATE)
    wave = np.sin(2 * np.pi * pitch * np.arange(count) / RATE)
    resampler = av.AudioResampler(format=track.codec_context.format, layout="mono", rate=RATE)
    for first in range(0, count, 1000):
        part = (20_000 * wave[None, first : first + 1000]).astype(np.int16)
        samples = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
        samples.rate, samples.pts = RATE, first
        for each in resampler.resample(samples):
            container.mux(track.encode(each))
    container.mux(track.encode(None))


def _add_texts(av: Any, container: Any, track: Any) -> None:
    for number, text in enumerate((b"one", b"two")):
        packet = av.Packet(text if container.format.name != "mp4" else len(text).to_bytes(2, "big") + text)
        packet.stream, packet.time_base = track, Fraction(1, 1000)
        packet.pts = packet.dts = 300 * number
        packet.duration = 200
        container.mux(packet)


def turn_clip(path: Path, turned: Path) -> Path:
    """A copy of an .mp4 whose display matrix says that frames are shown turned by a quarter."""
    content = path.read_bytes()
    place = content.index(UPRIGHT, content.index(b"tkhd"))
    turned.write_bytes(content[:place] + QUARTER + content[place + len(QUARTER) :])
    return turned


def packets_of(path: Path, kind: str) -> list[list[tuple[bytes, float]]]:
    """The bytes and the time in seconds of the packets of each track of "audio" or "subtitles"."""
    import av

    with av.open(str(path)) as container:
        tracks = getattr(container.streams, kind)
        by_track: dict[int, list[tuple[bytes, float]]] = {track.index: [] for track in tracks}
        for packet in container.demux(tracks) if tracks else ():
            if packet.size:
                by_track[packet.stream.index].append((bytes(packet), float(packet.pts * packet.time_base)))
        return list(by_track.values())


def changed_pixels(video: Path, swapped: Path) -> np.ndarray:
    """(T, H, W): where a sample of luma differs."""
    pairs = zip(read_footage(video).frames(), read_footage(swapped).frames(), strict=True)
    return np.stack([one.planes[0] != other.planes[0] for one, other in pairs])


def assert_same_frames(one: Path, other: Path) -> None:
    pairs = zip(read_footage(one).frames(), read_footage(other).frames(), strict=True)
    for first, second in pairs:
        assert first.time == second.time
        assert all(np.array_equal(*planes) for planes in zip(first.planes, second.planes, strict=True))
