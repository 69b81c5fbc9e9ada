"""Swap a person's face in a video: all faces are found, the person is chosen, then frames are made part by part."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import DataError, count_text
from imagewright.face_swap.convert.choosing import choose_tracks, person_text, record_of_swap
from imagewright.face_swap.convert.finding import FINDING, SWAPPING, FoundFaces, find_in_footage
from imagewright.face_swap.convert.poses import about_gaps, about_poses, count_faces
from imagewright.face_swap.convert.smoothing import REACH, smooth_over_time
from imagewright.face_swap.convert.swapping import DrawnFace, FaceSwapper, change_of
from imagewright.face_swap.convert.unfinished import Unfinished, facts_of_swap, was_begun
from imagewright.face_swap.people import Person
from imagewright.faces.detections import FaceFinder
from imagewright.images.footage import Footage, read_footage
from imagewright.images.frame_planes import FootageFrame
from imagewright.output.footage.writer import FootageWriter
from imagewright.output.marks import draw_mark
from imagewright.output.writing import refuse_existing
from imagewright.progress import StageProgress, progress_of_stage
from imagewright.training.reporting import Say


@dataclass
class ConvertedVideo:
    """A video that was written.

    Attributes:
        path: of the new video.
        frames: in it.
        swapped: frames with a face that was swapped.
        notes: sentences for the user.
        seconds: that this took; None if a part of it was done before.
        work: the folder of unfinished work, to be removed when nothing else is to be done with the video.
    """

    path: Path
    frames: int
    swapped: int
    seconds: float | None
    work: Unfinished = field(repr=False)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """What was done."""
        speed = f", {self.frames / self.seconds:.1f} frames a second" if self.seconds else ""
        return [f"{self.path}: {count_text(self.frames, 'frame')}, {self.swapped:,} with a swapped face{speed}"]


def convert_video(
    swapper: FaceSwapper,
    video: Path,
    path: Path,
    finder: FaceFinder,
    person: Person | None,
    *,
    everyone: bool = False,
    lossless: bool = False,
    force: bool = False,
    progress: StageProgress | None = None,
    say: Say | None = None,
) -> ConvertedVideo:
    """Write a video in which a person's face is swapped. What is done when the process is killed is kept in a folder
    beside `path`, and the same call goes on from there: frames are the same as without the kill. The caller removes the
    result's `work`.

    person: who is swapped; None takes the person seen most.
    everyone: swap every face.
    lossless: see `FootageWriter`.
    say: called with what is known before frames are made, which is in the notes too.
    Raises `DataError` for a file that is no video, is HDR, or does not show the person; `RunError` if `path` exists.
    """
    if not was_begun(path):
        refuse_existing([path], force=force)
    began = time.monotonic()
    footage = open_sdr(video)
    work = Unfinished(path, _facts_of(footage, finder))
    is_new = not os.path.lexists(work.folder)
    writer = FootageWriter(path, footage, work.parts, lossless=lossless)
    finding = progress_of_stage(progress, FINDING)
    with work.held():
        found = find_in_footage(footage, finder, work.folder, finding)
        if not found.tracks:
            work.remove()
        chosen, notes = choose_tracks(found.tracks, person, video.name, everyone=everyone)
        facts = facts_of_swap(swapper, chosen) | {"codec": writer.encoding.codec, "lossless": lossless}
        if (made := work.read_made(facts)) is not None:
            return ConvertedVideo(path, made["frames"], made["swapped"], None, work, made["notes"])
        if not (work.was_begun_for(facts) and writer.is_written(found.frames)):  # else it may be joined already
            refuse_existing([path], force=force)
        if work.is_made:  # with other options, and what was found is gone
            work.forget()
            found = find_in_footage(footage, finder, work.folder, finding)
        work.begin_parts(facts)
        counted = count_faces(found.read(), chosen)
        notes = [*finder.notes, *footage.notes, *notes, *_about_length(footage, found)]
        notes += [*about_poses(counted, swapper.model, swapper.to, video.name), *about_gaps(counted)]
        if say is not None:
            for note in notes:
                say(note)
        writer.write(lambda start: _frames(swapper, footage, found, chosen, start, progress))
        notes += writer.join(record_of_swap(swapper, video, person_text(person, everyone)))
        work.mark_made({"frames": found.frames, "swapped": counted.pictures, "notes": notes})
    seconds = time.monotonic() - began if is_new else None
    return ConvertedVideo(path, found.frames, counted.pictures, seconds, work, notes)


def open_sdr(video: Path) -> Footage:
    """The footage of a video. Raises `DataError` for HDR, whose colours networks for SDR cannot read."""
    footage = read_footage(video)
    if footage.hdr is not None:
        raise DataError(
            f"{video.name} is HDR ({footage.hdr}): faces are swapped in SDR, and its colours would be wrong. Convert "
            "it first, for example by ffmpeg with its filters zscale and tonemap, or record in SDR."
        )
    return footage


def _frames(
    swapper: FaceSwapper,
    footage: Footage,
    found: FoundFaces,
    chosen: frozenset[int],
    start: int,
    progress: StageProgress | None,
) -> Generator[FootageFrame]:
    """The frames from number `start` on, swapped. Those before, on which they depend, are drawn too."""
    smooths = swapper.options.smooth == "auto"
    first = max(0, start - REACH) if smooths else start
    with closing(footage.frames(first)) as frames, closing(found.read(first)) as faces_of_frames:
        drawn = (
            (frame, {track: swapper.draw(frame.picture, face) for track, face in faces if track in chosen})
            for frame, faces in zip(frames, faces_of_frames, strict=False)
        )
        for frame, faces in smooth_over_time(drawn) if smooths else drawn:
            if frame.index < start:
                continue
            yield swap_frame(swapper, frame, faces.values())
            if progress is not None:
                progress(SWAPPING, frame.index + 1, found.frames)


def swap_frame(swapper: FaceSwapper, frame: FootageFrame, faces: Iterable[DrawnFace]) -> FootageFrame:
    """A frame with drawn faces put in, and marked if that is asked for. All other samples are those of the decoder."""
    for face in faces:
        region = swapper.fit(frame.picture, face, moving=True)
        if not region.is_empty:
            change = change_of(region, frame.picture)
            frame = frame.changed(region.rows, region.columns, change, region.mask > 0)
    if swapper.options.mark is not None:
        marked = draw_mark(frame.picture, swapper.options.mark).astype(np.float32) - frame.picture
        lines, columns = np.flatnonzero(marked.any((1, 2))), np.flatnonzero(marked.any((0, 2)))
        if not len(lines):  # the frame is smaller than a letter
            return frame
        rows, across = slice(lines[0], lines[-1] + 1), slice(columns[0], columns[-1] + 1)
        part = marked[rows, across]
        frame = frame.changed(rows, across, part, np.ones(part.shape[:2], bool))
    return frame


def _about_length(footage: Footage, found: FoundFaces) -> list[str]:
    if found.frames >= footage.count:
        return []
    return [
        f"{footage.path.name} says that it has {footage.count:,} frames, and {found.frames:,} could be read: the file "
        "is cut short or damaged."
    ]


def _facts_of(footage: Footage, finder: FaceFinder) -> dict[str, Any]:
    """What the faces that are found depend on."""
    status = footage.path.stat()
    return {
        "footage": str(footage.path.resolve()),
        "bytes": status.st_size,
        "changed": status.st_mtime_ns,
        "finder": finder.name,
    }
