"""Ten frames of footage and what they become, as a sheet, before all of it is converted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from imagewright.face_crops.turning import find_turned
from imagewright.face_swap.convert.choosing import choose_tracks
from imagewright.face_swap.convert.finding import TrackFacts
from imagewright.face_swap.convert.found_stills import facts_of
from imagewright.face_swap.convert.pictures import swap_picture
from imagewright.face_swap.convert.poses import about_poses, count_faces
from imagewright.face_swap.convert.swapping import FaceSwapper
from imagewright.face_swap.convert.video import open_sdr
from imagewright.face_swap.people import Person
from imagewright.face_swap.provenance import swap_record
from imagewright.faces.detections import Face, FaceFinder
from imagewright.images import Images
from imagewright.images.one_by_one import read_one_by_one
from imagewright.images.selection import even_places
from imagewright.output.sheets import Sheet
from imagewright.progress import Progress

FRAMES, COLUMNS, SIDE = 10, 5, 384
ALONE = (
    "Frames of the sheet are drawn one by one; in the video a face is averaged over frames before and after, which "
    "takes flicker away and a little of the finest detail (--smooth none: it is not)."
)


def preview_sheet(
    swapper: FaceSwapper,
    source: Path | Sequence[Images],
    finder: FaceFinder,
    person: Person | None,
    *,
    everyone: bool = False,
    progress: Progress | None = None,
) -> Sheet:
    """Ten frames of a video, or ten pictures, at even distances: rows of five, and below each row what they become.

    Faces are found and drawn in each frame by itself, so that they may shake and flicker more than in the video.

    progress: called with (done, total) in frames.
    """
    shown = list(_frames_of(source) if isinstance(source, Path) else _pictures_of(source))
    faces: list[list[Face]] = []
    tracks: dict[int, TrackFacts] = {}
    for picture in shown:
        faces.append(find_turned(finder, picture)[1])
        for facts in facts_of(picture, faces[-1], finder):
            tracks[len(tracks)] = facts
    where = source.name if isinstance(source, Path) else str(source[0].source)
    chosen, notes = choose_tracks(tracks, person, where, everyone=everyone)
    numbered = enumerate(face for found in faces for face in found)
    notes += about_poses(count_faces([list(numbered)], chosen), swapper.model, swapper.to, where)
    if isinstance(source, Path) and swapper.options.smooth == "auto":
        notes = [*notes, ALONE]
    made, first = [], 0
    for done, (picture, found) in enumerate(zip(shown, faces, strict=True), 1):
        mine = [face for number, face in enumerate(found, first) if number in chosen]
        first += len(found)
        made.append(swap_picture(swapper, picture, mine, moving=isinstance(source, Path)))
        if progress is not None:
            progress(done, len(shown))
    rows: list[np.ndarray] = []
    tallest = max(len(picture) / picture.shape[1] for picture in shown)
    height, width = (SIDE, max(1, round(SIDE / tallest))) if tallest > 1 else (max(1, round(SIDE * tallest)), SIDE)
    for start in range(0, len(shown), COLUMNS):
        for pictures in (shown[start : start + COLUMNS], made[start : start + COLUMNS]):
            blank = [np.full((height, width, 3), 255, np.uint8)] * (min(len(shown), COLUMNS) - len(pictures))
            rows += [*(_fit(picture, height, width) for picture in pictures), *blank]
    options = swapper.options.to_dict()
    record = swap_record(swapper.model, where, settings=options, mark=options.pop("mark"))
    return Sheet(
        torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2),
        columns=min(len(shown), COLUMNS),
        title=f"{where}: {len(shown)} frames, and each one swapped below it",
        scale=1,
        record=record,
        notes=[*finder.notes, *notes],
    )


def _frames_of(video: Path) -> Iterator[np.ndarray]:
    footage = open_sdr(video)
    wanted = set(even_places(footage.count, FRAMES).tolist())
    for frame in footage.frames(only=wanted):
        yield frame.picture


def _pictures_of(parts: Sequence[Images]) -> Iterator[np.ndarray]:
    total = sum(map(len, parts))
    wanted = even_places(total, FRAMES)
    first = 0
    for part in parts:
        inside = wanted[(wanted >= first) & (wanted < first + len(part))] - first
        if len(inside):
            for _, picture in read_one_by_one(part.subset(inside), 3):
                yield picture.permute(1, 2, 0).numpy()
        first += len(part)


def _fit(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """A picture in the middle of a white one of (height, width)."""
    paper = Image.new("RGB", (width, height), "white")
    small = Image.fromarray(picture)
    factor = min(width / small.width, height / small.height)
    small = small.resize(
        (max(1, round(small.width * factor)), max(1, round(small.height * factor))), Image.Resampling.LANCZOS
    )
    paper.paste(small, ((width - small.width) // 2, (height - small.height) // 2))
    return np.array(paper)
