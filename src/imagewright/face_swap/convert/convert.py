"""`swap_faces`: a person's face in videos and pictures replaced by that of another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagewright.errors import DataError, RunError, UserError
from imagewright.face_crops.places import place_of_results
from imagewright.face_swap.convert.choosing import EVERYONE, person_in_footage
from imagewright.face_swap.convert.finding import SWAPPING
from imagewright.face_swap.convert.pictures import ConvertedPictures, convert_pictures
from imagewright.face_swap.convert.preview import preview_sheet
from imagewright.face_swap.convert.signing import Sign, open_key, originals, sign_results
from imagewright.face_swap.convert.swapping import FaceSwapper, SwapOptions
from imagewright.face_swap.convert.unfinished import was_begun
from imagewright.face_swap.convert.video import ConvertedVideo, convert_video
from imagewright.face_swap.people import Person
from imagewright.face_swap.video_files import pictures_in, videos_at
from imagewright.faces.detections import FaceFinder
from imagewright.images import Images, open_images
from imagewright.images.decoding.admitted import AVIF_SUFFIXES, HEIF_SUFFIXES, PLAIN_SUFFIXES
from imagewright.images.single import as_source
from imagewright.images.sources.video import VIDEO_SUFFIXES
from imagewright.output.footage.encoding import VIDEOS
from imagewright.output.marks import MARK
from imagewright.output.sheets import Sheet
from imagewright.output.writing import PICTURES, check_suffix, picture_paths, refuse_existing
from imagewright.pretrained.faces.finder import FinderName, open_face_finder
from imagewright.progress import StageProgress, progress_of_stage
from imagewright.runs.loading import training_notes
from imagewright.training.reporting import Say
from imagewright.verbs.apply import RunLike, resolve_model
from imagewright.verbs.translation_inputs import several_sources

NEVER_FOLDERS = VIDEO_SUFFIXES | PLAIN_SUFFIXES | AVIF_SUFFIXES | HEIF_SUFFIXES  # suffixes of one file


@dataclass
class SwappedFootage:
    """What `swap_faces` wrote.

    Attributes:
        videos, pictures: that were converted.
        sheet: the preview, if that was asked for.
        notes: sentences for the user.
    """

    videos: list[ConvertedVideo] = field(default_factory=list)
    pictures: ConvertedPictures | None = None
    sheet: Path | None = None
    notes: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def remove_work(self) -> None:
        """Remove what an interrupted call would go on with."""
        for video in self.videos:
            video.work.remove()
        if self.pictures is not None:
            self.pictures.work.remove()

    def lines(self) -> list[str]:
        """What was written."""
        made = [line for video in self.videos for line in video.lines()]
        made += self.pictures.lines() if self.pictures is not None else []
        return made + ([f"{self.sheet}: frames, and what they become"] if self.sheet is not None else [])


def swap_faces(
    run: RunLike,
    footage: Any,
    out: str | Path,
    *,
    person: Any = None,
    mark: bool | str = False,
    sign: Sign | None = None,
    lossless: bool = False,
    preview: bool = False,
    find: FinderName | None = None,
    force: bool = False,
    progress: StageProgress | None = None,
    confirm: Callable[[str], bool] | None = None,
    say: Say | None = None,
    **options: Any,
) -> SwappedFootage:
    """Replace a person's face in videos and pictures.

    Pixels outside the face stay those of the footage. A video keeps the time of each frame, its colours, its sound and
    its subtitles; frames that its file turns are turned. Work that was interrupted goes on with the same call.

    run: a run of the model swap, its directory, a weights file or a model.
    footage: a video, a folder, picture files ..., or a list of them.
    out: of one video a video (.mp4, .mov, .m4v, .mkv); of one picture file a picture; else a folder. Pictures are
        written as PNG.
    person: whose face is replaced, if there are several: a picture, a folder or a set of faces; "all" for every face.
        By default the person that the run was trained to replace.
    mark: a visible mark in a corner: True, or its text.
    sign: sign the results by C2PA: the PEM files (certificate, key). What is signed in the footage is kept in them.
    lossless: encode videos without loss; the files are large.
    preview: write a sheet of ten frames, `OUT.preview.png`, and nothing else.
    find: "networks" or "cascade", as for `align_faces`.
    force: replace files that exist.
    progress: called with (stage, done, total) in frames.
    confirm: asked before weights are fetched.
    say: called with what is known before frames are made, such as whose face is swapped. It is in the notes, too.
    options: of `SwapOptions`: to, colour, mask, erode, blur, sharpen, blend, smooth, strength.

    Of several, footage without the person or without faces is left out, and a note says so.

    Raises `UserError` for a run of another model and wrong options, `DataError` if nothing of the footage can be
    converted, `RunError` if files exist.
    """
    text = MARK if mark is True else mark or None
    swapper = FaceSwapper(resolve_model(run), SwapOptions.from_names({"mark": text, **options}))
    job = _plan(footage, place_of_results(Path(out)))
    key = open_key(sign, job.results())
    if not preview:
        _check_places(job, force=force)
    finder = open_face_finder(find, confirm)
    who, everyone, notes = _resolve_person(swapper, person, finder)
    made = SwappedFootage(notes=[*training_notes(swapper.model), *notes])
    if preview:
        made.sheet = job.out.with_name(f"{job.out.stem}.preview.png")
        refuse_existing([made.sheet], force=force)
        source = job.videos[0][0] if job.videos else job.parts
        told = progress_of_stage(progress, SWAPPING)
        sheet: Sheet = preview_sheet(swapper, source, finder, who, everyone=everyone, progress=told)
        made.notes += sheet.notes
        sheet.write(made.sheet, force=force)
        return made
    how: dict[str, Any] = {"everyone": everyone, "force": force, "progress": progress, "say": say}
    left_out: list[DataError] = []
    for video, path in job.videos:
        with _left_out(left_out):
            made.videos.append(convert_video(swapper, video, path, finder, who, lossless=lossless, **how))
            made.notes += made.videos[-1].notes
    if job.parts:
        with _left_out(left_out):
            made.pictures = convert_pictures(swapper, job.parts, job.out, finder, who, single=job.single, **how)
            made.notes += made.pictures.notes
    made.notes += _about_left_out(left_out, made)
    written = {video.path for video in made.videos}
    written |= set(made.pictures.paths if made.pictures is not None else ())
    made.notes += sign_results(key, [pair for pair in job.pairs() if pair[0] in written])
    made.remove_work()
    if swapper.options.blend == "poisson" and job.videos:
        made.notes.append("Poisson blending flickers in videos: --blend paste does not (blend='paste').")
    return made


@contextmanager
def _left_out(errors: list[DataError]) -> Iterator[None]:
    """Keep an error of one piece of footage, so that the others are converted."""
    try:
        yield
    except DataError as error:
        errors.append(error)


def _about_left_out(errors: list[DataError], made: SwappedFootage) -> list[str]:
    """Sentences about the footage that was left out. Raises the first error if nothing could be converted."""
    if errors and not made.videos and made.pictures is None:
        raise errors[0]
    return [" ".join(["Left out:", str(error), *getattr(error, "__notes__", [])]) for error in errors]


@dataclass(frozen=True)
class _Job:
    """Videos, each with the file that it becomes, and sources of pictures, which go to the folder or file `out`."""

    out: Path
    videos: list[tuple[Path, Path]]
    parts: list[Images]
    single: bool
    sources: list[Any]

    def results(self) -> list[Path]:
        """The files that are written. Pictures in a folder are PNG, and are left out."""
        return [*(path for _, path in self.videos), *([self.out] if self.single and self.parts else [])]

    def pairs(self) -> list[tuple[Path, Path | None]]:
        """Each file that is written, with the one that it is made from, if that is a file of its own."""
        videos: list[tuple[Path, Path | None]] = [(path, video) for video, path in self.videos]
        names = [name for part in self.parts for name in part.names()]
        paths = [self.out] if self.single else picture_paths(self.out, names)
        return videos + (list(zip(paths, originals(self.parts, self.sources), strict=True)) if names else [])


def _plan(footage: Any, out: Path) -> _Job:
    """What becomes what. Raises `UserError` for an `out` that does not suit."""
    sources = several_sources(footage)
    videos: list[Path] = []
    others: list[Any] = []
    for each in sources:
        path = Path(each) if isinstance(each, str | Path) else None
        found = [] if path is None else videos_at(path)
        videos += found
        if path is None or not found or (path.is_dir() and pictures_in(path)):
            others.append(each)
    suffix = out.suffix.lower()
    to_file = suffix in PICTURES or suffix in VIDEOS or suffix in NEVER_FOLDERS
    parts = [each if isinstance(each, Images) else open_images(as_source(each, 3)) for each in others]
    if not to_file or out.is_dir():
        named = [(video, out / f"{video.stem}{_suffix_for(video)}") for video in videos]
        twice = {path for _, path in named if [each for _, each in named].count(path) > 1}
        if twice:
            raise UserError(f"Two videos would become {min(twice)}: swap them one by one, each to a file of its own.")
        return _Job(out, named, parts, False, sources)
    if len(videos) == 1 and not parts:
        check_suffix(out, VIDEOS)
        return _Job(out, [(videos[0], out)], [], True, sources)
    if not videos and sum(map(len, parts)) == 1:
        check_suffix(out, tuple(PICTURES))
        return _Job(out, [], parts, True, sources)
    raise UserError(f"{out} is one file, and this becomes several: name a folder by --out (out=).")


def _suffix_for(video: Path) -> str:
    suffix = video.suffix.lower()
    return suffix if suffix in VIDEOS else ".mp4"


def _check_places(job: _Job, *, force: bool) -> None:
    """Raise `RunError` for files that exist, and for footage that would be replaced, also with `force`."""
    refuse_existing([path for _, path in job.videos if not was_begun(path)], force=force)
    pairs = job.pairs()
    read = {footage.resolve() for _, footage in pairs if footage is not None}
    taken = next((path for path, _ in pairs if path.resolve() in read), None)
    if taken is not None:
        raise RunError(f"{taken} is the footage itself, which is kept: give another name by --out (out=).")
    if job.single:
        return
    for each in job.sources:
        if isinstance(each, str | Path) and Path(each).is_dir():
            folder = Path(each).resolve()
            if job.out.resolve().is_relative_to(folder):
                raise RunError(f"{job.out} is in {each}, which is read: give another folder by --out (out=).")


def _resolve_person(swapper: FaceSwapper, person: Any, finder: FaceFinder) -> tuple[Person | None, bool, list[str]]:
    """Who is replaced; whether all faces are; sentences for the user."""
    if isinstance(person, str) and person == EVERYONE:
        return None, True, []
    if isinstance(person, list | tuple) and len(person) == 1:
        return _resolve_person(swapper, person[0], finder)
    if person is not None and not (isinstance(person, list | tuple) and not person):
        if finder.name != "networks":
            raise UserError("--person REFERENCE (person=) needs the identity network: imagewright weights get faces.")
        known = Person.from_source(list(person) if isinstance(person, tuple) else person, finder)
        return known, False, list(known.notes)
    known_of_run = person_in_footage(swapper.model, swapper.to)
    return known_of_run, False, [] if known_of_run is None else list(known_of_run.notes)
