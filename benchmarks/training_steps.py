"""Training steps on pictures in memory: the engine's, as `imagewright train` runs them, without the loop around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from imagewright import catalogue, configs
from imagewright.images import Batch
from imagewright.model import Model
from imagewright.training import device as devices
from imagewright.training.engine import Engine
from imagewright.training.options import TrainingOptions
from imagewright.training.setting import build_plan

CLASSES = ("one", "other")

Steps = Callable[[int], None]
"""Trains for a number of steps, and waits until the device has done them."""


def build_model(name: str, side: int, **options: Any) -> Model:
    """An untrained model of RGB pictures of `side` pixels, the same each time; of two classes if it needs classes."""
    torch.manual_seed(0)
    model_class = catalogue.model_class(name)
    values: dict[str, Any] = {"size": (side, side), "channels": 3} | options
    if issubclass(model_class.Config, configs.LabelledConfig | configs.ConditionedConfig):
        values["class_names"] = CLASSES
    return model_class(configs.build(model_class.Config, values, name))


@dataclass
class EngineSteps:
    """Steps of an engine, one after the other, on one batch of each feed, uint8 channels_last as in the cache."""

    engine: Engine
    batches: dict[str, Batch]
    index: int = 0

    def __call__(self, count: int) -> None:
        for _ in range(count):
            self.engine.step(self.batches, self.index, self.index * self.engine.plan.batch_size)
            self.index += 1
        synchronise(self.engine.device)


def build_steps(
    model: Model, images: Tensor, device: torch.device, *, compiler: str | None = None, **options: Any
) -> EngineSteps:
    """The steps of a training by the model's own recipe, one batch a step.

    images: uint8 (N, C, H, W), the batch of every feed; its pictures are of two classes in turn
    compiler: the backend of `torch.compile` for the networks; None: not compiled
    options: of the training: precision, capture ...
    """
    devices.prepare_model(model, device)
    plan = build_plan(TrainingOptions(images_seen=10**9, batch_size=len(images), **options), model.recipe())
    engine = Engine(model, plan, device)
    if compiler is not None:
        for network in engine.networks.values():
            network.compile(backend=compiler)
    batches = {}
    for name, feed in model.feeds.items():
        rows = images.repeat_interleave(feed.repeats, 0).contiguous(memory_format=torch.channels_last)
        batches[name] = Batch(rows, torch.arange(len(rows)) % len(CLASSES))
    return EngineSteps(engine, batches)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
