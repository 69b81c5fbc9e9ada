"""`film`: the training of a run as a video of the same latents, or the same inputs, with its curves under them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from imagewright.errors import RunError, UserError
from imagewright.films.frames import FilmStyle, draw_frame
from imagewright.films.snapshots import COUNT, TrainingSnapshot, find_snapshots
from imagewright.images.decoding.unreadable import Unreadable
from imagewright.metrics.run_curves import Curves, find_curve, main_curves, run_curves, seconds_at
from imagewright.output.writing import ANIMATIONS, check_suffix, refuse_existing, write_animation
from imagewright.progress import Progress
from imagewright.runs.lock import is_training
from imagewright.runs.points import names_point
from imagewright.runs.provenance import run_record
from imagewright.runs.run import Run

HOLD = 2.0  # seconds that the last picture stays
LEAST_SECONDS, MOST_SECONDS = 6.0, 20.0  # of a film whose length is left open
SECONDS_A_SNAPSHOT = 0.25  # then
FEWEST_FRAMES, MOST_FRAMES_A_SECOND = 8.0, 30.0  # in a second: players of videos handle lower rates badly
LONGEST = 3600.0  # seconds
FLAT, FLAT_SHARE = 4.0, 0.25  # grey levels, and share of the last snapshot's contrast: below both nothing is to see


def film(
    run: Run | str | Path,
    path: str | Path = "film.mp4",
    *,
    seconds: float | None = None,
    count: int = COUNT,
    curve: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    force: bool = False,
) -> list[str]:
    """Write a video of a run's training. Returns notes for the user.

    Each snapshot is a preview of the run, which are of the same latents, or of the same inputs; for a run without
    previews, a checkpoint sampled with equal seeds. Snapshots share the time equally. Under them are the images seen,
    the time, and curves that grow with it. The last picture stays for two seconds.

    run: a run or its directory; a run that is being trained is shown up to now.
    path: .mp4, which needs PyAV (the extra `video`), .webp or .gif.
    seconds: length, more than 2; by default a quarter of a second for each snapshot, and 6 to 20 in all. With more
        snapshots than frames, snapshots are left out evenly.
    count: pictures at once, 1 to 64. Of a model that reconstructs, half of them are the inputs.
    curve: its name, such as "score: FID" or "generator/adversarial"; by default a score, or else the losses.
    seed: of samples from checkpoints; previews have the seed of the run.
    progress: called with (frames done, frames in all).
    force: replace a file that exists.

    Raises `UserError` for a model that is fitted in closed form, a curve that there is not and numbers out of range;
    `RunError` for a run with too little to show, or if the file exists or cannot be written.
    """
    check_suffix(path, ANIMATIONS)
    refuse_existing([path], force=force)
    if seconds is not None and not HOLD < seconds <= LONGEST:
        raise UserError(f"seconds={seconds:g}, but a film lasts more than {HOLD:g} seconds and at most {LONGEST:g}.")
    if not isinstance(run, Run) and names_point(run):
        raise UserError(f"A film shows all of a training: name the run without @, {str(run).rpartition('@')[0]}.")
    run = run if isinstance(run, Run) else Run(run)
    snapshots = find_snapshots(run, count, seed)
    notes = list(snapshots.notes)
    shown = _from_first_picture(snapshots.found, notes) if snapshots.seed is None else snapshots.found
    length = seconds or min(max(HOLD + SECONDS_A_SNAPSHOT * len(shown), LEAST_SECONDS), MOST_SECONDS)
    chosen = _choose(shown, length)
    rate, repeats = _rate(len(chosen), length, FEWEST_FRAMES if Path(path).suffix.lower() == ".mp4" else 1.0)
    if len(chosen) < len(shown):
        notes.append(f"{len(chosen)} of {len(shown)} snapshots fit into {length:g} seconds: they are chosen evenly.")
    curves = _curves(run, curve)
    if not curves:
        notes.append("No curve is drawn: the run has no report with a loss or a score.")
    last = _last(chosen, notes)
    style = FilmStyle(
        _title(run),
        {name: points for name, points in curves.items() if points},
        snapshots.columns,
        last.shape,
        max(chosen[-1].images_seen, 1),
        snapshots.is_sheet,
    )
    settings = {"count": len(last), "seconds": length, "curves": list(curves), "snapshots": len(chosen)}
    record = run_record("film", run, seed=snapshots.seed, settings=settings, source_type=snapshots.source_type)
    frames = _frames(run, chosen, last, style, repeats, math.ceil(HOLD * rate), notes, progress)
    write_animation(frames, path, record, frames_per_second=rate, force=force)
    if is_training(run.path):
        notes.append(f"{run.path} is being trained now: the film ends at {chosen[-1].images_seen:,} images seen.")
    return notes


def _from_first_picture(found: list[TrainingSnapshot], notes: list[str]) -> list[TrainingSnapshot]:
    """The previews from the first on with something to see; two at least. A network before its training makes grey."""
    try:
        least = min(FLAT, FLAT_SHARE * _contrast(found[-1]))
        for place, snapshot in enumerate(found[:-1]):
            if _contrast(snapshot) >= least or place == len(found) - 2:
                if place:
                    notes.append(f"The film begins at {snapshot.images_seen:,} images seen: what is before it is flat.")
                return found[place:]
    except (OSError, Unreadable, RunError):  # which the frames say
        pass
    return found


def _contrast(snapshot: TrainingSnapshot) -> float:
    """The largest deviation within a picture of a snapshot, in grey levels."""
    return float(snapshot.read().astype(np.float32).std(axis=(1, 2)).max())


def _choose(found: list[TrainingSnapshot], length: float) -> list[TrainingSnapshot]:
    """The snapshots that fit into a film, evenly, with the first and the last."""
    most = max(2, int((length - HOLD) * MOST_FRAMES_A_SECOND))
    if len(found) <= most:
        return found
    return [found[place] for place in np.linspace(0, len(found) - 1, most).round().astype(np.int64).tolist()]


def _rate(snapshots: int, length: float, fewest: float) -> tuple[float, int]:
    """Frames in a second, and frames of each snapshot but the last, which stays `HOLD` seconds."""
    changing = (snapshots - 1) / (length - HOLD)  # snapshots a second
    repeats = max(1, math.ceil(fewest / changing))
    return min(changing * repeats, MOST_FRAMES_A_SECOND), repeats


def _curves(run: Run, curve: str | None) -> Curves:
    found = {run.path.name: run_curves({"": run})[""]}
    own = found[run.path.name]
    names = [find_curve(found, curve)] if curve is not None else main_curves(found)
    return {name.removeprefix("loss: ").removeprefix("score: "): own[name] for name in names}


def _title(run: Run) -> str:
    name = run.path.resolve().name
    return name if name == run.model else f"{name}: {run.model}"


def _last(chosen: list[TrainingSnapshot], notes: list[str]) -> np.ndarray:
    try:
        return chosen[-1].read()
    except (OSError, Unreadable) as error:  # removed while the film was begun
        raise RunError(f"The last picture cannot be read: {error}. {' '.join(notes)}") from None


def _frames(
    run: Run,
    chosen: list[TrainingSnapshot],
    last: np.ndarray,
    style: FilmStyle,
    repeats: int,
    hold: int,
    notes: list[str],
    progress: Progress | None,
) -> Iterator[Image.Image]:
    """Every frame in order. A snapshot that cannot be read has the picture of the one before, which a note says.

    last: the pictures of the last snapshot, which are read already.
    """
    time_at, total, done = seconds_at(run.reports()), repeats * (len(chosen) - 1) + hold, 0
    pixels = np.full(style.shape, 255, np.uint8)
    for snapshot in chosen:
        try:
            read = last if snapshot is chosen[-1] else snapshot.read()
            if read.shape == style.shape:
                pixels = read
            else:
                notes.append(f"The picture at {snapshot.images_seen:,} images seen has another size: it is left out.")
        except (OSError, Unreadable, RunError) as error:
            notes.append(f"The picture at {snapshot.images_seen:,} images seen is left out: {error}.")
        frame = draw_frame(style, pixels, snapshot.images_seen, time_at(snapshot.images_seen))
        for _ in range(hold if snapshot is chosen[-1] else repeats):
            yield frame
            done += 1
            if progress is not None:
                progress(done, total)
