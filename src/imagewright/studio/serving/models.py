"""The models that pages use: loaded once, each with one thread of its own, within a budget of memory."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from imagewright.runs.run import Run
from imagewright.studio.serving.kept_memory import count_bytes
from imagewright.studio.serving.library import Library
from imagewright.studio.serving.memory import MemoryReturner

if TYPE_CHECKING:
    from imagewright.model import Model

Result = TypeVar("Result")
Key = tuple[str, int]  # the id of a run, and the images seen at the checkpoint
SHARE = 0.25  # of the machine's memory for all loaded models together
MOST = 32  # models at once, however small: each has a thread, and a run that trains has a new one at each checkpoint
COUNT_SECONDS = 1.0  # between two counts of what is kept beside a model
FRESH_SECONDS = 2.0  # for which a run's record and its latest checkpoint are not read again


@dataclass(eq=False)
class Loaded:
    """A model that is loaded, and what tools keep beside it between calls, such as the latents of its training images.

    weights_bytes: of the model.
    kept: by name; freed with the model.
    kept_bytes: of what is kept, as last counted: after a call that changed the number of names, or else at most once
        in `COUNT_SECONDS`, so that a value that grew under its name may be counted by a later call.
    """

    model: Model
    run: Run
    weights_bytes: int
    kept: dict[str, Any] = field(default_factory=dict)
    kept_bytes: int = 0

    @property
    def bytes(self) -> int:
        """Of the model and of what is kept beside it."""
        return self.weights_bytes + self.kept_bytes


class _Seat:
    """One thread, and the model that it loads at its first call."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self.loaded: Loaded | None = None
        self.waiting = 0
        self._counted = (0, 0.0)  # how many values were kept, and when

    def count_kept(self) -> None:
        """Count the bytes of what is kept, unless that was a moment ago: sliders ask 50 times a second."""
        if self.loaded is not None:
            count, now = len(self.loaded.kept), time.monotonic()
            if count != self._counted[0] or now - self._counted[1] > COUNT_SECONDS:
                self.loaded.kept_bytes = count_bytes(self.loaded.kept, besides=self.loaded.model)
                self._counted = count, now


class Models:
    """The loaded models of a studio.

    library: of the runs.
    budget: bytes of all models together, with what is kept beside them; a quarter of the machine's memory by default.
        What was used longest ago leaves first; the one in use always stays.
    most: models at once.
    """

    def __init__(self, library: Library, budget: int | None = None, most: int = MOST) -> None:
        self._library, self._budget, self._most = library, budget, most
        self._seats: OrderedDict[Key, _Seat] = OrderedDict()
        self._lock = threading.Lock()
        self._memory = MemoryReturner()
        self._looked_up: dict[str, tuple[float, Run, int]] = {}

    def call(self, run_id: str, work: Callable[[Loaded], Result], *, images_seen: int | None = None) -> Result:
        """Work with the model of a run, in its thread, after what others asked of it. Returns what `work` returns.

        images_seen: an earlier checkpoint; by default the latest, also of a run that is being trained.
        Raises what `work` raises, `NotThereError` and `RunError`.
        """
        run, latest = self._look_up(run_id)
        seen = latest if images_seen is None else images_seen
        with self._lock:
            seat = self._seats.setdefault((run_id, seen), _Seat())
            self._seats.move_to_end((run_id, seen))
            seat.waiting += 1
        try:
            return seat.thread.submit(self._work, seat, run, seen, work).result()
        finally:
            with self._lock:
                seat.waiting -= 1
                if seat.loaded is None:  # it could not be loaded
                    self._remove((run_id, seen), seat)
            self._make_room()
            self._memory.return_memory()

    def _look_up(self, run_id: str) -> tuple[Run, int]:
        """A run, and the images seen at its latest checkpoint."""
        now = time.monotonic()
        if run_id in self._looked_up and now - self._looked_up[run_id][0] < FRESH_SECONDS:
            return self._looked_up[run_id][1:]
        run = self._library.run(run_id)
        seen = run.latest()[0].images_seen
        self._looked_up[run_id] = now, run, seen
        return run, seen

    def loaded(self) -> dict[Key, int]:
        """The bytes of each loaded model, with what is kept beside it."""
        with self._lock:
            return {key: seat.loaded.bytes for key, seat in self._seats.items() if seat.loaded is not None}

    def close(self) -> None:
        """End all threads after their present work."""
        with self._lock:
            for seat in self._seats.values():
                seat.thread.shutdown(wait=False, cancel_futures=True)

    @staticmethod
    def _work(seat: _Seat, run: Run, seen: int, work: Callable[[Loaded], Result]) -> Result:
        import torch

        if seat.loaded is None:
            from imagewright.runs.loading import load

            model = load(run, images_seen=seen)
            seat.loaded = Loaded(model, run, count_bytes(model))
        try:
            with torch.no_grad():
                return work(seat.loaded)
        finally:  # in this thread, which alone changes what is kept
            seat.count_kept()

    def _make_room(self) -> None:
        from imagewright.machine import total_memory

        if self._budget is None:
            import torch

            self._budget = int(SHARE * total_memory(torch.device("cpu")))
        with self._lock:
            total = sum(seat.loaded.bytes for seat in self._seats.values() if seat.loaded is not None)
            for key, seat in list(self._seats.items())[:-1]:
                if total <= self._budget and len(self._seats) <= self._most:
                    break
                if not seat.waiting and seat.loaded is not None:
                    total -= seat.loaded.bytes
                    self._remove(key, seat)

    def _remove(self, key: Key, seat: _Seat) -> None:
        if not seat.waiting and self._seats.get(key) is seat:
            del self._seats[key]
            seat.thread.shutdown(wait=False)
