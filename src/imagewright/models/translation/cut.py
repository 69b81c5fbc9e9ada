"""CUT: translation from one set of images to another without pairs, by contrast of patches.

Park et al. 2020, arXiv:2007.15651: objective eq. 1 to 4, settings of section 4.1 and appendix C. Numbers are those of
the published code, which halves the sum of both contrasts. Departures: a step moves the generator before the
discriminator; each image of a batch has patches of its own; any size whose sides are multiples of 4.
Shape letters: N batch, C H W image, P patches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from imagewright.capabilities import Target
from imagewright.configs import TwoDomainConfig
from imagewright.layers.initialisation import initialise_xavier
from imagewright.layers.patch_discriminator import PatchDiscriminator, PixelDiscriminator
from imagewright.layers.residual import ResidualGenerator
from imagewright.losses.adversarial import ADVERSARIAL, least_squares
from imagewright.losses.contrastive import patch_contrast
from imagewright.model import Feed, Model
from imagewright.models.shared.translation import ResidualTranslationConfig, at_multiples, constant_then_linear
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Recipe
from imagewright.traits import Traits

EPOCH = 1_334  # images of the larger set of horse2zebra
LEAST_SQUARES = ADVERSARIAL["least_squares"]


@dataclass(frozen=True, kw_only=True)
class CUTConfig(TwoDomainConfig, ResidualTranslationConfig):
    """The options of CUT."""

    tiny_options: ClassVar[dict[str, Any]] = {
        "width": 4,
        "blocks": 2,
        "discriminator_width": 4,
        "discriminator_layers": 1,
        "projection": 8,
    }

    blocks: int = Field(9, ge=1, le=64, description="residual blocks")
    blurred: bool = Field(True, description="whether sizes change by blurring filters, without aliasing, as published")
    variant: Literal["cut", "fastcut"] = Field(
        "cut", description="cut also contrasts images of b with themselves; fastcut has a larger weight and mirrors"
    )
    contrast: float | None = Field(None, ge=0, le=1e6, description="weight of the contrast (1; 10 for fastcut)")
    patches: int = Field(256, ge=2, le=65_536, description="patches of each layer that are contrasted")
    projection: int = Field(256, ge=1, le=4096, description="numbers of a patch after its projection")

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """Half the published channels and fewer blocks on a CPU, where the published networks take days."""
        return {} if traits.accelerator else {"width": 32, "discriminator_width": 32, "blocks": 6}

    @property
    def contrast_weight(self) -> float:
        """`contrast`, or the published weight of the variant."""
        return (10.0 if self.variant == "fastcut" else 1.0) if self.contrast is None else self.contrast


def build_cut_generator(config: CUTConfig) -> ResidualGenerator:
    """The untrained generator, (N, C, H, W) to the same."""
    network = ResidualGenerator(
        config.channels,
        config.channels,
        width=config.width,
        blocks=config.residual_blocks,
        norm=config.norm,
        dropout=config.dropout,
        of_image=config.statistics == "image",
        blurred=config.blurred,
    )
    return network.apply(initialise_xavier)


def build_cut_discriminator(config: CUTConfig) -> nn.Module:
    """The untrained discriminator, from (N, C, H, W) to logits of patches, or of pixels."""
    channels, width = config.channels, config.discriminator_width
    if config.discriminator == "pixel":
        return PixelDiscriminator(channels, width=width, norm=config.norm).apply(initialise_xavier)
    return PatchDiscriminator(
        channels, width=width, norm=config.norm, layers=config.patch_layers, blurred=config.blurred
    ).apply(initialise_xavier)


class CUT(Model):
    """Networks: `generator` (N, C, H, W) to the same; `projections` of its encoder's maps; `discriminator` of b."""

    Config = CUTConfig
    config: CUTConfig
    feeds: ClassVar[Mapping[str, Feed]] = {"a": Feed("a"), "b": Feed("b")}

    def __init__(self, config: CUTConfig) -> None:
        super().__init__(config)
        self.generator = build_cut_generator(config)
        self.discriminator = build_cut_discriminator(config)
        self.projections = nn.ModuleList(
            nn.Sequential(
                nn.Linear(channels, config.projection),
                nn.ReLU(True),
                nn.Linear(config.projection, config.projection),
            )
            for channels in self.generator.feature_channels
        ).apply(initialise_xavier)

    def recipe(self, images_seen: int = 0) -> Recipe:
        """CUT: 200 epochs and 200 of decay; FastCUT: 150 and 50."""
        if self.config.variant == "fastcut":
            return constant_then_linear(images=200 * EPOCH, at=images_seen, constant=0.75)
        return constant_then_linear(images=400 * EPOCH, at=images_seen)

    # Objective

    def phases(self) -> list[Phase]:
        return [
            Phase("generator", ("generator", "projections"), self.generator_loss),
            Phase("discriminator", ("discriminator",), self.discriminator_loss),
        ]

    def generator_loss(self, step: Step) -> Iterator[Terms]:
        """Eq. 4, in two parts that share no graph."""
        fast = self.config.variant == "fastcut"
        weight = self.config.contrast_weight * (1.0 if fast else 0.5)
        fake, contrast = self._translate_and_contrast(step, step.images, mirrored=fast)
        step.shared["fake"] = fake.detach()
        yield {"adversarial": least_squares([self.discriminator(fake)], 1), "contrast": weight * contrast}
        if not fast:
            _, contrast = self._translate_and_contrast(step, step["b"].images)
            yield {"identity": weight * contrast}

    def discriminator_loss(self, step: Step) -> Terms:
        """Least squares, halved."""
        real = step["b"].images
        fake = step.shared["fake"].to(real.dtype)
        return LEAST_SQUARES.discriminator(self.discriminator(real), self.discriminator(fake))

    def _translate_and_contrast(self, step: Step, images: Tensor, *, mirrored: bool = False) -> tuple[Tensor, Tensor]:
        """Translated images, and eq. 3: their patches against those of the images at the same places.

        mirrored: whether half of the images are translated in the mirror; their maps are turned back.
        """
        if mirrored:
            turned = step.draws.uniform()[:, None, None, None] < 0.5
            keys = [maps.detach() for maps in self.generator.features(images)]
            fake = self.generator(_mirror(images, turned))
            queries = [_mirror(maps, turned) for maps in self.generator.features(fake)]
        else:
            fake, keys = self.generator.with_features(images)
            queries = self.generator.features(fake)
        losses = [self._contrast_patches(step, *each) for each in zip(queries, keys, self.projections, strict=True)]
        return fake, torch.stack(losses).mean()

    def _contrast_patches(self, step: Step, queries: Tensor, keys: Tensor, projection: nn.Module) -> Tensor:
        """The loss of one layer's maps (N, C, H, W), at places that are sampled for each image."""
        queries, keys = (maps.flatten(2).transpose(1, 2) for maps in (queries, keys.detach()))  # (N, H W, C)
        count = queries.shape[1]
        places = step.draws.uniform(count).topk(min(self.config.patches, count)).indices[:, :, None]
        chosen = (projection(maps.gather(1, places.expand(-1, -1, maps.shape[2]))) for maps in (queries, keys))
        return patch_contrast(*chosen)

    # Verbs

    @property
    def domains(self) -> tuple[str, ...]:
        return self.config.domain_names[1:]

    def translate(self, images: Tensor, target: Target) -> Tensor:
        return at_multiples(self.generator, images, 4)

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        a, b = rows["a"].images, rows["b"].images
        one, other = self.config.domain_names
        return {one: a, f"{one} to {other}": self.generator(a), other: b, f"{other} kept": self.generator(b)}

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        fake = self.generator(rows["a"].images)
        return {"discriminator": (self.discriminator(rows["b"].images), self.discriminator(fake))}


def _mirror(maps: Tensor, turned: Tensor) -> Tensor:
    return torch.where(turned, maps.flip(3), maps)
