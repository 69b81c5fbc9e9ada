"""DINOv2's ViT-L/14, whose features agree with human ratings of pictures better than Inception's do.

Oquab et al. 2023, "DINOv2", arXiv:2304.07193: the network, a vision transformer (Dosovitskiy et al. 2021,
arXiv:2010.11929) with LayerScale. Stein et al. 2023, "Exposing flaws of generative model evaluation metrics",
arXiv:2306.04675: its use as FD-DINOv2. Pictures are resized to 224x224 by Pillow's bicubic filter and normalised by
ImageNet's mean and deviation; the features are the class token after the last normalisation.

The weights were trained at 518x518, 37x37 patches. For 16x16 their position embeddings are interpolated as the
published code does: bicubic, without antialiasing, by the scale (16 + 0.1) / 37 instead of 16 / 37. The 0.1 was meant
against rounding errors; it shifts positions slightly, and without it features differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from imagewright.downloads import RemoteFile
from imagewright.pretrained.features.contract import WITHOUT_WEIGHTS, About, Features
from imagewright.pretrained.features.module import ModuleFeatures
from imagewright.pretrained.resizing import check_filter
from imagewright.pretrained.weights import check_state, get_weight_file, read_weights, weights_digest

SIDE = 224
OFFSET = 0.1
NORM_FLOOR = 1e-6
MEANS, DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, in [0, 1]
FILE = RemoteFile(
    "dinov2_vitl14_pretrain.pth",
    1_217_586_395,
    "d5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428",
    "sha256",
)
MIRRORS = ("https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/",)


@dataclass(frozen=True)
class Shape:
    """A vision transformer's blocks, width and heads, and the sides in pixels of a patch and of training pictures."""

    depth: int = 24
    width: int = 1024
    heads: int = 16
    patch: int = 14
    trained_side: int = 518


class Attention(nn.Module):
    """Multi-head self-attention. Names of tensors here and below are those of the published state dict."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.proj = nn.Linear(shape.width, shape.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, T, width) to the same."""
        count, length, width = tokens.shape
        split = self.qkv(tokens).view(count, length, 3, self.heads, width // self.heads)
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(queries, keys, values)
        return self.proj(found.transpose(1, 2).reshape(count, length, width))


class Scale(nn.Module):
    """LayerScale (Touvron et al. 2021, arXiv:2103.17239): a learned factor for each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(width))

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, T, width) to the same."""
        return tokens * self.gamma


class Mlp(nn.Module):
    """Two linear layers with GELU between; the hidden width is four times the outer one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, T, width) to the same."""
        return self.fc2(functional.gelu(self.fc1(tokens)))


class Block(nn.Module):
    """Attention, then MLP, each a residual branch: norm, layer, LayerScale."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(shape.width, eps=NORM_FLOOR) for _ in range(2))
        self.attn, self.mlp = Attention(shape), Mlp(shape.width)
        self.ls1, self.ls2 = Scale(shape.width), Scale(shape.width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, T, width) to the same."""
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        return tokens + self.ls2(self.mlp(self.norm2(tokens)))


class Patches(nn.Module):
    """Patch embedding: each patch of the picture becomes a token."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, shape.width, shape.patch, shape.patch)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) to (N, patches, width), row by row."""
        return self.proj(images).flatten(2).transpose(1, 2)


class DinoV2(nn.Module):
    """Normalised float32 (N, 3, H, W), sides multiples of the patch, to the class token (N, width)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape, self.grid = shape, shape.trained_side // shape.patch
        self.cls_token = nn.Parameter(torch.empty(1, 1, shape.width))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + self.grid**2, shape.width))
        self.patch_embed = Patches(shape)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(shape.width, eps=NORM_FLOOR)

    def positions(self, height: int, width: int) -> Tensor:
        """Position embeddings (1, 1 + height * width, width of tokens) for a grid of height x width patches."""
        if (height, width) == (self.grid, self.grid):
            return self.pos_embed
        plane = self.pos_embed[:, 1:].transpose(1, 2).unflatten(2, (self.grid, self.grid))
        scales = [(side + OFFSET) / self.grid for side in (height, width)]
        resampled = functional.interpolate(plane, scale_factor=scales, mode="bicubic", align_corners=False)
        return torch.cat([self.pos_embed[:, :1], resampled.flatten(2).transpose(1, 2)], 1)

    def forward(self, images: Tensor) -> Features:
        """The class token after the last normalisation."""
        patches = self.patch_embed(images)
        tokens = torch.cat([self.cls_token.expand(len(images), -1, -1), patches], 1)
        tokens = tokens + self.positions(*(side // self.shape.patch for side in images.shape[2:]))
        for block in self.blocks:
            tokens = block(tokens)
        return Features(self.norm(tokens[:, 0]))


def published_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published state dict, without the mask token, which only training needs."""
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in DinoV2(shape).state_dict().items()}


def build_dinov2(state: Mapping[str, Tensor], shape: Shape) -> DinoV2:
    """The network with weights under their published names. Raises `DataError` for other names or shapes."""
    with torch.device("meta"):
        network = DinoV2(shape)
    network.load_state_dict(check_state(state, published_shapes(shape), "this DINOv2"), assign=True)
    return network


def open_dinov2(
    resize: str = "bicubic", weights: str | Path | None = None, shape: Shape | None = None
) -> ModuleFeatures:
    """ViT-L/14 of DINOv2. Its weights (1.2 GB) are fetched if they are not found.

    resize: one of `resizing.FILTERS`; Stein et al. use Pillow's bicubic, and optionally `clean-bicubic`.
    weights: a `.pth` or `.safetensors` file of the user's own, whose scores are not called published ones.
    shape: of the network in that file; ViT-L/14 by default.

    Raises `DataError` if there are no weights, or those of another network.
    """
    path = Path(weights) if weights else get_weight_file("dinov2", FILE, MIRRORS, instead=WITHOUT_WEIGHTS)
    state = {name: tensor for name, tensor in read_weights(path).items() if name != "mask_token"}
    shape = shape or Shape()
    about = About(
        name="dinov2",
        digest=weights_digest(state),
        dimension=shape.width,
        size=(SIDE, SIDE),
        resize=check_filter(resize),
        channels=3,
        value_range="ImageNet's mean 0, deviation 1",
        licence="Apache-2.0",
        published=weights is None,
    )
    return ModuleFeatures(about, build_dinov2(state, shape), _scale)


def _scale(images: Tensor) -> Tensor:
    means, deviations = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEANS, DEVIATIONS))
    return (images.float() / 255 - means) / deviations
