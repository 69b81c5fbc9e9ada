"""What a model may choose its options by: the images, the machine, and the time (`Config.suggest`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Traits:
    """A set of images, the machine that trains on them, and the time there is.

    images: the number of images, unreadable ones included.
    height, width: of the images as the model gets them, in pixels.
    channels: 1 grey, 3 RGB, 4 RGBA.
    classes: the number of classes; 0 without labels.
    accelerator: whether the training runs on a GPU.
    minutes: planned for the training.
    given: the options of the model and of the training that the user gave, by name. They are never replaced; a
        suggestion that suits only some of their values depends on them.
    """

    images: int
    height: int
    width: int
    channels: int
    classes: int = 0
    accelerator: bool = False
    minutes: float = 10.0
    given: Mapping[str, Any] = field(default_factory=dict)
