"""The frames of a video file, through PyAV (the extra `video`)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import DataError
from imagewright.images.decoding.formats import Unreadable
from imagewright.images.sources.base import Picture, PictureSource, digest
from imagewright.images.sources.content import sample_file
from imagewright.images.video_streams import find_video_stream, unreadable_video

WINDOWS = 256
"""Places of a video that are looked at to tell it from another one."""
FRAMES_PER_SECOND = 25  # of a file that tells none
VIDEO_SUFFIXES = frozenset((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ogv", ".wmv"))


class VideoSource(PictureSource):
    """Every frame of the video stream (`find_video_stream`), as RGB, rotated as the file says.

    Sequential only: the `indices` of `read` must ascend, and each `read` decodes from the first frame.
    """

    in_order = True

    def __init__(self, typed: str, path: Path) -> None:
        super().__init__(typed)
        self.path = path
        try:
            import av
        except ImportError as error:
            raise DataError(f"{typed} is a video, which needs PyAV: pip install 'imagewright[video]'.") from error
        self._av: Any = av
        status = path.stat()
        self._state = (status.st_size, status.st_mtime_ns)
        try:
            with av.open(str(path)) as container:
                stream = find_video_stream(container, typed)
                # The count in the header can be absent or wrong, so packets are counted, without decoding them.
                self._count = sum(1 for packet in container.demux(stream) if packet.size)
        except (av.FFmpegError, OSError) as error:
            raise unreadable_video(path, typed, error) from error
        self._sample = sample_file(path, WINDOWS)
        if self._count == 0:
            raise DataError(f"{typed} holds no frames.")
        self.identity = digest(path.name, self._sample, str(self._count))

    def __len__(self) -> int:
        return self._count

    def name(self, index: int) -> str:
        return f"{self.path.stem}_{index:06d}"

    def read(self, indices: np.ndarray) -> Iterator[Picture]:
        wanted = np.asarray(indices).tolist()
        try:
            status = self.path.stat()
        except OSError as error:
            raise DataError(f"{self.path} vanished while its frames were read.") from error
        if (status.st_size, status.st_mtime_ns) != self._state and self._sample != sample_file(self.path, WINDOWS):
            raise DataError(f"{self.path} changed while its frames were read: run again when it is whole.")
        position = 0
        for number, frame in enumerate(self._frames()):
            if position == len(wanted):
                return
            if number == wanted[position]:
                position += 1
                yield _upright(frame)
        for _ in wanted[position:]:
            yield Unreadable("the video ends before this frame, or is damaged")

    def timed_frames(self) -> Iterator[tuple[Fraction, np.ndarray]]:
        """The time of each frame in seconds, from the start of the file, and its pixels (H, W, 3), one by one.

        There are none in a file of which no frame can be decoded.
        """
        from imagewright.images.footage import read_footage

        try:
            footage = read_footage(self.path)
        except DataError:
            return
        for frame in footage.frames():
            yield frame.time, frame.picture

    def _frames(self) -> Iterator[Any]:
        try:
            with self._av.open(str(self.path)) as container:
                stream = find_video_stream(container, self.typed)
                stream.thread_type = "AUTO"
                yield from container.decode(stream)
        except (self._av.FFmpegError, OSError):
            return  # frames decoded so far are used; `read` reports each of the others as unreadable


def _upright(frame: Any) -> np.ndarray:
    """The pixels of a frame (H, W, 3), turned as the file says."""
    pixels: np.ndarray = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(pixels, int(getattr(frame, "rotation", 0)) // 90))
