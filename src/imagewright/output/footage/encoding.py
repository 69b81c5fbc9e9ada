"""Encode frames as a segment: a file that decodes by itself, and can be joined to others without encoding again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from imagewright.errors import UserError
from imagewright.files import atomic_write
from imagewright.images.footage import ColourTags, import_av
from imagewright.images.frame_planes import FootageFrame, PlaneLayout, to_video_frame
from imagewright.output.writing import check_suffix

VIDEOS = (".mp4", ".mov", ".m4v", ".mkv")
SEGMENT_FORMAT = "nut"  # holds any codec, and times in any unit
CODECS = ("libx264", "libopenh264", "mpeg4")  # by preference: a build of FFmpeg may lack the first ones
QUALITY = "18"  # constant rate factor of x264, which is said to be visually lossless
GLOBAL_HEADER = 1 << 22  # flag of FFmpeg: parameters in the header, where all containers take them
LARGEST_MPEG4_TICKS = 65_535  # a second
LEAD = 3600  # seconds added to the times in a segment: decoding starts before the first picture, and must be after zero
FINE = Fraction(1, 60_000)  # a frame of 24, 25, 30, 50, 60 or 30000/1001 a second is a whole number of these


@dataclass(frozen=True)
class Encoding:
    """How frames are encoded: the same for all segments of a video.

    Attributes:
        width, height: of the frames; odd ones are encoded with their last line twice where the format needs it.
        rate: mean frames a second.
        tick: seconds a unit of the frames' times.
        layout: of the frames' samples.
        colours: what the file says of them.
        aspect: width of a pixel over its height.
        codec: FFmpeg's name of the encoder.
        lossless: whether decoded samples are those that were encoded.
    """

    width: int
    height: int
    rate: Fraction
    tick: Fraction
    layout: PlaneLayout
    colours: ColourTags
    aspect: Fraction
    codec: str
    lossless: bool

    def describe(self, context: Any) -> None:
        """Tell a codec's context of PyAV the rate, the colours and the shape of pixels."""
        context.framerate, context.sample_aspect_ratio = self.rate, self.aspect
        context.color_primaries, context.color_trc = self.colours.primaries, self.colours.transfer
        context.colorspace, context.color_range = self.colours.matrix, self.colours.range


def choose_codec(path: str | Path, layout: PlaneLayout, *, lossless: bool) -> str:
    """The encoder for a file. Raises `UserError` if there is none for it."""
    av = import_av(str(path))
    suffix = check_suffix(path, VIDEOS)
    if lossless:
        if suffix == ".mkv" and "ffv1" in av.codecs_available:
            return "ffv1"
        if layout.depth == 8 and "libx264" in av.codecs_available:
            return "libx264"
        raise UserError(f"{path}: video of {layout.depth} bits without loss is written as .mkv: name such a file.")
    for name in CODECS:
        if name in av.codecs_available and layout.format_name in {each.name for each in _formats(av, name)}:
            return name
    raise UserError(
        f"{path}: this build of PyAV has no encoder for video of the format {layout.format_name}. Convert the video "
        "to 8 bits and 4:2:0 first, or install PyAV from PyPI: pip install av."
    )


def _formats(av: Any, name: str) -> list[Any]:
    return av.codec.Codec(name, "w").video_formats or []


def write_segment(frames: Iterable[FootageFrame], path: Path, encoding: Encoding) -> int:
    """Encode frames as one segment; the number of frames. Written whole or not at all: if `frames` raises, nothing is
    left. No file is written of no frames."""
    av = import_av(str(path))
    count, last = 0, -1
    left = iter(frames)
    first = next(left, None)
    if first is None:
        return 0
    with atomic_write(path) as temporary, av.open(str(temporary), "w", format=SEGMENT_FORMAT) as container:
        stream, lead = _add_stream(container, encoding), round(LEAD / encoding.tick)
        frame: FootageFrame | None = first
        while frame is not None:
            made = to_video_frame(frame.planes, encoding.layout, even=encoding.codec != "ffv1")
            last = max(round(frame.time / encoding.tick), last + 1)
            made.pts, made.time_base = last + lead, encoding.tick
            container.mux(stream.encode(made))
            count += 1
            frame = next(left, None)
        container.mux(stream.encode(None))
    return count


def _add_stream(container: Any, encoding: Encoding) -> Any:
    stream = container.add_stream(encoding.codec, rate=encoding.rate)
    even = encoding.codec != "ffv1"
    across, down = (encoding.layout.across, encoding.layout.down) if even else (1, 1)
    stream.width = -(-encoding.width // across) * across
    stream.height = -(-encoding.height // down) * down
    stream.pix_fmt = encoding.layout.format_name
    context = stream.codec_context
    context.time_base = encoding.tick
    context.flags |= GLOBAL_HEADER
    encoding.describe(context)
    if encoding.codec == "libx264":
        # Its macroblock tree is not the same each time on CPUs with AVX-512, and parts are to be equal after a kill.
        stream.options = {"qp": "0"} if encoding.lossless else {"crf": QUALITY, "mbtree": "0"}
    elif encoding.codec != "ffv1":
        stream.bit_rate = max(400_000, int(encoding.width * encoding.height * encoding.rate / 2))
    return stream


def tick_for(codec: str, tick: Fraction) -> Fraction:
    """The unit of times that an encoder takes: the one of the original, if it can be."""
    if tick.numerator != 1 or (codec == "mpeg4" and tick.denominator > LARGEST_MPEG4_TICKS):
        return FINE
    return tick
