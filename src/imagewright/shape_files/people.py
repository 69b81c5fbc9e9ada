"""Two drawn people in poses, as sets of faces: crops with the records that `swap extract` writes, for `train swap`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagewright.errors import ConfigError
from imagewright.face_swap.face_sets import TABLE, write_table
from imagewright.faces.crop_records import FACE
from imagewright.faces.crops import SQUARES, cut_square
from imagewright.faces.drawn.heads import ANNA, BERT, MIDDLE, CartoonPerson, Expression, cartoon_face, draw_head
from imagewright.faces.pose import Pose, rotation_of
from imagewright.faces.records import IDENTITY_NUMBERS, FaceRecord, make_face_record
from imagewright.faces.sharpness import measure_sharpness
from imagewright.output.provenance import ENHANCED, make_record
from imagewright.output.sheets import Sheet
from imagewright.output.writing import write_image
from imagewright.progress import Progress, ProgressCounter
from imagewright.seeds import derive_seed

PEOPLE = "people"
CROP = "whole"
YAW, PITCH, ROLL = 45.0, 20.0, 12.0  # degrees to each side, at most
APART, NOISE = 0.6, 0.01  # of the identities: two people are 0.85 apart, as photographs of two people are
SHOWN = 12  # faces of each on the sheet
MOST = 100_000


@dataclass(frozen=True)
class PosedHead:
    """A picture of a head, with what is known of it.

    picture: uint8 (S, S, 3).
    pose, expression: of the head.
    centre, side: of the brows' square in the picture.
    """

    picture: np.ndarray
    pose: Pose
    expression: Expression
    centre: tuple[float, float]
    side: float


def draw_face(person: CartoonPerson, number: int, size: int, seed: int) -> PosedHead:
    """Face `number` of a person: the same pose whatever is drawn besides, uniform in yaw, pitch and roll.

    size: pixels of the crop that the head will have; the picture is about twice as large.
    """
    random = np.random.default_rng(derive_seed(seed, "people", person.name, number))
    turns = random.uniform(-1, 1, 3) * (YAW, PITCH, ROLL)
    pose = Pose(*(float(each) for each in turns))
    opening, smile, lids, gaze = random.uniform((0, -1, 0.45, -1), (1, 1, 1, 1))
    expression = Expression(float(opening) ** 2, float(smile), float(lids), float(gaze))
    whole, side = 2 * size, 0.52 * size
    across, down = random.uniform(-0.05, 0.05, 2) * size
    centre = (size + float(across), size + float(down))
    warm, light = random.uniform(0, 1, 2)
    level = 150 + 80 * light
    ground = (round(level - 25 * (1 - warm)), round(level - 12), round(level - 25 * warm))
    picture = draw_head(person, pose, expression, size=whole, centre=centre, side=side, ground=ground)
    return PosedHead(picture, pose, expression, centre, side)


def write_people(
    folder: Path,
    sheet: Path,
    count: int,
    size: int,
    seed: int,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write the faces of both people, and a sheet of some. Returns how many faces.

    count: faces of each.
    size: pixels of a side of a crop.
    """
    if not 1 <= count <= MOST or not 32 <= size <= 1024:
        raise ConfigError(
            f"count={count}, size={size}: people have from 1 to {MOST:,} faces each, of 32 to 1,024 pixels a side."
        )
    counter = ProgressCounter(2 * count, progress)
    shown: list[np.ndarray] = []
    written = 0
    try:
        for place, person in enumerate((ANNA, BERT)):
            records = []
            for number in range(count):
                crop, record = _write_face(folder / person.name, person, place, number, size, seed, force=force)
                records.append(record)
                written += 1
                if number < SHOWN:
                    shown.append(crop)
                counter.advance()
            write_table(folder / person.name / TABLE, records)
        names = [person.name for person in (ANNA, BERT) for _ in range(min(count, SHOWN))]
        Sheet(np.stack(shown), title=f"people: {count:,} faces of each", captions=names, columns=6).write(
            sheet, force=force
        )
    except BaseException as error:  # Ctrl-C, or a full disk: finished faces stay, whose records are in the files
        error.add_note(f"{written:,} of {2 * count:,} faces are written in {folder}.")
        raise
    return written


def _write_face(
    folder: Path, person: CartoonPerson, place: int, number: int, size: int, seed: int, *, force: bool
) -> tuple[np.ndarray, FaceRecord]:
    """Write a crop with its record in its XMP. Returns the crop, uint8 (3, S, S), and the record."""
    drawn = draw_face(person, number, size, seed)
    face = cartoon_face(drawn.pose, drawn.centre, drawn.side)
    square = _square_of(drawn)
    crop: np.ndarray = cut_face(drawn, size).transpose(2, 0, 1)
    name = f"{number:06d}.png"
    record = make_face_record(
        face,
        file=name,
        picture=name,
        crop=CROP,
        size=size,
        square=square,
        sharpness=measure_sharpness(drawn.picture, face),
        identity=_identity(place, number, seed),
        track=number,
    )
    settings = {"crop": CROP, "size": size, FACE: record.to_json()}
    provenance = make_record("data shapes", model="none", seed=seed, settings=settings, source_type=ENHANCED)
    write_image(crop, folder / name, provenance, force=force)
    return crop, record


def cut_face(drawn: PosedHead, size: int) -> np.ndarray:
    """The crop of a face, uint8 (size, size, 3): upright, with the middle of the head in its middle."""
    return cut_square(drawn.picture, _square_of(drawn), size)


def _square_of(drawn: PosedHead) -> np.ndarray:
    """The square (2, 3) of the crop: upright, around the middle of the head, which is known."""
    side, roll = SQUARES[CROP][0] * drawn.side, np.radians(drawn.pose.roll)
    right, down = side * np.array([np.cos(roll), np.sin(roll)]), side * np.array([-np.sin(roll), np.cos(roll)])
    middle = drawn.side * (rotation_of(drawn.pose) @ MIDDLE)[:2] + drawn.centre
    return np.stack([right, down, middle - (right + down) / 2], 1)


def _identity(place: int, number: int, seed: int) -> np.ndarray:
    """The identity of a face, (128,): near that of all faces of the person."""
    random = np.random.default_rng(derive_seed(seed, "identity", place, number))
    identity = random.normal(0, NOISE, IDENTITY_NUMBERS)
    identity[place] += APART
    return identity
