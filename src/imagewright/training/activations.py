"""The memory that a step needs for its activations, known before the training: from shapes alone, without values.

On a CPU the system kills a process that takes more memory than there is, and nobody says why. The losses are therefore
computed once with PyTorch's fake tensors, which have shapes and no values, and what they keep for their gradients is
counted. A step needs all of it at once, and more, so that the figure is a lower bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from imagewright import distributed
from imagewright.configs import Config
from imagewright.errors import ConfigError
from imagewright.machine import memory_of_rank, shared_memory_words
from imagewright.memoryless import without_initialisation, without_memory
from imagewright.model import Model
from imagewright.phases import Draws, Phase, Rows, Step
from imagewright.training import device as devices
from imagewright.training.plan import Plan, Schedule

FEW, MORE = 1, 2  # images of the two steps that are compared: what does not grow with the batch drops out
MODEST = 100_000  # bytes for each pixel of a batch: below, memory suffices whatever the model, and nothing is computed


def check_activations(
    model_class: type[Model], config: Config, plan: Plan, device: torch.device, *, compiled: bool
) -> None:
    """Raise `ConfigError` for a step that cannot fit in memory; it names micro-batches that can.

    model_class, config: of the model.
    plan: of the training.
    device: where the model trains.
    compiled: whether its networks will be compiled, which may keep less.
    """
    available, share = memory_of_rank(device), _share(plan, device, compiled)
    height, width = config.image_shape[-2:]
    most = plan.batch_size // distributed.world_size()
    if min(most, plan.micro_batch or most) * height * width * MODEST * share <= available:
        return
    if not model_class.__module__.startswith("imagewright."):
        return  # a cache of its own would keep tensors without values
    with without_memory():
        schedule = Schedule(model_class(config), plan)
    last = plan.images_seen - 1  # where a growing model is largest
    rows = schedule.batch_size(last) // distributed.world_size()
    rows = min(rows, plan.micro_batch or rows)
    bytes_each = max(1, int(share * bytes_of_image(model_class, config, schedule.clock(last))))
    if bytes_each * rows <= available:
        return
    fits = available // (2 * bytes_each)  # the other half is for weights, gradients and what a step makes on its way
    advice = "a lower --size or width"
    if fits:
        batch = fits * distributed.world_size()
        advice = (
            f"--batch-size {batch} or less (the largest that surely fits), --micro-batch {fits} (still "
            f"{plan.batch_size:,} images a step, {fits} at once), or a lower --size"
        )
    raise ConfigError(
        f"A step with {rows:,} images of {width}x{height} needs more than {bytes_each * rows / 2**30:,.0f} GiB of "
        f"memory, and there are {available / 2**30:,.0f} GiB{shared_memory_words(device)}. What to give: {advice}."
    )


def _share(plan: Plan, device: torch.device, compiled: bool) -> float:
    """The least share of the bytes counted in fp32 that a step may need."""
    narrow = plan.precision != "fp32" and (plan.precision != "auto" or devices.has_bf16(device))
    return (0.5 if narrow else 1.0) * (0.5 if compiled else 1.0)


def bytes_of_image(model_class: type[Model], config: Config, clock: int) -> int:
    """Bytes that the largest phase keeps for its gradients, for each image of the batch; 0 if it cannot be told.

    clock: the point of the training, in images of the recommended length.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode  # a slow import, for large steps alone

    fake = FakeTensorMode(allow_non_fake_inputs=True)  # constants that are cached have values (`with_values`)
    # A model may compute with NumPy, or a loss need what pictures alone have, as label maps: the training then tells.
    with suppress(Exception):
        with fake, _ReadAsZero(), without_initialisation():
            model = model_class(config).train().requires_grad_(False)
            model.advance(clock)
        phases = model.phases()
        with fake, _ReadAsZero():
            return max((_bytes_of_phase(model, phase) for phase in phases), default=0)
    return 0


class _ReadAsZero(TorchDispatchMode):
    """Within it a number that Python reads from a fake tensor, which has none, is 0."""

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return 0 if func is torch.ops.aten._local_scalar_dense.default else func(*args, **(kwargs or {}))


def _bytes_of_phase(model: Model, phase: Phase) -> int:
    networks = [model.get_submodule(name) for name in phase.updates]
    for network in networks:
        network.requires_grad_(True)
    found = 0
    with suppress(Exception):  # as above; other phases may be counted
        found = (_kept(model, phase, MORE) - _kept(model, phase, FEW)) // (MORE - FEW)
    for network in networks:
        network.requires_grad_(False)
    return max(0, found)


def _kept(model: Model, phase: Phase, rows: int) -> int:
    """Bytes that the largest part of a phase keeps, with so many images."""
    step, most = _step(model, rows), 0
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        for _ in phase.parts(step):
            most = max(most, sum(each.untyped_storage().nbytes() for each in kept.values()))
            kept.clear()
    return most


def _step(model: Model, rows: int) -> Step:
    """A micro-batch of shapes: images of each feed, with labels, and attributes if the model has names of some."""
    attributes = len(getattr(model.config, "attribute_names", ()))

    def images(repeats: int) -> Rows:
        count = rows * repeats
        return Rows(
            images=torch.empty(count, *model.config.image_shape),
            labels=torch.empty(count, dtype=torch.int64),
            attributes=torch.empty(count, attributes) if attributes else None,
        )

    first, *others = ((name, images(feed.repeats)) for name, feed in model.feeds.items())
    draws = Draws(torch.Generator(), rows, 0, rows)
    return Step(**vars(first[1]), index=0, images_seen=0, draws=draws, feeds=dict(others))
