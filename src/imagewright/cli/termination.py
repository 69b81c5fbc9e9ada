"""The end of a command by a signal: SIGTERM and SIGUSR1 end it as Ctrl-C does, so that no half-written file is left."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED, TERMINATED = 130, 143  # exit codes: 128 and the number of the signal
INTERRUPTS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGBREAK") if hasattr(signal, name))  # one of Windows
SAME_REQUEST_SECONDS = 1.0  # `timeout` and `torchrun` send it to the process and to its group


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived."""


class Preempted(KeyboardInterrupt):
    """SIGUSR1 arrived."""


class _Handler:
    """Raises an exception, once for requests that come together."""

    def __init__(self, raised: type[KeyboardInterrupt]) -> None:
        self._raised = raised
        self._since = -SAME_REQUEST_SECONDS

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._since >= SAME_REQUEST_SECONDS:
            self._since = now
            raise self._raised


def _leave(*_: object) -> None:
    """End at once: while a command imports there is nothing to clean up, and an exception would show a traceback."""
    os.write(2, b"Interrupted.\n")
    os._exit(INTERRUPTED)


@contextmanager
def leaving_if_interrupted() -> Iterator[None]:
    """In the block Ctrl-C ends the process with one word. From its end on it raises `KeyboardInterrupt`, as usual.

    Signals that the studio blocked in the process arrive at the end of the block. Those that the caller has the process
    ignore stay ignored.
    """
    heeded = [
        number for number in INTERRUPTS if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL)
    ]
    for number in heeded:
        signal.signal(number, _leave)
    yield
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (*INTERRUPTS, signal.SIGTERM, signal.SIGHUP))
    for number in heeded:
        signal.signal(number, signal.default_int_handler)


def end_on_signals() -> None:
    """From here on SIGTERM raises `Terminated` and SIGUSR1 `Preempted`, unless the caller has them ignored."""
    for name, raised in (("SIGTERM", Terminated), ("SIGUSR1", Preempted)):
        number = getattr(signal, name, None)  # Windows has no SIGUSR1
        main_thread = threading.current_thread() is threading.main_thread()
        if number is not None and main_thread and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _Handler(raised))


def leave_at_once_on_signals() -> None:
    """From here on Ctrl-C and SIGTERM end the process without a word: it ends anyway, and Python would show more."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        for number in (signal.SIGTERM, getattr(signal, "SIGUSR1", signal.SIGTERM)):
            if isinstance(signal.getsignal(number), _Handler):
                signal.signal(number, signal.SIG_DFL)
