"""The samples of a video frame as its decoder made them, and how a change of some of its pixels is written into them.

A video stores luma and (mostly fewer) chroma samples, Y'CbCr. A frame that is converted to RGB and back loses some
precision everywhere. Here the change of the RGB picture is converted instead, which is linear, and added to the
samples: where nothing changed, they stay those of the decoder to the bit. Shape letters: H W picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

# Weights of red and blue in luma, by FFmpeg's number of the matrix (ITU-T H.273, table 4).
LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
BT601, BT709 = 6, 1
LIMITED_RANGE, FULL_RANGE = 1, 2  # FFmpeg's numbers of the ranges 16..235 and 0..255
HIGH_DEFINITION = 720  # lines from which players take an unnamed matrix for that of BT.709


@dataclass(frozen=True)
class PlaneLayout:
    """How the samples of a frame are stored.

    Attributes:
        across, down: luma samples a chroma sample, in x and in y: (2, 2) is 4:2:0, (2, 1) 4:2:2, (1, 1) 4:4:4.
        depth: bits of a sample.
        matrix: FFmpeg's number of the matrix between RGB and luma and chroma, one of `LUMA_WEIGHTS`.
        full_range: whether luma goes from 0 to 255 (for 8 bits); else from 16 to 235.
    """

    across: int
    down: int
    depth: int
    matrix: int
    full_range: bool

    @property
    def format_name(self) -> str:
        """FFmpeg's name of the pixel format."""
        chroma = {(2, 2): "420", (2, 1): "422", (1, 1): "444"}[self.across, self.down]
        return f"yuv{chroma}p" + ("" if self.depth == 8 else f"{self.depth}le")

    @property
    def sample_type(self) -> Any:
        """numpy's type of a sample."""
        return np.uint8 if self.depth == 8 else np.dtype("<u2")

    @cached_property
    def change_matrix(self) -> np.ndarray:
        """(3, 3), float32: what a change of red, green and blue by 1 (of 255) changes in Y', Cb and Cr."""
        red, blue = LUMA_WEIGHTS[self.matrix]
        luma = np.array([red, 1 - red - blue, blue])
        rows = np.stack(
            [luma, (np.array([0, 0, 1.0]) - luma) / (2 * (1 - blue)), (np.array([1.0, 0, 0]) - luma) / (2 * (1 - red))]
        )
        steps = np.array([1.0, 1.0, 1.0]) if self.full_range else np.array([219.0, 224.0, 224.0]) / 255
        scale = 2 ** (self.depth - 8) if not self.full_range else (2**self.depth - 1) / 255
        made: np.ndarray = (rows * steps[:, None] * scale).astype(np.float32)
        return made


@dataclass(frozen=True, eq=False)
class FootageFrame:
    """A frame of a video, upright.

    Attributes:
        index: its number, in the order in which frames are shown.
        time: seconds from the start of the file.
        planes: luma (H, W), and two of chroma, smaller if the layout says so. Not to be written to.
        layout: what the samples mean.
        picture: uint8 (H, W, 3), RGB.
    """

    index: int
    time: Fraction
    planes: tuple[np.ndarray, np.ndarray, np.ndarray]
    layout: PlaneLayout
    picture: np.ndarray

    def changed(self, rows: slice, columns: slice, change: np.ndarray, inside: np.ndarray) -> FootageFrame:
        """The frame with a change of a part of its pixels. All samples outside stay as they are, to the bit.

        rows, columns: the part, inside the frame.
        change: float32 (h, w, 3), what is added to red, green and blue in units of 0..255.
        inside: bool (h, w), the pixels that change. A chroma sample changes if all pixels that share it do.
        """
        across, down = self.layout.across, self.layout.down
        height, width = self.planes[0].shape
        top, left = rows.start // down * down, columns.start // across * across
        bottom, right = min(-(-rows.stop // down) * down, height), min(-(-columns.stop // across) * across, width)
        pads = ((rows.start - top, bottom - rows.stop), (columns.start - left, right - columns.stop))
        change = np.where(inside[..., None], change, np.float32(0))
        parts = np.pad(change, (*pads, (0, 0))) @ self.layout.change_matrix.T
        planes = [plane.copy() for plane in self.planes]
        _add(planes[0][top:bottom, left:right], parts[..., 0], self.layout.depth)
        free = _blocks(np.pad(inside, pads), down, across).all((1, 3))
        small = (slice(top // down, -(-bottom // down)), slice(left // across, -(-right // across)))
        for plane, added in zip(planes[1:], (parts[..., 1], parts[..., 2]), strict=True):
            mean = _blocks(added, down, across).mean((1, 3))
            _add(plane[small], np.where(free, mean, 0), self.layout.depth)
        picture = self.picture.copy()
        _add(picture[rows, columns], change, 8)
        return replace(self, planes=(planes[0], planes[1], planes[2]), picture=picture)


def _blocks(values: np.ndarray, down: int, across: int) -> np.ndarray:
    """Values (H, W) as (H / down, down, W / across, across); the last row and column are repeated if need be."""
    pads = ((0, -values.shape[0] % down), (0, -values.shape[1] % across))
    if any(pad for _, pad in pads):
        values = np.pad(values, pads, mode="edge")
    return values.reshape(values.shape[0] // down, down, values.shape[1] // across, across)


def _add(samples: np.ndarray, change: np.ndarray, depth: int) -> None:
    """Add a change to samples in place, rounded and within their range."""
    samples[...] = np.clip(np.rint(samples + change), 0, 2**depth - 1)


def layout_of(name: str, matrix: int, full_range: bool, height: int, *, turned: bool, deepest: int) -> PlaneLayout:
    """The layout in which frames of a pixel format are worked on: their own if it is one of Y'CbCr in planes.

    name: FFmpeg's name of the pixel format.
    matrix: FFmpeg's number; an unknown one is that of BT.709 from 720 lines on, else of BT.601, as players take it.
    turned: whether frames are turned by a quarter, which 4:2:2 is not made for.
    deepest: bits of a sample that can be encoded.
    """
    from av import VideoFormat

    kind = VideoFormat(name)
    depth = max((component.bits for component in kind.components), default=8)
    depth = 8 if depth <= 8 or deepest == 8 else 10
    chroma = (1, 1)
    if not kind.is_rgb and len(kind.components) >= 3:
        chroma = (-(-16 // kind.chroma_width(16)), -(-16 // kind.chroma_height(16)))
    elif not kind.is_rgb and not kind.has_palette:  # grey
        chroma = (2, 2)
    if chroma not in ((2, 2), (2, 1), (1, 1)) or (turned and chroma == (2, 1)):
        chroma = (1, 1)
    if kind.is_rgb or kind.has_palette:
        matrix, full_range = 0, False
    if matrix not in LUMA_WEIGHTS:
        matrix = BT709 if height >= HIGH_DEFINITION or matrix == 0 else BT601
    return PlaneLayout(*chroma, depth, matrix, full_range or name.startswith("yuvj"))


def read_planes(frame: Any, layout: PlaneLayout, quarters: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The samples of a decoded frame in a layout, turned left by quarters."""
    if frame.format.name.replace("yuvj", "yuv") != layout.format_name:
        ranges = {"dst_color_range": FULL_RANGE if layout.full_range else LIMITED_RANGE}
        # A new one each time: one that is kept dithers with the errors of the frames before.
        from av.video.reformatter import VideoReformatter

        frame = VideoReformatter().reformat(frame, format=layout.format_name, dst_colorspace=layout.matrix, **ranges)
    planes = []
    for plane in frame.planes:
        row = plane.line_size // (1 if layout.depth == 8 else 2)
        samples = np.frombuffer(plane, layout.sample_type).reshape(-1, row)[: plane.height, : plane.width]
        planes.append(np.ascontiguousarray(np.rot90(samples, quarters)))
    return planes[0], planes[1], planes[2]


def picture_of(planes: tuple[np.ndarray, ...], layout: PlaneLayout) -> np.ndarray:
    """The RGB picture uint8 (H, W, 3) of samples in a layout."""
    made: np.ndarray = to_video_frame(planes, layout).to_ndarray(format="rgb24")
    return made


def to_video_frame(planes: tuple[np.ndarray, ...], layout: PlaneLayout, *, even: bool = False) -> Any:
    """A frame of PyAV with these samples.

    even: repeat the last line or column of odd sizes, as encoders of 4:2:0 need it.
    """
    from av import VideoFrame

    height, width = planes[0].shape
    if even:
        height, width = -(-height // layout.down) * layout.down, -(-width // layout.across) * layout.across
    frame = VideoFrame(width, height, layout.format_name)
    for plane, samples in zip(frame.planes, planes, strict=True):
        row = plane.line_size // samples.itemsize
        pads = ((0, plane.height - samples.shape[0]), (0, row - samples.shape[1]))
        plane.update(np.pad(samples, pads, mode="edge").tobytes())
    frame.colorspace = layout.matrix
    frame.color_range = FULL_RANGE if layout.full_range else LIMITED_RANGE
    return frame


def frame_of_picture(index: int, time: Fraction, picture: np.ndarray, layout: PlaneLayout) -> FootageFrame:
    """A frame of an RGB picture, uint8 (H, W, 3)."""
    from av import VideoFrame

    made = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return FootageFrame(index, time, read_planes(made, layout, 0), layout, picture)
