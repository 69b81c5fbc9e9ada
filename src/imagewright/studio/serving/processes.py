"""Processes apart from the studio: its Ctrl-C does not reach them, and each is interrupted with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

IS_WINDOWS = os.name == "nt"
NEW_PROCESS_GROUP = 0x200  # CREATE_NEW_PROCESS_GROUP of Windows
CTRL_BREAK = 1  # CTRL_BREAK_EVENT: Ctrl-C does not reach a process of another group there
INTERRUPTS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
CODES_OF_INTERRUPTED = (130, -signal.SIGINT, 0xC000013A)  # a command's, of a process that had no handler, of Windows


def start_apart(command: Sequence[str], folder: Path, environment: Mapping[str, str], lock: int) -> Any:
    """Start a process whose input and output are closed; returns its `Popen`.

    Interrupts wait until it asks for them, so that none ends it before it can say so: they are blocked in it.

    folder: in which it works.
    lock: an open file that stays open in it, and so stays locked for as long as it runs; not on Windows.
    """
    apart: dict[str, Any] = {"start_new_session": True, "pass_fds": (lock,)}
    if IS_WINDOWS:
        apart = {"creationflags": NEW_PROCESS_GROUP}
    with _blocked_interrupts():
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **apart,
        )


def interrupt(number: int) -> None:
    """Interrupt a process and all that it started, as Ctrl-C does. Raises `OSError` if it is not there."""
    if IS_WINDOWS:
        os.kill(number, CTRL_BREAK)
    else:
        os.killpg(number, signal.SIGINT)


def kill(number: int) -> None:
    """End a process and all that it started at once. Raises `OSError` if it is not there, or cannot be ended."""
    if IS_WINDOWS:
        ended = subprocess.run(["taskkill", "/T", "/F", "/PID", str(number)], capture_output=True, check=False)
        if ended.returncode:
            raise OSError(f"Process {number} could not be ended: taskkill returned {ended.returncode}.")
    else:
        os.killpg(number, signal.SIGKILL)


def pass_over_interrupts() -> None:
    """Have this process go on when it is interrupted. What it starts finds interrupts blocked, where they can be."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
        # A studio that was started in the background may ignore them; what it starts does not.
        for number in INTERRUPTS:
            signal.signal(number, signal.SIG_DFL)
    else:
        for number in INTERRUPTS:
            signal.signal(number, lambda *_: None)


def interrupt_if_asked(child: subprocess.Popen[bytes]) -> None:
    """Interrupt a process that was just started if this one was interrupted before, while it passed over that.

    An interrupt that reached both arrives there once: it is still blocked, and waits.
    """
    if hasattr(signal, "sigpending") and signal.SIGINT in signal.sigpending():
        child.send_signal(signal.SIGINT)


@contextmanager
def _blocked_interrupts() -> Iterator[None]:
    """Block interrupts in this thread, and so in what it starts."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
