"""Requests to stop a training: Ctrl-C, SIGTERM and SIGUSR1 stop it after the present step, with a checkpoint.

SIGUSR1 is what batch systems such as SLURM are asked to send before they take the machine away.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# One Ctrl-C can arrive twice: from the terminal, and from a parent process that passes it on, as `torchrun` does.
SAME_REQUEST_SECONDS = 1.0
PREEMPTION = getattr(signal, "SIGUSR1", None)  # Windows has none
AGAIN_SECONDS = 0.01  # after which a request is repeated that arrived where it cannot be raised


class StopRequest:
    """A request to stop a training after the present step, with a checkpoint.

    asked: whether to stop; set it to True from an observer or another thread.
    preempted: whether SIGUSR1 asked, so that the job is to be queued again.
    """

    def __init__(self) -> None:
        self.asked = self.preempted = False
        self._since = 0.0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal. A second Ctrl-C, more than a second after the first, raises `KeyboardInterrupt`."""
        now = time.monotonic()
        if self.asked and number == signal.SIGINT and now - self._since > SAME_REQUEST_SECONDS:
            if not _ignores_exceptions(frame):
                raise KeyboardInterrupt
            threading.Timer(AGAIN_SECONDS, signal.raise_signal, [number]).start()
        self.preempted = self.preempted or number == PREEMPTION
        if not self.asked:
            self.asked, self._since = True, now


def _ignores_exceptions(frame: FrameType | None) -> bool:
    """Whether Python prints an exception that is raised here and goes on: in the callbacks of a module's import."""
    return frame is not None and frame.f_code.co_name == "cb" and "importlib" in frame.f_code.co_filename


@contextmanager
def stop_on_signals(request: StopRequest | None = None) -> Iterator[StopRequest]:
    """Within the block, SIGINT, SIGTERM and SIGUSR1 set a request instead of ending the process.

    request: the request that they set; a new one by default.

    Yields the request. Outside the main thread, where Python allows no handlers, signals are left as they are.
    """
    request = request or StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK", "SIGUSR1") if hasattr(signal, name)]
    before = {number: signal.signal(number, request) for number in numbers}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
