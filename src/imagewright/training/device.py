"""What differs between CPU, CUDA and MPS for a training: memory layout, algorithms, and the memory there is."""

from __future__ import annotations

import math
import resource
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from imagewright.errors import ConfigError
from imagewright.machine import memory_of_rank, shared_memory_words
from imagewright.memoryless import without_memory
from imagewright.training.data.prefetch import READ_AHEAD

if TYPE_CHECKING:
    from imagewright.configs import Config
    from imagewright.model import Model

CPU = torch.device("cpu")
# Numbers in memory for each parameter that Adam trains: the parameter, its gradient, two moments.
COPIES = 4
# Options of models that weights grow with.
WIDTHS = ("width", "discriminator_width", "channel_base", "channel_max", "stage_widths", "latent_dim", "components")


def prepare_model(model: nn.Module, device: torch.device) -> None:
    """Move a model to a device, with convolutions in channels_last: the layout of cached images, and the fastest one.

    On CUDA it also sets PyTorch's global flags for algorithms and TF32.
    """
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if device.type == "cuda":
        # All batches of a training have one size, so that trying the convolution algorithms once pays. TF32 rounds the
        # factors of products to 10 bits of mantissa, which is precise enough for the losses here.
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True


def synchronise(device: torch.device) -> None:
    """Wait until the device has computed all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 numbers itself, so that they may be faster than fp32.

    CUDA: from compute capability 8.0 on. CPU: with AVX-512 bf16 or AMX, or on ARM the bf16 extension.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text().replace("\n", " ").split(" ")
    except OSError:  # not Linux
        return False
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags)


def check_memory(model_class: type[Model], config: Config, device: torch.device) -> None:
    """Raise `ConfigError` for a model too large to train here, which the system might otherwise kill without a message.

    Parameters, gradients and moments are counted, at 4 bytes a number; activations are not.
    """
    with without_memory():
        shapes = model_class(config)
    parameters = sum(parameter.numel() for parameter in shapes.parameters())
    needed, available = 4 * COPIES * parameters, memory_of_rank(device)
    if needed > available:
        held = ", ".join([f"--{name.replace('_', '-')}" for name in WIDTHS if hasattr(config, name)] + ["--size"])
        raise ConfigError(
            f"A model of {parameters:,} parameters needs more than {needed / 2**30:,.0f} GiB of memory to train, and "
            f"there are {available / 2**30:,.0f} GiB{shared_memory_words(device)}. What to lower: {held}."
        )


def check_batch(rows: int, config: Config, device: torch.device) -> None:
    """Raise `ConfigError` for a batch whose pictures alone do not fit in memory.

    Counted are the batches read ahead, as bytes, and on the CPU one batch as floats.

    rows: images of the batch on one rank.
    config: of the model; it has the shape of the images.
    device: where the model trains.
    """
    bytes_each = math.prod(config.image_shape) * (READ_AHEAD + 2 + (4 if device.type == "cpu" else 0))
    here = CPU  # also where a GPU trains: batches are read ahead in the memory of the machine
    available = memory_of_rank(here)
    if rows * bytes_each > available:
        raise ConfigError(
            f"batch_size={rows:,} on one rank, but the memory holds at most {available // bytes_each:,} such pictures"
            f"{shared_memory_words(here)}, and far fewer beside the networks: give a smaller one."
        )


def peak_memory(device: torch.device) -> int:
    """Bytes of memory at the peak: of the GPU for CUDA, of the process for the CPU. For MPS: bytes allocated now."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if device.type == "mps":
        return torch.mps.driver_allocated_memory()
    try:
        # `getrusage` would count the peak of the parent process as well, if that was higher when it forked this one.
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def present_memory() -> int:
    """Bytes of memory of this process now; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) * 1024
    except (OSError, IndexError):
        return 0


def forget_peak(device: torch.device) -> None:
    """Let the peak of memory begin anew. Where it cannot, it is that of the whole process."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif device.type == "cpu":
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
