"""Encode MP4 with PyAV (the extra `video`); the record is in the container's comment and in an XMP box."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from imagewright.errors import UserError
from imagewright.output.provenance import Record, mp4_box

CODECS = ("libx264", "libopenh264", "mpeg4")  # by preference: a build of FFmpeg may lack the first ones


def write_mp4(
    file: BinaryIO, pictures: Iterable[Image.Image], frames_per_second: float, record: Record | None, packet: bytes
) -> None:
    """Write an MP4 of RGB pictures of one size. Neither they nor the encoded bytes are held: memory stays as it is.

    file: opened for writing, empty.
    packet: the record as XMP; none if it is empty.
    A line of black makes odd sizes even, as the codecs require.
    """
    try:
        import av
    except ImportError:
        raise UserError("Writing .mp4 needs PyAV: pip install 'imagewright[video]'. Or write .webp or .gif.") from None
    left = iter(pictures)
    first = next(left)
    height, width = first.height + first.height % 2, first.width + first.width % 2
    codec = next(name for name in CODECS if name in av.codecs_available)
    with av.open(file, "w", format="mp4") as container:
        if record:
            container.metadata["comment"] = json.dumps(dict(record), default=str)
        stream: Any = container.add_stream(codec, rate=Fraction(frames_per_second).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if codec == "libx264":
            stream.options = {"crf": "18"}
        else:
            stream.bit_rate = max(400_000, int(width * height * frames_per_second / 2))
        for picture in chain([first], left):
            frame = np.zeros((height, width, 3), np.uint8)
            frame[: picture.height, : picture.width] = np.asarray(picture)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    file.seek(0, os.SEEK_END)  # the container was completed at its beginning
    if packet:
        file.write(mp4_box(packet))
