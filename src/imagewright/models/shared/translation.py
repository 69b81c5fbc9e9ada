"""What pix2pix and CycleGAN share: the options of their networks, the networks, and the schedule of the learning rate.

The published code has one set of networks for both systems: Zhu et al. 2017, arXiv:1703.10593, and Isola et al. 2017,
arXiv:1611.07004.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import pad

from imagewright.configs import MultipleSizedConfig, SizedConfig
from imagewright.layers.initialisation import initialise_normal
from imagewright.layers.norms import NormName
from imagewright.layers.patch_discriminator import PatchDiscriminator, PixelDiscriminator
from imagewright.layers.residual import ResidualGenerator
from imagewright.layers.unet import UNetGenerator
from imagewright.pixels import size_text
from imagewright.recipe import Optimizer, Recipe
from imagewright.traits import Traits

SHALLOWEST, DEEPEST = 2, 8  # halvings of a U-Net
SMALLEST = 8  # pixels a side
PATCH_LAYERS = 3  # strided layers of the published discriminators
SMALL = 128  # pixels: up to this side the published code takes 6 residual blocks, else 9
LOAD_RATIO = 286 / 256  # training images are random crops of images of so many times the size
ADAM = Optimizer(learning_rate=2e-4, betas=(0.5, 0.999))


@dataclass(frozen=True, kw_only=True)
class OftenHalvedConfig(SizedConfig):
    """The options of a generator of five halvings or more, where the size allows: with fewer it sees a part only."""

    @classmethod
    def size_rule(cls, size: tuple[int, int]) -> str:
        return "both sides must be multiples of 32, or below 32 pixels multiples of 4, 8 or more"

    @classmethod
    def nearest_size(cls, height: int, width: int) -> tuple[int, int]:
        unit = 32 if min(height, width) >= 32 else 4
        least = max(unit, SMALLEST)
        return max(least, round(height / unit) * unit), max(least, round(width / unit) * unit)


@dataclass(frozen=True, kw_only=True)
class ResidualTranslationConfig(MultipleSizedConfig):
    """The options of a ResNet from images to images, and of a discriminator of patches."""

    unit: ClassVar[int] = 4  # of two halvings
    smallest: ClassVar[int] = SMALLEST

    width: int = Field(64, ge=1, le=1024, description="channels of the generator at full size")
    blocks: int | None = Field(None, ge=1, le=64, description="residual blocks (9; 6 for sides up to 128 pixels)")
    norm: NormName = Field("instance", description="normalisation in all networks")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout in the generator")
    statistics: Literal["image", "running"] = Field(
        "image",
        description="what batch norms normalise by after training: the statistics of each image, as published, or "
        "running ones",
    )
    discriminator: Literal["patch", "pixel"] = Field("patch", description="what is judged: patches, or single pixels")
    discriminator_width: int = Field(64, ge=1, le=1024, description="channels of the discriminator's first layer")
    discriminator_layers: int | None = Field(
        None,
        ge=1,
        le=8,
        description="strided layers of the discriminator; by default 3 for patches of 70 pixels, or as "
        "many as the size allows",
    )

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """Half the published channels on a CPU, where the published networks take days."""
        return {} if traits.accelerator else {"width": 32, "discriminator_width": 32}

    @model_validator(mode="after")
    def _patches_are_possible(self) -> ResidualTranslationConfig:
        most = self._most_layers
        if self.discriminator == "patch" and most < (self.discriminator_layers or 1):
            raise ValueError(
                f"discriminator_layers {self.discriminator_layers or 1}: pictures of {size_text(self.size)} allow "
                f"{most}; --discriminator pixel judges single pixels"
            )
        return self

    @property
    def _most_layers(self) -> int:
        """Strided layers that leave three pixels a side or more, of which the last two convolutions take one each."""
        return max(0, (min(self.size) // 3).bit_length() - 1)

    @property
    def patch_layers(self) -> int:
        """`discriminator_layers`, or the published 3 where the size allows."""
        return self.discriminator_layers or min(PATCH_LAYERS, self._most_layers)

    @property
    def residual_blocks(self) -> int:
        """`blocks`, or the published number for this size."""
        return self.blocks or (6 if min(self.size) <= SMALL else 9)


@dataclass(frozen=True, kw_only=True)
class TranslationConfig(ResidualTranslationConfig):
    """The same with a choice of the generator: a ResNet, or a U-Net."""

    network: Literal["resnet", "unet"] = Field("resnet", description="the generator: a ResNet, or a U-Net")
    width: int = Field(64, ge=1, le=1024, description="channels of the generator at full (resnet) or half size (unet)")
    depth: int | None = Field(
        None, ge=SHALLOWEST, le=12, description="halvings of the U-Net; by default as many as the size allows, up to 8"
    )

    @model_validator(mode="after")
    def _depth_is_possible(self) -> TranslationConfig:
        allowed = _halvings_of(self.size)
        if self.network == "unet" and allowed < (self.depth or SHALLOWEST):
            raise ValueError(
                f"depth {self.depth or SHALLOWEST}: sides of {self.size[0]} and {self.size[1]} pixels can be halved "
                f"{allowed} times"
            )
        return self

    @property
    def unet_depth(self) -> int:
        """`depth`, or the halvings that the sides allow, up to 8."""
        return self.depth or min(DEEPEST, _halvings_of(self.size))


def build_generator(config: TranslationConfig, inputs: int, outputs: int) -> nn.Module:
    """The untrained generator, from (N, inputs, H, W) to (N, outputs, H, W)."""
    shared: dict[str, Any] = {
        "width": config.width,
        "norm": config.norm,
        "dropout": config.dropout,
        "of_image": config.statistics == "image",
    }
    network: nn.Module
    if config.network == "unet":
        network = UNetGenerator(inputs, outputs, depth=config.unet_depth, **shared)
    else:
        network = ResidualGenerator(inputs, outputs, blocks=config.residual_blocks, **shared)
    return network.apply(initialise_normal)


def build_discriminator(config: TranslationConfig, inputs: int) -> nn.Module:
    """The untrained discriminator, from (N, inputs, H, W) to logits of patches."""
    shared: dict[str, Any] = {"width": config.discriminator_width, "norm": config.norm}
    network: nn.Module
    if config.discriminator == "pixel":
        network = PixelDiscriminator(inputs, **shared)
    else:
        network = PatchDiscriminator(inputs, layers=config.patch_layers, **shared)
    return network.apply(initialise_normal)


def at_multiples(network: Callable[[Tensor], Tensor], images: Tensor, unit: int) -> Tensor:
    """A network on images (N, C, H, W) of any size: padded to sides that are multiples of `unit`, and cropped again."""
    height, width = images.shape[2:]
    below, right = -height % unit, -width % unit
    mode = "reflect" if below < height and right < width else "replicate"
    padded = pad(images, (0, right, 0, below), mode) if below or right else images
    return network(padded)[..., :height, :width]


def constant_then_linear(*, images: int, at: int, constant: float = 0.5, load_ratio: float = LOAD_RATIO) -> Recipe:
    """The published recipe: Adam, one image a step, a rate that is constant at first and then falls to 0.

    images: the length of the training, in images seen.
    at: the point, in images of that length.
    constant: the share of the training over which the rate is constant.
    load_ratio: of the recipe.
    """
    factor = max(0.0, min(1.0, (1 - at / images) / (1 - constant)))
    adam = Optimizer(learning_rate=factor * ADAM.learning_rate, betas=ADAM.betas)
    return Recipe(images_seen=images, batch_size=1, optimizer=adam, load_ratio=load_ratio, flip=True)


def _halvings_of(size: tuple[int, int]) -> int:
    return min((side & -side).bit_length() - 1 for side in size)
