"""Carry an edit to the picture at its own size: the change, enlarged, is added to its own pixels.

A model sees a picture at its size, cut to its shape from the middle. What lies outside stays as it is, and the change
fades out towards the edges of the cut.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from imagewright.errors import UserError
from imagewright.images.single import read_picture
from imagewright.latent.editing.edit import Edited
from imagewright.pixels import size_text

FADE = 0.06  # of a side, over which the change fades out where the model's cut ends inside the picture


def carry_to_full_size(edited: Edited) -> Tensor:
    """Edited pictures at their own size, uint8 (N, K, C, height, width).

    edited: of pictures that all have one size, without detail kept: the change is its images minus its
        reconstructions.
    Raises `UserError` for an input that is no picture, and for pictures of several sizes.
    """
    channels = edited.reconstructions.shape[1]
    sources = [source for source in edited.sources if source is not None]
    if len(sources) < len(edited.sources):
        raise UserError("Seeds and saved latents have no picture of their own size: edit pictures at full size.")
    pictures = [read_picture(source, channels) for source in sources]
    sizes = {tuple(picture.shape[1:]) for picture in pictures}
    if len(sizes) > 1:
        listed = ", ".join(size_text(size) for size in sorted(sizes))
        raise UserError(f"The pictures have several sizes ({listed}): edit them at full size one at a time.")
    changes = edited.images.float() - edited.reconstructions[:, None].float()
    return torch.stack([add_change(picture, change) for picture, change in zip(pictures, changes, strict=True)])


def add_change(picture: Tensor, changes: Tensor) -> Tensor:
    """A picture with each change of its centre cut added, uint8 (K, C, height, width).

    picture: uint8 (C, height, width).
    changes: in grey levels, float (K, C, H, W), of the cut of shape H to W that covers as much as it can.
    """
    height, width = picture.shape[1:]
    scale = max(changes.shape[2] / height, changes.shape[3] / width)
    cut = min(height, round(changes.shape[2] / scale)), min(width, round(changes.shape[3] / scale))
    top, left = (height - cut[0]) // 2, (width - cut[1]) // 2
    enlarged = interpolate(changes, cut, mode="bicubic", align_corners=False, antialias=True)
    enlarged = enlarged * _fade(cut[0], inside=top > 0)[:, None] * _fade(cut[1], inside=left > 0)
    whole = picture.float().repeat(len(changes), 1, 1, 1)
    whole[:, :, top : top + cut[0], left : left + cut[1]] += enlarged
    return whole.round().clamp(0, 255).to(torch.uint8)


def _fade(side: int, *, inside: bool) -> Tensor:
    """Weights (side,): 1, and falling to 0 at both ends if these are inside the picture."""
    if not inside:
        return torch.ones(side)
    places = torch.arange(side) + 0.5
    return (torch.minimum(places, side - places) / (FADE * side)).clamp(max=1)
