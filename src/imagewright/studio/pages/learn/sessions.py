"""One GAN laboratory of one open page: it runs at a pace, and is changed while it runs."""

from __future__ import annotations

import asyncio
import base64
import math
import secrets
import threading
import time
from contextlib import suppress
from typing import Any

import numpy as np

from imagewright.errors import TrainingError, UserError
from imagewright.lessons.laboratory.frames import LaboratoryFrame
from imagewright.lessons.laboratory.laboratory import Laboratory, PartName
from imagewright.lessons.laboratory.settings import suggested_settings
from imagewright.training.doctor.findings import Finding

MOST_OPEN = 4  # laboratories at once; each needs a few megabytes and up to one core
FRAME_SECONDS = 1 / 15
BUSY_SECONDS = 0.07  # of steps between two frames at most
REST_SECONDS = 0.01  # between two frames at least, for other pages
EACH_OF_NET = 4  # points of a line of the net of which one is sent: it is drawn small
EXAMINED_EVERY = 40  # steps
DEBT_SECONDS = 0.5  # of steps that a slow machine makes up for; what is beyond is left out


class Session:
    """A laboratory, its pace, and the wish to be shown anew.

    laboratory: that it steps.
    number: a secret by which wishes name it.
    """

    def __init__(self, laboratory: Laboratory) -> None:
        self.laboratory, self.number = laboratory, secrets.token_urlsafe(9)
        self.running, self.steps_per_second = False, 30.0
        self._lock = threading.Lock()
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._owed, self._last = 0.0, time.monotonic()
        self._began = self._last
        self._examined: tuple[int, list[dict[str, Any]]] = (0, [])
        self._started = True  # whether the next frame tells what stays the same
        self._failed: str | None = None

    def advance(self) -> dict[str, Any]:
        """Make the steps that are due, and return what there is to see, as JSON values."""
        with self._lock:
            self._began = time.monotonic()
            self._run_due()
            try:
                return self._describe()
            except TrainingError:
                self._fail()
                return {"id": self.number, "step": self.laboratory.step, "running": False, "failed": self._failed}

    async def pause(self) -> None:
        """Wait for the next frame: a moment while it runs, else for a wish."""
        left = FRAME_SECONDS - (time.monotonic() - self._began)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), max(REST_SECONDS, left) if self.running else None)
        self._changed.clear()

    def change(self, laboratory: Laboratory | None, settings: Any, running: bool, steps_per_second: float) -> None:
        """Go on with other settings and another pace, or with a new laboratory."""
        with self._lock:
            if laboratory is not None:
                self.laboratory, self._failed, self._examined, self._started = laboratory, None, (0, []), True
            elif settings != self.laboratory.settings:
                self.laboratory.change(**vars(settings))
            if running and not self.running:
                self._owed, self._last = 1.0, time.monotonic()
            self.running, self.steps_per_second = running and self._failed is None, steps_per_second
        self._tell()

    def step(self, part: PartName | None) -> None:
        """One step, or one move of one network."""
        with self._lock:
            self._refuse_failed()
            if part is None:
                self.laboratory.run()
            else:
                self.laboratory.run_part(part)
        self._tell()

    def _run_due(self) -> None:
        if not self.running:
            return
        now = time.monotonic()
        self._owed += (now - self._last) * self.steps_per_second
        self._last = now
        self._owed = min(self._owed, max(1.0, DEBT_SECONDS * self.steps_per_second))
        while self._owed >= 1 and time.monotonic() - now < BUSY_SECONDS:
            self.laboratory.run()
            self._owed -= 1

    def _refuse_failed(self) -> None:
        if self._failed is not None:
            raise UserError(self._failed)

    def _fail(self) -> None:
        self.running = False
        self._failed = (
            f"The training diverged at step {self.laboratory.step:,}: the weights are no longer finite. Set smaller "
            "learning rates or another penalty, and start anew."
        )

    def _tell(self) -> None:
        self._loop.call_soon_threadsafe(self._changed.set)

    def _describe(self) -> dict[str, Any]:
        laboratory = self.laboratory
        told: dict[str, Any] = {"id": self.number, "running": self.running, "failed": None}
        if self._started:
            self._started = False
            told["fixed"] = describe_fixed(laboratory)
        frame = describe_frame(laboratory.frame())  # first: a training that diverged cannot be examined
        if laboratory.step - self._examined[0] >= EXAMINED_EVERY:
            self._examined = laboratory.step, [describe_finding(each, laboratory) for each in laboratory.examine()]
        return told | frame | {"findings": self._examined[1]}


def describe_finding(finding: Finding, laboratory: Laboratory) -> dict[str, Any]:
    """A finding, and the settings that it suggests."""
    change = suggested_settings(finding.remedy.options, laboratory.settings)
    return {"name": finding.name, "evidence": finding.evidence, "change": change}


def describe_fixed(laboratory: Laboratory) -> dict[str, Any]:
    """What stays the same from start to end: the data and its density, and the extent of fields."""
    reference, frame = laboratory.reference, laboratory.frame()
    return {
        "dimensions": laboratory.data.dimensions,
        "latents": reference.latents.shape[1],
        "reach": float(reference.edges[-1]),
        "cells": len(reference.centres),
        "density": packed(reference.density),
        "real": packed(frame.real),
        "modes": len(laboratory.data.modes),
        "corners": packed(frame.cells.before),
    }


def describe_frame(frame: LaboratoryFrame) -> dict[str, Any]:
    """A frame as JSON values. Fields, points and nets are float32 as base64."""
    snapshot = frame.snapshot
    cells = frame.cells
    net = snapshot.mapped[..., ::EACH_OF_NET, :] if snapshot.mapped.ndim == 3 else snapshot.mapped
    return {
        "step": snapshot.step,
        "generated": packed(snapshot.generated),
        "probability": packed(snapshot.probability),
        "best": packed(snapshot.best) if np.isfinite(snapshot.best).any() else None,
        "net": packed(net),
        "corners": packed(cells.corners),
        "cells_density": packed(cells.density),
        "line": net.shape[-2],  # points of one line of the net
        "fake": packed(frame.fake),
        "pulls": packed(frame.pulls),
        "losses": {name: finite(value) for name, value in snapshot.losses.items()},
        "measures": {
            "distance": snapshot.distance,
            "modes": snapshot.modes,
            "in_view": frame.in_view,
            **frame.divergences,
        },
    }


def finite(value: float) -> float | None:
    """A number of five digits; None if it is not finite, which JSON cannot say."""
    return float(f"{value:.5g}") if math.isfinite(value) else None


def packed(values: np.ndarray) -> str:
    """float32 in reading order, little-endian, as base64: a list of numbers would take a page many times as long."""
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()
