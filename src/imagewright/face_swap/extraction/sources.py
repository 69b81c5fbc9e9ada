"""Pictures and videos, frame by frame, whatever the user named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import DataError, count_text
from imagewright.face_crops.places import open_parts
from imagewright.face_swap.video_files import pictures_in, videos_at
from imagewright.files import LONGEST_NAME, cut_name
from imagewright.images import Images
from imagewright.images.footage import read_footage
from imagewright.images.one_by_one import read_one_by_one
from imagewright.images.sources.video import VideoSource
from imagewright.output.writing import picture_paths

LONGEST_ENDING = len("_000000000_0000000.png")


@dataclass
class ExtractionSources:
    """Pictures and videos, each with the name that its crops begin with.

    every: 5 takes every fifth picture and frame.
    """

    stills: list[Images]
    videos: list[VideoSource]
    every: int
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        pictures = [Path(name).stem for part in self.stills for name in part.names()]
        self.picture_stems = [path.stem for path in picture_paths("", pictures)]
        stems = [video.path.stem for video in self.videos]
        taken = set(self.picture_stems)
        # A picture may be called as a crop of a video begins: clip_000001 beside clip.mp4.
        begins = tuple(f"{stem}_" for stem in stems)
        is_clear = len(set(stems)) == len(stems) and taken.isdisjoint(stems)
        is_clear = is_clear and not any(picture.startswith(begins) for picture in taken)
        self.video_stems = [
            cut_name(stem if is_clear else f"video{number}_{stem}", LONGEST_NAME - LONGEST_ENDING)
            for number, stem in enumerate(stems)
        ]

    @property
    def pictures(self) -> int:
        return sum(-(-len(part) // self.every) for part in self.stills)

    @property
    def frames(self) -> int:
        return sum(-(-len(video) // self.every) for video in self.videos)

    def to_facts(self) -> dict[str, Any]:
        """What the faces that are found depend on, as JSON values."""
        videos = [
            (str(video.path.resolve()), status.st_size, status.st_mtime_ns)
            for video in self.videos
            if (status := video.path.stat())
        ]
        return {"pictures": [part.fingerprint for part in self.stills], "videos": videos, "every": self.every}

    def read_stills(self) -> Iterator[tuple[str, str, np.ndarray]]:
        """(stem of the crops, name, pixels) of each picture; those that cannot be read are in `skipped` of its part."""
        first = 0
        for part in self.stills:
            chosen = np.arange(0, len(part), self.every)
            some = part if self.every == 1 else part.subset(chosen)
            for number, picture in read_one_by_one(some, 3):
                place = int(chosen[number])
                yield self.picture_stems[first + place], part.name(place), picture.permute(1, 2, 0).numpy()
            first += len(part)
            if some is not part:
                part.skipped.extend(some.skipped)

    def read_video(self, video: VideoSource) -> Iterator[tuple[int, float, np.ndarray]]:
        """(number, time in seconds, pixels) of each frame that is taken. What is missing at the end is noted."""
        number = -1
        for number, (time, pixels) in enumerate(video.timed_frames()):
            if number % self.every == 0:
                yield number, float(time), pixels
        if number < 0:
            self.notes.append(
                f"No frame of {video.typed} can be decoded: it is damaged, or of a codec that PyAV does not have."
            )
        elif number + 1 < len(video):
            self.notes.append(f"{video.typed} ends after {number + 1:,} of {count_text(len(video), 'frame')}.")


def open_extraction_sources(source: Any, every: int, split: str | None) -> ExtractionSources:
    """The pictures and the videos of a source, or of several: folders may hold both."""
    if not isinstance(source, list | tuple | str | Path):  # an array, or opened pictures
        return ExtractionSources(open_parts(source, split=split), [], every)
    given = list(source) if isinstance(source, list | tuple) else [source]
    stills: list[Any] = []
    videos: list[VideoSource] = []
    for each in given:
        path = Path(each).expanduser() if isinstance(each, str | Path) else None
        found = [] if path is None else videos_at(path)
        videos += [VideoSource(str(video), video) for video in found]
        if path is None or not found:
            stills.append(each)
        elif path.is_dir():  # its pictures by name: opened as a folder, it would say that videos are passed over
            stills += pictures_in(path)
    if not given:
        raise DataError("There is no source: name pictures, folders or videos.")
    notes = [note for video in videos for note in _about(video)]
    return ExtractionSources(open_parts(stills, split=split) if stills else [], videos, every, notes)


def _about(video: VideoSource) -> list[str]:
    """What is odd in a video, and what the colours of its crops are if it is HDR."""
    try:
        footage = read_footage(video.path)
    except DataError:  # it is said when its frames are read
        return []
    if footage.hdr is None:
        return list(footage.notes)
    return [
        *footage.notes,
        f"{video.typed} is HDR ({footage.hdr}): its crops keep the stored values, look pale, and teach a swap pale "
        "faces. Convert it to SDR first.",
    ]
