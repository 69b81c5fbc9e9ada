"""The faces of all frames of a video, tracked once and kept in files, before any of them is swapped."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.face_crops.turning import TurningFinder
from imagewright.face_swap.convert.journal import FrameJournal, RememberedFinder, pack_faces, unpack_faces
from imagewright.face_swap.tracking import TrackedFrame, track_faces
from imagewright.faces.detections import Face, FaceFinder
from imagewright.files import write_whole
from imagewright.images.footage import Footage
from imagewright.progress import Progress

FINDING, SWAPPING = "finding faces", "swapping faces"  # stages of the progress
FOUND, TRACKED, TRACKS = "found.bin", "tracked.bin", "tracks.json"


@dataclass(frozen=True, eq=False)
class TrackFacts:
    """A track: the frames with its face, the mean size of the face in pixels, and its identity (128,) if known."""

    frames: int
    side: float
    identity: np.ndarray | None


@dataclass(frozen=True, eq=False)
class FoundFaces:
    """The faces of a video.

    Attributes:
        frames: that could be decoded.
        tracks: by number.
        journal: of the faces of each frame.
    """

    frames: int
    tracks: dict[int, TrackFacts]
    journal: FrameJournal

    def read(self, start: int = 0) -> Generator[list[tuple[int, Face]]]:
        """The faces of each frame from number `start` on, with their tracks, the largest first."""
        for rows in self.journal.read(start):
            yield list(zip(rows[:, 0].astype(int).tolist(), unpack_faces(rows[:, 1:]), strict=True))


def find_in_footage(footage: Footage, finder: FaceFinder, work: Path, progress: Progress | None = None) -> FoundFaces:
    """Find and track the faces of a video. What is found is kept in `work`, and not looked for again.

    progress: called with (done, total) in frames.
    """
    if (work / TRACKS).exists():
        return open_found(work)
    remembered = TurningFinder(RememberedFinder(finder, FrameJournal(work / FOUND)))
    (work / TRACKED).unlink(missing_ok=True)  # made anew from what was found, which is quick
    journal, tracks = FrameJournal(work / TRACKED), dict[int, dict[str, Any]]()
    frames = ((frame.index, float(frame.time), frame.picture) for frame in footage.frames())
    for frame in track_faces(frames, remembered, identify=finder.name == "networks"):
        faces = pack_faces([each.face for each in frame.faces])
        journal.append(np.concatenate([np.array([[each.track] for each in frame.faces]).reshape(-1, 1), faces], 1))
        _count(tracks, frame)
        if progress is not None:
            progress(journal.count, max(journal.count, footage.count))
    write_whole(work / TRACKS, json.dumps({"frames": journal.count, "tracks": tracks}))
    (work / FOUND).unlink()
    return open_found(work)


def _count(tracks: dict[int, dict[str, Any]], frame: TrackedFrame) -> None:
    for each in frame.faces:
        facts = tracks.setdefault(each.track, {"frames": 0, "sides": 0.0, "identity": None})
        facts["frames"] += 1
        facts["sides"] += each.face.side
        if each.track_identity is not None:
            facts["identity"] = each.track_identity.tolist()


def open_found(work: Path) -> FoundFaces:
    """The faces that are kept in a folder."""
    known = json.loads((work / TRACKS).read_text())
    tracks = {
        int(number): TrackFacts(
            facts["frames"],
            facts["sides"] / facts["frames"],
            None if facts["identity"] is None else np.array(facts["identity"]),
        )
        for number, facts in known["tracks"].items()
    }
    return FoundFaces(known["frames"], tracks, FrameJournal(work / TRACKED))
