"""StarGAN v2: translation between many domains, in styles that are sampled or taken from reference images.

Choi et al. 2020, arXiv:1912.01865: objective eq. 1 to 6, the gradient penalty of real images and training of appendix
B, networks of appendix C, the high-pass skip with masks of a face's parts of appendix A. Numbers are those of the
published code. Departures: pictures are cropped and mirrored as they are opened, where the published code also crops at
random; the averages follow more closely at first; a side that is no power of 2 has the networks of the next smaller
one. The high-pass skip needs the published landmark network: without its weights `high_pass` stays 0, as published for
animals. Shape letters: N batch, C H W image, Z latent, S style, D domains.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import interpolate

from imagewright.capabilities import Target
from imagewright.configs import LabelledConfig, SizedConfig
from imagewright.errors import UserError
from imagewright.layers.face_landmarks import LANDMARKS, SIDE, LandmarkNetwork, face_masks
from imagewright.layers.initialisation import initialise_kaiming
from imagewright.layers.style_networks import (
    DomainDiscriminator,
    DomainMappingNetwork,
    DomainStyleEncoder,
    Masks,
    StyleGenerator,
)
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.penalties import logits_and_squared_gradient
from imagewright.model import Feed, Model
from imagewright.models.shared.translation import at_multiples
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.traits import Traits

ITERATIONS, BATCH = 100_000, 8
HALF_LIFE = 5_542  # images after which a decay of 0.999 a step of 8 leaves one half
WIDTH_TIMES_SIDE = 2**14  # channels at full size times the side, as published
SMALLEST = 16
LOGISTIC = ADVERSARIAL["non_saturating"]


@dataclass(frozen=True, kw_only=True)
class StarGANv2Config(LabelledConfig, SizedConfig):
    """The options of StarGAN v2. Domains are the classes of the images."""

    tiny_options: ClassVar[dict[str, Any]] = {
        "width": 4,
        "widest": 8,
        "style_dim": 4,
        "latent_dim": 4,
        "mapping_width": 8,
    }

    class_names: tuple[str, ...] = Field(min_length=1, description="the domains, in the order of their numbers")
    width: int | None = Field(
        None,
        ge=1,
        le=4096,
        description="channels at full size; by default 16,384 divided by the side (64 at 256 pixels)",
    )
    widest: int = Field(512, ge=1, le=8192, description="the most channels of a layer")
    style_dim: int = Field(64, ge=1, le=4096, description="size of a style")
    latent_dim: int = Field(16, ge=1, le=4096, description="size of the noise that styles are sampled from")
    mapping_width: int = Field(512, ge=1, le=8192, description="size of the layers of the mapping network")
    high_pass: float = Field(
        0.0,
        ge=0,
        le=1e3,
        description="weight of the high-pass skip of faces (published: 1 for CelebA-HQ, else 0); needs --landmarks",
    )
    landmarks: bool = Field(
        False, description="whether there is a face landmark network, whose weights come with --from RUN, or a file"
    )
    style_reconstruction: float = Field(1.0, ge=0, le=1e6, description="weight of the style reconstruction")
    diversity: float = Field(
        1.0, ge=0, le=1e6, description="weight of the diversity of styles (published: 2 for animals), falling to 0"
    )
    cycle: float = Field(1.0, ge=0, le=1e6, description="weight of the cycle loss")
    penalty: float = Field(1.0, ge=0, le=1e6, description="weight of the gradient penalty of real images, halved")

    @classmethod
    def size_rule(cls, size: tuple[int, int]) -> str:
        unit = _unit_of(min(size))
        return (
            f"both sides must be {SMALLEST} or more, and multiples of {unit} if the shorter one has {min(size)} pixels"
        )

    @classmethod
    def nearest_size(cls, height: int, width: int) -> tuple[int, int]:
        unit = _unit_of(min(height, width))
        rounded = (max(SMALLEST, round(side / unit) * unit) for side in (height, width))
        nearest = (next(rounded), next(rounded))
        # Rounding up may reach the next power of 2, whose unit is twice as large.
        return nearest if _unit_of(min(nearest)) == unit else cls.nearest_size(*nearest)

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """Narrow networks, small batches and higher rates on a CPU, where the published networks take months."""
        if traits.accelerator:
            return {}
        narrow = {"width": 16, "widest": 64, "style_dim": 16, "mapping_width": 64}
        return narrow | {"batch_size": 4, "learning_rate": 5e-4}

    @model_validator(mode="after")
    def _high_pass_has_masks(self) -> StarGANv2Config:
        if self.landmarks and self.channels != 3:
            raise ValueError("landmarks: the face landmark network sees RGB pictures alone")
        return self

    @property
    def full_width(self) -> int:
        """`width`, or the published one for this size."""
        return self.width or max(1, WIDTH_TIMES_SIDE // 2 ** _power_of(self.size))

    @property
    def halvings(self) -> int:
        """Of the generator: down to 16 pixels, with a high-pass skip to 8."""
        return _power_of(self.size) - 4 + (self.high_pass > 0)

    @property
    def kernel(self) -> tuple[int, int]:
        """Pixels that are left where style encoder and discriminator end: 4 a side if both sides are a power of 2."""
        halvings = len(self.judged_widths) - 1
        return self.size[0] >> halvings, self.size[1] >> halvings

    @property
    def generated_widths(self) -> list[int]:
        """The generator's channels at full size and after each halving."""
        return self._widths(self.halvings)

    @property
    def judged_widths(self) -> list[int]:
        """The same of the style encoder and the discriminator, which halve down to 4 pixels."""
        return self._widths(_power_of(self.size) - 2)

    def _widths(self, halvings: int) -> list[int]:
        widths = [self.full_width]
        for _ in range(halvings):
            widths.append(min(2 * widths[-1], self.widest))
        return widths


class StarGANv2(Model):
    """Networks: `generator`, `mapping_network`, `style_encoder`, `discriminator`, and `fan` with `landmarks`.

    The verbs use the moving averages of the first three.
    """

    Config = StarGANv2Config
    config: StarGANv2Config
    averaged = ("generator", "mapping_network", "style_encoder")
    few_shot = False
    feeds: ClassVar[Mapping[str, Feed]] = {
        "images": Feed(balanced=True),
        "references": Feed(repeats=2, same_class=True, balanced=True),
    }
    diversity: Tensor

    def __init__(self, config: StarGANv2Config) -> None:
        super().__init__(config)
        self.generator = build_style_generator(config).apply(initialise_kaiming)
        self.mapping_network = build_mapping_network(config).apply(initialise_kaiming)
        self.style_encoder = build_style_encoder(config).apply(initialise_kaiming)
        self.discriminator = build_domain_discriminator(config).apply(initialise_kaiming)
        if config.landmarks:
            self.fan = LandmarkNetwork().eval()
        self.register_buffer("diversity", torch.tensor(float(config.diversity)))
        self._has_masks = not config.high_pass  # until `advance` has seen the landmark network's weights

    def recipe(self, images_seen: int = 0) -> Recipe:
        adam = Optimizer(learning_rate=1e-4, betas=(0.0, 0.99), weight_decay=1e-4)
        mapping = Optimizer(learning_rate=1e-6, betas=(0.0, 0.99), weight_decay=1e-4)
        return Recipe(
            images_seen=ITERATIONS * BATCH,
            batch_size=BATCH,
            optimizer=adam,
            optimizers={"mapping_network": mapping},
            average=Average(half_life=HALF_LIFE),
            flip=True,
        )

    def advance(self, images_seen: int) -> tuple[str, ...]:
        """The weight of the diversity falls linearly to 0 over the published training."""
        self.diversity.fill_(self.config.diversity * max(0.0, 1 - images_seen / (ITERATIONS * BATCH)))
        # Once, since the host waits for the device to know it.
        self._has_masks = self._has_masks or self._has_landmarks()
        if not self._has_masks:
            raise UserError(
                "high_pass needs the weights of the face landmark network. Start from a run that has them, imported "
                "from the published files, with --landmarks --from RUN; or leave --high-pass out."
            )
        return ()

    def _has_landmarks(self) -> bool:
        """Whether the landmark network's weights are not its initial ones."""
        return self.config.landmarks and any(bool(mean.any()) for mean in _running_means(self.fan))

    # Objective

    def phases(self) -> list[Phase]:
        return [
            Phase("discriminator_latent", ("discriminator",), self.latent_discriminator_loss),
            Phase("discriminator_reference", ("discriminator",), self.reference_discriminator_loss),
            Phase("generator_latent", self.averaged, self.latent_generator_loss),
            Phase("generator_reference", ("generator",), self.reference_generator_loss),
        ]

    def latent_discriminator_loss(self, step: Step) -> Terms:
        """Eq. 1 with styles of the mapping network."""
        wanted = _reference_labels(step)
        with torch.no_grad():
            styles = self.mapping_network(step.draws.normal(self.config.latent_dim), wanted)
        return self._discriminator_loss(step, styles, wanted)

    def reference_discriminator_loss(self, step: Step) -> Terms:
        """Eq. 1 with styles of reference images."""
        wanted = _reference_labels(step)
        with torch.no_grad():
            styles = self.style_encoder(step["references"].images[::2], wanted)
        return self._discriminator_loss(step, styles, wanted)

    def latent_generator_loss(self, step: Step) -> Terms:
        """Eq. 5 and 6 with styles of the mapping network."""
        wanted = _reference_labels(step)
        first, second = (self.mapping_network(step.draws.normal(self.config.latent_dim), wanted) for _ in range(2))
        return self._generator_loss(step, first, second.detach(), wanted)

    def reference_generator_loss(self, step: Step) -> Terms:
        """Eq. 5 and 6 with styles of reference images."""
        wanted, references = _reference_labels(step), step["references"].images
        with torch.no_grad():
            first, second = (self.style_encoder(references[place::2], wanted) for place in range(2))
        return self._generator_loss(step, first, second, wanted)

    def _discriminator_loss(self, step: Step, styles: Tensor, wanted: Tensor) -> Terms:
        images, own = step.images, _labels(step)
        with torch.no_grad():
            fake = self.generator(images, styles, self._masks(step))
        real_logits, slopes = logits_and_squared_gradient(lambda judged: self._judge(judged, own), images)
        terms = LOGISTIC.discriminator(real_logits, self._judge(fake, wanted))
        return terms | {"penalty": self.config.penalty / 2 * slopes.mean()}

    def _generator_loss(self, step: Step, styles: Tensor, others: Tensor, wanted: Tensor) -> Terms:
        """Eq. 1 to 4: adversarial, style reconstruction, diversity, cycle."""
        images, masks = step.images, self._masks(step)
        fake = self.generator(images, styles, masks)
        with torch.no_grad():
            other = self.generator(images, others, masks)
        own = self.style_encoder(images, _labels(step))
        back = self.generator(fake, own, self._masks_of(fake.detach()))
        seen = self.style_encoder(fake, wanted)
        return LOGISTIC.generator(self._judge(fake, wanted), None) | {
            "style": self.config.style_reconstruction * (seen - styles).abs().mean(),
            "diversity": -self.diversity * (fake - other).abs().mean(),
            "cycle": self.config.cycle * (back - images).abs().mean(),
        }

    def _judge(self, images: Tensor, domains: Tensor) -> Tensor:
        """Logits (N,) of images in their domains (N,)."""
        logits: Tensor = self.discriminator(images)
        return logits.gather(1, domains[:, None])[:, 0]

    def _masks(self, step: Step) -> Masks:
        """The masks of a step's images, made once."""
        if not self.config.high_pass:
            return None
        first, second = (step.once("masks", lambda: torch.cat(self._masks_of(step.images) or (), 1))).split(1, 1)
        return first, second

    def _masks_of(self, images: Tensor) -> Masks:
        """Masks of the parts of faces in images in [-1, 1]; None without a high-pass skip, or without landmarks."""
        if not (self.config.high_pass and self.config.landmarks):
            return None
        resized = interpolate(images.float() / 2 + 0.5, (SIDE, SIDE), mode="bilinear", antialias=True)
        with torch.no_grad():
            return face_masks(self.fan.eval()(resized)[:, :LANDMARKS])

    # Verbs

    @property
    def domains(self) -> tuple[str, ...]:
        return self.config.class_names

    @property
    def style_shape(self) -> tuple[int, ...]:
        return (self.config.style_dim,)

    def translate(self, images: Tensor, target: Target) -> Tensor:
        assert target.style is not None
        styles, masks = target.style.expand(len(images), -1), self._masks_of(images)
        if masks is None:
            made = at_multiples(lambda padded: self.generator(padded, styles), images, 2**self.config.halvings)
        else:
            made = self.generator(images, styles, masks)
        return made.clamp(-1, 1)

    def sample_styles(self, count: int, domain: int | None, generator: torch.Generator) -> Tensor:
        latents = torch.randn(count, self.config.latent_dim, generator=generator).to(self.device)
        styles: Tensor = self.mapping_network(latents, _filled(latents, domain))
        return styles

    def encode_styles(self, references: Tensor, domain: int | None) -> Tensor:
        styles: Tensor = self.style_encoder(references, _filled(references, domain))
        return styles

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        images, references = rows["images"], rows["references"]
        given, wanted = images.images, _labels(references)[::2]
        shown = references.images[::2]
        masks = self._masks_of(given)
        sheet = {"input": given, "reference": shown}
        sheet["in its style"] = self.generator(given, self.style_encoder(shown, wanted), masks)
        for place in range(2):
            latents = draws.normal(self.config.latent_dim)
            sheet[f"sampled style {place}"] = self.generator(given, self.mapping_network(latents, wanted), masks)
        fake = sheet["in its style"]
        own = self.style_encoder(given, _labels(images))
        return sheet | {"and back": self.generator(fake, own, self._masks_of(fake))}

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        images, wanted = rows["images"], _labels(rows["references"])[::2]
        styles = self.mapping_network(draws.normal(self.config.latent_dim), wanted)
        fake = self.generator(images.images, styles, self._masks_of(images.images))
        return {"discriminator": (self._judge(images.images, _labels(images)), self._judge(fake, wanted))}


def build_style_generator(config: StarGANv2Config) -> StyleGenerator:
    """The untrained generator of a configuration."""
    return StyleGenerator(config.channels, config.generated_widths, config.style_dim, high_pass=config.high_pass)


def build_mapping_network(config: StarGANv2Config) -> DomainMappingNetwork:
    """The untrained mapping network of a configuration."""
    return DomainMappingNetwork(
        config.latent_dim, config.style_dim, len(config.class_names), width=config.mapping_width
    )


def build_style_encoder(config: StarGANv2Config) -> DomainStyleEncoder:
    """The untrained style encoder of a configuration."""
    return DomainStyleEncoder(
        config.channels, config.judged_widths, config.kernel, config.style_dim, len(config.class_names)
    )


def build_domain_discriminator(config: StarGANv2Config) -> DomainDiscriminator:
    """The untrained discriminator of a configuration."""
    return DomainDiscriminator(config.channels, config.judged_widths, config.kernel, len(config.class_names))


def _running_means(network: nn.Module) -> list[Tensor]:
    """Of the batch norms, which are 0 before a training."""
    return [buffer for name, buffer in network.named_buffers() if name.endswith("running_mean")]


def _labels(rows: Rows) -> Tensor:
    assert rows.labels is not None
    return rows.labels


def _reference_labels(step: Step) -> Tensor:
    """The domains (N,) of the pairs of references."""
    return _labels(step["references"])[::2]


def _filled(like: Tensor, domain: int | None) -> Tensor:
    assert domain is not None
    return torch.full((len(like),), domain, device=like.device)


def _power_of(size: tuple[int, int]) -> int:
    """The power of 2 that the shorter side reaches."""
    return min(size).bit_length() - 1


def _unit_of(side: int) -> int:
    """What sides are multiples of: the halvings of a generator with a high-pass skip, 4 or more."""
    return max(4, 2 ** (max(side, SMALLEST).bit_length() - 4))
