"""Pictures brought to a network's size, by filters that are known to the bit.

- `lanczos`, `bicubic`, `bilinear`, `box`: Pillow's, with antialiasing, on 8 bits and to 8 bits.
- `clean-bicubic`: Pillow's bicubic on floating-point channels, cut to 0..255 and not rounded, as Parmar et al. 2022
  (arXiv:2104.11222, "clean-fid") prepare pictures.
- `tf-bilinear`: what TensorFlow 1's `resize_bilinear` does, with which FID was defined (Heusel et al. 2017): output
  pixel i is read at i * in / out (no shift by half a pixel) between its two neighbours, without antialiasing. Pictures
  that are made smaller alias: numbers by it are comparable with published ones, and with nothing else.
- `none`: as they are.

Every picture is resized by itself: row k does not depend on what else is in the batch. Pillow and torch both let other
threads run meanwhile.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imagewright.errors import ConfigError, DataError, nearest_name
from imagewright.images.decoding.formats import from_array
from imagewright.images.decoding.preprocessing import FILTERS as PILLOW

ANTIALIASED = ("lanczos", "bicubic", "bilinear", "box")
FILTERS = (*ANTIALIASED, "clean-bicubic", "tf-bilinear", "none")


def check_filter(name: str) -> str:
    """`name`, if there is such a filter. Raises `ConfigError` otherwise."""
    if name not in FILTERS:
        raise ConfigError(
            f"There is no filter {name!r} to resize by: expected {', '.join(FILTERS)}.{nearest_name(name, FILTERS)}"
        )
    return name


def resized(images: Tensor, size: tuple[int, int], resize: str, channels: int | None = None) -> Tensor:
    """uint8 (N, C, H, W) at `size` (height, width) in `channels` (1 or 3; None: as many as they have).

    uint8 by Pillow's four filters and by `none`; float32 in 0..255 by `clean-bicubic` and `tf-bilinear`. Raises
    `ConfigError` for a filter that does not exist.
    """
    check_filter(resize)
    images = with_channels(images, channels)
    if resize == "tf-bilinear":
        return tf_bilinear(images, size)
    if resize == "clean-bicubic":
        return _clean_bicubic(images, size)
    if resize == "none" or tuple(images.shape[2:]) == tuple(size):
        return images
    return _antialiased(images, size, PILLOW[resize])


def with_channels(images: Tensor, channels: int | None) -> Tensor:
    """uint8 (N, C, H, W) of 1, 3 or 4 channels in 1 or 3.

    Grey is repeated; transparent pictures are laid on white and colour becomes luma (ITU-R 601) as when files are read
    (`images/decoding/formats.py`). Raises `DataError` for other channels.
    """
    has = images.shape[1]
    if has not in {1, 3, 4}:
        raise DataError(f"Pictures of {has} channels have no features: expected 1 (grey), 3 (RGB) or 4 (RGBA).")
    if channels is None or has == channels:
        return images
    if has == 1:
        return images.expand(-1, channels, -1, -1)
    rows = images.permute(0, 2, 3, 1).numpy()
    return _stacked([np.asarray(from_array(row, channels)) for row in rows])


def tf_bilinear(images: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, C, H, W) at `size`, float32, as TensorFlow 1's `resize_bilinear` gives it (`align_corners` off).

    First between columns, then between rows, in float32 with the scale rounded to float32, as its kernel does. When
    pictures grow, the last pixels repeat the edge. In memory the result lies as channels_last does.
    """
    (height, width), (rows, columns) = images.shape[2:], size
    left, right, across = _neighbours(width, columns)
    upper, lower, down = _neighbours(height, rows)
    result = torch.empty(*images.shape[:2], rows, columns).contiguous(memory_format=torch.channels_last)
    for image, place in zip(images, result, strict=True):  # one picture at a time stays in the processor's cache
        whole = image.float().contiguous()
        wide = _between(whole.index_select(2, left), whole.index_select(2, right), across)
        place.copy_(_between(wide.index_select(1, upper), wide.index_select(1, lower), down[:, None]))
    return result


def _between(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """In the place of `second`."""
    return second.sub_(first).mul_(share).add_(first)


def _neighbours(count: int, wanted: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each of the `wanted` output pixels: the input pixels before and after it, and the share of the latter."""
    places = torch.arange(wanted, dtype=torch.float32) * torch.tensor(count / wanted, dtype=torch.float32)
    before = places.long().clamp_max(count - 1)
    return before, (before + 1).clamp_max(count - 1), places - before


def _antialiased(images: Tensor, size: tuple[int, int], method: Image.Resampling) -> Tensor:
    height, width = size
    grey = images.shape[1] == 1
    rows = images.permute(0, 2, 3, 1).contiguous().numpy()
    pictures = [Image.fromarray(row[..., 0] if grey else row) for row in rows]
    return _stacked([np.asarray(picture.resize((width, height), method)) for picture in pictures])


def _clean_bicubic(images: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = size
    result = torch.empty(*images.shape[:2], height, width)
    planes = images.reshape(-1, *images.shape[2:]).float().numpy()
    for place, plane in zip(result.view(-1, height, width), planes, strict=True):
        resampled = np.array(Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC))
        torch.clamp(torch.from_numpy(resampled), 0, 255, out=place)
    return result


def _stacked(rows: list[np.ndarray]) -> Tensor:
    """Arrays (H, W) or (H, W, C) as one uint8 (N, C, H, W), which lies in memory as channels_last does."""
    stacked = torch.from_numpy(np.stack(rows))
    return (stacked.unsqueeze(-1) if stacked.ndim == 3 else stacked).permute(0, 3, 1, 2)
