"""FUNIT: translation to classes that training never saw, from a few pictures of such a class.

Liu et al. 2019, arXiv:1905.01723: objective eq. 2 to 5 with the hinge loss and R1, networks of section 3 and the
appendix. Numbers are those of the published code for animals; one picture gives the class in training, several of them
after it (the mean of their codes). Departures: pictures that give classes are chosen such that every class comes
equally often; the average of the generator is short at first (half-life at most a twentieth of the images seen); within
a step the generator is trained on the fakes that the discriminator has just judged.
Shape letters: N batch, C H W image, S class code, K pictures of a class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn.functional import l1_loss

from imagewright.capabilities import Target
from imagewright.configs import HeldOutClassesConfig, MultipleSizedConfig
from imagewright.errors import UserError
from imagewright.layers.class_discriminator import ClassPatchDiscriminator
from imagewright.layers.content_style import ContentStyleGenerator
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.penalties import logits_and_squared_gradient
from imagewright.model import Feed, Model
from imagewright.models.shared.translation import at_multiples
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.pixels import size_text
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.traits import Traits

BLOCKS = 10  # of the published discriminator
BATCH, STEPS = 64, 100_000
LOAD_RATIO = 140 / 128  # training images are random crops of images of so many times the size
HALF_LIFE = 44_340  # images: 0.999 a step of 64
HINGE = ADVERSARIAL["hinge"]


@dataclass(frozen=True, kw_only=True)
class FUNITConfig(HeldOutClassesConfig, MultipleSizedConfig):
    """The options of FUNIT. Published generators do not tell the classes of their training: there are none then."""

    unit: ClassVar[int] = 8
    smallest: ClassVar[int] = 16
    tiny_options: ClassVar[dict[str, Any]] = {
        "width": 2,
        "blocks": 1,
        "downsamplings": 1,
        "style_dim": 4,
        "style_downsamplings": 2,
        "mlp_width": 8,
        "discriminator_width": 4,
        "discriminator_blocks": 4,
    }

    class_names: tuple[str, ...] = Field((), description="the classes of the training, in the order of their numbers")
    width: int = Field(64, ge=1, le=1024, description="channels of the generator at full size")
    blocks: int = Field(2, ge=1, le=64, description="residual blocks of the content encoder, and of the decoder")
    downsamplings: int = Field(3, ge=1, le=6, description="halvings from a picture to its content")
    style_dim: int = Field(64, ge=1, le=4096, description="numbers in the code of a class")
    style_downsamplings: int = Field(4, ge=2, le=6, description="halvings in the encoder of classes")
    mlp_width: int = Field(256, ge=1, le=4096, description="width of the network from a code to the norms")
    mlp_layers: int = Field(3, ge=1, le=16, description="layers of the network from a code to the norms")
    discriminator_width: int = Field(64, ge=1, le=1024, description="channels of the discriminator's first layer")
    discriminator_blocks: int | None = Field(
        None, ge=2, le=20, multiple_of=2, description="residual blocks of the discriminator (10, or as many as fit)"
    )
    adversarial: float = Field(1.0, ge=0, le=1e6, description="weight of the adversarial loss in both networks")
    reconstruction: float = Field(0.1, ge=0, le=1e6, description="weight of the reconstruction of a picture")
    feature_matching: float = Field(1.0, ge=0, le=1e6, description="weight of the matching of features")
    gradient_penalty: float = Field(10.0, ge=0, le=1e6, description="weight of the discriminator's R1 penalty")

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """On a CPU a quarter of the published channels, a small batch, and a discriminator that takes half of the time;
        for small pictures, a content of 8 pixels.

        R1 falls with the square of the batch: its weight is such that it is as strong as in the published one.
        """
        options: dict[str, Any] = {}
        if min(traits.height, traits.width) < 64:
            options["downsamplings"] = 2
        if not traits.accelerator:
            options |= {"width": 16, "mlp_width": 64, "discriminator_width": 16, "discriminator_blocks": 4}
            options |= {"batch_size": 8, "learning_rate": 2e-4, "gradient_penalty": 10 * (8 / BATCH) ** 2}
        return options

    @model_validator(mode="after")
    def _size_is_possible_for_the_networks(self) -> FUNITConfig:
        unit, least = 2**self.downsamplings, 2**self.style_downsamplings
        if self.size[0] % unit or self.size[1] % unit:
            raise ValueError(
                f"downsamplings {self.downsamplings}: sides of {size_text(self.size)} are no multiples of {unit}"
            )
        if min(self.size) < least:
            raise ValueError(
                f"style_downsamplings {self.style_downsamplings}: pictures of {size_text(self.size)} have sides below "
                f"{least}"
            )
        if self.judge_blocks > self._most_blocks:
            raise ValueError(
                f"discriminator_blocks {self.judge_blocks}: pictures of {size_text(self.size)} allow "
                f"{self._most_blocks}"
            )
        return self

    @property
    def judge_blocks(self) -> int:
        """`discriminator_blocks`, or the published 10 where the size allows."""
        return self.discriminator_blocks or min(BLOCKS, self._most_blocks)

    @property
    def _most_blocks(self) -> int:
        """Twice the halvings, and a pair, that leave two pixels a side: a smaller map cannot be mirrored."""
        return 2 * (min(self.size) - 1).bit_length()


class FUNIT(Model):
    """Networks: `generator`, encoders of content and class and a decoder; `discriminator`, with a map a class."""

    Config = FUNITConfig
    config: FUNITConfig
    feeds: ClassVar[Mapping[str, Feed]] = {"content": Feed(), "classes": Feed(same_class=True, balanced=True)}
    averaged = ("generator",)
    domains: tuple[str, ...] = ()
    few_shot = True

    def __init__(self, config: FUNITConfig) -> None:
        super().__init__(config)
        self.generator = build_few_shot_generator(config)
        self.discriminator = build_class_discriminator(config)

    def recipe(self, images_seen: int = 0) -> Recipe:
        rmsprop = Optimizer(learning_rate=1e-4, betas=(0.0, 0.99), weight_decay=1e-4, kind="rmsprop")
        return Recipe(
            images_seen=STEPS * BATCH,
            batch_size=BATCH,
            optimizer=rmsprop,
            average=Average(half_life=HALF_LIFE),
            load_ratio=LOAD_RATIO,
            flip=True,
        )

    # Objective

    def phases(self) -> list[Phase]:
        return [
            Phase("discriminator", ("discriminator",), self.discriminator_loss, serves=("generator",)),
            Phase("generator", ("generator",), self.generator_loss),
        ]

    def discriminator_loss(self, step: Step) -> Terms:
        """Eq. 3 as a hinge, and R1 of the mean response of the batch, as published: its gradient at one image falls
        with the size of the batch."""
        real, labels = self._class_pictures(step)
        fake = self._fake(step).detach()

        def critic(images: Tensor) -> Tensor:
            return self.discriminator(images, labels)[0]

        if not self.config.gradient_penalty:
            return self._hinge(critic(real), critic(fake))
        judged, slopes = logits_and_squared_gradient(critic, real)
        responses = step.draws.global_rows * judged[0].numel()  # of which the mean is taken, where slopes are of a sum
        r1 = self.config.gradient_penalty * slopes.mean() / responses**2
        return self._hinge(judged, critic(fake)) | {"r1": r1}

    def _hinge(self, real: Tensor, fake: Tensor) -> Terms:
        """Of maps of logits (N, h, w)."""
        return {name: self.config.adversarial * term for name, term in HINGE.discriminator(real, fake).items()}

    def generator_loss(self, step: Step) -> Terms:
        """Eq. 2, 4 and 5: for the translation, and for the image with its own class."""
        config, images = self.config, step.images
        assert step.labels is not None  # the source of the feed "classes" has labels
        real, labels = self._class_pictures(step)
        with torch.no_grad():
            own_features = self.discriminator(images, step.labels)[1].mean((2, 3))
            class_features = self.discriminator(real, labels)[1].mean((2, 3))
        own = self.generator.decode(self._content(step), self.generator.style_encoder(images))
        judged_own, found_own = self.discriminator(own, step.labels)
        judged_fake, found_fake = self.discriminator(self._fake(step), labels)
        return {
            "adversarial": -0.5 * config.adversarial * (judged_fake.mean() + judged_own.mean()),
            "reconstruction": config.reconstruction * l1_loss(own, images),
            "features_own": config.feature_matching * l1_loss(found_own.mean((2, 3)), own_features),
            "features_class": config.feature_matching * l1_loss(found_fake.mean((2, 3)), class_features),
        }

    def _class_pictures(self, step: Step) -> tuple[Tensor, Tensor]:
        """The first of the pictures of each row that give a class, and its label: (N, C, H, W), (N,)."""
        rows = step["classes"]
        assert rows.labels is not None
        shots = len(rows.images) // len(step.images)
        return rows.images[::shots], rows.labels[::shots]

    def _content(self, step: Step) -> Tensor:
        return step.reuse("content", lambda: self.generator.content_encoder(step.images))

    def _fake(self, step: Step) -> Tensor:
        def make() -> Tensor:
            examples = step["classes"].images.unflatten(0, (len(step.images), -1))
            return self.generator.decode(self._content(step), self.encode_styles(examples))

        return step.reuse("fake", make)

    # Verbs

    @property
    def style_shape(self) -> tuple[int, ...]:
        return (self.config.style_dim,)

    def encode_styles(self, references: Tensor, domain: int | None = None) -> Tensor:
        """(N, K, C, H, W) to the mean of the K codes of a class, (N, S) (section 3.1)."""
        codes: Tensor = self.generator.style_encoder(references.flatten(0, 1))
        return codes.unflatten(0, references.shape[:2]).mean(1)

    def sample_styles(self, count: int, domain: int | None, generator: torch.Generator) -> Tensor:
        raise UserError(
            "funit translates to the class of reference pictures, and none were given: --like SOURCE (like=)."
        )

    def translate(self, images: Tensor, target: Target) -> Tensor:
        style = target.style
        assert style is not None
        generator = self.generator
        return at_multiples(
            lambda padded: generator.decode(generator.content_encoder(padded), style),
            images,
            2**self.config.downsamplings,
        )

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        images, examples, fake = self._translated(rows)
        own = self.generator.decode(self.generator.content_encoder(images), self.generator.style_encoder(images))
        return {"content": images, "rebuilt": own, "class": examples[:, 0], "content in the class": fake}

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        _, examples, fake = self._translated(rows)
        labels = rows["classes"].labels
        assert labels is not None
        labels = labels[:: examples.shape[1]]
        return {"discriminator": (self.discriminator(examples[:, 0], labels)[0], self.discriminator(fake, labels)[0])}

    def _translated(self, rows: Mapping[str, Rows]) -> tuple[Tensor, Tensor, Tensor]:
        """Content images (N, C, H, W), pictures of classes (N, K, C, H, W), and translations (N, C, H, W)."""
        images = rows["content"].images
        examples = rows["classes"].images.unflatten(0, (len(images), -1))
        fake = self.generator.decode(self.generator.content_encoder(images), self.encode_styles(examples))
        return images, examples, fake


def build_few_shot_generator(config: FUNITConfig) -> ContentStyleGenerator:
    """The untrained generator."""
    return ContentStyleGenerator(
        config.channels,
        width=config.width,
        blocks=config.blocks,
        downsamplings=config.downsamplings,
        style_size=config.style_dim,
        style_downsamplings=config.style_downsamplings,
        mlp_width=config.mlp_width,
        mlp_layers=config.mlp_layers,
        upsampled_norm="instance",
    )


def build_class_discriminator(config: FUNITConfig) -> ClassPatchDiscriminator:
    """The untrained discriminator; of one class if the classes are not known."""
    classes = max(1, len(config.class_names))
    return ClassPatchDiscriminator(
        config.channels, classes, width=config.discriminator_width, blocks=config.judge_blocks
    )
