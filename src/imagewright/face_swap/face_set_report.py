"""`check_faces`: what a set of faces holds for a swap: people, poses, sharpness, faces that look alike."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import count_text
from imagewright.face_swap.face_sets import FaceSet, read_face_set
from imagewright.face_swap.lookalikes import part_lookalikes
from imagewright.face_swap.people import group_identities
from imagewright.face_swap.pose_bins import PITCHES, YAWS

FEW = 200  # different faces of one person: less are learned by heart
BLURRED = 0.4  # of the middle sharpness of the set
LISTED = 6


@dataclass(repr=False)
class FaceSetReport:
    """The result of `check_faces`.

    Attributes:
        folder: as the user named it.
        count: crops with records.
        skipped: pictures without.
        crops: how many crops are of each kind and size, such as "whole 256".
        people: faces of each person, the largest number first; empty without identities.
        poses: how many faces have a yaw and a pitch between the borders of the pose bins: rows from looking up to
            looking down, columns from looking left to looking right; None without poses.
        yaw, pitch: the smallest and the largest in degrees, or None.
        sharpness: the smallest, the middle and the largest.
        blurred: faces of less than 0.4 of the middle sharpness.
        lookalikes: faces that look like a sharper one.
        without_points: faces that were found without the mesh.
        notes: sentences on what a training would suffer from.
    """

    folder: str
    count: int
    skipped: int
    crops: dict[str, int]
    people: list[int]
    poses: list[list[int]] | None
    yaw: tuple[float, float] | None
    pitch: tuple[float, float] | None
    sharpness: tuple[float, float, float]
    blurred: int
    lookalikes: int
    without_points: int
    notes: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def to_dict(self) -> dict[str, Any]:
        """The report, ready for JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """The report as lines of plain text."""
        crops = ", ".join(f"{number:,} {name}" for name, number in self.crops.items())
        lines = [_line("faces", f"{self.count:,} ({crops})")]
        if self.people:
            more = " ..." if len(self.people) > LISTED else ""
            lines.append(
                _line("people", f"{len(self.people)}: {', '.join(map(str, self.people[:LISTED]))} faces{more}")
            )
        if self.yaw is not None and self.pitch is not None:
            lines.append(
                _line("poses", f"yaw {_range(self.yaw)}, pitch {_range(self.pitch)} degrees; faces by yaw and pitch:")
            )
            lines += self._pose_table()
        low, middle, high = self.sharpness
        lines.append(
            _line("sharpness", f"{low:.2f} to {high:.2f}, middle {middle:.2f}; {self.blurred:,} below 0.4 of it")
        )
        lines.append(_line("look alike", f"{self.lookalikes:,} faces look like a sharper one"))
        return lines + [_line("note", note) for note in self.notes]

    def _pose_table(self) -> list[str]:
        """A line for each range of pitch, the highest first, with a column for each range of yaw."""
        heads = [f"<{YAWS[0]:g}", *(f"{low:g}..{high:g}" for low, high in pairwise(YAWS))]
        heads.append(f">{YAWS[-1]:g}")
        names = [f"pitch >{PITCHES[-1]:g}", "", f"pitch <{PITCHES[0]:g}"]
        table = [f"  {'yaw':<13}" + "".join(f"{head:>9}" for head in heads)]
        for name, row in zip(names, self.poses or [], strict=True):
            table.append(f"  {name:<13}" + "".join(f"{number:>9,}" for number in row))
        return table


def check_faces(faces: str | Path) -> FaceSetReport:
    """What a set of faces holds: people, poses, sharpness, faces that look alike. Nothing is written.

    faces: a folder that `extract_faces` wrote.
    Raises `DataError` for a folder without extracted faces.
    """
    found = read_face_set(faces)
    poses = [record.pose for record in found.records if record.pose is not None]
    sharpness = np.array([record.sharpness for record in found.records])
    identities, _ = found.identities()
    yaws, pitches = [pose.yaw for pose in poses], [pose.pitch for pose in poses]
    report = FaceSetReport(
        folder=str(faces),
        count=len(found),
        skipped=len(found.skipped),
        crops=dict(Counter(f"{record.crop} {record.size}" for record in found.records).most_common()),
        people=np.bincount(group_identities(identities)).tolist() if len(identities) else [],
        poses=_count_poses(yaws, pitches) if poses else None,
        yaw=(min(yaws), max(yaws)) if poses else None,
        pitch=(min(pitches), max(pitches)) if poses else None,
        sharpness=(float(sharpness.min()), float(np.median(sharpness)), float(sharpness.max())),
        blurred=int((sharpness < BLURRED * np.median(sharpness)).sum()),
        lookalikes=len(part_lookalikes(found)[1]),
        without_points=sum(record.points is None for record in found.records),
    )
    report.notes = [*found.notes(), *_notes(report, found)]
    return report


def _count_poses(yaws: list[float], pitches: list[float]) -> list[list[int]]:
    counts = np.zeros((len(PITCHES) + 1, len(YAWS) + 1), int)
    np.add.at(counts, (np.searchsorted(PITCHES, pitches), np.searchsorted(YAWS, yaws)), 1)
    rows: list[list[int]] = counts[::-1].tolist()
    return rows


def _notes(report: FaceSetReport, faces: FaceSet) -> list[str]:
    notes = []
    if len(report.people) > 1:
        notes.append(
            f"The set mixes {len(report.people)} people, and a swap is trained on one: `imagewright swap sort "
            f"{shlex.quote(str(faces.folder))} --by person --out PEOPLE` parts them."
        )
    different = report.count - report.lookalikes
    if different < FEW:
        verb = "differs" if different == 1 else "differ"
        notes.append(
            f"Only {count_text(different, 'face')} {verb} from the others, and some hundred of many expressions, poses "
            "and lights make a good swap: extract more pictures or videos of this person."
        )
    if len(report.crops) > 1:
        notes.append("The crops are of several kinds or sizes, and a training takes one: extract all alike.")
    if report.without_points:
        notes.append(
            f"{count_text(report.without_points, 'face')} without points of the mesh: extract them anew with the "
            "networks (`imagewright weights get faces`)."
        )
    if report.poses is not None and (missing := _missing_side(report.poses)):
        notes.append(
            f"No face looks to the {missing} by more than {YAWS[-3]:g} degrees: footage in which the other person does "
            "will be swapped badly there."
        )
    return notes


def _missing_side(poses: list[list[int]]) -> str:
    """The sides to which no face is turned, in words."""
    columns = np.array(poses).sum(0)
    middle = len(columns) // 2
    sides = [name for name, part in (("left", columns[:middle]), ("right", columns[middle + 1 :])) if not part.sum()]
    return " or to the ".join(sides)


def _line(title: str, text: str) -> str:
    return f"{title:<17}{text}"


def _range(values: tuple[float, float]) -> str:
    return f"{values[0]:.0f} to {values[1]:.0f}"
