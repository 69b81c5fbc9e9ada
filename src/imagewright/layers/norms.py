"""Normalisation layers of image translation, right and fast in every memory layout.

torch 2.13 computes wrong gradients of `instance_norm` on the CPU for batches of one image whose gradient comes in
channels_last. The same norm is written as a batch norm here, or as a group norm with a group a channel; a test holds
both against the formula. Norms by the statistics of an image take those of the whole picture if they see a tile of it
(`picture_moments.py`). Shape letters: N batch, C channels, H W map.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, group_norm

from imagewright.layers.picture_moments import normalise_by, picture_moments

NormName = Literal["instance", "batch", "none"]
EPS = 1e-5


def normalise_instances(
    maps: Tensor, eps: float = EPS, *, weight: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """Each channel of each image (N, C, H, W) with mean 0 and variance 1 (biased), then times weight plus bias (C,).

    Ulyanov et al. 2016, arXiv:1607.08022.
    """
    moments = picture_moments(maps)
    if moments is not None:
        return normalise_by(maps, moments, eps, weight, bias)
    if maps.shape[2] * maps.shape[3] == 1:
        centred = maps * 0  # its own mean is taken off; torch refuses it
        return centred if bias is None else centred + bias[:, None, None]
    if torch.compiler.is_exporting():  # a traced graph is for any number of images
        return group_norm(maps, maps.shape[1], weight, bias, eps)
    if len(maps) == 1:
        return batch_norm(maps, None, None, weight, bias, training=True, eps=eps)
    if not torch.is_grad_enabled():  # rounds as the published networks do; in training the copy would cost time
        rows = maps.reshape(1, -1, *maps.shape[2:])
        weight, bias = (None if each is None else each.repeat(len(maps)) for each in (weight, bias))
        return batch_norm(rows, None, None, weight, bias, training=True, eps=eps).view(maps.shape)
    return group_norm(maps, maps.shape[1], weight, bias, eps)


def pixel_norm(maps: Tensor) -> Tensor:
    """(N, C, ...) with the mean square 1 over the channels of each pixel.

    Karras et al. 2018 (ProGAN), arXiv:1710.10196, section 4.2.
    """
    precise = maps.to(torch.promote_types(maps.dtype, torch.float32))
    return maps * (precise.square().mean(1, keepdim=True) + 1e-8).rsqrt().to(maps.dtype)


class InstanceNorm(nn.Module):
    """`normalise_instances` as a layer. It has no parameters and no buffers."""

    def forward(self, maps: Tensor) -> Tensor:
        return normalise_instances(maps)


class AffineInstanceNorm(nn.InstanceNorm2d):
    """Instance norm with a weight and a bias a channel.

    tracked: whether it keeps running statistics, and normalises by them in evaluation mode instead of by the image's.
    """

    def __init__(self, channels: int, *, tracked: bool = False) -> None:
        super().__init__(channels, affine=True, track_running_stats=tracked)

    def forward(self, maps: Tensor) -> Tensor:
        if self.track_running_stats:
            if not self.training:
                return super().forward(maps)
            self._track(maps.detach())
        return normalise_instances(maps, self.eps, weight=self.weight, bias=self.bias)

    def _track(self, maps: Tensor) -> None:
        """Move the running statistics towards the mean of the images' own, as torch does."""
        assert self.running_mean is not None
        assert self.running_var is not None
        variances, means = torch.var_mean(maps.float(), (2, 3))  # unbiased
        self.running_mean.lerp_(means.mean(0), self.momentum or 0.0)
        self.running_var.lerp_(variances.mean(0), self.momentum or 0.0)


class ImageBatchNorm(nn.BatchNorm2d):
    """Batch norm that may take the statistics of the batch at hand in evaluation mode too.

    pix2pix was published so: trained with one image a batch, tested with the statistics of the tested image.

    of_image: whether it does; else evaluation uses the running statistics.
    """

    def __init__(self, channels: int, *, of_image: bool) -> None:
        super().__init__(channels)
        self.of_image = of_image

    def forward(self, maps: Tensor) -> Tensor:
        if self.training or not self.of_image:
            return super().forward(maps)
        moments = picture_moments(maps)
        if moments is not None:
            return normalise_by(maps, moments, self.eps, self.weight, self.bias)
        if len(maps) == 1:
            return batch_norm(maps, None, None, self.weight, self.bias, training=True, eps=self.eps)
        # Each image by its own statistics, so that it does not depend on the others of its block.
        return group_norm(maps, self.num_features, self.weight, self.bias, self.eps)


def build_norm(name: NormName, channels: int, *, of_image: bool = False) -> nn.Module:
    """The layer of a name, for `channels` channels. of_image: see `ImageBatchNorm`."""
    if name == "instance":
        return InstanceNorm()
    return nn.Identity() if name == "none" else ImageBatchNorm(channels, of_image=of_image)


def has_bias(name: NormName) -> bool:
    """Whether a convolution before this norm has a bias in the published networks: before an instance norm alone."""
    return name == "instance"
