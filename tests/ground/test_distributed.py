"""Ranks and collective operations in a single process; tests/training/test_ranks.py has two real ranks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from imagewright import distributed
from imagewright.errors import TrainingError


def test_a_single_process_is_the_main_rank_and_exchanges_nothing() -> None:
    assert (distributed.rank(), distributed.world_size(), distributed.local_rank()) == (0, 1, 0)
    assert distributed.is_main()
    tensor = torch.tensor([1.0, 2.0])
    with distributed.process_group("cpu"):
        distributed.barrier()
        distributed.average_([tensor])
        assert distributed.any_rank(True)
        assert not distributed.any_rank(False)
    assert tensor.tolist() == [1, 2]
    assert not torch.distributed.is_initialized()


def test_the_rank_is_read_from_the_environment_of_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("RANK", "3"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert (distributed.rank(), distributed.world_size(), distributed.local_rank()) == (3, 8, 1)
    assert not distributed.is_main()


@pytest.mark.parametrize(
    "exchange", [lambda: distributed.average_([torch.ones(2)]), lambda: distributed.any_rank(True)]
)
def test_a_lost_rank_raises_a_training_error(monkeypatch: pytest.MonkeyPatch, exchange: Callable[[], object]) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.distributed, "get_backend", lambda: "gloo")

    def lost(*_: object, **__: object) -> None:
        raise RuntimeError("Connection closed by peer [127.0.0.1]:1234\nmore")

    monkeypatch.setattr(torch.distributed, "all_reduce", lost)
    with pytest.raises(
        TrainingError, match=r"Rank 0 of 2 lost the others.*--resume.*Connection closed by peer"
    ) as raised:
        exchange()
    assert "\n" not in str(raised.value)
