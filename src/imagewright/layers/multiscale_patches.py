"""PatchGAN discriminators at several scales, which also return their inner features.

Wang et al. 2018, arXiv:1711.11585, sections 3.2 and 3.3. Layers and names are those of the published networks. Shape
letters: N batch, C H W image.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from imagewright.layers.blur import halve
from imagewright.layers.norms import NormName, build_norm

WIDEST = 512  # channels


class MultiscalePatchDiscriminator(nn.Module):
    """From images (N, inputs, H, W) to a list of maps a scale, full size first; the last map of each are the logits.

    Each scale halves the images of the one before. The networks are numbered from the smallest scale on, as published.

    width: channels of the first layer; doubled by each up to 512.
    layers: strided layers of each network.
    scales: how many networks.
    features: whether all stages are returned, and named `scale{k}_layer{j}`; else the logits alone (`layer{k}`).
    sigmoid: whether probabilities are returned in place of logits; the published networks do so without features only.
    """

    def __init__(
        self,
        inputs: int,
        *,
        width: int = 64,
        layers: int = 3,
        scales: int = 2,
        norm: NormName = "instance",
        features: bool = True,
        sigmoid: bool = False,
    ) -> None:
        super().__init__()
        self.scales, self.features, self.sigmoid = scales, features, sigmoid and not features
        for number in range(scales):
            stages = _build_stages(inputs, width, layers, norm)
            if features:
                for place, stage in enumerate(stages):
                    self.add_module(f"scale{number}_layer{place}", nn.Sequential(*stage))
            else:
                self.add_module(f"layer{number}", nn.Sequential(*(each for stage in stages for each in stage)))
        self.stages = layers + 2

    def forward(self, images: Tensor) -> list[list[Tensor]]:
        found = []
        for number in reversed(range(self.scales)):
            found.append(self._maps(images, number))
            if number:
                images = halve(images)
        return found

    def _maps(self, images: Tensor, number: int) -> list[Tensor]:
        """Of one scale. Logits are in fp32, because losses take exponentials and logarithms of them."""
        if not self.features:
            logits: Tensor = self.get_submodule(f"layer{number}")(images).float()
            return [logits.sigmoid() if self.sigmoid else logits]
        maps = [images]
        for place in range(self.stages):
            maps.append(self.get_submodule(f"scale{number}_layer{place}")(maps[-1]))
        return [*maps[1:-1], maps[-1].float()]


def _build_stages(inputs: int, width: int, layers: int, norm: NormName) -> list[list[nn.Module]]:
    """Strided layers, one without a stride, and the logits; paddings of 2, so that maps of any size are possible."""
    widths = [width, *(min(width * 2**level, WIDEST) for level in range(1, layers + 1))]
    stages: list[list[nn.Module]] = [[nn.Conv2d(inputs, widths[0], 4, 2, 2), nn.LeakyReLU(0.2, True)]]
    for level, (inner, outer) in enumerate(pairwise(widths), 1):
        stride = 1 if level == layers else 2
        stages.append([nn.Conv2d(inner, outer, 4, stride, 2), build_norm(norm, outer), nn.LeakyReLU(0.2, True)])
    return [*stages, [nn.Conv2d(widths[-1], 1, 4, 1, 2)]]
