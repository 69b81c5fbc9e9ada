"""Ctrl-C while a command imports what it needs. This module is imported first, and itself imports next to nothing.

Before its handler is set, an interrupt shows a traceback of Python.
"""

from __future__ import annotations

import os
import signal

INTERRUPTED = 130  # the exit code: 128 and the number of the signal
INTERRUPTS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGBREAK") if hasattr(signal, name))  # one of Windows


def _leave(*_: object) -> None:
    """End at once: while a command imports there is nothing to clean up, and an exception would show a traceback."""
    os.write(2, b"Interrupted.\n")
    os._exit(INTERRUPTED)


class LeavingIfInterrupted:
    """A block in which Ctrl-C ends the process with one word. From its end on it raises `KeyboardInterrupt`, as usual.

    Signals that the studio blocked in the process arrive at the end of the block. Those that the caller has the process
    ignore stay ignored.
    """

    def __enter__(self) -> None:
        usual = (signal.default_int_handler, signal.SIG_DFL)
        self._heeded = [number for number in INTERRUPTS if signal.getsignal(number) in usual]
        for number in self._heeded:
            signal.signal(number, _leave)

    def __exit__(self, *_: object) -> None:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (*INTERRUPTS, signal.SIGTERM, signal.SIGHUP))
        for number in self._heeded:
            signal.signal(number, signal.default_int_handler)
