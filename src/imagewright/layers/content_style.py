"""Networks that take content and style of an image apart, and put them together again.

Huang et al. 2018 (MUNIT), arXiv:1804.04732, section 5.1 and appendix B; UNIT and FUNIT are built of the same ones.
Names of tensors within an encoder or decoder are those of the published networks. Shape letters: N batch, C H W image,
S style, D = width * 2^downsamplings channels of the content.
"""

from __future__ import annotations

from typing import TypedDict

from torch import Tensor, nn

from imagewright.layers.conv_blocks import (
    Activation,
    BlockNorm,
    ConvBlock,
    LinearStack,
    Padding,
    ResidualStack,
)
from imagewright.layers.initialisation import initialise_kaiming


class BlockStyle(TypedDict):
    """What all blocks of a network have in common."""

    activation: Activation
    pad: Padding


class ContentEncoder(nn.Module):
    """From images (N, channels, H, W) to content (N, D, h, w), whose sides are halved; by instance norms."""

    def __init__(self, channels: int, *, width: int, downsamplings: int, blocks: int, style: BlockStyle) -> None:
        super().__init__()
        layers: list[nn.Module] = [ConvBlock(channels, width, 7, padding=3, norm="instance", **style)]
        for _ in range(downsamplings):
            layers.append(ConvBlock(width, 2 * width, 4, stride=2, padding=1, norm="instance", **style))
            width *= 2
        layers.append(ResidualStack(width, blocks, norm="instance", **style))
        self.model = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        content: Tensor = self.model(images)
        return content


class StyleEncoder(nn.Module):
    """From images (N, channels, H, W) to one code an image (N, S). It has no norms, which would remove the style."""

    def __init__(self, channels: int, outputs: int, *, width: int, downsamplings: int, style: BlockStyle) -> None:
        super().__init__()
        layers: list[nn.Module] = [ConvBlock(channels, width, 7, padding=3, **style)]
        for level in range(downsamplings):
            wider = 2 * width if level < 2 else width
            layers.append(ConvBlock(width, wider, 4, stride=2, padding=1, **style))
            width = wider
        self.model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, outputs, 1))

    def forward(self, images: Tensor) -> Tensor:
        codes: Tensor = self.model(images).flatten(1)
        return codes


class ContentDecoder(nn.Module):
    """From content (N, D, h, w) to images (N, channels, h * 2^upsamplings, w * 2^upsamplings) in [-1, 1].

    width: channels of the images' last map; D is width * 2^upsamplings.
    residual_norm: in the residual blocks; an adaptive one is given `modulation` (N, blocks * 4 D).
    upsampled_norm: after each enlargement.
    """

    def __init__(
        self,
        channels: int,
        *,
        width: int,
        upsamplings: int,
        blocks: int,
        residual_norm: BlockNorm,
        upsampled_norm: BlockNorm,
        style: BlockStyle,
    ) -> None:
        super().__init__()
        inner = width * 2**upsamplings
        layers: list[nn.Module] = [ResidualStack(inner, blocks, norm=residual_norm, **style)]
        for _ in range(upsamplings):
            layers.append(nn.Upsample(scale_factor=2))
            layers.append(ConvBlock(inner, inner // 2, 5, padding=2, norm=upsampled_norm, **style))
            inner //= 2
        layers.append(ConvBlock(inner, channels, 7, padding=3, activation="tanh", pad=style["pad"]))
        self.model = nn.ModuleList(layers)

    def forward(self, content: Tensor, modulation: Tensor | None = None) -> Tensor:
        maps: Tensor = self.model[0](content, modulation)
        for layer in self.model[1:]:
            maps = layer(maps)
        return maps


class ContentStyleGenerator(nn.Module):
    """An autoencoder of one kind of images whose code is content and style; the style steers adaptive norms.

    Networks: `content_encoder`, `style_encoder`, `decoder`, and `mlp` from a style to the numbers of all norms.

    style_size: S.
    style_downsamplings: of the style encoder; the first two double the channels.
    mlp_width, mlp_layers: of the network from a style to the norms.
    upsampled_norm: of the decoder; MUNIT has "layer", FUNIT "instance".
    """

    def __init__(
        self,
        channels: int,
        *,
        width: int,
        blocks: int,
        downsamplings: int,
        style_size: int,
        style_downsamplings: int = 4,
        mlp_width: int = 256,
        mlp_layers: int = 3,
        upsampled_norm: BlockNorm = "layer",
        activation: Activation = "relu",
        pad: Padding = "reflect",
    ) -> None:
        super().__init__()
        style = BlockStyle(activation=activation, pad=pad)
        self.style_encoder = StyleEncoder(
            channels, style_size, width=width, downsamplings=style_downsamplings, style=style
        )
        self.content_encoder = ContentEncoder(
            channels, width=width, downsamplings=downsamplings, blocks=blocks, style=style
        )
        self.decoder = ContentDecoder(
            channels,
            width=width,
            upsamplings=downsamplings,
            blocks=blocks,
            residual_norm="adaptive",
            upsampled_norm=upsampled_norm,
            style=style,
        )
        norms = 2 * blocks * 2 * width * 2**downsamplings
        self.mlp = LinearStack(style_size, norms, width=mlp_width, layers=mlp_layers, activation=activation)
        self.apply(initialise_kaiming)

    def decode(self, content: Tensor, style: Tensor) -> Tensor:
        """Content (N, D, h, w) with styles (N, S), or one style (1, S) for all, to images (N, C, H, W)."""
        images: Tensor = self.decoder(content, self.mlp(style))
        return images


class ContentGenerator(nn.Module):
    """An autoencoder of one kind of images whose code is a map that two kinds share: the VAE of UNIT.

    Networks: `encoder` (N, C, H, W) -> (N, D, h, w), the mean of a posterior of variance 1, and `decoder` back.
    """

    def __init__(
        self,
        channels: int,
        *,
        width: int,
        blocks: int,
        downsamplings: int,
        activation: Activation = "relu",
        pad: Padding = "reflect",
    ) -> None:
        super().__init__()
        style = BlockStyle(activation=activation, pad=pad)
        self.encoder = ContentEncoder(channels, width=width, downsamplings=downsamplings, blocks=blocks, style=style)
        self.decoder = ContentDecoder(
            channels,
            width=width,
            upsamplings=downsamplings,
            blocks=blocks,
            residual_norm="instance",
            upsampled_norm="layer",
            style=style,
        )
        self.apply(initialise_kaiming)
