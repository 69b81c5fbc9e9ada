"""The Inception network of FID: InceptionV3 with the TensorFlow weights of 2015.

Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision", arXiv:1512.00567, section 6: table 1
and figures 5 to 7. The weights are those of TensorFlow's `inception-2015-12-05`, with which Heusel et al. 2017
(arXiv:1706.08500) defined FID. That graph differs from the paper and from later versions of the network: 3x3 averages
do not count the padding, the last block takes a maximum instead of an average, normalisation adds 1e-3 to the variance
and has no factor, and there are 1,008 classes, of which 1,000 are ImageNet's.

Pictures are scaled to (x - 128) / 128, as in the graph. The logits leave out the bias of the last layer, as in the code
of Salimans et al. 2016, by which Inception scores are compared (torch-fidelity: `logits_unbiased`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from imagewright.pretrained.features.contract import About, Features
from imagewright.pretrained.features.module import ModuleFeatures
from imagewright.pretrained.inception_weights import load_published_weights, read_inception_weights, unit_names
from imagewright.pretrained.resizing import check_filter
from imagewright.pretrained.weights import check_state, weights_digest

SIDE = 299
FEATURES, CLASSES = 2048, 1008
VARIANCE_FLOOR = 1e-3  # added to the variance in normalisation
Kernel = int | tuple[int, int]


class Unit(nn.Module):
    """Convolution, normalisation by fixed statistics, ReLU. The normalisation is folded into the convolution.

    same_size: pad with zeros so that the map keeps its size (at stride 1).
    """

    def __init__(self, before: int, after: int, kernel: Kernel, stride: int = 1, *, same_size: bool = True) -> None:
        super().__init__()
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (height // 2, width // 2) if same_size else (0, 0)
        self.convolution = nn.Conv2d(before, after, (height, width), stride, padding)

    def forward(self, images: Tensor) -> Tensor:
        """(N, before, H, W) to (N, after, H', W'), non-negative."""
        return functional.relu(self.convolution(images), inplace=True)


class Mixed(nn.Module):
    """Parallel branches whose outputs are concatenated over channels."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) to (N, sum of the branches' channels, H', W')."""
        return torch.cat([branch(images) for branch in self.branches], 1)


def average() -> nn.Module:
    """The mean over 3x3, without the padding."""
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)


def factorised_5x5(before: int, pooled: int) -> Mixed:
    """Figure 5: the 5x5 of the first Inception as two 3x3. The published graph still has one 5x5."""
    return Mixed(
        Unit(before, 64, 1),
        nn.Sequential(Unit(before, 48, 1), Unit(48, 64, 5)),
        nn.Sequential(Unit(before, 64, 1), Unit(64, 96, 3), Unit(96, 96, 3)),
        nn.Sequential(average(), Unit(before, pooled, 1)),
    )


def to_17(before: int) -> Mixed:
    """Figure 10: from 35x35 to 17x17, convolution and pooling side by side."""
    return Mixed(
        Unit(before, 384, 3, 2, same_size=False),
        nn.Sequential(Unit(before, 64, 1), Unit(64, 96, 3), Unit(96, 96, 3, 2, same_size=False)),
        nn.MaxPool2d(3, 2),
    )


def factorised_7x7(before: int, width: int) -> Mixed:
    """Figure 6: 7x7 as 1x7 after 7x1."""
    return Mixed(
        Unit(before, 192, 1),
        nn.Sequential(Unit(before, width, 1), Unit(width, width, (1, 7)), Unit(width, 192, (7, 1))),
        nn.Sequential(
            Unit(before, width, 1),
            Unit(width, width, (7, 1)),
            Unit(width, width, (1, 7)),
            Unit(width, width, (7, 1)),
            Unit(width, 192, (1, 7)),
        ),
        nn.Sequential(average(), Unit(before, 192, 1)),
    )


def to_8(before: int) -> Mixed:
    """From 17x17 to 8x8 positions."""
    return Mixed(
        nn.Sequential(Unit(before, 192, 1), Unit(192, 320, 3, 2, same_size=False)),
        nn.Sequential(
            Unit(before, 192, 1), Unit(192, 192, (1, 7)), Unit(192, 192, (7, 1)), Unit(192, 192, 3, 2, same_size=False)
        ),
        nn.MaxPool2d(3, 2),
    )


def expanded(before: int, pool: nn.Module) -> Mixed:
    """Figure 7: at 8x8 positions the filter banks are wide, not deep."""
    return Mixed(
        Unit(before, 320, 1),
        nn.Sequential(Unit(before, 384, 1), Mixed(Unit(384, 384, (1, 3)), Unit(384, 384, (3, 1)))),
        nn.Sequential(Unit(before, 448, 1), Unit(448, 384, 3), Mixed(Unit(384, 384, (1, 3)), Unit(384, 384, (3, 1)))),
        nn.Sequential(pool, Unit(before, 192, 1)),
    )


class Inception(nn.Module):
    """float32 (N, 3, 299, 299) in [-1, 1) to 2,048 features and the logits of 1,008 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Unit(3, 32, 3, 2, same_size=False),  # 149x149
            Unit(32, 32, 3, same_size=False),
            Unit(32, 64, 3),
            nn.MaxPool2d(3, 2),  # 73x73
            Unit(64, 80, 1),
            Unit(80, 192, 3, same_size=False),
            nn.MaxPool2d(3, 2),  # 35x35
            factorised_5x5(192, 32),
            factorised_5x5(256, 64),
            factorised_5x5(288, 64),
            to_17(288),
            factorised_7x7(768, 128),
            factorised_7x7(768, 160),
            factorised_7x7(768, 160),
            factorised_7x7(768, 192),
            to_8(768),
            expanded(1280, average()),
            expanded(2048, nn.MaxPool2d(3, 1, padding=1)),
        )
        self.classes = nn.Linear(FEATURES, CLASSES, bias=False)

    def forward(self, images: Tensor) -> Features:
        """The features are means over the 8x8 positions, hence non-negative."""
        pooled = self.layers(images).mean((2, 3))
        return Features(pooled, self.classes(pooled))


def published_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published state dict."""
    with torch.device("meta"):
        network = Inception()
    shapes: dict[str, tuple[int, ...]] = {}
    for unit, (name, _) in zip(_units(network), unit_names(), strict=True):
        shapes[f"{name}.conv.weight"] = tuple(unit.convolution.weight.shape)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.bn.{part}"] = (unit.convolution.out_channels,)
    return shapes | {"fc.weight": (CLASSES, FEATURES), "fc.bias": (CLASSES,)}


def build_inception(state: Mapping[str, Tensor]) -> Inception:
    """The network with the weights of a state dict in the published names.

    Raises `DataError` if its names or shapes are not `published_shapes`.
    """
    state = check_state(state, published_shapes(), "FID's Inception network")
    with torch.device("meta"):
        network = Inception()
    folded = {"classes.weight": state["fc.weight"]}
    places = {id(module): name for name, module in network.named_modules()}
    for unit, (name, _) in zip(_units(network), unit_names(), strict=True):
        factor = state[f"{name}.bn.weight"] / (state[f"{name}.bn.running_var"] + VARIANCE_FLOOR).sqrt()
        place = f"{places[id(unit)]}.convolution"
        folded[f"{place}.weight"] = state[f"{name}.conv.weight"] * factor[:, None, None, None]
        folded[f"{place}.bias"] = state[f"{name}.bn.bias"] - state[f"{name}.bn.running_mean"] * factor
    network.load_state_dict(folded, assign=True)
    return network


def _units(network: Inception) -> list[Unit]:
    return [module for module in network.modules() if isinstance(module, Unit)]


def open_inception(resize: str = "tf-bilinear", weights: str | Path | None = None) -> ModuleFeatures:
    """FID's network. Its weights are fetched if they are not found.

    resize: one of `resizing.FILTERS`; FID's own is `tf-bilinear`.
    weights: a `.pth`, `.pt` or `.safetensors` file of the user's own, whose scores are not called published ones.

    Raises `DataError` if there are no weights, or those of another network.
    """
    state = load_published_weights() if weights is None else read_inception_weights(Path(weights))
    about = About(
        name="inception",
        digest=weights_digest(state),
        dimension=FEATURES,
        size=(SIDE, SIDE),
        resize=check_filter(resize),
        channels=3,
        value_range="-1 to 1: (x - 128) / 128",
        licence="Apache-2.0",
        classes=CLASSES,
        published=weights is None,
    )
    return ModuleFeatures(about, build_inception(state), _scale)


def _scale(images: Tensor) -> Tensor:
    return images.float().sub(128).div_(128)
