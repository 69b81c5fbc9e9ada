"""Work of seconds with a model, told step by step: a feed that ends the work when nobody listens any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

Tell = Callable[[dict[str, Any]], None]


async def told_work(work: Callable[[Tell, threading.Event], None]) -> AsyncIterator[dict[str, Any]]:
    """What `work(tell, stopped)` tells, from a thread of its own. Raises what it raises.

    work: ends as soon as it can once `stopped` is set.
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

    threading.Thread(target=run, name="told work", daemon=True).start()
    try:
        while (value := await queue.get()) is not None:
            if isinstance(value, BaseException):
                raise value
            yield value
    finally:
        stopped.set()
