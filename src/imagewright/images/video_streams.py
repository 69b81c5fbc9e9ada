"""The streams of a video file: which one is the video, what is said of the others, and why a file cannot be opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagewright.errors import DataError, short_reason

EMPTY = "the file is empty (0 bytes)"
NO_VIDEO = "it is no video, or one that is damaged or was cut short (an .mp4 or .mov that was not closed has no index)"


def find_video_stream(container: Any, what: str) -> Any:
    """The stream of an opened file that shows the video. Cover pictures are passed over; of several streams it is the
    one that FFmpeg and players take.

    what: the name of the file, for the message.
    Raises `DataError` if there is none.
    """
    moving = [stream for stream in container.streams.video if not is_cover(stream)]
    if not moving:
        why = "only a cover picture" if container.streams.video else "no video stream"
        raise DataError(f"{what} has {why}.")
    best = container.streams.best("video")
    return next((stream for stream in moving if best is not None and stream.index == best.index), moving[0])


def is_cover(stream: Any) -> bool:
    """Whether a stream is one picture that was attached, such as the cover of a film."""
    return "attached_pic" in str(stream.disposition.name or "")


def about_streams(container: Any, chosen: Any, name: str) -> tuple[str, ...]:
    """A sentence on the video streams that are not used; none if there is one alone."""
    moving = [stream.index for stream in container.streams.video if not is_cover(stream)]
    if len(moving) < 2:
        return ()
    number = moving.index(chosen.index) + 1
    return (f"{name} has {len(moving)} video streams: number {number} is used, and the rest is left out.",)


def unreadable_video(path: Path, what: str, error: Exception) -> DataError:
    """The error for a file that FFmpeg cannot open.

    what: the name of the file, for the message.
    """
    reason = getattr(error, "strerror", None) or short_reason(error)
    if type(error).__name__ == "InvalidDataError":
        reason = NO_VIDEO if path.stat().st_size else EMPTY
    return DataError(f"{what} cannot be read as a video: {reason}.")
