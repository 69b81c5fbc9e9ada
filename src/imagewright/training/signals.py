"""Ctrl-C and SIGTERM as a request to stop at the next step, so that nothing is lost."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# One Ctrl-C can arrive twice: from the terminal, and passed on by what started this process, as `torchrun` does.
SAME_REQUEST_SECONDS = 1.0


class StopRequest:
    """Whether the user asked to stop. A second Ctrl-C, a second or more later, stops at once."""

    def __init__(self) -> None:
        self.asked = False
        self._since = 0.0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.asked and number == signal.SIGINT and now - self._since > SAME_REQUEST_SECONDS:
            raise KeyboardInterrupt
        if not self.asked:
            self.asked, self._since = True, now


@contextmanager
def stop_on_signals(request: StopRequest | None = None) -> Iterator[StopRequest]:
    """Within the block, the signals set the request, or a new one. In a thread they are left as they are."""
    request = request or StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
