"""`FootageWriter`: a video like another one, from frames that come one by one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from imagewright.errors import RunError, short_reason
from imagewright.files import explain_write_errors, remove_leftovers, remove_leftovers_of
from imagewright.images.footage import ColourTags, Footage, import_av
from imagewright.images.frame_planes import LIMITED_RANGE, FootageFrame, frame_of_picture
from imagewright.output.footage.encoding import VIDEOS, Encoding, choose_codec, tick_for, write_segment
from imagewright.output.footage.joining import join_segments
from imagewright.output.provenance import Record
from imagewright.output.writing import check_suffix, refuse_existing

UNSAID = 2  # FFmpeg's number of colours that a file does not name
SEGMENT_FRAMES = 120  # what is lost at most when the process is killed


class FootageWriter:
    """Writes a video with the times, colours, sound and subtitles of an original.

    Memory does not grow with the length of the video. Segments that are written stay in `work` when the process is
    killed, and are not made again.

    path: .mp4, .mov, .m4v or .mkv.
    original: the footage that it is made of.
    work: the folder of the segments, removed by `finish`.
    lossless: whether decoded frames are those that were given, to the bit; the file becomes large.
    Raises `UserError` for another suffix, and for a format that cannot be encoded.
    """

    def __init__(self, path: str | Path, original: Footage, work: Path, *, lossless: bool = False) -> None:
        self.path, self.original, self.work = Path(path), original, work
        codec = choose_codec(path, original.layout, lossless=lossless)
        self.encoding = Encoding(
            original.width,
            original.height,
            original.rate,
            tick_for(codec, original.time_base),
            original.layout,
            original.colours,
            original.aspect,
            codec,
            lossless,
        )

    def segments(self) -> list[Path]:
        """The segments that are written, from the first one on."""
        found: list[Path] = []
        while self._segment(len(found)).exists():
            found.append(self._segment(len(found)))
        return found

    def is_written(self, frames: int) -> bool:
        """Whether there are segments for so many frames."""
        return len(self.segments()) * SEGMENT_FRAMES >= frames

    def write(self, frames_from: Callable[[int], Iterable[FootageFrame]]) -> int:
        """Write what is missing, segment by segment; the number of frames written now.

        frames_from: the frames from a number on.
        """
        number, written = len(self.segments()), 0
        remove_leftovers(self.work, (self._segment(number).stem,))
        frames = iter(frames_from(number * SEGMENT_FRAMES))
        while True:
            made = write_segment(islice(frames, SEGMENT_FRAMES), self._segment(number), self.encoding)
            written += made
            number += 1
            if made < SEGMENT_FRAMES:
                return written

    def finish(self, record: Record | None = None) -> list[str]:
        """`join`, then remove the segments."""
        notes = self.join(record)
        shutil.rmtree(self.work, ignore_errors=True)
        return notes

    def join(self, record: Record | None = None) -> list[str]:
        """Join the segments to the video. Returns sentences for the user.

        Raises `RunError` if there is no frame, or the file cannot be written.
        """
        segments = self.segments()
        if not segments:
            raise RunError(f"{self.original.path} has no frame that can be read.")
        remove_leftovers_of([self.path])
        av = import_av(str(self.path))
        try:
            with explain_write_errors(self.path):
                return join_segments(segments, self.path, self.original, self.encoding, record)
        except av.FFmpegError as error:
            raise RunError(
                f"Cannot write {self.path}: FFmpeg refuses a track of {self.original.path.name} "
                f"({short_reason(error)}). Name an .mkv by --out (out=), which holds more."
            ) from error

    def _segment(self, number: int) -> Path:
        return self.work / f"segment-{number:06d}.nut"


def write_footage(
    frames: Iterable[tuple[Fraction, np.ndarray]],
    path: str | Path,
    original: Footage,
    record: Record | None = None,
    *,
    force: bool = False,
) -> list[str]:
    """Write RGB pictures as a video with the sound and the subtitles of another one. Returns sentences for the user.

    frames: (seconds, uint8 (H, W, 3)) in ascending order, of one size.
    path: .mp4, .mov, .m4v or .mkv.
    record: the provenance record.
    force: replace a file that exists.
    Raises `UserError` for another suffix, `RunError` if the file exists or cannot be written. If `frames` raises,
    nothing is left.
    """
    check_suffix(path, VIDEOS)
    refuse_existing([path], force=force)
    left = iter(frames)
    first = next(left, None)
    if first is None:
        raise RunError(f"{original.path} has no frame that can be read.")
    height, width = first[1].shape[:2]
    layout = replace(original.layout, across=2, down=2, depth=8, full_range=False)
    colours = ColourTags(UNSAID, UNSAID, layout.matrix, LIMITED_RANGE)
    like = replace(original, width=width, height=height, layout=layout, colours=colours, aspect=Fraction(1))

    def made(start: int) -> Iterator[FootageFrame]:
        for index, (time, picture) in enumerate(chain([first], left), start):
            yield frame_of_picture(index, time, picture, layout)

    beside = next(folder for folder in Path(path).absolute().parents if folder.is_dir())
    with explain_write_errors(path), TemporaryDirectory(dir=beside, prefix=f".{Path(path).stem[:40]}.") as work:
        writer = FootageWriter(path, like, Path(work) / "segments")
        writer.write(made)
        return writer.finish(record)
