"""The work of one command, shared by the processes of `torchrun`: each computes a part, all get the whole, one writes.

Every rank runs the command from its start. In a block of `sharing_work` heavy parts are split: `shared_map` computes
each item on one rank and gives all ranks all results, `SharedPass` sums over batches. What follows from them is then
the same on every rank. `leave_to_main`, before the first result is written, ends the other ranks, so that only rank 0
writes, prints and moves files. Outside of such a block, and in one process, the same functions do all the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from imagewright import distributed
from imagewright.errors import ImagewrightError, TrainingError

if TYPE_CHECKING:
    from torch import Tensor

    from imagewright.model import Stream

PATIENCE = 7 * 24 * 3600.0
"""Seconds that ranks wait for one another, since shares may differ. A rank that has died is noticed at once."""
ADVICE = "Start the command again."

Item = TypeVar("Item")
Result = TypeVar("Result")


class ShareIsDone(BaseException):
    """Ends the block on a rank that has done its share, before results are written. It is no error."""


@dataclass
class _Outcome:
    """What a rank gives in an exchange: a result, or the exception instead of it.

    gives_up: whether the exception ends the block of the rank that gives it, wherever the others are.
    """

    result: Any = None
    failure: BaseException | None = None
    gives_up: bool = False

    def get(self) -> Any:
        if self.failure is not None:
            raise self.failure
        return self.result


@dataclass
class _Sharing:
    """The state of a block of `sharing_work`. Ranks join at the first exchange, since it imports torch."""

    stack: ExitStack = field(default_factory=ExitStack)
    is_joined: bool = False
    is_written: bool = False  # the main rank writes results while the work goes on
    is_over: bool = False  # the ranks exchange nothing any more

    def exchange(self, mine: _Outcome) -> list[_Outcome]:
        """What every rank gives, by rank. Raises what a rank gives up with."""
        if not self.is_joined:
            self.stack.enter_context(distributed.process_group("cpu", PATIENCE, advice=ADVICE))
            self.is_joined = True
        try:
            found: list[_Outcome] = distributed.gather_objects(mine)
        except TrainingError:
            self.is_over = True
            raise
        for outcome in found:
            if outcome.gives_up:
                self.is_over = True
                outcome.get()
        return found

    def end(self, failure: BaseException | None = None) -> None:
        """Let the others know how the block ended here, so that all end with the same exception, or with none."""
        if (self.is_joined or distributed.is_joined()) and not self.is_over:
            self.exchange(_Outcome(failure=failure and _sendable(failure), gives_up=failure is not None))


# None: this process does all. It is None in threads too, so that ranks exchange in one thread and in one order.
_sharing: ContextVar[_Sharing | None] = ContextVar("_sharing", default=None)


@contextmanager
def sharing_work() -> Iterator[None]:
    """Share the work of the block, which all ranks enter to do the same. Does nothing in a single process.

    The first result that is written in it ends the block on all ranks but the main one. An exception that leaves the
    block on one rank leaves it on all.
    """
    if distributed.world_size() == 1:
        yield
        return
    state = _Sharing()
    token = _sharing.set(state)
    try:
        with state.stack:
            try:
                yield
            except ShareIsDone:
                return
            except (Exception, KeyboardInterrupt) as error:
                with suppress(TrainingError):
                    state.end(error)
                raise
            state.end()
    finally:
        _sharing.reset(token)


@contextmanager
def working_alone() -> Iterator[None]:
    """Do the work of the block on this rank, without the others."""
    token = _sharing.set(None)
    try:
        yield
    finally:
        _sharing.reset(token)


def sharing_ranks() -> int:
    """How many ranks share the work here; 1 if it is not shared."""
    return 1 if _sharing.get() is None else distributed.world_size()


def computed_here(number: int) -> bool:
    """Whether this rank computes item `number` of a `shared_map`."""
    return number % sharing_ranks() == distributed.rank() % sharing_ranks()


def is_helper() -> bool:
    """Whether this rank does a share of a command whose results the main rank writes."""
    return _sharing.get() is not None and not distributed.is_main()


def leave_to_main() -> None:
    """Wait for all ranks, and end all but the main one, which shares nothing from then on.

    Called before a result is written. Raises `ShareIsDone` on the other ranks.
    """
    state = _sharing.get()
    if state is None or state.is_written:
        return
    state.exchange(_Outcome())
    state.is_over = True
    if not distributed.is_main():
        raise ShareIsDone
    _sharing.set(None)  # until the end of `sharing_work`, which sets what was before


def wait_for_all() -> None:
    """Wait for all ranks, however long."""
    state = _sharing.get()
    if state is not None:
        state.exchange(_Outcome())


@contextmanager
def written_meanwhile() -> Iterator[None]:
    """Results are written in the block while the work goes on. The ranks for which `is_helper` is true write none."""
    state = _sharing.get()
    if state is None:
        yield
        return
    state.is_written = True
    try:
        yield
    finally:
        state.is_written = False


def check_on_main(check: Callable[[], None]) -> None:
    """Make a check of the main rank's own disk. What it raises is raised on all ranks."""
    state = _sharing.get()
    if state is None or state.is_written:
        check()
        return
    outcome = _attempt(lambda _: check(), None) if distributed.is_main() else _Outcome()
    state.exchange(outcome)[0].get()


def shared_map(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`work` over items, in order. Item i is computed by rank i % world, and every rank gets every result.

    work: deterministic; its result is sent between ranks, so that it holds no more than is needed. An exception in it
        is raised on all ranks.
    items: the same on all ranks.

    Memory holds one item and one result of each rank at a time.
    """
    state, world, rank = _sharing.get(), distributed.world_size(), distributed.rank()
    if state is None:
        yield from map(work, items)
        return
    left = iter(items)
    while group := list(islice(left, world)):
        mine = _attempt(work, group[rank]) if rank < len(group) else _Outcome()
        for outcome in state.exchange(mine)[: len(group)]:
            yield outcome.get()


def _attempt(work: Callable[[Item], Any], item: Item) -> _Outcome:
    with working_alone():
        try:
            return _Outcome(work(item))
        except Exception as error:  # noqa: BLE001 (raised on all ranks)
            return _Outcome(failure=_sendable(error))


def _sendable(error: BaseException) -> BaseException:
    """The error, or its text in another if it cannot be sent."""
    import pickle

    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 (its class decides what it raises)
        return ImagewrightError(f"{type(error).__name__}: {error}")
    return error


@runtime_checkable
class SplitStream(Protocol):
    """A `Stream` of which some batches can be read without the others."""

    def some_batches(self, batch_size: int, first: int, step: int) -> Iterator[Tensor]:
        """Every `step`-th batch of `batches(batch_size)`, from number `first` on."""
        ...


class SharedPass:
    """One pass over a stream for sums: iteration gives the batches of this rank, `sums` adds over all ranks.

    Sums over ranks are added in another order than those of one process, so that they differ in the last digits.

    images: shared if it is a `SplitStream`; else every rank reads all of it, and `sums` changes nothing.
    """

    def __init__(self, images: Stream, batch_size: int) -> None:
        self._images, self._batch_size = images, batch_size
        shares = isinstance(images, SplitStream) and len(images) > batch_size
        self._state = _sharing.get() if shares else None
        self._failure: BaseException | None = None

    def __iter__(self) -> Iterator[Tensor]:
        if self._state is None:
            yield from self._images.batches(self._batch_size)
            return
        assert isinstance(self._images, SplitStream)
        batches = self._images.some_batches(self._batch_size, distributed.rank(), distributed.world_size())
        while True:
            try:
                batch = next(batches, None)
            except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 (raised on all ranks, by `sums`)
                self._failure = _sendable(error)
                return
            if batch is None:
                return
            yield batch

    def sums(self, *parts: Any) -> tuple[Any, ...]:
        """The sums over all ranks of numbers, tensors and arrays, which are changed in place.

        Raises on every rank what reading the pictures raised on any.
        """
        if self._state is None:
            return parts
        for outcome in self._state.exchange(_Outcome(failure=self._failure)):
            outcome.get()
        return tuple(distributed.add_over_ranks(part) for part in parts)
