"""The feature map by which the points of a decoder's pictures are moved and followed.

DragGAN takes a map from the middle of StyleGAN's generator (Pan et al. 2023, arXiv:2305.10973, section 3.2). Here it
is found in any generator without an encoder: the last map of at most half of the picture's side. A decoder that was
trained with an encoder, such as a VAE's, is followed by its pictures at several blurs: its maps hold colours more than
places, so that points stayed where they were while faces became other ones (docs/measurements.md, "Dragging"). So is
a decoder without such a map, such as PCA's.
Shape letters: N batch, C H W picture, F channels of the map.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from imagewright.capabilities import verbs_of
from imagewright.model import Model

SHARE = 2  # the side of a picture is so many times that of its map, or up to twice as many
LEAST_CHANNELS = 8  # of a map that tells places apart; toRGB layers have 3
BLURS = (1, 2, 4)  # pixels by which pictures are averaged, for decoders whose maps are not followed


class FeatureMaps:
    """Decodes latents to pictures together with their features.

    model: whose `decode` has gradients, in evaluation mode.
    latents: one, (1, *latent_shape), on which the map is searched.
    """

    def __init__(self, model: Any, latents: Tensor) -> None:
        self._model = model
        self._layer = _find_layer(model, latents)
        self._kept: list[Tensor] = []

    @property
    def follows_pictures(self) -> bool:
        """Whether the decoder has no map, so that its pictures are followed."""
        return self._layer is None

    def decode(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (N, C, H, W) in [-1, 1], and features (N, F, H, W) at the pictures' size."""
        if self._layer is None:
            pictures: Tensor = self._model.decode(latents)
            return pictures, torch.cat([_blurred(pictures, side) for side in BLURS], 1)
        self._kept.clear()
        handle = self._layer.register_forward_hook(lambda _, __, output: self._kept.append(output))
        try:
            pictures = self._model.decode(latents)
        finally:
            handle.remove()
        features = interpolate(self._kept.pop().float(), pictures.shape[2:], mode="bilinear", align_corners=True)
        return pictures, features


def _blurred(pictures: Tensor, side: int) -> Tensor:
    return avg_pool2d(pictures, 2 * side + 1, 1, side, count_include_pad=False)


def _find_layer(model: Model, latents: Tensor) -> nn.Module | None:
    """The module of the decoder whose map is followed; None if the pictures are."""
    if "encode" in verbs_of(model):
        return None
    with _outputs_of(model) as outputs, torch.no_grad():
        decoded: Any = model
        height, width = decoded.decode(latents).shape[2:]
    called = [module for module, _ in outputs]
    for module, shape in reversed(outputs):
        fits = len(shape) == 4 and shape[0] == len(latents) and shape[1] >= LEAST_CHANNELS
        sizes = zip(shape[2:], (height, width), strict=False)
        is_of_share = all(SHARE * side <= whole <= 2 * SHARE * side for side, whole in sizes)
        if fits and is_of_share and called.count(module) == 1:
            return module
    return None


@contextmanager
def _outputs_of(model: Model) -> Iterator[list[tuple[nn.Module, tuple[int, ...]]]]:
    """The modules that are called in the block, in the order in which they end, with the shapes of their tensors."""
    found: list[tuple[nn.Module, tuple[int, ...]]] = []

    def note(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            found.append((module, tuple(output.shape)))

    handles = [module.register_forward_hook(note) for _, module in model.named_modules()]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
