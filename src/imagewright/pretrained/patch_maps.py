"""Features of patches: two maps of a fixed network, each averaged over neighbours, at the resolution of the finer one.

As in PatchCore (Roth et al. 2022, "Towards total recall in industrial anomaly detection", arXiv:2106.08265, section
3.1): maps of the middle of a network, since the first layers know only edges and the last ones only ImageNet's classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from imagewright.pixels import to_float
from imagewright.pretrained.efficientnet_lite import (
    NAME,
    build_efficientnet_lite,
    find_efficientnet_weights,
    read_efficientnet_weights,
    scale_pixels,
)
from imagewright.pretrained.features.module import BLOCK
from imagewright.pretrained.features.random import RandomNetwork, sample_weights
from imagewright.pretrained.resizing import convert_channels

STAGES = (2, 4)  # of EfficientNet-Lite0: strides 8 and 16, 40 and 112 channels
LAYERS = (2, 3)  # of the random network: strides 8 and 16, 64 channels each
STRIDE = 8
NEIGHBOURHOOD = 3  # patches a side that each is averaged with


class PatchMaps:
    """uint8 pictures (N, C, H, W) to the features of patches.

    name: of the network: `efficientnet_lite0`, or `random` if its weights are not there.
    """

    def __init__(self, name: str, network: nn.Module) -> None:
        self.name = name
        self.network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, images: Tensor) -> Tensor:
        """float32 (N, H', W', D), one row for each 8 x 8 pixels."""
        return torch.cat([self._of_block(block) for block in images.split(BLOCK)])

    def _of_block(self, images: Tensor) -> Tensor:
        colour = convert_channels(images, 3)
        with torch.inference_mode():
            if self.name == NAME:
                scaled = scale_pixels(colour).contiguous(memory_format=torch.channels_last)
                maps = self.network.maps(scaled, STAGES)
            else:
                every = self.network.maps(to_float(colour).contiguous(memory_format=torch.channels_last))
                maps = [every[layer] for layer in LAYERS]
            averaged = [
                functional.avg_pool2d(each, NEIGHBOURHOOD, 1, NEIGHBOURHOOD // 2, count_include_pad=False)
                for each in maps
            ]
            size = averaged[0].shape[2:]
            coarse = functional.interpolate(averaged[1], size=size, mode="bilinear", align_corners=False)
            return torch.cat([averaged[0], coarse], 1).permute(0, 2, 3, 1).contiguous()


def open_patch_maps() -> PatchMaps:
    """The maps of EfficientNet-Lite0 if its weights are there, else those of the random network."""
    if find_efficientnet_weights() is not None:
        return PatchMaps(NAME, build_efficientnet_lite(read_efficientnet_weights()))
    network = RandomNetwork()
    network.load_state_dict(sample_weights())
    return PatchMaps("random", network)
