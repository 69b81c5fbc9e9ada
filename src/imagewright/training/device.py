"""Where to compute, and the few ways in which CPU, CUDA and MPS differ for a training loop."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import torch
from torch import nn

from imagewright import distributed
from imagewright.errors import ConfigError


def choose(name: str) -> torch.device:
    """`auto` takes a GPU where there is one. Raises `ConfigError` for a device this machine lacks."""
    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if has[kind])
    if not has[name]:
        raise ConfigError(f"device={name}, but this machine has {', '.join(k for k in has if has[k])} only.")
    if name == "cuda":
        device = torch.device("cuda", distributed.local_rank())
        torch.cuda.set_device(device)
        return device
    return torch.device(name)


def prepare(model: nn.Module, device: torch.device) -> None:
    """Move a model there, convolutions in channels_last: the layout of the cache, and the fast one on all three."""
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if device.type == "cuda":
        # Fixed sizes all through training: worth measuring the convolution algorithms once. TF32 keeps 10 bits of
        # the mantissa in products, which no loss here is close to noticing.
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True


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
