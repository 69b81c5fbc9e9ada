"""Resize pictures to a network's input size, with filters whose results are reproducible to the bit.

- `lanczos`, `bicubic`, `bilinear`, `box`: Pillow's filters, with antialiasing, from 8 bits to 8 bits.
- `clean-bicubic`: Pillow's bicubic on floating-point channels, clamped to 0..255 and not rounded, as Parmar et al. 2022
  (arXiv:2104.11222, "clean-fid") prepare pictures.
- `tf-bilinear`: TensorFlow 1's `resize_bilinear`, with which FID was defined (Heusel et al. 2017). Output pixel i is
  interpolated at i * in / out (no shift by half a pixel) between its two neighbours, without antialiasing. Downsampled
  pictures alias, so use it only to compare with published scores.
- `none`: no resizing.

Each picture is resized independently of the others in the batch. Pillow and torch release the GIL while they resize.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imagewright.errors import ConfigError, DataError, nearest_name
from imagewright.images.decoding.formats import from_array
from imagewright.images.decoding.preprocessing import FILTERS as PILLOW_FILTERS

ANTIALIASED = ("lanczos", "bicubic", "bilinear", "box")
FILTERS = (*ANTIALIASED, "clean-bicubic", "tf-bilinear", "none")


def check_filter(name: str) -> str:
    """Return `name`. Raises `ConfigError` if it is not in `FILTERS`."""
    if name not in FILTERS:
        raise ConfigError(
            f"There is no filter {name!r} to resize with: expected {', '.join(FILTERS)}.{nearest_name(name, FILTERS)}"
        )
    return name


def resize_images(images: Tensor, size: tuple[int, int], filter_name: str, channels: int | None = None) -> Tensor:
    """Resize uint8 (N, C, H, W) to (N, channels, *size).

    size: height and width of the result; ignored by the filter `none`.
    filter_name: one of `FILTERS`.
    channels: 1 or 3; None leaves them as they are.

    Returns uint8 for Pillow's four filters and `none`, float32 in 0..255 for `clean-bicubic` and `tf-bilinear`.
    Raises `ConfigError` for an unknown filter, `DataError` for pictures with other than 1, 3 or 4 channels.
    """
    check_filter(filter_name)
    images = convert_channels(images, channels)
    if filter_name == "tf-bilinear":
        return tf_bilinear(images, size)
    if filter_name == "clean-bicubic":
        return _clean_bicubic(images, size)
    if filter_name == "none" or tuple(images.shape[2:]) == tuple(size):
        return images
    return _antialiased(images, size, PILLOW_FILTERS[filter_name])


def convert_channels(images: Tensor, channels: int | None) -> Tensor:
    """Convert uint8 (N, C, H, W) with 1, 3 or 4 channels to 1 or 3 channels.

    Grey is repeated. Transparent pictures are composited on white, and colour becomes luma (ITU-R 601), as when files
    are read (`images/decoding/formats.py`). Raises `DataError` for another number of channels.
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
    """Resize (N, C, H, W) to float32 at `size` as TensorFlow 1's `resize_bilinear` (`align_corners` off) does.

    Interpolates between columns first, then between rows, in float32 with the scale rounded to float32, as TensorFlow's
    kernel does. When upsampling, the last pixels repeat the edge. The result is channels_last in memory.
    """
    (height, width), (rows, columns) = images.shape[2:], size
    left, right, across = _neighbours(width, columns)
    upper, lower, down = _neighbours(height, rows)
    result = torch.empty(*images.shape[:2], rows, columns).contiguous(memory_format=torch.channels_last)
    for image, place in zip(
        images, result, strict=True
    ):  # one picture at a time, which fits into the processor's cache
        whole = image.float().contiguous()
        wide = _between(whole.index_select(2, left), whole.index_select(2, right), across)
        place.copy_(_between(wide.index_select(1, upper), wide.index_select(1, lower), down[:, None]))
    return result


def _between(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Linear interpolation from `first` to `second`, in place on `second`."""
    return second.sub_(first).mul_(share).add_(first)


def _neighbours(count: int, wanted: int) -> tuple[Tensor, Tensor, Tensor]:
    """Indices of the input pixels before and after each of `wanted` output pixels, and the weight of the second."""
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
    """Arrays (H, W) or (H, W, C) as one uint8 (N, C, H, W), channels_last in memory."""
    stacked = torch.from_numpy(np.stack(rows))
    return (stacked.unsqueeze(-1) if stacked.ndim == 3 else stacked).permute(0, 3, 1, 2)
