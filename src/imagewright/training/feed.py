"""Batches for the loop: the order of an endless stream of the images, read ahead of the step that needs them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator

import numpy as np

from imagewright.images import Batch, Images
from imagewright.seeds import derive_seed

READ_AHEAD = 2


class ShuffledOrder:
    """The images in a new random order each time round: position p of the endless stream is an image.

    Position alone decides, so that a resumed run goes on where it stopped, and ranks share a batch out among them.
    """

    def __init__(self, length: int, seed: int) -> None:
        self.length, self.seed = length, seed
        self._round, self._order = -1, np.empty(0, dtype=np.int64)

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """The image at each position, int64."""
        rounds = positions // self.length
        images = np.empty_like(positions)
        for number in np.unique(rounds):
            chosen = rounds == number
            images[chosen] = self._permutation(int(number))[positions[chosen] % self.length]
        return images

    def _permutation(self, number: int) -> np.ndarray:
        if number != self._round:
            generator = np.random.default_rng(derive_seed(self.seed, "order", number))
            self._round, self._order = number, generator.permutation(self.length)
        return self._order


def feed(
    images: Images, seed: int, first: int, batch_size: int, rows: range, pin: bool
) -> Generator[Batch, None, None]:
    """This rank's `rows` of each batch from position `first` on, without end. A thread reads ahead.

    `pin`: in page-locked memory, from which a GPU copies while it computes.
    """
    order = ShuffledOrder(len(images), seed)
    ready: queue.Queue[Batch | BaseException] = queue.Queue(READ_AHEAD)
    stopped = threading.Event()

    def read() -> None:
        start = first
        try:
            while not stopped.is_set():
                positions = np.arange(start + rows.start, start + rows.stop, dtype=np.int64)
                batch = images.batch(order(positions), views=positions, seed=seed)
                _put(_pinned(batch) if pin else batch)
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


def _pinned(batch: Batch) -> Batch:
    return Batch(
        batch.images.pin_memory(),
        None if batch.labels is None else batch.labels.pin_memory(),
        None if batch.attributes is None else batch.attributes.pin_memory(),
    )
