"""Sets of pictures for the tests of linear models: arrays as a stream that counts its passes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue, configs


class Rows:
    """`model.Stream` over an array (N, D). `largest` and `passes` are the largest batch and the passes so far."""

    def __init__(self, rows: np.ndarray, shape: tuple[int, int, int], labels: np.ndarray | None = None) -> None:
        self.rows, self.shape = np.asarray(rows, np.float32), shape
        self.labels = None if labels is None else torch.from_numpy(np.asarray(labels, np.int64))
        self.largest, self.passes = 0, 0

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self, batch_size: int) -> Iterator[Tensor]:
        self.largest, self.passes = max(self.largest, batch_size), self.passes + 1
        for start in range(0, len(self.rows), batch_size):
            yield self.images(slice(start, start + batch_size))

    def images(self, places: slice | np.ndarray = slice(None)) -> Tensor:
        """Float pictures (n, C, H, W)."""
        return torch.from_numpy(self.rows[places].copy()).unflatten(1, self.shape)


def fitted(name: str, rows: Rows, **options: Any) -> Any:
    """The model of the catalogue, fitted to the rows. Classes are named by their numbers."""
    model_class = catalogue.model_class(name)
    channels, *size = rows.shape
    if issubclass(model_class.Config, configs.LabelledConfig) and rows.labels is not None:
        options.setdefault("class_names", tuple(map(str, range(int(rows.labels.max()) + 1))))
    model = model_class(configs.build(model_class.Config, {"size": size, "channels": channels} | options, name))
    model.fit(rows)
    return model


def digits(classes: int = 10) -> Rows:
    """scikit-learn's digits of the first classes, 8x8."""
    from sklearn.datasets import load_digits

    found = load_digits(n_class=classes)
    return Rows(found.data / 8 - 1, (1, 8, 8), found.target)
