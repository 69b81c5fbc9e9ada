"""Fixed networks that a discriminator looks through: four maps of a picture, from fine to coarse.

Sauer et al. 2021, arXiv:2111.01007, section 4: EfficientNet-Lite0 gave its best results at the least cost. `random` is
the network of the features `random`, which needs no file.
Shape letters: N pictures, C H W; a map k has F_k channels.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn.functional import interpolate

from imagewright.pretrained.efficientnet_lite import (
    EfficientNetLite,
    build_efficientnet_lite,
    fold_norms,
    read_efficientnet_weights,
)
from imagewright.pretrained.features.random import WIDTHS as RANDOM_WIDTHS
from imagewright.pretrained.features.random import RandomNetwork, sample_weights
from imagewright.pretrained.weights import weights_digest

BackboneName = Literal["efficientnet_lite0", "random"]
BACKBONE_WIDTHS: dict[BackboneName, tuple[int, ...]] = {
    "efficientnet_lite0": (24, 40, 112, 320),
    "random": RANDOM_WIDTHS,
}
"""Channels of the four maps."""
BACKBONE_STRIDES: dict[BackboneName, tuple[int, ...]] = {
    "efficientnet_lite0": (4, 8, 16, 32),
    "random": (2, 4, 8, 16),
}
STAGES = (1, 2, 4, 6)  # of EfficientNet-Lite0: the last at each stride
TO_NETWORK = 127.5 / 128, 0.5 / 128  # from [-1, 1] to EfficientNet-Lite0's (x - 127) / 128


class Backbone(nn.Module):
    """Pictures (N, C, H, W) in [-1, 1] to the first `scales` of four maps.

    name: of the network.
    size: (height, width) to which pictures are resized, bilinearly; multiples of 32.
    scales: from 1 to 4.

    digest: SHA-256 over the weights, as of the features of the same name for EfficientNet-Lite0.
    """

    def __init__(self, name: BackboneName, size: tuple[int, int], scales: int) -> None:
        super().__init__()
        self.name, self.size, self.scales = name, size, scales
        self.network: EfficientNetLite | RandomNetwork
        if name == "random":
            self.network = RandomNetwork()
            weights = sample_weights()
            self.network.load_state_dict(weights)
        else:
            self.network = build_efficientnet_lite(read_efficientnet_weights())
            weights = {key: value for key, value in self.network.state_dict().items() if value.is_floating_point()}
        self.digest = weights_digest(weights)
        if isinstance(self.network, EfficientNetLite):
            self.network = fold_norms(self.network)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(N, F_k, height / stride, width / stride) for each scale k."""
        colours = _as_colour(images)
        if tuple(colours.shape[2:]) != self.size:
            colours = interpolate(colours, self.size, mode="bilinear", align_corners=False)
        if isinstance(self.network, RandomNetwork):
            return self.network.maps(colours)[: self.scales]
        factor, shift = TO_NETWORK
        return self.network.maps(colours * factor + shift, STAGES[: self.scales])


def _as_colour(images: Tensor) -> Tensor:
    """Grey pictures are repeated to RGB, those with an alpha channel laid over mid-grey, so that it counts."""
    if images.shape[1] == 4:
        return images[:, :3] * ((images[:, 3:] + 1) / 2)
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images


def map_sizes(name: BackboneName, size: tuple[int, int], scales: int) -> list[tuple[int, int]]:
    """Height and width of each map, of pictures of this size."""
    return [(-(-size[0] // stride), -(-size[1] // stride)) for stride in BACKBONE_STRIDES[name][:scales]]


def open_backbone(name: BackboneName, size: tuple[int, int], scales: int) -> Backbone:
    """The network with its weights, frozen. Raises `DataError` if they are not there, saying how to get them."""
    return Backbone(name, size, scales).eval().requires_grad_(False)
