"""The ranks meet in a store that outlives them, as that of `torchrun` does when it starts them again."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from torch.distributed import TCPStore

from imagewright import meeting
from imagewright.errors import UserError

PATIENCE = timedelta(seconds=20)
Met = tuple[Any, list[meeting.Place]]


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Threads in the place of ranks, and a store that is there before them and after them."""
    server = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(server.port))
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    with ThreadPoolExecutor() as pool:
        yield pool


def arrive(pool: ThreadPoolExecutor, rank: int) -> Future[Met]:
    return pool.submit(meeting.meet, rank, 2, 0, PATIENCE)


def test_ranks_that_are_started_again_read_nothing_of_before(pool: ThreadPoolExecutor) -> None:
    first = [arrive(pool, rank) for rank in range(2)]
    (store, places), (_, same) = (rank.result() for rank in first)
    assert places == same
    store.set("address of rank 0", "one at which nobody listens any more")

    early = arrive(pool, 1)
    time.sleep(0.2)  # the main rank comes later than the other, who finds the places of before
    assert not early.done()
    (_, again), (read, others) = arrive(pool, 0).result(), early.result()
    assert again == others
    assert {place.mark for place in again}.isdisjoint(place.mark for place in places)
    assert not read.check(["address of rank 0"])


def test_ranks_of_different_commands_are_refused_together(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = iter(("train", "evaluate"))
    monkeypatch.setattr(meeting, "command", lambda: next(commands))
    ranks = [arrive(pool, rank) for rank in range(2)]
    for rank in ranks:
        with pytest.raises(UserError, match=r"`train` .*`evaluate`|`evaluate` .*`train`"):
            rank.result()
