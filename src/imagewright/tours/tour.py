"""`tour`: the whole line of methods on a set of pictures, in the minutes given, as one page."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagewright.counts import minutes_text
from imagewright.errors import ConfigError, ImagewrightError, RunError
from imagewright.images.opening import opening_choices
from imagewright.images.selection import select_evenly
from imagewright.output.grids import plain_grid
from imagewright.pixels import size_text
from imagewright.progress import StageProgress
from imagewright.runs.lock import lock_run
from imagewright.runs.report.html import duration_text
from imagewright.runs.run import Run
from imagewright.tours.earlier import check_folder, check_options, check_pictures, fingerprint_of, is_same_source
from imagewright.tours.headline import summary
from imagewright.tours.page import REAL_ROW, runs_of, write_page
from imagewright.tours.parts.eigenfaces import show_components
from imagewright.tours.parts.models import ROW, accelerated, train_model
from imagewright.tours.parts.survey import survey_set
from imagewright.tours.parts.translation import train_translation
from imagewright.tours.pictures import SizedPictures, TourPictures, fit_pictures, open_tour, readable_count
from imagewright.tours.plan import (
    TourPart,
    all_parts,
    choose_parts,
    few_notes,
    minutes_for,
    minutes_in_place,
    preferred_gan,
    share_minutes,
    short_notes,
    training_minutes,
)
from imagewright.tours.record import (
    PartLeftOut,
    PartRecord,
    TourRecord,
    new_parts,
    plain_options,
    read_record,
)
from imagewright.tours.scoring import affordable_count, choose_features, scores_of
from imagewright.tours.work import PartClock, PartFunction, TourWork
from imagewright.training.reporting import Say
from imagewright.training.setting import name_run
from imagewright.training.signals import StopRequest
from imagewright.training.train import Stopped

MINUTES = 20.0
NOT_SHORTENED = 0.8  # of the planned time of a part: less is said on the page
CARRY_OUT: dict[str, PartFunction] = {
    "set": survey_set,
    "components": show_components,
    "model": train_model,
    "translation": train_translation,
}


@dataclass(frozen=True)
class Tour:
    """The result of `tour`.

    folder: that holds the page, the record `tour.json`, the figures, and a run for each model.
    page: the page.
    summary: what was found, in a paragraph.
    failed: what went wrong in parts that ended with an error, by their titles.
    runs: the runs, by the name of the part.
    """

    folder: Path
    page: Path
    summary: str
    failed: dict[str, str]
    runs: dict[str, Run]

    def lines(self) -> list[str]:
        """What was found, what failed, and where the page is."""
        return [self.summary, *(f"{title}: {error}" for title, error in self.failed.items()), str(self.page)]


def tour(
    source: Any,
    other: Any = None,
    *,
    minutes: float = MINUTES,
    out: str | Path | None = None,
    seed: int = 0,
    device: str = "auto",
    began: float | None = None,
    say: Say | None = None,
    progress: StageProgress | None = None,
    stop: StopRequest | None = None,
    **opening: Any,
) -> Tour:
    """Look at a set of pictures, train every method that suits it, compare them, and write one page.

    The page is written anew after each part. The same call goes on with a tour that was interrupted; each model is a
    run of its own.

    source: as for `open_images`: pictures, also in classes; or pairs: folders input and target, or A and B with equal
        names, or squares side by side; or two sets: folders A and B, trainA and trainB.
    other: a second source: the targets of a set of inputs if most names are equal, else a second set.
    minutes: of the whole tour, split over its parts by what each needs. Those for which there is no time are left out.
    out: the folder; `runs/tour-SOURCE` by default.
    seed: of all random numbers.
    device: auto, cpu, cuda or mps.
    began: `time.monotonic()` when the minutes began, such as at the start of a command; at this call by default.
    say: called with sentences for the user.
    progress: called with (part, seconds done, seconds that it has).
    stop: a request that ends the tour after the present step, once its `asked` is True.
    opening: `size`, `labels`, `label_column`, `split`, as for `open_images`.

    Raises `UserError` for a source that cannot be used or has fewer than 8 pictures, `RunError` for a folder that
    holds something else or the tour of other pictures, `Stopped` after Ctrl-C and `stop`, when the page of what is
    there is written.
    """
    if not math.isfinite(minutes) or minutes <= 0:
        raise ConfigError(f"minutes={minutes:g}, but a tour takes some: give 2 for a glance, 20 for a good look.")
    if other is not None and is_same_source(source, other):
        raise ConfigError(
            f"Both sources are {source}, and a tour of two has different ones: the targets of these inputs, or a "
            "second set. For a tour of this set name it once."
        )
    start = time.monotonic() if began is None else began
    folder = Path(out) if out is not None else Path("runs") / f"tour-{name_run(source)}"
    tell = say or (lambda _: None)
    check_folder(folder, source, other)
    with lock_run(folder):
        earlier = read_record(folder)
        if earlier is not None:
            check_options(earlier, folder, source, other, minutes, seed, opening)
        planned = _plan(source, other, opening, minutes, seed, device, earlier, folder)
        record = _settle(planned, earlier, folder)
        if earlier is None:
            for note in [*record.notes, *_said_of_left_out(record)]:
                tell(note)
        if record.is_whole:
            tell("All parts are done: the page is written anew. Another tour needs another folder (--out).")
        _carry_out(planned, record, folder, source, other, device, progress, stop, tell, start)
        page = write_page(folder, record)
    runs = runs_of(folder, record)
    failed = {part.title: str(part.error) for part in record.parts if part.state == "failed"}
    return Tour(folder, page, summary(record, scores_of(record, runs)), failed, runs)


def _said_of_left_out(record: TourRecord) -> list[str]:
    if not record.left_out:
        return []
    are = "is too little" if record.minutes == 1 else "are too few"
    return [f"{minutes_text(record.minutes)} {are} for {len(record.left_out)} more: {record.names_left_out()}."]


@dataclass(frozen=True)
class _Planned:
    """A tour before its first part."""

    pictures: TourPictures
    sized: SizedPictures
    parts: list[TourPart]
    record: TourRecord


def _plan(
    source: Any,
    other: Any,
    opening: dict[str, Any],
    minutes: float,
    seed: int,
    device: str,
    earlier: TourRecord | None,
    folder: Path,
) -> _Planned:
    """The tour as it begins; that of `earlier` has its adversarial model and size, which other machines choose anew."""
    notes: list[str] = []
    accelerator = accelerated(device)
    whole = open_tour(source, other, opening, notes.append)
    if earlier is not None:
        check_pictures(earlier, folder, source, other, whole)
    used = earlier.used if earlier else readable_count(whole.own, minutes)
    pictures = whole.spread(used)
    traits = pictures.traits
    gan = earlier.gan if earlier else preferred_gan(traits.pictures, accelerator=accelerator, minutes=minutes)
    possible = all_parts(traits, gan)
    if earlier:  # another machine may have chosen others
        parts = [part for part in possible if part.name in {each.name for each in earlier.parts}]
    else:
        parts = choose_parts(possible, minutes, accelerator=accelerator)
    shares = share_minutes(parts, minutes)
    shortest = min(training_minutes(shares[part.name]) for part in parts if part.kind in ("model", "translation"))
    sized = fit_pictures(
        pictures,
        parts,
        gan=gan,
        minutes=shortest,
        accelerator=accelerator,
        seed=seed,
        say=notes.append,
        size=earlier.size if earlier else None,
    )
    left_out = [part for part in possible if part not in parts]
    record = TourRecord(
        source=str(pictures.own.source if not isinstance(source, str | Path) else source),
        other=None if other is None else str(getattr(other, "source", other)),
        opening=plain_options(opening),
        minutes=minutes,
        seed=seed,
        arrangement=pictures.arrangement,
        fingerprint=fingerprint_of(whole),
        pictures=len(whole.own),
        used=used,
        classes=len(traits.per_class),
        gan=gan,
        size=sized.whole.size,
        channels=sized.whole.channels,
        held_out=sized.held_out,
        scored=0,
        features=choose_features(),
        parts=new_parts(parts, shares),
        left_out=[PartLeftOut(part.title, minutes_for(possible, part, accelerator=accelerator)) for part in left_out],
    )
    record.notes = [*pictures.own.notes, *notes, *_notes(record, pictures, accelerator=accelerator)]
    return _Planned(pictures, sized, parts, record)


def _notes(record: TourRecord, pictures: TourPictures, *, accelerator: bool) -> list[str]:
    """Sentences on what was chosen: the pictures that are used, their size, and what so few of them are good for."""
    notes = short_notes(record.minutes)
    if record.used < record.pictures:
        notes.append(
            f"{record.used:,} of {record.pictures:,} pictures are used, spread evenly over the set: all of them would "
            "take too much of the minutes."
        )
    if record.size != pictures.own.size:
        notes.append(
            f"All models learn the pictures of {size_text(pictures.own.size)} at {size_text(record.size)}, which suits "
            "the time that each has (choose with --size)."
        )
    notes += few_notes(pictures.traits, accelerator=accelerator)
    return notes


def _settle(planned: _Planned, earlier: TourRecord | None, folder: Path) -> TourRecord:
    """The record to go on with. Raises `RunError` if it has parts that this version does not have."""
    now = planned.record
    if earlier is None:
        return now
    known = {part.name for part in planned.parts}
    if known != {part.name for part in earlier.parts}:
        raise RunError(f"The tour in {folder} has other parts: begin anew in another folder with --out.")
    return earlier


def _carry_out(
    planned: _Planned,
    record: TourRecord,
    folder: Path,
    source: Any,
    other: Any,
    device: str,
    progress: StageProgress | None,
    stop: StopRequest | None,
    say: Say,
    began: float,
) -> None:
    """Carry out the parts that are not done, and write record and page around each.

    began: `time.monotonic()` when the tour did; opening the pictures is counted to the first part.
    """
    if not record.scored:
        record.scored = affordable_count(record, planned.sized, device)  # even if the components fail
    for part in list(planned.parts):
        found = record.part(part.name)
        if found.state == "done" or (not found.minutes and _leave_out(planned, record, folder, part, device, say)):
            continue
        place = planned.parts.index(part) + 1
        found.state, found.error = "under way", None
        if not found.minutes:
            found.minutes = share_minutes(planned.parts, record.minutes, record.spent)[part.name]
        stage = f"part {place} of {len(planned.parts)}: {part.title}"
        clock = PartClock(stage, 60 * found.minutes, progress, began)
        work = TourWork(folder, source, other, record, planned.pictures, planned.sized, clock, stop, device)
        before = found.seconds
        try:
            if stop is not None and stop.asked:
                raise Stopped("Stopped.")
            record.write(folder)
            _draw_real(work)
            write_page(folder, record)
            with opening_choices(only=(), exclude=()):  # the pictures are chosen; arrays of the parts have no names
                CARRY_OUT[part.kind](work, found)
            _say_shortened(found)
            found.state = "done"
        except (KeyboardInterrupt, Stopped):
            found.seconds = before + clock.elapsed
            record.write(folder)
            page = write_page(folder, record)
            raise Stopped(
                f"Stopped in {stage}. What is there is on the page {page}; the same command goes on."
            ) from None
        except ImagewrightError as error:  # such as a training that diverged: the other parts are not lost
            found.state, found.error = "failed", str(error)
            say(f"{stage} ended with an error: {error}")
        found.seconds = before + clock.elapsed
        began = time.monotonic()
        record.write(folder)
        write_page(folder, record)


def _leave_out(planned: _Planned, record: TourRecord, folder: Path, part: TourPart, device: str, say: Say) -> bool:
    """Leave out a part for which earlier ones left too little time, and say so; whether it was left out."""
    left = [each for each in planned.parts if record.part(each.name).state != "done"]
    needed = minutes_in_place(part, left, record.minutes, record.spent, accelerator=accelerated(device))
    if needed is None:
        return False
    planned.parts.remove(part)
    record.parts.remove(record.part(part.name))
    record.left_out.insert(0, PartLeftOut(part.title, needed))
    note = (
        f"Earlier parts took longer than planned, so that there is too little time for {part.title}. On a "
        f"machine as busy as this one it is there from {minutes_text(needed)} on."
    )
    record.notes.append(note)
    record.write(folder)
    say(note)
    return True


def _say_shortened(found: PartRecord) -> None:
    """Add to what was found that earlier parts took the time of a training, if they did."""
    if found.kind in ("model", "translation") and found.minutes < NOT_SHORTENED * found.planned:
        found.facts.append(
            f"Earlier parts took longer than planned: this one was given {duration_text(60 * found.minutes)} in place "
            f"of {duration_text(60 * found.planned)}."
        )


def _draw_real(work: TourWork) -> None:
    """Draw the row of real pictures, with which samples are compared."""
    if not (work.folder / "figures" / REAL_ROW).exists():
        chosen = select_evenly(work.sized.trained, ROW).images
        work.write_picture(Path(REAL_ROW).stem, plain_grid(chosen, columns=ROW))
