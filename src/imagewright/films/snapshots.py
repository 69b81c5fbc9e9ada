"""The snapshots of a film: the pictures of a run at each preview, or decoded from its checkpoints with equal seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagewright import catalogue
from imagewright.capabilities import verbs_of
from imagewright.errors import RunError, UserError
from imagewright.images.decoding.opening import open_picture, read_encoded
from imagewright.images.decoding.unreadable import Unreadable
from imagewright.output.grid_cells import read_plain_grid
from imagewright.output.inspecting_pictures import find_packet
from imagewright.output.provenance import COMPOSITE, GENERATED, from_xmp
from imagewright.regular_files import names_in
from imagewright.runs.loading import load
from imagewright.runs.places import SAMPLES
from imagewright.runs.run import Run
from imagewright.runs.weights import Checkpoint
from imagewright.verbs.apply import sample

COUNT, MOST = 16, 64  # pictures of a frame
LONGEST_NUMBER = 15  # digits of a preview's name


@dataclass(frozen=True)
class TrainingSnapshot:
    """A point of a training: the images seen, and `read`, which returns its pictures, uint8 (N, H, W, C)."""

    images_seen: int
    read: Callable[[], np.ndarray]


@dataclass(frozen=True)
class FilmSnapshots:
    """What a film shows.

    found: earliest first, two or more.
    source_type: of the provenance record: GENERATED for samples, COMPOSITE if there are real pictures among them.
    columns: of the pictures.
    is_sheet: whether each snapshot is one labelled sheet, which is not enlarged.
    seed: of the samples, None if they were not made for this film.
    notes: what was left out.
    """

    found: list[TrainingSnapshot]
    source_type: str
    columns: int
    seed: int | None
    notes: list[str]
    is_sheet: bool = False


def find_snapshots(run: Run, count: int = COUNT, seed: int = 0) -> FilmSnapshots:
    """The previews of a run, or, if it holds fewer than two, its checkpoints, which are sampled with equal seeds.

    count: pictures of each snapshot, 1 to 64, as far as the previews hold so many.
    seed: of the samples from checkpoints; previews have the seed of the run.

    Raises `UserError` for a model that is fitted in closed form, `RunError` if there is too little to show.
    """
    if not 1 <= count <= MOST:
        raise UserError(f"count={count}, but a film shows 1 to {MOST} pictures at once.")
    if catalogue.model_class(run.model).is_closed_form():
        raise UserError(
            f"{run.path} is of {run.model}, which is fitted in closed form: it has no steps, so that there is nothing "
            "to film."
        )
    previews = _previews(run)
    if len(previews) > 1:
        return _from_previews(run, previews, count)
    kept = run.checkpoints()
    samples = "sample" in verbs_of(catalogue.model_class(run.model))
    if len(kept) > 1 and samples:
        note = f"{run.path} holds {_counted(len(previews))}: the film shows its {len(kept)} checkpoints instead."
        found = [TrainingSnapshot(each.images_seen, _sampler(run, each, count, seed)) for each in kept]
        return FilmSnapshots(found, GENERATED, _square(count), seed, [note])
    checkpoints = "" if len(kept) == 1 else "s"
    raise RunError(
        f"{run.path} holds {_counted(len(previews))} and {len(kept)} checkpoint{checkpoints}"
        f"{'' if samples else f', and {run.model} does not sample'}: a film needs two previews or more (the files in "
        f"{SAMPLES}/, one for each report: train longer, or with --report-every N)"
        f"{', or two checkpoints (--keep-checkpoints 20)' if samples else ''}."
    )


def _counted(previews: int) -> str:
    return "one preview" if previews == 1 else "no previews"


def _previews(run: Run) -> list[tuple[int, Path]]:
    """Images seen and paths of the previews, earliest first."""
    stems = [name.removesuffix(".png") for name in names_in(run.path / SAMPLES) if name.endswith(".png")]
    plain = [stem for stem in stems if stem.isascii() and stem.isdigit() and len(stem) <= LONGEST_NUMBER]
    return sorted((int(stem), run.path / SAMPLES / f"{stem}.png") for stem in plain)


def _sampler(run: Run, checkpoint: Checkpoint, count: int, seed: int) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        images = sample(load(run, images_seen=checkpoint.images_seen), count, seed=seed)
        pixels: np.ndarray = images.permute(0, 2, 3, 1).numpy()
        return pixels

    return read


def _from_previews(run: Run, previews: list[tuple[int, Path]], count: int) -> FilmSnapshots:
    """The last preview tells what all of them are: samples, pictures above their reconstructions, or a sheet."""
    notes: list[str] = []
    kept: list[tuple[int, Path]] = []
    last: tuple[np.ndarray, str | None] | None = None
    for seen, path in previews:
        try:
            last = _read(path)
        except (OSError, Unreadable) as error:
            notes.append(f"{path} is left out: {error}.")
            continue
        kept.append((seen, path))
    if last is None or len(kept) < 2:
        raise RunError(f"{run.path} has fewer than two previews that can be read. {' '.join(notes)}")
    pixels, verb = last
    height, width = run.record["config"]["size"]
    grid = None if verb == "preview" else read_plain_grid(pixels, (height, width))
    if grid is None:
        found = [TrainingSnapshot(seen, _reader(path)) for seen, path in kept]
        return FilmSnapshots(found, COMPOSITE, 1, None, notes, is_sheet=True)
    cells, columns = grid
    if verb == "sample" and count > len(cells):
        notes.append(f"The previews hold {len(cells)} pictures: all are shown.")
    pairs = verb != "sample"
    places, across = _layout(len(cells), columns, count, pairs=pairs, by_class=_has_classes(run))
    found = [TrainingSnapshot(seen, _cutter(path, (height, width), places)) for seen, path in kept]
    return FilmSnapshots(found, COMPOSITE if pairs else GENERATED, across, None, notes)


def _has_classes(run: Run) -> bool:
    return bool(run.record["config"].get("class_names"))


def _layout(held: int, columns: int, count: int, *, pairs: bool, by_class: bool) -> tuple[np.ndarray, int]:
    """Which pictures of a grid are shown, int64 (n,), and in how many columns.

    pairs: the rows are pictures and their reconstructions in turn.
    by_class: the columns are classes, and stay.
    """
    grid = np.arange(-(-held // columns) * columns).reshape(-1, columns)
    if pairs:
        wide = min(columns, max(1, count // 4) if count > 2 else 1)
        rows = min(len(grid) // 2 * 2, max(2, round(count / wide / 2) * 2))
        chosen, across = grid[:rows, :wide].reshape(-1), wide
    elif by_class:
        chosen, across = grid[: max(1, round(count / columns))].reshape(-1), columns
    else:
        chosen, across = np.arange(min(count, held)), _square(min(count, held))
    return chosen[chosen < held], across


def _square(count: int) -> int:
    """Columns of a grid that is about square: 4 for 16."""
    return max(1, int(np.ceil(np.sqrt(count))))


def _read(path: Path) -> tuple[np.ndarray, str | None]:
    """The pixels of a preview, uint8 (H, W, C), and the verb of its record."""
    payload = read_encoded(path)
    with open_picture(payload) as picture:
        picture.load()
        packet = find_packet(picture, payload)
        record = (from_xmp(packet) if packet else None) or {}
        pixels = np.asarray(picture if picture.mode in ("L", "RGB", "RGBA") else picture.convert("RGB"))
    return (pixels[..., None] if pixels.ndim == 2 else pixels), record.get("verb")


def _reader(path: Path) -> Callable[[], np.ndarray]:
    return lambda: _read(path)[0][None]


def _cutter(path: Path, size: tuple[int, int], places: np.ndarray) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        grid = read_plain_grid(_read(path)[0], size)
        if grid is None or len(grid[0]) <= places.max():
            raise Unreadable("it is not of the same pictures as the last preview")
        return grid[0][places]

    return read
