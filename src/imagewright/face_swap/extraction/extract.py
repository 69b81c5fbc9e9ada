"""The faces of pictures and videos as crops with records: `extract_faces`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from imagewright.errors import ConfigError, DataError, count_text, none_readable
from imagewright.face_crops.places import check_folder, refuse_places
from imagewright.face_crops.shown import ShownCrops
from imagewright.face_crops.turning import TurningFinder, find_turned
from imagewright.face_swap.convert.finding import FOUND
from imagewright.face_swap.convert.journal import FrameJournal, RememberedFinder
from imagewright.face_swap.convert.unfinished import Unfinished, was_begun
from imagewright.face_swap.extraction.result import ExtractedFaces
from imagewright.face_swap.extraction.rules import WantedPeople, fault_of
from imagewright.face_swap.extraction.sources import ExtractionSources, open_extraction_sources
from imagewright.face_swap.face_sets import TABLE, read_table, write_table
from imagewright.face_swap.people import Person
from imagewright.face_swap.tracking import track_faces
from imagewright.faces.crop_records import FACE
from imagewright.faces.crops import check_crop, crop_square, cut_square, share_beyond
from imagewright.faces.detections import Face, FaceFinder
from imagewright.faces.records import LARGEST_SIDE, FaceRecord, make_face_record
from imagewright.faces.sharpness import measure_sharpness
from imagewright.faces.similarity import scale_of
from imagewright.files import remove_leftovers_of
from imagewright.images.notices import SizesNote, tell_skipped
from imagewright.images.sources.video import VideoSource
from imagewright.output.provenance import ENHANCED, make_record
from imagewright.output.sheets import Sheet
from imagewright.output.writing import write_image
from imagewright.pretrained.faces.finder import FinderName, open_face_finder
from imagewright.pretrained.faces.networks import identify
from imagewright.pretrained.faces.weights import IDENTITY, SET
from imagewright.pretrained.published_weights import find_published
from imagewright.progress import Progress, ProgressCounter

SwapCrop = Literal["whole", "face", "head", "ffhq"]
MUCH_BEYOND = 0.25  # of a crop: then it is said
IDENTIFY_EVERY = 4  # frames of a track
NO_IDENTITIES = (
    "Identities were not computed, so that people are not told apart: `imagewright weights get faces` fetches the "
    "network that does."
)


def extract_faces(
    source: Any,
    out: str | Path,
    *,
    crop: SwapCrop = "whole",
    size: int = 256,
    person: Any = (),
    not_person: Any = (),
    every: int = 1,
    min_size: int = 32,
    find: FinderName | None = None,
    split: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
    confirm: Callable[[str], bool] | None = None,
) -> ExtractedFaces:
    """The faces of pictures and videos as a set to train a swap on: crops with points, pose, sharpness and identity.

    `OUT` gets a PNG for each face, whose XMP holds its record, and `faces.jsonl` with all records; `OUT.png` is a sheet
    of some. A crop is written as soon as it is made: what is written is kept if the work is stopped, and the same call
    goes on: it does not look for the faces again that it has found. Faces of a video are tracked, and their points
    smoothed over time. Pictures and videos may lie on their side.

    source: as for `open_images`, a video, or a list of those; a folder may hold pictures and videos.
    out: the folder: a new or an empty one.
    crop: "whole" with the forehead, "face" from the brows to below the chin, "head" with the hair, "ffhq".
    size: the side of a crop in pixels.
    person: pictures, crops or sets of faces of the people who are kept; all by default. Files of one list may be of
        different people.
    not_person: the same of people who are left out.
    every: 5 takes every fifth picture and frame.
    min_size: pixels of the longer side of a face; smaller faces are left out.
    find: "networks", "cascade", or None, as for `align_faces`.
    split: a part of the source, such as "train".
    force: replace files that exist; crops of before stay beside the new ones.
    progress: called with (done, total) in pictures and frames.
    confirm: asked before weights are fetched, with a sentence that says what will be done; None fetches them.

    Raises `UserError` for a wrong option, `DataError` if nothing can be read or no face is left, `RunError` if files
    exist already.
    """
    _check_options(crop, size, every, min_size)
    folder = check_folder(Path(out))
    made = ExtractedFaces(folder, folder.with_name(f"{folder.name}.png"), folder / TABLE, "")
    if not was_begun(folder):
        refuse_places(folder, [made.sheet], source, force=force)
    sources = open_extraction_sources(source, every, split)
    finder = open_face_finder(find, confirm)
    options = {"crop": crop, "size": size, "person": str(person), "not": str(not_person), "min_size": min_size}
    unfinished = Unfinished(folder, sources.to_facts() | options | {"finder": finder.name})
    if not unfinished.goes_on:
        refuse_places(folder, [made.sheet], source, force=force)
    made.finder, made.notes = finder.name, list(finder.notes)
    can_identify = finder.name == "networks" and find_published(IDENTITY) is not None
    wanted = _open_people(person, not_person, finder, can_identify)
    made.notes += wanted.notes() + ([] if can_identify else [NO_IDENTITIES])
    with unfinished.held():
        goes_on = unfinished.goes_on
        unfinished.begin_parts({})
        remembered = RememberedFinder(finder, FrameJournal(unfinished.parts / FOUND))
        work = _Extraction(made, remembered, wanted, crop, size, min_size, force, goes_on, can_identify)
        _extract(work, sources, ProgressCounter(sources.pictures + sources.frames, progress))
        if not made.records:
            unfinished.remove()
        _finish(made, work, sources)
    unfinished.remove()
    return made


def _extract(work: _Extraction, sources: ExtractionSources, counter: ProgressCounter) -> None:
    """Write all crops, and their table, also if it is stopped."""
    try:
        work.extract_stills(sources, counter)
        for number, video in enumerate(sources.videos):
            work.extract_video(sources, video, sources.video_stems[number], counter)
    except BaseException as error:  # Ctrl-C, or a full disk: finished crops stay
        error.add_note(f"{count_text(work.made.faces, 'face')} are written in {work.made.folder}.")
        raise
    finally:
        work.write_table()


def _check_options(crop: str, size: int, every: int, min_size: int) -> None:
    check_crop(crop)
    bounds = {"size": (size, 16, LARGEST_SIDE), "every": (every, 1, 10**9), "min_size": (min_size, 1, 4096)}
    for name, (value, least, most) in bounds.items():
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ConfigError(f"{name}={value!r}: expected a whole number from {least} to {most:,}.")


def _open_people(person: Any, not_person: Any, finder: FaceFinder, can_identify: bool) -> WantedPeople:
    kept, dropped = (list(each) if isinstance(each, list | tuple) else [each] for each in (person, not_person))
    if (kept or dropped) and not can_identify:
        raise DataError(
            "--person and --not compare identities, which need the networks: "
            + (IDENTITY.advice(SET) if find_published(IDENTITY) is None else "leave --find cascade out.")
        )
    return WantedPeople(
        [Person.from_source(each, finder) for each in kept], [Person.from_source(each, finder) for each in dropped]
    )


@dataclass(eq=False)
class _Extraction:
    """The writing of crops, from stills and from videos."""

    made: ExtractedFaces
    finder: FaceFinder
    wanted: WantedPeople
    crop: str
    size: int
    min_size: int
    force: bool
    goes_on: bool  # crops of a call that was stopped are made again
    can_identify: bool
    shown: ShownCrops[FaceRecord] = field(default_factory=ShownCrops)
    tracks: int = 0

    def __post_init__(self) -> None:
        self._before = _known_records(self.made.table) if self.force else []
        self.tracks = 1 + max((record.track for record in self._before), default=-1)

    def extract_stills(self, sources: ExtractionSources, counter: ProgressCounter) -> None:
        """Write the faces of all pictures; each is a track of its own."""
        for stem, name, picture in sources.read_stills():
            quarters, found = find_turned(self.finder, picture)
            self.made.pictures += 1
            self.made.turned += quarters > 0
            if not found:
                self.made.add_without(name)
            kept = [face for face in found if self._is_usable(face, picture)]
            identities = identify(picture, kept) if self.can_identify else [None] * len(kept)
            number = 0
            for face, identity in zip(kept, identities, strict=True):
                if self._is_wanted(identity):
                    self._write(picture, face, identity, f"{stem}_{number}.png", Path(name).name, self.tracks)
                    number, self.tracks = number + 1, self.tracks + 1
            counter.advance()

    def extract_video(
        self, sources: ExtractionSources, video: VideoSource, stem: str, counter: ProgressCounter
    ) -> None:
        """Write the faces of a video, tracked and smoothed. A face that was put between others is not written."""
        tracked = track_faces(
            _counted(sources.read_video(video), counter),
            TurningFinder(self.finder),
            identify=self.can_identify,
            identify_every=IDENTIFY_EVERY,
            smooth=sources.every == 1,  # else motion would be taken for shake
        )
        first = self.tracks
        for frame in tracked:
            self.made.frames += 1
            if not frame.faces:
                self.made.add_without(f"{video.path.name} at frame {frame.index}")
            for face in frame.faces:
                track = first + face.track
                self.tracks = max(self.tracks, track + 1)
                if face.is_filled or not self._is_usable(face.face, frame.picture):
                    continue
                if self._is_wanted(face.track_identity):
                    name = f"{stem}_{frame.index:06d}_{face.track}.png"  # the same when run again
                    self._write(
                        frame.picture, face.face, face.identity, name, video.path.name, track, frame.index, frame.time
                    )

    def _is_usable(self, face: Face, picture: np.ndarray) -> bool:
        fault = fault_of(face, picture.shape[0], picture.shape[1], self.min_size)
        self.made.left_out.update([fault] if fault else [])
        return fault is None

    def _is_wanted(self, identity: np.ndarray | None) -> bool:
        fault = self.wanted.fault_of(identity) if identity is not None else None
        self.made.left_out.update([fault] if fault else [])
        return fault is None

    def _write(
        self,
        picture: np.ndarray,
        face: Face,
        identity: np.ndarray | None,
        name: str,
        picture_name: str,
        track: int,
        frame: int | None = None,
        time: float | None = None,
    ) -> None:
        square = crop_square(face, self.crop)
        pixels = cut_square(picture, square, self.size)
        record = make_face_record(
            face,
            file=name,
            picture=picture_name,
            crop=self.crop,
            size=self.size,
            square=square,
            sharpness=measure_sharpness(picture, face),
            identity=identity,
            track=track,
            frame=frame,
            time=time,
        )
        settings = {"crop": self.crop, "size": self.size, FACE: record.to_json()}
        provenance = make_record("swap extract", model=self.finder.name, settings=settings, source_type=ENHANCED)
        write_image(pixels.transpose(2, 0, 1), self.made.folder / name, provenance, force=self.force or self.goes_on)
        self.made.records.append(record)
        self.made.enlarged += scale_of(square) < self.size
        self.made.cut_off += share_beyond(square, *picture.shape[:2]) > MUCH_BEYOND
        self.shown.add(pixels, record)

    def write_table(self) -> None:
        """Write the records of all crops that are written, after those of before that are still there."""
        if not self.made.records:
            return
        new = {record.file for record in self.made.records}
        kept = [
            record for record in self._before if record.file not in new and (self.made.folder / record.file).is_file()
        ]
        remove_leftovers_of(self.made.folder / record.file for record in self.made.records)
        write_table(self.made.table, [*kept, *self.made.records])


def _known_records(table: Path) -> list[FaceRecord]:
    """The records of an earlier extraction; damaged ones are passed over."""
    known = []
    for values in read_table(table).values():
        with suppress(DataError):
            known.append(FaceRecord.from_json(values))
    return known


def _counted(
    frames: Iterator[tuple[int, float, np.ndarray]], counter: ProgressCounter
) -> Iterator[tuple[int, float, np.ndarray]]:
    for frame in frames:
        yield frame
        counter.advance()


def _finish(made: ExtractedFaces, work: _Extraction, sources: ExtractionSources) -> None:
    """Write the sheet, and say what was left out."""
    made.skipped = [each for part in sources.stills for each in part.skipped]
    made.notes += sources.notes
    made.notes += [note for part in sources.stills for note in part.notes if not isinstance(note, SizesNote)]
    made.notes += [tell_skipped(part.skipped, "left out", part.source) for part in sources.stills if part.skipped]
    if not made.records:
        raise _nothing_found(made, sources)
    made.note_what_is_odd(work.size)
    made.count_people()
    title = f"{count_text(made.faces, 'face')}: {work.crop}; yaw and pitch in degrees, sharpness"
    order = sorted(range(len(work.shown.about)), key=lambda place: work.shown.about[place].file)
    captions = [_caption(work.shown.about[place]) for place in order]
    settings = {"crop": work.crop, "size": work.size}
    record = make_record("swap extract", model=made.finder, settings=settings, source_type=ENHANCED)
    sheet = Sheet(work.shown.stacked()[order], title=title, captions=captions, record=record)
    remove_leftovers_of([made.sheet])
    sheet.write(made.sheet, force=work.force or work.goes_on)


def _caption(record: FaceRecord) -> str:
    sharpness = f"{record.sharpness:.2f}"
    if record.pose is None:
        return sharpness
    return f"{round(record.pose.yaw):+d} {round(record.pose.pitch):+d}, {sharpness}"


def _nothing_found(made: ExtractedFaces, sources: ExtractionSources) -> DataError:
    names = ", ".join([*(part.source for part in sources.stills), *(video.typed for video in sources.videos)])
    if not made.pictures + made.frames:
        why = sources.notes[0] if sources.notes else f"{none_readable(sources.pictures, f'of {names}')}."
        return DataError(why)
    if made.left_out:
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in made.left_out.items())
        return DataError(f"No face of {names} is left: {reasons}.")
    how = "" if made.finder == "networks" else " The cascade finds upright frontal faces alone."
    return DataError(f"No face was found in {made.searched_text()} of {names}.{how}")
