"""What every page asks for: the runs, the sources and the jobs of the folder, and small pictures of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Any

from anyio import to_thread

from imagewright import catalogue
from imagewright.errors import ImagewrightError, RunError
from imagewright.images.decoding.opening import read_encoded
from imagewright.runs.lock import is_training
from imagewright.runs.places import SAMPLES, TRAINING_PICTURES
from imagewright.runs.run import Run
from imagewright.runs.scores import read_scores
from imagewright.runs.weights import CHECKPOINTS
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.jobs import Job
from imagewright.studio.serving.library import DROPPED, LibraryItem, NotThereError
from imagewright.studio.serving.page import Page, Picture
from imagewright.studio.serving.sources import shown
from imagewright.studio.serving.studio import Studio
from imagewright.studio.serving.uploads import new_source
from imagewright.versions import version_of
from imagewright.wording import in_page

POLL_SECONDS = 1.0
SMALL_SIDE = 512  # pixels of the longer side of small pictures at most


def about(studio: Studio, _: Asked) -> dict[str, Any]:
    """The folder's name and the version."""
    return {"folder": studio.folder.name or str(studio.folder), "version": version_of("imagewright")}


def runs(studio: Studio, _: Asked) -> dict[str, Any]:
    """All runs in short, the newest first."""
    found = [describe_run(studio, each) for each in studio.library.runs()]
    found.sort(key=lambda each: -each["changed"])
    return {"runs": found, "notes": studio.library.notes()}


def describe_run(studio: Studio, found: LibraryItem) -> dict[str, Any]:
    """A run in short: model, progress, scores, findings, and whether it is in training. A damaged one says so.

    What was read is kept until a file of the run changes: pages ask for all runs again and again.
    """
    assert found.path is not None
    state = _state_of(found.path)
    kept = studio.described.get(found.id)
    if kept is None or state is None or kept[0] != state:
        shown = _read_run(studio, found)
        if "damaged" in shown:
            return shown
        kept = studio.described[found.id] = state, shown
    return kept[1] | {"training": is_training(found.path)}


def _state_of(path: Path) -> list[tuple[str, int, int]] | None:
    """The names, times and sizes of what lies in a run and in the folders that grow; None if they cannot be listed."""
    try:
        files = [
            each for place in ("", CHECKPOINTS, SAMPLES) if (path / place).is_dir() for each in os.scandir(path / place)
        ]
        return [(each.path, each.stat().st_mtime_ns, each.stat().st_size) for each in files]
    except OSError:
        return None


def _read_run(studio: Studio, found: LibraryItem) -> dict[str, Any]:
    assert found.path is not None
    shown: dict[str, Any] = {"id": found.id, "name": found.name, "changed": 0.0}
    try:
        run = Run(found.path)
        with suppress(OSError):
            shown["changed"] = max(path.stat().st_mtime for path in found.path.iterdir())
        last = run.last_report() or {}
        checkpoints = [each.images_seen for each in run.checkpoints()]
    except (RunError, OSError, ValueError) as error:
        return shown | {"damaged": studio.library.without_folder(str(error))}
    plan = run.record.get("plan") or {}
    entry = catalogue.entries().get(run.model)
    shown |= {
        "model": run.model,
        "family": entry.family if entry else None,
        "verbs": list(entry.verbs) if entry else [],
        "size": run.record["config"].get("size"),
        "images_seen": last.get("images_seen", checkpoints[-1] if checkpoints else 0),
        "planned": plan.get("images_seen"),
        "seconds": last.get("seconds"),
        "checkpoints": checkpoints,
        "has_picture": (found.path / TRAINING_PICTURES).exists() or any((found.path / SAMPLES).glob("*.png")),
        "source": (run.record.get("source") or {}).get("source"),
        "findings": [
            {name: in_page(str(each.get(name, ""))) for name in ("name", "evidence", "suggestion")}
            for each in last.get("findings") or []
        ],
        "scores": describe_scores(run.path),
    }
    return shown


def describe_scores(path: Path) -> list[dict[str, Any]]:
    """The scores that are saved in a run; none if their file is damaged."""
    shown = ("title", "value", "better", "low", "high")
    with suppress(RunError):
        return [{name: getattr(each, name) for name in shown} for each in read_scores(path)]
    return []


def sources(studio: Studio, _: Asked) -> dict[str, Any]:
    """All sources of pictures."""
    kept = ("id", "kind", "name", "pictures", "classes")
    found = [{name: getattr(each, name) for name in kept} for each in studio.library.sources()]
    return {"sources": found, "notes": studio.library.notes()}


def models(_: Studio, __: Asked) -> dict[str, Any]:
    """The catalogue: what each model is, its verbs and its paper."""
    return {
        "models": [
            {name: getattr(each, name) for name in ("name", "family", "summary", "paper", "needs")}
            | {"verbs": list(each.verbs)}
            for each in catalogue.list_models()
        ]
    }


def jobs(studio: Studio, _: Asked) -> dict[str, Any]:
    """All jobs, the newest first."""
    return {"jobs": [job.to_json() for job in studio.jobs.all()]}


def stop(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Interrupt a job; a second time at once."""
    return studio.jobs.stop(asked.text("job"), at_once=asked.flag("at_once")).to_json()


async def follow_jobs(studio: Studio, _: Asked) -> AsyncGenerator[dict[str, Any], None]:
    """All jobs, and from then on those that have changed. What 200 of them said is megabytes: the first message has the
    last of it.
    """
    before: dict[str, Job] | None = None
    while True:
        now = {job.id: job for job in await to_thread.run_sync(studio.jobs.all)}
        first = before is None
        changed = [job.to_json(brief=first) for job in now.values() if before is None or before.get(job.id) != job]
        if changed or before is None:
            yield {"jobs": changed}
        before = now
        await asyncio.sleep(POLL_SECONDS)


async def follow_job(studio: Studio, asked: Asked) -> AsyncGenerator[dict[str, Any], None]:
    """One job until it ends, whenever it changes."""
    key, before = asked.text("job"), None
    while True:
        job: Job = await to_thread.run_sync(studio.jobs.get, key)
        if job.to_json() != before:
            before = job.to_json()
            yield before
        if job.state != "running":
            return
        await asyncio.sleep(POLL_SECONDS / 2)


def run_picture(studio: Studio, asked: Asked) -> Picture:
    """The latest samples of a run, or the pictures that it learns from before there are any."""
    run = studio.library.run(asked.text("run"))
    side = asked.whole("side", SMALL_SIDE, low=16, high=2048)
    samples = sorted((run.path / SAMPLES).glob("*.png"))
    for path in [*reversed(samples), run.path / TRAINING_PICTURES]:
        with suppress(OSError, ImagewrightError):
            return Picture(shown(read_encoded(path), side), None, Path(run.path).name)
    raise NotThereError("This run has no picture yet.")


def source_picture(studio: Studio, asked: Asked) -> Picture:
    """Picture `index` of a source, or the one at `share` of it, from 0 to 1, with a longer side of `side` pixels."""
    key, side = asked.text("source"), asked.whole("side", SMALL_SIDE, low=16, high=2048)
    index = asked.whole("index", 0)
    if "share" in asked:
        count = len(studio.sources.open(key))
        index = min(count - 1, int(asked.number("share", low=0, high=1) * count))
    return Picture(studio.sources.picture(key, index, side))


def take_source_picture(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Keep a picture of a source as an upload would be; returns its ticket."""
    key, index = asked.text("source"), asked.whole("index", 0)
    pixels = studio.sources.picture(key, index)
    name = Path(studio.sources.open(key).name(index)).stem
    ticket = studio.shelf.put(Picture(pixels, None, name))
    return {"ticket": ticket, "name": name, "width": pixels.shape[1], "height": pixels.shape[0]}


def begin_source(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Make the folder of a new source, to which a page then sends files."""
    return {"folder": new_source(studio, asked.text("name")).name}


def end_source(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Take the folder of a new source away again if all that was sent was refused."""
    place = studio.folder / DROPPED / Path(asked.text("folder")).name
    if place.resolve().parent == studio.folder / DROPPED:
        with suppress(OSError):  # it holds something, or is gone
            place.rmdir()
    studio.library.refresh()
    return {"folder": place.name}


PAGE = Page(
    "library",
    reads={
        "about": about,
        "runs": runs,
        "sources": sources,
        "models": models,
        "jobs": jobs,
        "run_picture": run_picture,
        "source_picture": source_picture,
    },
    actions={
        "stop": stop,
        "take_source_picture": take_source_picture,
        "begin_source": begin_source,
        "end_source": end_source,
    },
    feeds={"jobs": follow_jobs, "job": follow_job},
)
