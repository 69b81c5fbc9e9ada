"""Work of seconds with a model, told step by step. It ends when a page stops it, or when nobody listens any more."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any

from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.studio import Studio

Tell = Callable[[dict[str, Any]], None]
_RUNNING: dict[str, threading.Event] = {}  # by the id that the page was told


async def told_work(work: Callable[[Tell, threading.Event], None]) -> AsyncGenerator[dict[str, Any], None]:
    """First {"work": an id for `stop`}, then what `work(tell, stopped)` tells, from a thread of its own.

    work: ends as soon as it can once `stopped` is set. What it raises is raised here.
    """
    loop, stopped = asyncio.get_running_loop(), threading.Event()
    queue: asyncio.Queue[dict[str, Any] | BaseException | None] = asyncio.Queue()

    def put(value: dict[str, Any] | BaseException | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, value)

    def run() -> None:
        try:
            work(put, stopped)
            put(None)
        except BaseException as error:  # noqa: BLE001 (raised where it is awaited)
            put(error)

    key = secrets.token_urlsafe(12)
    _RUNNING[key] = stopped
    threading.Thread(target=run, name="told work", daemon=True).start()
    try:
        yield {"work": key}
        while (value := await queue.get()) is not None:
            if isinstance(value, BaseException):
                raise value
            yield value
    finally:
        stopped.set()
        del _RUNNING[key]


def stop(_: Studio, asked: Asked) -> dict[str, Any]:
    """Ask work to end with what it has found. Work that has ended already is no error."""
    if event := _RUNNING.get(asked.text("work")):
        event.set()
    return {}
