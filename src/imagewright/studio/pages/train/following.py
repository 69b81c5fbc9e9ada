"""A run as it trains, wherever it was started: its state, curves and findings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from anyio import to_thread

from imagewright import catalogue
from imagewright.runs.following import RunFollower
from imagewright.runs.places import PAGE as REPORT
from imagewright.runs.report.curves import thin
from imagewright.runs.report.history import LongCurve, group_terms
from imagewright.studio.pages.library import describe_scores
from imagewright.studio.pages.train.starting import jobs_of
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.jobs import Job
from imagewright.studio.serving.library import NotThereError
from imagewright.studio.serving.studio import Studio
from imagewright.training.doctor.remedies import stored_remedy
from imagewright.wording import in_page

LIVELY, QUIET = 1.0, 3.0  # seconds between two looks at a run that trains, and at one that does not
# What the doctor asks of a discriminator: the chance that the first gets a higher logit than the second.
JUDGEMENTS = {
    "/training_over_samples": "real over generated",
    "/held_out_over_samples": "held out over generated",
    "/training_over_held_out": "real over held out",
}


async def follow_run(studio: Studio, asked: Asked) -> AsyncGenerator[dict[str, Any], None]:
    """A run whenever it changes, while a page listens: also before its folder is there, and when it is gone."""
    followed = _Followed(studio, asked.text("run"))
    while True:
        value = await to_thread.run_sync(followed.look)
        if value is not None:
            yield value
        await asyncio.sleep(LIVELY if followed.is_lively else QUIET)


class _Followed:
    """A run that a page follows."""

    def __init__(self, studio: Studio, key: str) -> None:
        self._studio, self._key = studio, key
        self._follower: RunFollower | None = None
        self._told: Any = None
        self.is_lively = True

    def look(self) -> dict[str, Any] | None:
        """The run as a page shows it; None if nothing has changed."""
        job = next(iter(jobs_of(self._studio, self._key)), None)
        follower = self._follower = self._follower or RunFollower(self._path(job))
        follower.refresh()
        runs = job is not None and job.state == "running"
        self.is_lively = runs or follower.state.state == "trains"
        now = (follower.state, None if job is None else (job.id, job.state))
        if now == self._told:
            return None
        self._told = now
        value = _describe(self._key, follower, job)
        if value["problem"] is not None:  # no path leaves the studio
            value["problem"] = self._studio.library.without_folder(value["problem"])
        return value

    def _path(self, job: Job | None) -> Path:
        with suppress(NotThereError):
            return self._studio.library.path_of(self._key, "run")
        if job is None or not isinstance(job.about.get("place"), str):
            raise NotThereError("This run is no longer in the studio's folder: it was moved or removed.")
        return self._studio.folder / job.about["place"]


def _describe(key: str, follower: RunFollower, job: Job | None) -> dict[str, Any]:
    state, history = follower.state, follower.history
    found: dict[str, Any] = {
        "run": key,
        "name": follower.path.name,
        "state": _stage(follower, job),
        "problem": state.problem or (in_page(job.said) if job is not None and job.state == "failed" else None),
        "job": job.id if job is not None and job.state == "running" else None,
        "samples": list(state.samples),
        "checkpoints": list(state.checkpoints),
        "has_training_pictures": state.has_training_pictures,
        "images_seen": max([0, *state.checkpoints, (history.last or {}).get("images_seen", 0)]),
        "curves": {},
        "panels": [],
        "findings": [],
    }
    if follower.run is None:
        return found
    record = follower.run.record
    entry, plan = catalogue.entries().get(follower.run.model), record.get("plan") or {}
    last = history.last or {}
    found |= {
        "model": follower.run.model,
        "verbs": list(entry.verbs) if entry else [],
        "needs": entry.needs if entry else None,
        "planned": plan.get("images_seen"),
        "batch_size": plan.get("batch_size"),
        "seconds": last.get("seconds"),
        "rate": last.get("images_per_second") or plan.get("images_per_second"),
        "memory_bytes": last.get("memory_bytes"),
        "size": record["config"].get("size"),
        "pictures": (record.get("source") or {}).get("count"),
        "has_report": (follower.path / REPORT).exists(),
        "scores": describe_scores(follower.path),
        **_curves(follower),
        **_diagnosis(follower),
    }
    return found


def _stage(follower: RunFollower, job: Job | None) -> str:
    """The state of the run, with what its job knows: "starts" before there is a folder, "failed" with a message."""
    state = follower.state.state
    if job is not None and job.state == "running":
        return state if state == "trains" else "starts"
    if job is not None and job.state == "failed" and state in ("gone", "ended"):
        return "failed"
    if job is not None and job.state == "stopped" and state == "ended":  # before there was a report to say so
        return "stopped"
    return state


def _curves(follower: RunFollower) -> dict[str, Any]:
    """Every curve by its group and name, and which of them share a panel."""
    history = follower.history
    judged = {
        f"{name.removesuffix(end)}/{said}": curve
        for end, said in JUDGEMENTS.items()
        for name, curve in history.health.items()
        if name.endswith(end)
    }
    groups: dict[str, Mapping[str, LongCurve]] = {
        "losses": history.losses,
        "judged": judged,
        "derived": history.derived,
    }
    panels = [
        {"group": group, "title": title, "names": names}
        for group, curves in groups.items()
        for title, names in group_terms(curves).items()
    ]
    groups |= {"rates": history.rates, "speed": {"images a second": history.speed}}
    panels += [{"group": "speed", "title": "Speed", "names": ["images a second"]}] if history.speed.points() else []
    panels += [{"group": "rates", "title": "Learning rates", "names": list(history.rates)}] if history.rates else []
    points = {group: {name: thin(curve.points()) for name, curve in curves.items()} for group, curves in groups.items()}
    return {"panels": panels, "curves": points}


def _diagnosis(follower: RunFollower) -> dict[str, Any]:
    """What the doctor found, with the option that it suggests."""
    history = follower.history
    findings = []
    for each in history.findings().values():
        remedy = stored_remedy(each)
        kept = {name: each.get(name) for name in ("name", "evidence", "suggestion", "images_seen")}
        kept["suggestion"] = in_page(str(kept["suggestion"]))
        findings.append(kept | {"options": remedy.options, "resumes": remedy.resumes})
    now = history.findings()
    return {
        "findings": findings,
        "passed": [name for name in history.passed if name not in now],
        "examination": (history.diagnosed or {}).get("examination"),
    }
