"""Batches for the loop: read ahead of the step that needs them, in the order that is given."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator

import numpy as np

from imagewright.images import Batch, Images
from imagewright.training.data.sampling_order import Order

READ_AHEAD = 2


def feed(
    images: Images, order: Order, seed: int, first: int, batch_size: int, rows: range, pin: bool
) -> Generator[Batch, None, None]:
    """This rank's `rows` of each batch from position `first` on, without end. A thread reads ahead.

    `pin`: in page-locked memory, from which a GPU copies while it computes.
    """
    ready: queue.Queue[Batch | BaseException] = queue.Queue(READ_AHEAD)
    stopped = threading.Event()

    def read() -> None:
        start = first
        try:
            while not stopped.is_set():
                positions = np.arange(start + rows.start, start + rows.stop, dtype=np.int64)
                batch = images.batch(order(positions), views=positions, seed=seed)
                _put(batch.map(lambda part: part.pin_memory()) if pin else batch)
                start += batch_size
        except BaseException as error:  # noqa: BLE001 (handed to the loop, which raises it)
            _put(error)

    def _put(item: Batch | BaseException) -> None:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    reader = threading.Thread(target=read, name="feed", daemon=True)
    reader.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        reader.join()
