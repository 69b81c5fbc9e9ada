"""Requests to stop that arrive where Python would print an exception and go on."""

from __future__ import annotations

import signal
import sys
import time
from typing import Any

import pytest

from imagewright.training import signals


def sleep_in_parts(seconds: float) -> None:
    """A signal that another thread raised interrupts no sleep of this one."""
    for _ in range(int(100 * seconds)):
        time.sleep(0.01)


def test_a_second_request_inside_an_import_is_raised_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "SAME_REQUEST_SECONDS", 0.0)
    names: dict[str, Any] = {"sys": sys}
    exec(compile("def cb(): return sys._getframe()", "<frozen importlib._bootstrap>", "exec"), names)
    with signals.stop_on_signals() as request:
        request(signal.SIGINT, None)
        request(signal.SIGINT, names["cb"]())
        assert request.asked
        with pytest.raises(KeyboardInterrupt):
            sleep_in_parts(10)
