"""Jobs: child processes of the command line that outlive the studio."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from served_studio import ServedStudio
from waiting import PATIENCE, wait_until

from imagewright.errors import UserError
from imagewright.studio.serving import processes
from imagewright.studio.serving.jobs import Job, Jobs

TRAINING = ["train", "autoencoder", "digits", "--images-seen", "100M", "--width=4", "--precision", "fp32"]


def wait(jobs: Jobs, key: str, ready: Callable[[Job], Any]) -> Job:
    wait_until(lambda: ready(jobs.get(key)), lambda: jobs.get(key))
    return jobs.get(key)


def has_ended(job: Job) -> bool:
    return job.state != "running"


@pytest.fixture
def jobs(tmp_path: Path) -> Any:
    found = Jobs(tmp_path / "jobs", tmp_path)
    yield found
    for job in found.running():
        found.stop(job.id, at_once=True)
        wait(found, job.id, has_ended)
    for child in found._children.values():
        child.wait(PATIENCE)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The processes of the jobs that are started."""
    found: list[Any] = []
    begin = processes.start_apart

    def start(*given: Any) -> Any:
        found.append(begin(*given))
        return found[-1]

    monkeypatch.setattr("imagewright.studio.serving.jobs.start_apart", start)
    return found


def test_a_job_ends_with_what_it_said(jobs: Jobs) -> None:
    good, bad = jobs.start("list", ["models"]), jobs.start("wrong", ["train", "vea", "digits"])
    assert good.state == "running"
    done = wait(jobs, good.id, has_ended)
    assert (done.state, done.code) == ("done", 0)
    assert "dcgan" in done.said
    failed = wait(jobs, bad.id, has_ended)
    assert (failed.state, failed.code) == ("failed", 2)
    assert "Did you mean" in failed.said
    assert [job.id for job in jobs.all()] == [bad.id, good.id]
    assert failed.to_json()["command"] == "imagewright train vea digits"


def test_nothing_is_imported_from_the_folder(jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("imagewright", "numpy", "json", "sitecustomize", "rich"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'was_here')!r}, 'w')")
    monkeypatch.setenv("PYTHONPATH", "")
    assert wait(jobs, jobs.start("list", ["models"]).id, has_ended).state == "done"
    assert not (tmp_path / "was_here").exists()


def test_a_stopped_training_has_saved(jobs: Jobs, tmp_path: Path) -> None:
    job = jobs.start("training", [*TRAINING, "--out", "run"], {"run": "run"})
    seen = wait(jobs, job.id, lambda job: job.progress.get("stage") == "training" and job.progress["done"] > 0)
    assert 0 < seen.progress["done"] < seen.progress["total"] == 100_000_000
    # A studio that begins now, of the same folder, sees it, and can stop it.
    other = Jobs(tmp_path / "jobs", tmp_path)
    assert [each.state for each in other.all()] == ["running"]
    other.stop(job.id)
    ended = wait(other, job.id, has_ended)
    assert ended.state == "stopped"
    assert "--resume" in ended.said
    assert " --width=4 " in ended.said
    assert list((tmp_path / "run" / "checkpoints").glob("*.safetensors"))
    assert ended.about == {"run": "run"}


def test_a_job_that_is_stopped_as_it_starts_says_so(jobs: Jobs, tmp_path: Path) -> None:
    """Its process has imported nothing by then, and is listed as running by other studios too."""
    job = jobs.start("training", [*TRAINING, "--out", "run"])
    assert Jobs(tmp_path / "jobs", tmp_path).get(job.id).state == "running"
    jobs.stop(job.id)
    ended = wait(jobs, job.id, has_ended)
    assert (ended.state, ended.code, ended.said) == ("stopped", 130, "Interrupted.\n")
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="needs signals")
def test_a_job_of_a_studio_in_the_background_can_be_stopped(jobs: Jobs) -> None:
    """A shell has what it starts by `&` ignore Ctrl-C, and that is inherited."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        job = jobs.start("training", [*TRAINING, "--out", "run"])
    finally:
        signal.signal(signal.SIGINT, before)
    jobs.stop(job.id)
    assert wait(jobs, job.id, has_ended).state == "stopped"


@pytest.mark.learning
def test_a_killed_job_is_not_taken_for_running(jobs: Jobs, tmp_path: Path) -> None:
    job = jobs.start("training", [*TRAINING, "--out", "run"])
    wait(jobs, job.id, lambda job: job.progress)
    os.killpg(int((tmp_path / "jobs" / job.id / "pid").read_text()), signal.SIGKILL)
    assert wait(jobs, job.id, has_ended).state == "killed"
    assert Jobs(tmp_path / "jobs", tmp_path).get(job.id).state == "killed"


def test_a_job_is_listed_only_with_its_process(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that lists jobs while one is started does not take it for killed, for ever."""
    begin, listed = subprocess.Popen, []

    def slow(*given: Any, **settings: Any) -> Any:
        listed.extend(jobs.all())
        return begin(*given, **settings)

    monkeypatch.setattr(subprocess, "Popen", slow)
    job = jobs.start("list", ["models"])
    assert (listed, job.state) == ([], "running")
    assert wait(jobs, job.id, has_ended).state == "done"


def test_a_job_that_ends_between_two_looks_is_done(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    job = jobs.start("list", ["models"])
    wait(jobs, job.id, has_ended)
    place = jobs._folder / job.id
    (place / "ended").unlink()

    def unlocked(_: Path) -> bool:
        (place / "ended").write_text("0")
        return False

    monkeypatch.setattr("imagewright.studio.serving.jobs.is_locked", unlocked)
    assert Jobs(jobs._folder, jobs._folder.parent).get(job.id).state == "done"


def test_many_pages_ask_for_a_job_as_it_ends(jobs: Jobs) -> None:
    job = jobs.start("list", ["models"])
    child = jobs._children[job.id]
    child.wait(60)

    class Ended:
        """A process that another thread finds ended first."""

        returncode = 0

        def poll(self) -> int:
            jobs._children.pop(job.id, None)
            return 0

    jobs._children[job.id] = Ended()  # type: ignore[assignment]
    assert jobs.get(job.id).state == "done"


def test_a_job_is_not_started_on_a_full_disk(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[Any]
) -> None:
    """Nothing runs that is in no list, and no folder is left."""
    write, refused = Path.write_text, ["ended.new"]

    def full(path: Path, *given: Any) -> int:
        if path.name in refused:
            raise OSError(28, "No space left on device")
        return write(path, *given)

    monkeypatch.setattr(Path, "write_text", full)
    for refused[0] in ("ended.new", "pid"):
        with pytest.raises(UserError, match=r"could not be started.*No space left"):
            jobs.start("list", ["models"])
        assert list((tmp_path / "jobs").iterdir()) == []
    assert jobs.all() == []
    assert jobs._children == {}
    assert [child.wait(PATIENCE) for child in started] == [-signal.SIGKILL]


def test_what_a_killed_studio_left_of_a_start_is_removed(jobs: Jobs, tmp_path: Path) -> None:
    left, new, other = (tmp_path / "jobs" / name for name in ("0" * 12, "1" * 12, "notes"))
    for place in (left, new, other):
        place.mkdir(parents=True)
        (place / "job.json.new").write_text("{")
    for place in (left, other):
        os.utime(place, (1, 1))
    wait(jobs, jobs.start("list", ["--version"]).id, has_ended)
    assert not left.exists()
    assert new.exists()
    assert other.exists()


def test_what_a_job_says_names_places_below_the_folder(jobs: Jobs, tmp_path: Path) -> None:
    job = wait(jobs, jobs.start("check", ["inspect", str(tmp_path / "photos")]).id, has_ended)
    assert job.state == "failed"
    assert str(tmp_path) not in job.said
    assert "photos" in job.said


def test_a_list_of_many_has_the_last_words_of_those_that_ended() -> None:
    said = "".join(f"line {number}\n" for number in range(2_000))
    job = Job("0" * 12, "Train", ("train",), {}, 0.0, "done", 0, {}, said)
    assert job.to_json()["said"] == said
    brief = job.to_json(brief=True)["said"]
    assert len(brief) <= 600
    assert brief.endswith("line 1999\n")
    running = dataclasses.replace(job, state="running", code=None)
    assert running.to_json(brief=True)["said"] == said


def test_pages_are_told_only_of_jobs_that_change(tmp_path: Path, serve: Callable[[Path], ServedStudio]) -> None:
    studio = serve(tmp_path)
    old = studio.studio.jobs.start("old", ["--version"])
    wait(studio.studio.jobs, old.id, has_ended)
    with studio.live() as socket:
        socket.send(json.dumps({"id": 1, "feed": "library/jobs"}))
        told = [json.loads(socket.recv(PATIENCE))["value"]["jobs"]]
        new = studio.studio.jobs.start("new", ["--version"])
        while told[-1][-1]["id"] != new.id or told[-1][-1]["state"] != "done":
            told.append(json.loads(socket.recv(PATIENCE))["value"]["jobs"])
    assert [job["id"] for job in told[0]] == [old.id]
    assert {job["id"] for jobs in told[1:] for job in jobs} == {new.id}


def test_a_page_follows_and_stops_a_job(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Any]
) -> None:
    studio = serve(tmp_path)
    page = walk(studio).page
    studio.studio.jobs.start("A training", [*TRAINING, "--out", "run"])
    bar = page.locator("job-bar")
    bar.get_by_text("training: ").wait_for()
    assert bar.locator("progress").get_attribute("value") is not None
    bar.get_by_role("button", name="Stop").click()
    page.locator(".toast").get_by_text("A training was stopped.").wait_for()
    assert page.locator("job-bar").count() == 0
