"""Models of the catalogue that are fitted in closed form inside other code: by name, to images or to a stream.

Callers name the model and its options only, so that they depend on no model's module.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from imagewright import catalogue, configs
from imagewright.images import Images
from imagewright.images.float_stream import FloatStream
from imagewright.model import Model, Stream
from imagewright.pixels import to_float


def fit_model(name: str, images: Images | Stream, **options: Any) -> Model:
    """Build a closed-form model of the catalogue and fit it.

    The size and channels of its configuration follow from the pictures; so do its classes if it needs them and
    `images` has them.

    name: in the catalogue, such as "pca".
    images: the pictures, or a stream of float32 batches (N, C, H, W) in [-1, 1].
    options: of the model.

    Raises `ConfigError` for a wrong option, and what the model's `fit` raises. The model is in evaluation mode.
    """
    model_class = catalogue.model_class(name)
    values: dict[str, Any] = {}
    if isinstance(images, Images):
        if issubclass(model_class.Config, configs.LabelledConfig):
            images = images.with_classes()
        values |= {"size": images.size, "channels": images.channels}
        if issubclass(model_class.Config, configs.LabelledConfig) and images.class_names is not None:
            values["class_names"] = images.class_names
        stream: Stream = FloatStream(images)
    else:
        stream = images
        channels, height, width = next(stream.batches(1)).shape[1:]
        values |= {"size": (height, width), "channels": channels}
    model = model_class(configs.build(model_class.Config, values | options, name))
    with torch.inference_mode():
        model.fit(stream)
    return model.eval()


class TensorStream:
    """A `Stream` over pictures in memory.

    pictures: (N, C, H, W), uint8, or float32 in [-1, 1].
    labels: int64 (N,), if there are any.
    """

    def __init__(self, pictures: Tensor, labels: Tensor | None = None) -> None:
        self._pictures, self.labels = pictures, labels

    def __len__(self) -> int:
        return len(self._pictures)

    def batches(self, batch_size: int) -> Iterator[Tensor]:
        """One pass in order: float32 (N, C, H, W)."""
        for part in self._pictures.split(batch_size):
            yield to_float(part) if part.dtype == torch.uint8 else part
