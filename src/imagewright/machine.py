"""The memory of this machine, and the share of it that a rank has."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from imagewright import distributed


def total_memory(device: torch.device) -> int:
    """Bytes of memory: of the GPU for CUDA, else of the machine, or the limit of its container if that is less."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else sys.maxsize
    try:
        return min(available, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no container, or one without a limit
        return available


def memory_of_rank(device: torch.device) -> int:
    """Bytes of memory that one rank may take: of its GPU for CUDA, else its share among the ranks of this machine."""
    total = total_memory(device)
    return total if device.type == "cuda" else total // distributed.local_world_size()


def shared_memory_words(device: torch.device) -> str:
    """ " for each of the 2 ranks of this machine", after an amount of memory; "" where a rank shares it with none."""
    ranks = distributed.local_world_size()
    return "" if device.type == "cuda" or ranks == 1 else f" for each of the {ranks} ranks of this machine"
