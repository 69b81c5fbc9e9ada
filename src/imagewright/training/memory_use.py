"""The memory that a training will use, measured by a few steps of a copy of the model at the whole batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch

from imagewright import distributed
from imagewright.errors import count_text
from imagewright.images import Images
from imagewright.machine import total_memory
from imagewright.model import Model
from imagewright.training import device as devices
from imagewright.training.activations import bytes_of_image
from imagewright.training.doctor.measurements import Examiner
from imagewright.training.plan import Plan, Schedule
from imagewright.training.reporting import Say, tell_if_slow
from imagewright.training.trial import FEW_ROWS, TrialSteps

LONGEST = 30.0  # seconds of the steps that are measured; of slower ones fewer rows are, and the rest is counted


def measure_memory(
    model: Model, sources: Mapping[str, Images], plan: Plan, held_out: np.ndarray, device: torch.device
) -> int:
    """Bytes at the peak of a training: of the GPU on CUDA, of this process else, with what it holds already.

    model: equipped, on any device.
    sources: images by the name of the source, prepared.
    plan: of the training, with its rate.
    held_out: indices in the first source that training never uses.
    """
    world = distributed.world_size()
    rows = plan.batch_size if plan.micro_batch is None else min(plan.batch_size, 2 * plan.micro_batch * world)
    slow = plan.images_per_second is not None and 2 * rows / plan.images_per_second > LONGEST
    measured = min(rows, max(FEW_ROWS // world, 2) * world) if slow else rows
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        devices.forget_peak(device)
        of_steps = dataclasses.replace(plan, batch_size=measured)
        with closing(TrialSteps(model, sources, of_steps, held_out, device)) as steps:
            examiner = Examiner(steps.engine.model, sources, held_out, plan.seed)  # as the training's doctor has
            for kind in steps.kinds:
                for _ in range(1 if slow else 2):  # the second step has the moments of the optimizer from its start
                    steps.time(kind, plan.precision)
            examiner.measure(steps.engine, 0)
            peak = devices.peak_memory(device)
    if device.type == "cpu":  # a training has one copy of the model
        peak -= sum(each.nbytes for each in [*model.parameters(), *model.buffers()])
    if measured < rows:
        clock = Schedule(model, plan).clock(plan.images_seen - 1)
        at_once = min(rows // world, plan.micro_batch or rows // world) - measured // world
        peak += max(0, at_once) * bytes_of_image(type(model), model.config, clock)
    return peak


@dataclass(frozen=True)
class MemoryUse:
    """The memory at the peak of a training on one rank or several.

    of_rank: bytes on one rank, the most of all: of its GPU on CUDA, of its process else.
    of_machine: bytes of all ranks on this machine. On the CPU libraries that they share count for each.
    """

    of_rank: int
    of_machine: int


def gather_memory(used: int) -> MemoryUse:
    """The memory of all ranks, from that of this one. Called on every rank."""
    told = distributed.gather_objects((distributed.node(), used))
    here = sum(each for node, each in told if node == distributed.node())
    return MemoryUse(max(each for _, each in told), here)


def memory_text(used: MemoryUse, device: torch.device | str) -> str:
    """The memory at the peak of a training, in words, with what there is.

    >>> memory_text(MemoryUse(2**29, 2**29), "cpu").split(" of the ")[0]
    '0.50 GiB'
    """
    device, several = torch.device(device), distributed.world_size() > 1
    total, of_rank = f"{total_memory(device) / 2**30:.1f} GiB", f"{used.of_rank / 2**30:.2f} GiB"
    if device.type == "cuda":
        return f"{of_rank} a rank, of the {total} of each GPU" if several else f"{of_rank} of the {total} of the GPU"
    if not several:
        return f"{of_rank} of the {total} of this machine"
    ranks = count_text(distributed.local_world_size(), "rank")
    return f"{of_rank} a rank; the {ranks} of this machine take {used.of_machine / 2**30:.2f} of its {total}"


def tell_memory(
    model: Model, sources: Mapping[str, Images], plan: Plan, device: torch.device, say: Say, *, before: int = 0
) -> None:
    """Say the memory that a training will use, measured as by `measure_memory`, with nothing held out.

    before: bytes at the peak of what this process did before the first step.
    """
    with tell_if_slow(say, "measuring how much memory it takes ..."):
        used = measure_memory(model, sources, plan, np.empty(0, np.int64), device)
    say(f"memory: {memory_text(gather_memory(with_peak_before(used, before, device)), device)}")


def with_peak_before(used: int, before: int, device: torch.device) -> int:
    """Bytes at the peak of a training that began with other work of this process, which is no memory of a GPU."""
    return max(used, before) if device.type == "cpu" else used
