"""Several processes under `torchrun`, or one: the rank of this process, and the collective operations of ranks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from imagewright.errors import ConfigError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import torch

ROWS_SENT = 4096  # in one message from a rank to the main rank
# How long ranks wait for one another where their shares of the work may differ, as after a report, which the main rank
# makes alone; in a step it is `--rank-timeout`. A rank that has died is noticed at once; this is for one that hangs.
PATIENCE_SECONDS = 600.0
RESUME = "Start again with --resume to go on from the last checkpoint."
_advice = [RESUME]  # what to do if a rank is lost, the present one last
PATIENT_DAYS = 30  # while one rank works alone, as on decoding a set
# While the ranks are joined by `process_group`: groups over gloo with longer patience, and the host of each rank.
_groups: dict[str, Any] = {}
_hosts: list[str] = []


def rank() -> int:
    """The number of this process; 0 if there is only one."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_rank() -> int:
    """The number of this process on its own machine, which is the GPU that it takes."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def local_world_size() -> int:
    """How many of the processes are on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", world_size()))


def node() -> int:
    """The number of this machine, from 0."""
    return int(os.environ.get("GROUP_RANK", rank() // local_world_size()))


def host_of(number: int) -> str:
    """The name of the machine of a rank; "" if it is not known, as there is only one process."""
    return _hosts[number] if number < len(_hosts) else ""


def choose_device(name: str) -> torch.device:
    """The device of a name; "auto" takes a GPU if there is one. Raises `ConfigError` for a device that is not there."""
    import torch

    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    name = str(name)  # a `torch.device` works too
    if name not in {"auto", *has}:
        raise ConfigError(f"device={name!r}, but a device is auto, {', '.join(has)}.")
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if has[kind])
    if not has[name]:
        raise ConfigError(f"device={name}, but this machine has {', '.join(k for k in has if has[k])} only.")
    if name == "cuda":
        device = torch.device("cuda", local_rank())
        torch.cuda.set_device(device)
        return device
    return torch.device(name)


def is_main() -> bool:
    """Whether this is rank 0, which writes files and prints messages."""
    return rank() == 0


@contextmanager
def process_group(
    device_type: str, timeout_seconds: float = PATIENCE_SECONDS, *, advice: str = RESUME
) -> Iterator[None]:
    """Join the other ranks for the time of the block. Does nothing for one process, or if they are joined already.

    timeout_seconds: how long a rank waits for another one in a step, before it raises `TrainingError`.
    advice: a sentence for the user if a rank is lost.

    Raises `TrainingError` if the ranks cannot reach one another, `UserError` if their versions differ.
    """
    import torch.distributed as dist

    from imagewright import meeting

    if world_size() == 1 or dist.is_initialized():
        yield
        return
    patience = timedelta(seconds=max(timeout_seconds, PATIENCE_SECONDS))
    store, places = meeting.meet(rank(), world_size(), node(), patience)
    interface = meeting.choose_interface(places, rank())
    if interface is not None:
        os.environ[meeting.INTERFACE] = interface
    _advice.append(advice)
    try:
        try:
            dist.init_process_group(
                "nccl" if device_type == "cuda" else "gloo",
                timeout=timedelta(seconds=timeout_seconds),
                store=store,
                rank=rank(),
                world_size=world_size(),
            )
            _groups["after_report"] = dist.new_group(backend="gloo", timeout=patience)
            _groups["patient"] = dist.new_group(backend="gloo", timeout=timedelta(days=PATIENT_DAYS))
        except RuntimeError as error:
            raise meeting.unconnected(error, places, rank()) from None
        _hosts[:] = [place.host for place in places]
        yield
    finally:
        _advice.pop()
        _groups.clear()
        _hosts.clear()
        if interface is not None:
            os.environ.pop(meeting.INTERFACE, None)
        if dist.is_initialized():
            dist.destroy_process_group()


@contextmanager
def patient_group() -> Iterator[tuple[Any, Any]]:
    """`torch.distributed` and a group over gloo in which ranks wait for one another without a limit."""
    import torch.distributed as dist

    with _explain_lost_rank():
        if "patient" not in _groups:  # the caller joined the ranks
            _groups["patient"] = dist.new_group(backend="gloo", timeout=timedelta(days=PATIENT_DAYS))
        yield dist, _groups["patient"]


def is_joined() -> bool:
    """Whether this rank is in a block of `process_group` with others."""
    return "after_report" in _groups


def barrier() -> None:
    """Wait for all ranks."""
    if world_size() > 1:
        import torch.distributed as dist

        with _explain_lost_rank():
            dist.barrier()


def wait_after_report() -> None:
    """Wait for all ranks longer than in a step, as the main rank may have had pictures to make and to write."""
    if world_size() > 1 and "after_report" in _groups:
        import torch.distributed as dist

        with _explain_lost_rank():
            dist.barrier(group=_groups["after_report"])


def average_(tensors: Iterable[torch.Tensor]) -> None:
    """Replace each tensor by its mean over ranks: one all-reduce for each dtype, since many small ones add latency."""
    if world_size() == 1:
        return
    import torch
    import torch.distributed as dist

    with torch.no_grad(), _explain_lost_rank():
        groups: dict[torch.dtype, list[torch.Tensor]] = {}
        for tensor in tensors:
            groups.setdefault(tensor.dtype, []).append(tensor)
        for group in groups.values():
            # In memory order: the average does not depend on the order, and copying a transposed view takes longer.
            flat = torch.cat([in_memory_order(tensor) for tensor in group])
            dist.all_reduce(flat)
            flat /= world_size()
            for tensor, part in zip(group, flat.split([tensor.numel() for tensor in group]), strict=True):
                in_memory_order(tensor).copy_(part)


def gather_rows(rows: torch.Tensor) -> torch.Tensor:
    """The rows (N, ...) of all ranks, rank by rank: (N * world size, ...). N is the same on every rank."""
    if world_size() == 1:
        return rows
    import torch
    import torch.distributed as dist

    with _explain_lost_rank():
        gathered = [torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(world_size())]
        dist.all_gather(gathered, rows.contiguous())
    return torch.cat(gathered)


def broadcast_from_main(tensor: torch.Tensor) -> torch.Tensor:
    """The main rank's tensor, on every rank. `tensor` has the same shape and dtype on all ranks."""
    if world_size() > 1:
        import torch.distributed as dist

        with _explain_lost_rank():
            shared = tensor.to("cuda" if dist.get_backend() == "nccl" else "cpu")
            dist.broadcast(shared, 0)
        return shared.to(tensor.device)
    return tensor


def gather_rows_on_main(rows: np.ndarray, bounds: Sequence[int]) -> None:
    """Fill the main rank's array with the rows of all ranks, in blocks that need no further memory. Only over gloo.

    rows: float32; on the main rank (bounds[-1], ...) with its own rows in place, on another rank its own rows alone.
    bounds: rank r has the rows bounds[r] to bounds[r + 1] - 1.
    """
    if world_size() == 1:
        return
    import torch
    import torch.distributed as dist

    with _explain_lost_rank():
        for sender in range(1, world_size()):
            for start in range(bounds[sender], bounds[sender + 1], ROWS_SENT):
                stop = min(start + ROWS_SENT, bounds[sender + 1])
                if rank() == sender:
                    own = rows[start - bounds[sender] : stop - bounds[sender]]
                    dist.send(torch.from_numpy(own.copy()), 0)
                elif is_main():
                    received = torch.empty(stop - start, *rows.shape[1:])
                    dist.recv(received, sender)
                    rows[start:stop] = received.numpy()


def gather_objects(mine: Any) -> list[Any]:
    """What every rank gives, by rank, pickled on the way. It waits without a limit."""
    if world_size() == 1:
        return [mine]
    gathered: list[Any] = [None] * world_size()
    with patient_group() as (dist, group):
        dist.all_gather_object(gathered, mine, group=group)
    return gathered


def add_over_ranks(part: Any) -> Any:
    """The sum over ranks of a number, or of a contiguous tensor or array on the CPU, which is changed in place.

    It waits without a limit.
    """
    if world_size() == 1:
        return part
    import torch

    is_number = isinstance(part, int | float)
    shared = torch.tensor(part, dtype=torch.float64) if is_number else torch.as_tensor(part)
    with patient_group() as (dist, group):
        dist.all_reduce(shared, group=group)
    return type(part)(shared.item()) if is_number else part


def any_rank(flag: bool) -> bool:
    """Whether the flag is set on any rank, so that Ctrl-C on one stops all at the same step."""
    if world_size() == 1:
        return flag
    import torch
    import torch.distributed as dist

    with _explain_lost_rank():
        shared = torch.tensor(float(flag), device="cuda" if dist.get_backend() == "nccl" else "cpu")
        dist.all_reduce(shared)
    return bool(shared.item() > 0)


def in_memory_order(tensor: torch.Tensor) -> torch.Tensor:
    """A flat view of a dense tensor in memory order (channels_last weights are dense, but not contiguous)."""
    return tensor.as_strided((tensor.numel(),), (1,), tensor.storage_offset())


@contextmanager
def _explain_lost_rank() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise TrainingError(
            f"Rank {rank()} of {world_size()} lost the others: one of them died, was killed or hangs{_or_network()}, "
            f"so all end here. {_advice[-1]} ({_first_sentence(error)})"
        ) from None


def _or_network() -> str:
    """What else may be lost where the ranks are on several hosts."""
    return ", or the network between the hosts failed" if len(set(_hosts)) > 1 else ""


def _first_sentence(error: RuntimeError) -> str:
    """The first sentence of the library's message, without the place in its source."""
    line = re.sub(
        r"^\[[^]]*\.\w+:\d+\] *", "", str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
    )
    return line.split(". ")[0].rstrip(".")
