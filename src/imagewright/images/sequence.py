"""A set of pictures as Python and torch expect one: indices, slices, iteration, `DataLoader`, numpy, notebooks."""

from __future__ import annotations

import base64
import html
import io
import operator
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from imagewright.errors import ConfigError, one_line

if TYPE_CHECKING:
    import torch

    from imagewright.images.batches import Batch
    from imagewright.images.images import Images
    from imagewright.images.selection import Selection

AT_ONCE = 64  # pictures read at once by an iteration
SHOWN = 24  # pictures that a notebook shows of a set
SHOWN_SIDE = 80  # pixels


class PictureSequence(ABC):
    """The sequence protocols of `Images`: each picture is a uint8 tensor (C, H, W), 0 to 255."""

    @property
    @abstractmethod
    def source(self) -> str: ...

    @property
    @abstractmethod
    def size(self) -> tuple[int, int]: ...

    @property
    @abstractmethod
    def channels(self) -> int: ...

    @property
    @abstractmethod
    def labels(self) -> np.ndarray | None: ...

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def prepare(self) -> Images: ...

    @abstractmethod
    def batch(self, indices: np.ndarray) -> Batch: ...

    @abstractmethod
    def batches(self, batch_size: int, first: int = 0, step: int = 1) -> Iterator[Batch]: ...

    @abstractmethod
    def subset(self, indices: np.ndarray) -> Images: ...

    @overload
    def __getitem__(self, index: int) -> torch.Tensor: ...

    @overload
    def __getitem__(self, index: slice | Sequence[int] | np.ndarray) -> Images: ...

    def __getitem__(self, index: Any) -> torch.Tensor | Images:
        """A picture by its number, or the part of the set that a slice, numbers or a mask choose.

        Negative numbers count from the end. Raises `IndexError` for a number out of range, `TypeError` for another
        kind of index.
        """
        if isinstance(index, slice):
            return self.subset(np.arange(len(self))[index])
        if isinstance(index, np.ndarray | list | tuple) or hasattr(index, "detach"):
            return self.subset(self._places(np.asarray(index)))
        return self.batch(np.array([self._place(index)])).images[0]

    def __getitems__(self, indices: Sequence[int]) -> list[torch.Tensor]:
        """Several pictures, read at once: `torch.utils.data.DataLoader` calls it for a batch."""
        return list(self.batch(np.array([self._place(index) for index in indices], np.int64)).images)

    def __iter__(self) -> Iterator[torch.Tensor]:
        """Each picture in order, read in batches."""
        for batch in self.batches(AT_ONCE):
            yield from batch.images

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All pictures, uint8 (N, C, H, W). Raises `ValueError` for `copy=False`, since pictures are decoded."""
        if copy is False:
            raise ValueError("The pictures are decoded into an array of their own: copy=False cannot be kept.")
        self.prepare()
        pixels = np.empty((len(self), self.channels, *self.size), np.uint8)
        start = 0
        for batch in self.batches(AT_ONCE):
            pixels[start : start + len(batch.images)] = batch.images.numpy()
            start += len(batch.images)
        return pixels if dtype is None else pixels.astype(dtype)

    def labelled(self) -> LabelledPictures:
        """A data set of (picture, label) pairs for `torch.utils.data.DataLoader`.

        Raises `ConfigError` if the pictures have no labels.
        """
        return LabelledPictures(self)

    def _repr_html_(self) -> str:
        """What a notebook shows: the set in a line, and pictures spread evenly over it, with their classes."""
        from imagewright.images.selection import select_evenly

        chosen = select_evenly(self.subset(np.arange(len(self))), SHOWN)
        line = html.escape(f"{repr(self).strip('<>')}; shown: {len(chosen.names)} of {len(self):,}")
        return f"<p>{line}</p><div style='display:flex;flex-wrap:wrap'>{_figures(chosen)}</div>"

    def _place(self, index: Any) -> int:
        """A number from 0 to N - 1 for a number from -N to N - 1."""
        try:
            place = operator.index(index)
        except TypeError:
            raise TypeError(
                f"Pictures are chosen by number, slice, numbers or mask, not by {type(index).__name__}."
            ) from None
        if not -len(self) <= place < len(self):
            raise IndexError(
                f"Picture {place:,} of {len(self):,}: numbers go from {-len(self):,} to {len(self) - 1:,}."
            )
        return place % len(self)

    def _places(self, chosen: np.ndarray) -> np.ndarray:
        """The places that numbers or a mask choose."""
        if chosen.dtype == bool:
            if chosen.shape != (len(self),):
                raise IndexError(f"A mask of {len(self):,} values was expected, not of the shape {chosen.shape}.")
            return np.flatnonzero(chosen)
        return np.array([self._place(index) for index in chosen.ravel().tolist()], np.int64)


class LabelledPictures:
    """Pairs of a picture, uint8 (C, H, W), and its label, an int: a map-style data set for torch."""

    def __init__(self, images: PictureSequence) -> None:
        if images.labels is None:
            raise ConfigError(f"The pictures of {images.source} have no labels: open them with labels=.")
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[torch.Tensor, int]]:
        labels = self.images.labels
        assert labels is not None
        pictures = self.images.__getitems__(indices)
        return [(picture, int(labels[index])) for picture, index in zip(pictures, indices, strict=True)]


def _figures(chosen: Selection) -> str:
    """Some pictures, each with its class or else its name below it, as HTML."""
    captions = chosen.classes or [Path(name).name for name in chosen.names]
    pairs = zip(chosen.images, captions, strict=True)
    return "".join(
        f"<figure style='margin:2px;max-width:{SHOWN_SIDE}px;overflow:hidden'>"
        f"<img src='data:image/webp;base64,{_webp(picture)}' alt='{html.escape(one_line(caption, 40))}' "
        "style='image-rendering:pixelated'>"
        f"<figcaption style='font-size:70%'>{html.escape(one_line(caption, 40))}</figcaption></figure>"
        for picture, caption in pairs
    )


def _webp(picture: torch.Tensor) -> str:
    """A picture (C, H, W), its longer side about as long as is shown, as base64 WebP; of several layers, the first."""
    from PIL import Image

    pixels = picture.permute(1, 2, 0).numpy()
    pixels = pixels if pixels.shape[2] in (1, 3, 4) else pixels[..., : 3 if pixels.shape[2] > 4 else 1]
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    factor = SHOWN_SIDE / max(image.size)
    size = round(image.width * factor), round(image.height * factor)
    image = image.resize(
        (max(1, size[0]), max(1, size[1])), Image.Resampling.LANCZOS if factor < 1 else Image.Resampling.NEAREST
    )
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=factor > 1, quality=85, method=2)
    return base64.b64encode(buffer.getvalue()).decode()
