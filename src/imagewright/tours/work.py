"""What the parts of a tour work with: the folder, the pictures, the clock of the part, and figures as files."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from imagewright.files import write_whole
from imagewright.output.provenance import Record
from imagewright.output.sheets import Sheet
from imagewright.output.writing import encode_image
from imagewright.progress import StageProgress
from imagewright.runs.run import Run
from imagewright.tours.pictures import SizedPictures, TourPictures
from imagewright.tours.record import FIGURES, PartRecord, TourFigure, TourRecord
from imagewright.training.reporting import Silent
from imagewright.training.signals import StopRequest


@dataclass
class PartClock:
    """Tells how far a part is, in seconds of those that it was given.

    stage: what is told, such as "part 4 of 8: VAE".
    seconds: that the part has.
    progress: called with (stage, seconds done, seconds in all) at most twice a second; None if nobody listens.
    """

    stage: str
    seconds: float
    progress: StageProgress | None
    began: float = field(default_factory=time.monotonic)
    _told: float = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the part began."""
        return time.monotonic() - self.began

    def tick(self, *_: object) -> None:
        """Tell the time; also a progress callback, whatever it is called with."""
        now = time.monotonic()
        if self.progress is not None and now - self._told >= 0.5:
            self._told = now
            self.progress(self.stage, int(self.elapsed), max(1, round(self.seconds)))


class PartReporter(Silent):
    """Tells the clock of a part during its training; the sentences of each training are not told.

    clock: of the part.
    """

    def __init__(self, clock: PartClock) -> None:
        self._clock = clock

    def preparing(self, done: int, total: int) -> None:
        self._clock.tick()

    def started(self, run: Run, total: int) -> None:
        self._clock.tick()

    def progressed(self, images_seen: int) -> None:
        self._clock.tick()


@dataclass
class TourWork:
    """What a part has to work with.

    folder: of the tour.
    source, other: as the caller gave them.
    record: of the tour.
    pictures: at their own size.
    sized: at the size of the models.
    clock: of this part.
    stop: a request that ends the tour.
    device: as for `train`.
    """

    folder: Path
    source: Any
    other: Any
    record: TourRecord
    pictures: TourPictures
    sized: SizedPictures
    clock: PartClock
    stop: StopRequest | None
    device: str

    def add_sheet(self, part: PartRecord, name: str, sheet: Sheet, caption: str) -> None:
        """Draw a sheet as a figure of a part, with its provenance."""
        self.add_picture(part, name, sheet.draw(), caption, sheet.record)

    def add_picture(
        self, part: PartRecord, name: str, picture: Image.Image, caption: str, record: Record | None = None
    ) -> None:
        """Write a picture as a figure of a part."""
        self.write_picture(name, picture, record)
        part.figures.append(TourFigure(f"{name}.webp", caption))

    def write_picture(self, name: str, picture: Image.Image, record: Record | None = None) -> str:
        """Write a picture into the folder of figures; returns the name of its file."""
        write_whole(self.folder / FIGURES / f"{name}.webp", bytes(encode_image(picture, ".webp", record)))
        return f"{name}.webp"

    def add_drawing(self, part: PartRecord, name: str, svg: str, caption: str) -> None:
        """Write a drawing, `<svg>...</svg>`, as a figure of a part."""
        write_whole(self.folder / FIGURES / f"{name}.svg", svg)
        part.figures.append(TourFigure(f"{name}.svg", caption))


PartFunction = Callable[[TourWork, PartRecord], None]
"""Carries out a part: fills its record, and may be called again after an interruption."""
