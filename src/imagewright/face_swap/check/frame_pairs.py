"""Frames of a swapped video with those of the original, or pictures of two folders: read side by side, in flat memory.

Outputs of other programs may have another size, or another number of frames: frames are then paired by their times, and
brought to the size of the original. What was done is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imagewright.errors import DataError, count_text
from imagewright.images import Images, open_images
from imagewright.images.one_by_one import read_one_by_one
from imagewright.images.single import as_source
from imagewright.images.sources.video import VideoSource
from imagewright.pixels import size_text
from imagewright.verbs.translation_video import is_video

OTHER_SHAPE = 0.03  # difference of the ratios of width to height from which pictures cannot be the same ones
FRAMES_PER_SECOND = 25.0  # of folders, whose pictures have no times


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame: its number, its time in seconds, its name, and its pixels, uint8 (H, W, 3)."""

    number: int
    time: float
    name: str
    pixels: np.ndarray


class Frames:
    """The frames of a video, or the pictures of any other source, in order.

    source: a video file, or as for `open_images`.
    Raises `DataError` for a source that cannot be read.
    """

    def __init__(self, source: Any) -> None:
        self.name = str(source) if isinstance(source, str | Path) else "pictures"
        self.video = VideoSource(str(source), Path(source)) if is_video(source) else None
        self.images: Images | None = None
        if self.video is None:
            self.images = source if isinstance(source, Images) else open_images(as_source(source, 3))
            self.name = self.images.source

    def __len__(self) -> int:
        return len(self.video) if self.video is not None else len(self._opened)

    @property
    def _opened(self) -> Images:
        assert self.images is not None
        return self.images

    @property
    def stems(self) -> list[str] | None:
        """The names of pictures without their suffixes; None for a video."""
        return None if self.images is None else [Path(name).stem for name in self.images.names()]

    def __iter__(self) -> Iterator[Frame]:
        """The frames, each decoded when it is asked for. Unreadable ones are left out."""
        if self.video is not None:
            for number, (time, pixels) in enumerate(self.video.timed_frames()):
                yield Frame(number, float(time), f"{self.video.path.stem}_{number:06d}", pixels)
            return
        for number, picture in read_one_by_one(self._opened, 3):
            pixels = np.ascontiguousarray(picture.permute(1, 2, 0).numpy())
            yield Frame(number, number / FRAMES_PER_SECOND, Path(self._opened.name(number)).stem, pixels)


@dataclass
class FramePairs:
    """Pairs of frames of a swap and of its original, by `pair_frames`. Iterating reads both once.

    Attributes:
        how: "number", "time" or "name": for the recipe.
        count: pairs, as far as is known before reading.
        notes: sentences for the user; complete after iterating.
        resized: (height, width) of the swapped frames, if they had to be brought to another size; else None.
    """

    swapped: Frames
    original: Frames
    how: str
    count: int
    notes: list[str] = field(default_factory=list)
    resized: tuple[int, int] | None = None

    def __iter__(self) -> Iterator[tuple[Frame, Frame]]:
        """(swapped, original), the swapped one at the size of the original."""
        walk = {"number": _by_number, "time": _by_time, "name": _by_name}[self.how]
        paired = 0
        for swapped, original in walk(self.swapped, self.original):
            paired += 1
            yield self._fit(swapped, original), original
        if not paired:
            raise DataError(f"No frame of {self.swapped.name} could be read together with one of {self.original.name}.")
        if paired < self.count:
            self.notes.append(f"{paired:,} of {count_text(self.count, 'frame')} could be read in both.")

    def _fit(self, swapped: Frame, original: Frame) -> Frame:
        shape, wanted = swapped.pixels.shape[:2], original.pixels.shape[:2]
        if shape == wanted:
            return swapped
        if abs(shape[1] / shape[0] / (wanted[1] / wanted[0]) - 1) > OTHER_SHAPE:
            raise DataError(
                f"{self.swapped.name} has frames of {size_text(shape)} and {self.original.name} of "
                f"{size_text(wanted)}: another ratio of width to height. Crop or pad the one as the other was."
            )
        if self.resized is None:
            self.resized = (shape[0], shape[1])
            self.notes.append(
                f"Frames of {self.swapped.name} are {size_text(shape)}: brought to the original's {size_text(wanted)}, "
                "which changes sharpness, and every pixel outside the face a little."
            )
        picture = Image.fromarray(swapped.pixels).resize((wanted[1], wanted[0]), Image.Resampling.LANCZOS)
        return Frame(swapped.number, swapped.time, swapped.name, np.asarray(picture))


def pair_frames(swapped: Any, original: Any) -> FramePairs:
    """Pair the frames of two videos, or the pictures of two other sources.

    As many frames are paired by number; else frames of videos by time, from the start of each, and pictures by name.
    Raises `DataError` for sources that cannot be read or paired.
    """
    ours, theirs = Frames(swapped), Frames(original)
    if ours.stems is not None and theirs.stems is not None:
        return _pair_pictures(ours, theirs)
    count = min(len(ours), len(theirs))
    if len(ours) == len(theirs):
        return FramePairs(ours, theirs, "number", count)
    if ours.video is None or theirs.video is None:
        raise DataError(
            f"{ours.name} has {len(ours):,} frames and {theirs.name} {len(theirs):,}: pictures have no times to be "
            "paired by, so as many are needed."
        )
    note = (
        f"{ours.name} has {count_text(len(ours), 'frame')} and {theirs.name} {len(theirs):,}: they are paired by "
        "their times."
    )
    return FramePairs(ours, theirs, "time", count, [note])


def _pair_pictures(ours: Frames, theirs: Frames) -> FramePairs:
    names, others = ours.stems or [], theirs.stems or []
    common = set(names) & set(others)
    if len(common) == max(len(names), len(others)) or (len(names) != len(others) and common):
        notes = []
        if len(common) < max(len(names), len(others)):
            notes = [
                f"{len(common):,} pictures have a name in both of {ours.name} and {theirs.name}; others are left out."
            ]
        if len(names) == len(common) == len(set(names)) and names == others:
            return FramePairs(ours, theirs, "number", len(common), notes)
        return FramePairs(ours, theirs, "name", len(common), notes)
    if len(names) != len(others):
        raise DataError(
            f"{ours.name} has {len(names):,} pictures and {theirs.name} {len(others):,}, without common names: give "
            "the swapped pictures the names of the originals."
        )
    notes = [] if len(names) == 1 else ["The names of the pictures differ: they are paired in their order."]
    return FramePairs(ours, theirs, "number", len(names), notes)


Pairs = Iterator[tuple[Frame, Frame]]


def _by_number(swapped: Frames, original: Frames) -> Pairs:
    """Frames of equal numbers. Of pictures, unreadable ones are missing on one side only, and are passed over."""
    ours, theirs = iter(swapped), iter(original)
    one, other = next(ours, None), next(theirs, None)
    while one is not None and other is not None:
        if one.number == other.number:
            yield one, other
        if one.number <= other.number:
            step_other = one.number == other.number
            one = next(ours, None)
            other = next(theirs, None) if step_other else other
        else:
            other = next(theirs, None)


def _by_time(swapped: Frames, original: Frames) -> Pairs:
    """For each frame of the one with fewer frames, the nearest in time of the other; none is used twice."""
    few, many = (swapped, original) if len(swapped) <= len(original) else (original, swapped)
    others = iter(many)
    before, after = None, next(others, None)
    start: float | None = None
    other_start = after.time if after is not None else 0.0
    for frame in few:
        start = frame.time if start is None else start
        time = frame.time - start
        while after is not None and after.time - other_start <= time:
            before, after = after, next(others, None)
        found = _nearest(before, after, time + other_start)
        if found is None:
            return
        if found is after:
            before, after = None, next(others, None)
        else:
            before = None
        yield (frame, found) if few is swapped else (found, frame)


def _nearest(before: Frame | None, after: Frame | None, time: float) -> Frame | None:
    if before is None or after is None:
        return before or after
    return before if time - before.time <= after.time - time else after


def _by_name(swapped: Frames, original: Frames) -> Pairs:
    """Pictures of one name. Both are read in the order of the original."""
    assert swapped.images is not None
    places = {Path(name).stem: place for place, name in enumerate(swapped.images.names())}
    for frame in original:
        if frame.name not in places:
            continue
        part = Frames(swapped.images.subset(np.array([places[frame.name]])))
        for one in part:
            yield one, frame
