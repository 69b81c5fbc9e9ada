"""The end of a command by a signal: SIGTERM and SIGUSR1 end it as Ctrl-C does, so that no half-written file is left."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType

TERMINATED = 143  # the exit code: 128 and the number of the signal
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
