"""What an extraction wrote, and what it left out, as numbers and as sentences."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from imagewright.errors import count_text
from imagewright.face_crops.notes import about_crops
from imagewright.face_swap.people import group_identities
from imagewright.faces.records import FaceRecord

NAMED = 3
LISTED_PEOPLE = 5


@dataclass
class ExtractedFaces:
    """What `extract_faces` wrote.

    Attributes:
        folder: holds a PNG a face, each with its record, and `faces.jsonl`.
        sheet: a picture of some of them.
        table: `faces.jsonl`, a line of JSON for each face.
        finder: "networks" or "cascade".
        pictures: that were searched.
        frames: of videos that were searched.
        records: of the faces that were written.
        without: how many pictures and frames have no face.
        without_names: of the first ones.
        left_out: how many faces were left out, for each reason.
        turned: pictures in which faces were found only after a turn by a quarter or a half.
        enlarged: faces with fewer pixels than their crop.
        cut_off: crops of which more than a quarter is beyond the edge of the picture.
        people: how many faces each person has, the largest number first; empty without identities.
        skipped: (name, reason) of each picture that cannot be read.
        notes: sentences for the user.
    """

    folder: Path
    sheet: Path
    table: Path
    finder: str
    pictures: int = 0
    frames: int = 0
    records: list[FaceRecord] = field(default_factory=list)
    without: int = 0
    without_names: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    turned: int = 0
    enlarged: int = 0
    cut_off: int = 0
    people: list[int] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def faces(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """The counts, and how to go on."""
        lines = [f"{self.folder}: {count_text(self.faces, 'face')} of {self.searched_text()}"]
        if self.without:
            lines[0] += f" ({self.without:,} without a face)"
        lines += [f"left out: {count_text(number, 'face')} {reason}" for reason, number in self.left_out.items()]
        lines += self._poses()
        lines.append(f"{self.sheet} shows some of them; {self.table} has their records, as each crop has its own")
        if len(self.people) < 2:
            folder = shlex.quote(str(self.folder))
            lines.append(
                f"train on them: imagewright train swap {folder} TARGET_FACES if this is the person put in, "
                f"imagewright train swap SOURCE_FACES {folder} if it is the person replaced"
            )
        return lines

    def searched_text(self) -> str:
        """Such as "3 pictures and 250 frames"."""
        searched = [(self.pictures, "picture"), (self.frames, "frame")]
        return " and ".join(count_text(number, what) for number, what in searched if number)

    def _poses(self) -> list[str]:
        poses = [(each.pose.yaw, each.pose.pitch) for each in self.records if each.pose is not None]
        if not poses:
            return []
        low, high = np.percentile(np.array(poses), [2, 98], axis=0)
        return [f"poses: yaw {low[0]:.0f} to {high[0]:.0f}, pitch {low[1]:.0f} to {high[1]:.0f} degrees (middle 96 %)"]

    def count_people(self) -> None:
        """Fill `people`, and note how one of several is chosen."""
        known = [record for record in self.records if record.identity is not None]
        if not known:
            return
        groups = group_identities(np.stack([record.identity for record in known]))  # type: ignore[misc]
        self.people = np.bincount(groups).tolist()
        if len(self.people) > 1:
            files = [self.folder / known[int((groups == person).argmax())].file for person in (0, 1)]
            first, folder = [shlex.quote(str(file)) for file in files], shlex.quote(str(self.folder))
            more = f" and {len(self.people) - LISTED_PEOPLE:,} more" if len(self.people) > LISTED_PEOPLE else ""
            self.notes.append(
                f"These are {len(self.people)} people ({', '.join(map(str, self.people[:LISTED_PEOPLE]))} "
                f"faces{more}), and a swap is trained on one. `--person {first[0]}` keeps the first one alone and "
                f"`--not {first[1]}` drops the second (any picture of them will do); `imagewright swap sort "
                f"{folder} --by person --out PEOPLE` parts them."
            )

    def note_what_is_odd(self, size: int) -> None:
        """Note pictures without faces, and crops that are enlarged or cut off."""
        if self.without:
            more = f" and {self.without - len(self.without_names):,} more"
            names = ", ".join(self.without_names) + (more if self.without > len(self.without_names) else "")
            self.notes.append(f"No face was found in {names}.")
        without_mesh = sum(record.points is None for record in self.records)
        if without_mesh and self.finder == "networks":
            self.notes.append(
                f"{count_text(without_mesh, 'face')} without points, seen wholly from the side or nearly hidden: in "
                "a training their mask is that of a typical face."
            )
        self.notes += about_crops(self.faces, size, self.enlarged, self.cut_off)

    def add_without(self, name: str) -> None:
        """Count a picture or a frame in which no face was found."""
        self.without += 1
        if len(self.without_names) < NAMED:
            self.without_names.append(name)
