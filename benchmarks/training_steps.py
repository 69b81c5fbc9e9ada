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
    if issubclass(model_class.Config, configs.LayeredConfig):
        values["layer_channels"] = dict.fromkeys(model_class.Config.input_layers, 3)
    return model_class(configs.build(model_class.Config, values, name))


@dataclass
class EngineSteps:
    """Steps of an engine, one after the other, on the same batch: uint8 channels_last, as the cache gives it."""

    engine: Engine
    batch: Batch
    index: int = 0

    def __call__(self, count: int) -> None:
        for _ in range(count):
            self.engine.step({"images": self.batch}, self.index, self.index * len(self.batch.images))
            self.index += 1
        synchronise(self.engine.device)


def build_steps(
    model: Model, images: Tensor, device: torch.device, *, compiler: str | None = None, **options: Any
) -> EngineSteps:
    """The steps of a training by the model's own recipe, one batch a step.

    images: uint8 (N, C, H, W), the batch; its pictures are of two classes in turn
    compiler: the backend of `torch.compile` for the networks; None: not compiled
    options: of the training: precision, capture ...
    """
    devices.prepare_model(model, device)
    plan = build_plan(TrainingOptions(images_seen=10**9, batch_size=len(images), **options), model.recipe())
    engine = Engine(model, plan, device)
    if compiler is not None:
        for network in engine.networks.values():
            network.compile(backend=compiler)
    ready = images.contiguous(memory_format=torch.channels_last)
    layers = dict.fromkeys(type(model.config).input_layers, ready)  # pairs of a picture and itself
    return EngineSteps(engine, Batch(ready, torch.arange(len(images)) % len(CLASSES), layers=layers))


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
