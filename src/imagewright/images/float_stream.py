"""A set of images as float batches, for closed-form fits: any number of passes, without all images in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from imagewright.images.images import Images
from imagewright.pixels import to_float

if TYPE_CHECKING:
    import torch


class FloatStream:
    """`model.Stream` over images.

    images: the images.
    watch: called after each batch with the number of images seen in this pass. An exception that it raises, such as
        `KeyboardInterrupt`, ends the fit.
    """

    def __init__(self, images: Images, watch: Callable[[int], None] | None = None) -> None:
        self.images, self.watch = images, watch

    @property
    def labels(self) -> torch.Tensor | None:
        """int64 (N,), in the order of the batches."""
        import torch

        return None if self.images.labels is None else torch.from_numpy(self.images.labels)

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, batch_size: int) -> Iterator[torch.Tensor]:
        """One pass in order: float32 (N, C, H, W) in [-1, 1]."""
        return self.some_batches(batch_size, 0, 1)

    def some_batches(self, batch_size: int, first: int, step: int) -> Iterator[torch.Tensor]:
        """Every `step`-th batch of `batches(batch_size)`, from number `first` on; `step` ranks read all of them."""
        count = len(self.images)
        for number, batch in enumerate(self.images.batches(batch_size, first, step), 1):
            yield to_float(batch.images.contiguous())
            if self.watch is not None:
                self.watch(min(number * step * batch_size, count))
