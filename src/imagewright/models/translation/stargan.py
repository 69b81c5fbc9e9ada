"""StarGAN: one generator for translation between many domains, or of many attributes.

Choi et al. 2018, arXiv:1711.09020: objective eq. 1 to 6 with the Wasserstein loss and gradient penalty of eq. 8, label
vectors and mask of eq. 7, networks of appendix 7.2. Numbers are those of the published code. Departures: the target
labels of a batch are those of other random images, where the published code permutes the batch's own; the learning
rate is constant, since the published code lowers it by a thousandth in all; the discriminator has as many strided
layers, up to the published 6, as leave 2 pixels a side. A training learns from one set; networks that were trained on
two (eq. 7) can be imported. Shape letters: N batch, C H W image, K labels, h w map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, interpolate, one_hot

from imagewright.capabilities import Target
from imagewright.configs import ConditionedConfig, MultipleSizedConfig
from imagewright.errors import UserError
from imagewright.layers.norms import AffineInstanceNorm
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.penalties import gradient_penalty
from imagewright.model import Feed, Model
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Optimizer, Recipe
from imagewright.traits import Traits

STEPS, BATCH = 200_000, 16  # of the published training; steps of the discriminator
MOST_LAYERS = 6  # strided layers of the published discriminator
PREVIEWED = 6  # labels in a preview
WASSERSTEIN = ADVERSARIAL["wasserstein"]


@dataclass(frozen=True, kw_only=True)
class StarGANConfig(ConditionedConfig, MultipleSizedConfig):
    """The options of StarGAN. With `condition` both, there are attributes of one set and classes of another."""

    unit: ClassVar[int] = 4
    smallest: ClassVar[int] = 8
    tiny_options: ClassVar[dict[str, Any]] = {
        "width": 4,
        "blocks": 1,
        "discriminator_width": 4,
        "discriminator_layers": 3,
    }

    condition: Literal["auto", "labels", "attributes", "both"] = Field(
        "auto",
        description="what pictures are translated to: classes (labels), attributes, or auto: labels if there are any, "
        "else attributes; both: of a published network that was trained on a set of each",
    )
    width: int = Field(64, ge=1, le=1024, description="channels of the generator at full size")
    blocks: int = Field(6, ge=1, le=64, description="residual blocks of the generator")
    statistics: Literal["image", "running"] = Field(
        "image",
        description="what the norms normalise by after training: the statistics of each image, as published pictures "
        "were made, or running ones",
    )
    discriminator_width: int = Field(64, ge=1, le=1024, description="channels of the discriminator's first layer")
    discriminator_layers: int | None = Field(
        None,
        ge=1,
        le=10,
        description="strided layers of the discriminator; by default 6, or as many as the size allows",
    )
    classification: float = Field(1.0, ge=0, le=1e6, description="weight of the classification losses")
    cycle: float = Field(10.0, ge=0, le=1e6, description="weight of the reconstruction loss")
    penalty: float = Field(10.0, ge=0, le=1e6, description="weight of the gradient penalty")
    generator_every: int = Field(5, ge=1, le=100, description="the generator is updated in one of this many steps")

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """Narrow networks, few blocks and a higher rate on a CPU, where the published networks take weeks."""
        if traits.accelerator:
            return {}
        narrow = {"width": 24, "blocks": 3, "discriminator_width": 32}
        return narrow | {"batch_size": 8, "learning_rate": 1e-3, "generator_every": 2}

    @model_validator(mode="after")
    def _layers_are_possible(self) -> StarGANConfig:
        if min(self.size) >> (self.discriminator_layers or 1) == 0:
            raise ValueError(
                f"discriminator_layers {self.discriminator_layers}: a side of {min(self.size)} pixels can be halved "
                f"{min(self.size).bit_length() - 1} times"
            )
        if self.condition == "both" and not (self.class_names and self.attribute_names):
            raise ValueError(
                "condition both is for a published network that was trained on two sets, with class_names and "
                "attribute_names given; a training learns labels or attributes"
            )
        return self

    @property
    def strided_layers(self) -> int:
        """`discriminator_layers`, or as many as leave two pixels a side, up to 6."""
        return self.discriminator_layers or min(MOST_LAYERS, min(self.size).bit_length() - 2)

    @property
    def of_two_sets(self) -> bool:
        return self.condition == "both"

    @property
    def labels(self) -> int:
        """The length K of the label vectors that the discriminator tells: of one set, or of both together."""
        return len(self.class_names) + len(self.attribute_names) if self.of_two_sets else self.conditions

    @property
    def label_channels(self) -> int:
        """The length of the generator's label vectors: K, and a mask of two if they are of two sets (eq. 7)."""
        return self.labels + 2 * self.of_two_sets


class LabelResidualBlock(nn.Module):
    """Two 3x3 convolutions with instance norm and a sum, (N, C, H, W) to the same shape."""

    def __init__(self, channels: int, *, tracked: bool) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            AffineInstanceNorm(channels, tracked=tracked),
            nn.ReLU(True),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            AffineInstanceNorm(channels, tracked=tracked),
        )

    def forward(self, maps: Tensor) -> Tensor:
        summed: Tensor = maps + self.main(maps)
        return summed


class LabelGenerator(nn.Module):
    """From images (N, C, H, W) and label vectors (N, K) to images in [-1, 1]; table 4. H and W: multiples of 4."""

    def __init__(self, channels: int, labels: int, *, width: int, blocks: int, tracked: bool) -> None:
        super().__init__()

        def normed(convolution: nn.Module, channels: int) -> list[nn.Module]:
            return [convolution, AffineInstanceNorm(channels, tracked=tracked), nn.ReLU(True)]

        one, two, four = width, 2 * width, 4 * width
        self.main = nn.Sequential(
            *normed(nn.Conv2d(channels + labels, one, 7, 1, 3, bias=False), one),
            *normed(nn.Conv2d(one, two, 4, 2, 1, bias=False), two),
            *normed(nn.Conv2d(two, four, 4, 2, 1, bias=False), four),
            *(LabelResidualBlock(four, tracked=tracked) for _ in range(blocks)),
            *normed(nn.ConvTranspose2d(four, two, 4, 2, 1, bias=False), two),
            *normed(nn.ConvTranspose2d(two, one, 4, 2, 1, bias=False), one),
            nn.Conv2d(one, channels, 7, 1, 3, bias=False),
            nn.Tanh(),
        )

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        maps = labels.to(images.dtype)[:, :, None, None].expand(-1, -1, *images.shape[2:])
        made: Tensor = self.main(torch.cat([images, maps], 1))
        return made


class ClassifyingDiscriminator(nn.Module):
    """From images (N, C, *size) to a map of critic values (N, 1, h, w) and logits of labels (N, K); table 5."""

    def __init__(self, size: tuple[int, int], channels: int, labels: int, *, width: int, layers: int) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        for level in range(layers):
            inner = channels if level == 0 else width * 2 ** (level - 1)
            modules += [nn.Conv2d(inner, width * 2**level, 4, 2, 1), nn.LeakyReLU(0.01)]
        widest = width * 2 ** (layers - 1)
        self.main = nn.Sequential(*modules)
        self.conv1 = nn.Conv2d(widest, 1, 3, 1, 1, bias=False)
        self.conv2 = nn.Conv2d(widest, labels, (size[0] >> layers, size[1] >> layers), bias=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.main(images)
        return self.conv1(maps).float(), self.conv2(maps).flatten(1).float()


class StarGAN(Model):
    """Networks: `generator` of image and label vector; `discriminator`, a map of critic values and logits of labels."""

    Config = StarGANConfig
    config: StarGANConfig
    feeds: ClassVar[Mapping[str, Feed]] = {"images": Feed(), "targets": Feed()}

    def __init__(self, config: StarGANConfig) -> None:
        super().__init__(config)
        self.generator = build_label_generator(config)
        self.discriminator = build_classifying_discriminator(config)

    def recipe(self, images_seen: int = 0) -> Recipe:
        adam = Optimizer(learning_rate=1e-4, betas=(0.5, 0.999))
        return Recipe(images_seen=STEPS * BATCH, batch_size=BATCH, optimizer=adam, flip=True)

    # Objective

    def phases(self) -> list[Phase]:
        return [
            Phase("discriminator", ("discriminator",), self.discriminator_loss),
            Phase("generator", ("generator",), self.generator_loss, every=self.config.generator_every),
        ]

    def discriminator_loss(self, step: Step) -> Terms:
        """Eq. 5, with the adversarial loss of eq. 8."""
        with torch.no_grad():
            fake = self.generator(step.images, self._labels(step["targets"]))
        real_map, logits = self.discriminator(step.images)
        fake_map, _ = self.discriminator(fake)
        mix = step.draws.uniform(1, 1, 1)
        penalty = gradient_penalty(self._critic, step.images, fake, mix).mean()
        return WASSERSTEIN.discriminator(real_map, fake_map) | {
            "classification": self.config.classification * self._classification_loss(logits, step),
            "penalty": self.config.penalty * penalty,
        }

    def generator_loss(self, step: Step) -> Terms:
        """Eq. 6; the reconstruction is eq. 4."""
        images, wanted = step.images, step["targets"]
        fake = self.generator(images, self._labels(wanted))
        fake_map, logits = self.discriminator(fake)
        back = self.generator(fake, self._labels(step))
        return WASSERSTEIN.generator(fake_map, None) | {
            "classification": self.config.classification * self._classification_loss(logits, wanted),
            "cycle": self.config.cycle * (images - back).abs().mean(),
        }

    def _critic(self, images: Tensor) -> Tensor:
        """The sum of the map, (N,), whose gradient is penalised."""
        values: Tensor = self.discriminator(images)[0].flatten(1).sum(1)
        return values

    def _classification_loss(self, logits: Tensor, rows: Rows) -> Tensor:
        """Eq. 2 and 3: the mean over images; binary cross-entropies are summed over attributes."""
        if self.config.class_names:
            assert rows.labels is not None
            return cross_entropy(logits, rows.labels)
        return binary_cross_entropy_with_logits(logits, self._labels(rows), reduction="sum") / len(logits)

    def _labels(self, rows: Rows) -> Tensor:
        """The label vectors (N, K) of images."""
        if self.config.class_names:
            assert rows.labels is not None
            return one_hot(rows.labels, self.config.labels).float()
        assert rows.attributes is not None
        return rows.attributes

    # Verbs

    @property
    def domains(self) -> tuple[str, ...]:
        return self.config.class_names

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The attributes that can be changed; () if the domains are classes."""
        return self.config.attribute_names if self.config.of_two_sets or not self.config.class_names else ()

    def translate(self, images: Tensor, target: Target) -> Tensor:
        if target.domain is not None:
            number = torch.full((len(images),), target.domain, device=images.device)
            vectors = one_hot(number, len(self.domains)).to(images.dtype)
        else:
            vectors = self._known_attributes(images, target).expand(len(images), -1)
        if self.config.of_two_sets:
            vectors = self._with_mask(vectors, of_classes=target.domain is not None)
        translated: Tensor = self.generator(images, vectors)
        return translated

    def _known_attributes(self, images: Tensor, target: Target) -> Tensor:
        """Attributes without NaN, for images of any size."""
        whole = interpolate(images, self.config.size, mode="bilinear", antialias=True)
        attributes = self.complete_target(whole, target).attributes
        assert attributes is not None
        return attributes

    def complete_target(self, images: Tensor, target: Target) -> Target:
        """Attributes that are NaN become what the discriminator's classifier sees in the images."""
        if target.attributes is None or not bool(target.attributes.isnan().any()):
            return target
        attributes = target.attributes.expand(len(images), -1)
        try:
            _, logits = self.discriminator(images)
        except UserError as error:
            raise UserError(
                f"{error} It tells which attributes a picture has: import its file too, or give all attributes: "
                f"{', '.join(self.attribute_names)}."
            ) from None
        seen = (logits[:, : attributes.shape[1]] > 0).to(attributes.dtype)
        return replace(target, attributes=torch.where(attributes.isnan(), seen, attributes))

    def _with_mask(self, vectors: Tensor, *, of_classes: bool) -> Tensor:
        """Eq. 7: the attributes, the classes, of which the unknown ones are 0, and which of the two sets is meant."""
        absent = vectors.new_zeros(len(vectors), self.config.labels - vectors.shape[1])
        mask = vectors.new_tensor([[0.0, 1.0] if of_classes else [1.0, 0.0]]).expand(len(vectors), -1)
        return torch.cat([absent, vectors, mask] if of_classes else [vectors, absent, mask], 1)

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        images, own = rows["images"].images, self._labels(rows["images"])
        sheet = {"input": images}
        names = self.domains or self.attribute_names
        for place, name in enumerate(names[:PREVIEWED]):
            wanted = own.clone()
            wanted[:, place] = 1 - own[:, place]
            if self.domains:
                wanted = torch.zeros_like(own).index_fill(1, torch.tensor(place, device=own.device), 1.0)
            made = self.generator(images, wanted)
            sheet[f"to {name}" if self.domains else f"other {name}"] = made
        return sheet | {"and back": self.generator(made, own)}

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        images = rows["images"].images
        fake = self.generator(images, self._labels(rows["targets"]))
        return {"discriminator": (self._critic(images), self._critic(fake))}


def build_label_generator(config: StarGANConfig) -> LabelGenerator:
    """The untrained generator of a configuration."""
    return LabelGenerator(
        config.channels,
        config.label_channels,
        width=config.width,
        blocks=config.blocks,
        tracked=config.statistics == "running",
    )


def build_classifying_discriminator(config: StarGANConfig) -> ClassifyingDiscriminator:
    """The untrained discriminator of a configuration."""
    return ClassifyingDiscriminator(
        config.size, config.channels, config.labels, width=config.discriminator_width, layers=config.strided_layers
    )
