"""Prefetching: batches are read by a thread, ahead of the step that needs them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Mapping

from imagewright.images import Batch
from imagewright.training.data.feeds import FeedReader
from imagewright.training.plan import Schedule

READ_AHEAD = 2  # batches of each feed


def prefetch(
    readers: Mapping[str, FeedReader], schedule: Schedule, first: int, *, pin: bool
) -> Generator[dict[str, Batch], None, None]:
    """Yield the batches of each step, by feed, without end.

    readers: by feed.
    schedule: the size of the global batch at each point, and the rows of this rank.
    first: images seen before the first batch.
    pin: whether to put batches into page-locked memory, from which a GPU can copy while it computes.

    Raises the error of the reader, if it fails. Closing the generator ends the thread.
    """
    ready: queue.Queue[dict[str, Batch] | BaseException] = queue.Queue(READ_AHEAD)
    stopped = threading.Event()

    def read() -> None:
        start = first
        try:
            while not stopped.is_set():
                rows, size = schedule.rows(start), schedule.batch_size(start)
                batches = {name: each.batch(each.positions(start, rows, size)) for name, each in readers.items()}
                if pin:
                    batches = {name: batch.map(lambda part: part.pin_memory()) for name, batch in batches.items()}
                ready.put(batches)
                start += size
        except BaseException as error:  # noqa: BLE001 (raised again by the generator)
            ready.put(error)

    reader = threading.Thread(target=read, name="prefetch", daemon=True)
    reader.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        while not ready.empty():  # so that there is room for what the reader puts before it sees that it is to stop
            ready.get_nowait()
        reader.join()
