"""The memory of this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch


def total_memory(device: torch.device) -> int:
    """Bytes of memory: of the GPU for CUDA, else of the machine, or the limit of its container if that is less."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else sys.maxsize
    try:
        return min(available, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no container, or one without a limit
        return available
