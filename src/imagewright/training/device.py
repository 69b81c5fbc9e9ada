"""Where to compute, and the few ways in which CPU, CUDA and MPS differ for a training loop."""

from __future__ import annotations

import math
import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from imagewright.errors import ConfigError
from imagewright.training.data.prefetch import READ_AHEAD

if TYPE_CHECKING:
    from imagewright.configs import Config
    from imagewright.model import Model

# What Adam keeps in memory for each parameter: itself, its gradient, two moments.
COPIES = 4


def prepare(model: nn.Module, device: torch.device) -> None:
    """Move a model there, convolutions in channels_last: the layout of the cache, and the fast one on all three."""
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if device.type == "cuda":
        # Fixed sizes all through training: worth measuring the convolution algorithms once. TF32 keeps 10 bits of
        # the mantissa in products, which no loss here is close to noticing.
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True


def check_memory(model_class: type[Model], config: Config, device: torch.device) -> None:
    """Raise `ConfigError` for a model too large to train here: else the system may end the process without a word."""
    with torch.device("meta"):  # its shapes, without the memory
        shapes = model_class(config)
    parameters = sum(parameter.numel() for parameter in shapes.parameters())
    needed, there = 4 * COPIES * parameters, memory_of(device)
    if needed > there:
        raise ConfigError(
            f"A model of {parameters:,} parameters needs {needed / 2**30:,.0f} GiB of memory and more to train, and "
            f"there are {there / 2**30:,.0f} GiB. What to lower: --width, --size, or the length of the code."
        )


def check_batch(rows: int, config: Config, device: torch.device) -> None:
    """Raise `ConfigError` for a batch whose pictures alone fill the memory: read ahead, and on the CPU as floats."""
    bytes_each = math.prod(config.image_shape) * (READ_AHEAD + 2 + (4 if device.type == "cpu" else 0))
    there = memory_of(torch.device("cpu"))
    if rows * bytes_each > there:
        raise ConfigError(
            f"batch_size={rows:,} on one rank, but there is memory for {there // bytes_each:,} such pictures at most, "
            "and for far fewer beside the networks: give a smaller one."
        )


def memory_of(device: torch.device) -> int:
    """Bytes that there are: of the GPU, else of the machine, or of the container where that is less."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else sys.maxsize
    try:
        return min(there, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no container, or one without a limit
        return there


def memory_bytes(device: torch.device) -> int:
    """Peak memory: of the GPU where there is one, else of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    try:
        # Not `getrusage`: its peak starts at that of the process that started this one.
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
