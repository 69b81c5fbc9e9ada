"""Processes apart from the studio, on Windows, as far as other systems can tell: what is called, with what."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from imagewright.studio.serving import processes


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What Windows would be asked for. Names that are not there are taken away."""
    found: list[Any] = []
    monkeypatch.setattr(processes, "IS_WINDOWS", True)
    for name in ("killpg", "setsid", "fork"):
        monkeypatch.delattr(os, name, raising=False)
    for name in ("SIGKILL", "SIGHUP", "pthread_sigmask", "sigpending"):
        monkeypatch.delattr(signal, name, raising=False)
    monkeypatch.setattr(os, "kill", lambda number, event: found.append((number, event)))
    monkeypatch.setattr(subprocess, "run", lambda command, **_: found.append(command) or _ended(command, 0))
    monkeypatch.setattr(subprocess, "Popen", lambda command, **settings: found.append((command, settings)))
    return found


def test_a_process_is_started_in_a_group_of_its_own(called: list[Any], tmp_path: Path) -> None:
    processes.start_apart(["python"], tmp_path, {}, 7)
    ((command, settings),) = called
    assert command == ["python"]
    assert settings["creationflags"] == 0x200
    assert settings.keys() & {"start_new_session", "pass_fds", "preexec_fn"} == set()


def test_its_group_is_interrupted_and_its_tree_ended(called: list[Any]) -> None:
    processes.interrupt(5)
    processes.kill(6)
    assert called == [(5, 1), ["taskkill", "/T", "/F", "/PID", "6"]]


def test_a_process_that_windows_does_not_end_is_told(called: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command, **_: _ended(command, 128))
    with pytest.raises(OSError, match=r"Process 6 .* 128"):
        processes.kill(6)


def _ended(command: list[str], code: int) -> subprocess.CompletedProcess[bytes]:
    return subprocess.CompletedProcess(command, code)


def test_a_worker_passes_over_interrupts(called: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[int, Any] = {}
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    processes.pass_over_interrupts()
    processes.interrupt_if_asked(None)  # type: ignore[arg-type]
    assert callable(handlers[signal.SIGINT])
