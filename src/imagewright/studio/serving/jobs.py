"""Long work as child processes of the command line. Closing the studio ends none of them; a new studio shows them."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from imagewright.errors import ImagewrightError, UserError
from imagewright.files import is_locked, locked, write_whole
from imagewright.json_files import JsonError, parse_json
from imagewright.studio.serving.library import NotThereError, without_folder
from imagewright.studio.serving.processes import CODES_OF_INTERRUPTED, interrupt, kill, start_apart
from imagewright.studio.serving.worker import ENDED, ENDING, LENGTH, LOCK, LOG, PROGRESS
from imagewright.wording import in_page

State = Literal["running", "done", "failed", "stopped", "killed"]
RECORD, PID = "job.json", "pid"
WAITING = f"{RECORD}.new"  # the record until its process is there
MOST_KEPT = 200  # jobs that have ended; older ones are forgotten, not what they made
SECONDS_TO_START = 600  # in which a folder without a record is of a job that another studio starts just now
TAIL_BYTES = 16_000  # of the log that a page shows
BRIEF = 600  # characters of the log of a job that has ended, in a list of all
_ID = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True)
class Job:
    """A command that was started here.

    title: what it does, for people.
    command: the arguments after `imagewright`.
    about: JSON values of the page that started it, such as the run that it makes.
    state: "killed" if it ended without a word: it was killed, or the machine was shut down.
    progress: {"stage", "done", "total", "first", "seconds"} of the bar, as `cli.progress` writes it; empty without one.
    said: the last lines that it printed; places are named from the workplace on.
    """

    id: str
    title: str
    command: tuple[str, ...]
    about: dict[str, Any]
    started: float
    state: State
    code: int | None
    progress: dict[str, Any] = field(default_factory=dict)
    said: str = ""

    @property
    def trained_run(self) -> str | None:
        """The id of the run that it trains; None if it does something else, also about a run."""
        run = self.about.get("run")
        return run if self.command[:1] == ("train",) and isinstance(run, str) else None

    def to_json(self, *, brief: bool = False) -> dict[str, Any]:
        """As pages read it. `brief`: only the last of what an ended job said, for a list of many."""
        shown = {name: getattr(self, name) for name in ("id", "title", "about", "started", "state", "code", "progress")}
        said = self.said[-BRIEF:] if brief and self.state != "running" else self.said
        return shown | {"said": in_page(said), "command": command_line(self.command)}


def command_line(command: Sequence[str]) -> str:
    """A command as one would type it."""
    import shlex

    return shlex.join(["imagewright", *command])


class Jobs:
    """The jobs of a studio, in a folder that only this user can read.

    folder: of their records and logs.
    workplace: in which the commands run.
    """

    def __init__(self, folder: Path, workplace: Path) -> None:
        self._folder, self._workplace = folder, workplace
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._ended: dict[str, Job] = {}  # which change no more
        self._lock = threading.Lock()

    def start(self, title: str, command: Sequence[str | Path], about: Mapping[str, Any] | None = None) -> Job:
        """Start `imagewright COMMAND`.

        Raises `UserError` if no process can be started, the disk is full, or the workplace is gone.
        """
        if not self._workplace.is_dir():  # which the folder of the job would make anew
            raise UserError("The studio's folder is no longer there: put it back, or start the studio where it is now.")
        self._forget_old()
        words = [str(each) for each in command]
        key = secrets.token_hex(6)
        place = self._folder / key
        place.mkdir(parents=True, mode=0o700)
        record = {"title": title, "command": words, "about": dict(about or {}), "started": time.time()}
        # Nothing is imported from the workplace, in which files of others may lie: -P.
        python = [sys.executable, "-P", "-m"]
        worker = [*python, "imagewright.studio.serving.worker", str(place), "--", *python, "imagewright", *words]
        child = None
        try:
            write_whole(place / WAITING, json.dumps(record))
            (place / ENDING).write_text(" " * LENGTH)
            (place / LOG).touch()
            with locked(place / LOCK) as lock:  # so that nobody takes it for killed before it runs
                environment = os.environ | {"PYTHONPATH": os.pathsep.join(_import_places())}
                child = start_apart(worker, self._workplace, environment, lock)
            self._children[key] = child
            (place / PID).write_text(str(child.pid))
            (place / WAITING).replace(place / RECORD)  # from here on it is listed
        except BaseException as error:  # such as a full disk: nothing runs that is in no list
            if child is not None:
                with suppress(OSError):
                    kill(child.pid)
                self._children.pop(key, None)
            shutil.rmtree(place, ignore_errors=True)
            if not isinstance(error, OSError):
                raise
            raise UserError(f"The command could not be started ({error.strerror}).") from None
        return self.get(key)

    def get(self, key: str) -> Job:
        """A job. Raises `NotThereError` for an unknown id."""
        if key in self._ended:
            return self._ended[key]
        place = self._folder / key
        if not _ID.fullmatch(key) or not _is_ours(place) or not (place / RECORD).is_file():
            raise NotThereError("There is no such job: it is older than the last ones that are kept.")
        state, code = self._state_of(key, place)
        try:
            record = parse_json((place / RECORD).read_bytes())
            job = Job(
                key,
                str(record["title"]),
                tuple(str(word) for word in record["command"]),
                dict(record["about"]),
                float(record["started"]),
                state,
                code,
                _read_progress(place / PROGRESS),
                without_folder(_tail(place / LOG), self._workplace),
            )
        except (OSError, JsonError, KeyError, TypeError, ValueError):
            raise NotThereError("The record of this job is damaged.") from None
        if state != "running":
            self._ended[key] = job
        return job

    def all(self) -> list[Job]:
        """All jobs that are kept, the newest first."""
        keys = [path.parent.name for path in self._folder.glob(f"*/{RECORD}")] if self._folder.is_dir() else []
        found = []
        for key in keys:
            with suppress(ImagewrightError):
                found.append(self.get(key))
        return sorted(found, key=lambda job: -job.started)

    def running(self) -> list[Job]:
        """Those that run now."""
        return [job for job in self.all() if job.state == "running"]

    def stop(self, key: str, *, at_once: bool = False) -> Job:
        """Interrupt a job, as Ctrl-C does: a training saves a checkpoint.

        at_once: kill it, which loses what is not saved.
        """
        job = self.get(key)
        if job.state == "running":
            with suppress(OSError, ValueError):
                number = int((self._folder / key / PID).read_text())
                (kill if at_once else interrupt)(number)
        return self.get(key)

    def _state_of(self, key: str, place: Path) -> tuple[State, int | None]:
        child = self._children.get(key)
        if child is not None and child.poll() is not None:
            self._children.pop(key, None)  # another thread may have found it too
        code = _read_code(place / ENDED)
        if code is None:
            if (child is not None and child.returncode is None) or is_locked(place / LOCK):
                return "running", None
            code = _read_code(place / ENDED)  # it may have ended between the two looks
        if code is None:
            return "killed", None
        if code == 0:
            return "done", 0
        return ("stopped" if code in CODES_OF_INTERRUPTED else "failed"), code

    def _forget_old(self) -> None:
        with self._lock:
            ended = [job for job in self.all() if job.state != "running"]
            for job in ended[MOST_KEPT:]:
                self._ended.pop(job.id, None)
                shutil.rmtree(self._folder / job.id, ignore_errors=True)
            for place in self._folder.glob("*/"):
                if _ID.fullmatch(place.name) and _is_left(place):
                    shutil.rmtree(place, ignore_errors=True)


def _import_places() -> list[str]:
    """Where this process imports from, as absolute paths: a relative one would be below the workplace."""
    package = Path(__file__).absolute().parents[3]
    return [str(each) for each in dict.fromkeys([*(Path(place).absolute() for place in sys.path if place), package])]


def _read_code(path: Path) -> int | None:
    """How a job ended; None if it has not written that."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _is_left(place: Path) -> bool:
    """Whether a studio that was killed while it started a job left this folder."""
    with suppress(OSError):
        old = time.time() - place.stat().st_mtime > SECONDS_TO_START
        return old and _is_ours(place) and not (place / RECORD).exists() and not is_locked(place / LOCK)
    return False


def _is_ours(place: Path) -> bool:
    """Whether this user made a job's folder: one of another user could name any process to be stopped."""
    try:
        return not hasattr(os, "getuid") or place.lstat().st_uid == os.getuid()
    except OSError:
        return False


def _read_progress(path: Path) -> dict[str, Any]:
    try:
        value = parse_json(path.read_bytes())
    except (OSError, JsonError):
        return {}
    return value if isinstance(value, dict) else {}


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
