"""What Home asks for beside the library: runs that train, as they go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any

from anyio import to_thread

from imagewright import distributed
from imagewright.catalogue_entries import Needs
from imagewright.errors import RunError
from imagewright.model_choice import recommend_models
from imagewright.runs.lock import is_training
from imagewright.runs.places import METRICS
from imagewright.runs.run import Run
from imagewright.studio.pages.library import describe_run
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.library import LibraryItem
from imagewright.studio.serving.page import Page
from imagewright.studio.serving.studio import Studio

LOOK_SECONDS, LIST_SECONDS = 2.0, 20.0


async def follow_trainings(studio: Studio, _: Asked) -> AsyncGenerator[dict[str, Any], None]:
    """The runs that train or begin to, whenever one of them goes on, begins or ends; and the ids of all runs."""
    looks = _Looks(studio)
    before: Any = None
    while True:
        now = await to_thread.run_sync(looks.look)
        if now != before:
            before = now
            yield now
        await asyncio.sleep(LOOK_SECONDS)


class _Looks:
    """Looks at the runs of a folder, which is searched more rarely than they are looked at."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._items: list[LibraryItem] = []
        self._listed, self._jobs = 0.0, -1

    def look(self) -> dict[str, Any]:
        """The runs that train or begin to, in short, and the ids of all runs.

        One that goes on says "resuming" until there is a report: what it says besides is of before.
        """
        running = self._studio.jobs.running()
        if len(running) != self._jobs or time.monotonic() - self._listed > LIST_SECONDS:
            self._items, self._listed, self._jobs = self._studio.library.runs(), time.monotonic(), len(running)
        started = {job.trained_run: job.started for job in running}
        there = [each for each in self._items if each.path is not None and each.path.exists()]
        shown = []
        for each in there:
            assert each.path is not None
            if each.id in started or is_training(each.path):
                resuming = each.id in started and _waits_for_report(each.path, started[each.id])
                shown.append(describe_run(self._studio, each) | {"resuming": resuming})
        return {"runs": shown, "all": [each.id for each in there]}


def _waits_for_report(path: Path, started: float) -> bool:
    """Whether a run had a checkpoint before a time, and has made no report after it.

    started: seconds since 1970.
    """
    with suppress(RunError, OSError):
        run = Run(path)
        before = [each.images_seen for each in run.checkpoints() if each.weights.stat().st_mtime < started]
        reports, last = path / METRICS, run.last_report()
        if not before:
            return False
        return last is None or reports.stat().st_mtime < started or last["images_seen"] <= before[-1]
    return False


def where_to_begin(studio: Studio, asked: Asked) -> dict[str, Any]:
    """The models to begin with for a source, each with a reason; what the source is, and how many pictures it has."""
    from imagewright.images.arrangement import arrangement_of  # what opens pictures takes a while to import

    item = studio.library.source(asked.text("source"))
    images, classes = item.pictures or 0, item.classes
    needs: Needs = "pictures"
    if item.kind == "faces":
        needs = "people"
    elif item.kind in ("archive", "builtin"):  # which the listing does not look into
        opened = studio.sources.open(item.id)
        images, classes = len(opened), len(opened.class_names or ())
    if item.kind == "video":
        return {"needs": None, "images": None, "models": []}
    if needs != "people":
        needs = arrangement_of(item.source, classes)
    from imagewright.training.choosing import has_fixed_network  # imports torch

    accelerator = distributed.choose_device("auto").type != "cpu"
    found = recommend_models(needs, images, classes, accelerator=accelerator, features=has_fixed_network())
    models = [{"name": each.model, "reason": each.reason, "options": dict(each.options)} for each in found]
    return {"needs": needs, "images": images, "models": models}


PAGE = Page("home", reads={"where_to_begin": where_to_begin}, feeds={"trainings": follow_trainings})
