"""The end of a command by a signal: SIGTERM ends it as Ctrl-C does, so that half-written files are removed."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType

SAME_REQUEST_SECONDS = 1.0  # `timeout` and `torchrun` send it to the process and to its group


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived."""


class _Handler:
    """Raises `Terminated`, once for requests that come together."""

    def __init__(self) -> None:
        self._since = -SAME_REQUEST_SECONDS

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._since >= SAME_REQUEST_SECONDS:
            self._since = now
            raise Terminated


def end_on_sigterm() -> None:
    """From here on SIGTERM raises `Terminated`, unless the caller has the process ignore it."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _Handler())


def leave_at_once_on_signals() -> None:
    """From here on Ctrl-C and SIGTERM end the process without a word: it ends anyway, and Python would show more."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if isinstance(signal.getsignal(signal.SIGTERM), _Handler):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
