"""MUNIT: translation between two sets of images without pairs, in many styles.

Huang et al. 2018, arXiv:1804.04732: objective eq. 1 to 5 with least squares (section 5.1), networks of appendix B.
Numbers are those of the published code for edges and shoes. Departures: within a step the generators are trained on the
fakes, and the drawn styles, that the discriminators have just judged, which saves an evaluation; no domain-invariant
perceptual loss (its weight is 0 there); discriminators have fewer scales where the size does not allow three;
pictures that are not square are cropped in the middle, at random as published with `--crop random`.
Shape letters: N batch, C H W image, S style.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn.functional import l1_loss

from imagewright.capabilities import Target
from imagewright.layers.content_style import ContentStyleGenerator
from imagewright.layers.pyramid_discriminator import as_rows
from imagewright.losses.adversarial import least_squares
from imagewright.model import Model
from imagewright.models.shared.translation import at_multiples
from imagewright.models.shared.two_domains import (
    DOMAINS,
    FEEDS,
    OTHER,
    TwoAutoencoders,
    TwoAutoencodersConfig,
    build_pyramid,
    halving_recipe,
    images_of,
    two_phases,
)
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Recipe
from imagewright.traits import Traits


@dataclass(frozen=True, kw_only=True)
class MUNITConfig(TwoAutoencodersConfig):
    """The options of MUNIT."""

    tiny_options: ClassVar[dict[str, Any]] = TwoAutoencodersConfig.tiny_options | {"style_dim": 3, "mlp_width": 8}

    style_dim: int = Field(8, ge=1, le=1024, description="numbers in a style")
    mlp_width: int = Field(256, ge=1, le=4096, description="width of the network from a style to the norms")
    style: float = Field(1.0, ge=0, le=1e6, description="weight of the reconstruction of a drawn style")
    content: float = Field(1.0, ge=0, le=1e6, description="weight of the reconstruction of the content")
    cycle: float = Field(
        0.0, ge=0, le=1e6, description="weight of the cycle loss; 10 for sets of photographs, as summer and winter"
    )

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """The cycle loss that was published for photographs, without which a short training ignores the content."""
        return super().suggest(traits) | {"cycle": 10.0}


class MUNIT(Model, TwoAutoencoders):
    """Networks: `generator_a`, `generator_b`, each encoders and a decoder of its domain; `discriminator_a` and `_b`."""

    Config = MUNITConfig
    config: MUNITConfig
    feeds = FEEDS
    few_shot = False

    def __init__(self, config: MUNITConfig) -> None:
        super().__init__(config)
        self.discriminator_a, self.discriminator_b = build_pyramid(config), build_pyramid(config)
        self.generator_a, self.generator_b = build_style_generator(config), build_style_generator(config)

    def recipe(self, images_seen: int = 0) -> Recipe:
        return halving_recipe(images_seen)

    # Objective

    def phases(self) -> list[Phase]:
        return two_phases(self.discriminator_loss, self.generator_loss)

    def generator_loss(self, step: Step) -> Terms:
        """Eq. 5; `content_a` is how well the content of domain a is found again in its translation, `style_a` how well
        a drawn style of domain a is."""
        terms: Terms = {}
        for domain in DOMAINS:
            other = OTHER[domain]
            generator, images = self._generator(domain), images_of(step, domain)
            content, own_style = self._content(step, domain), generator.style_encoder(images)
            fake = self.fake(step, domain)
            found = generator.content_encoder(fake)
            rebuilt = generator.decode(content, own_style)
            drawn, drawn_again = self._style(step, domain), generator.style_encoder(fake)
            terms |= {
                f"adversarial_{domain}": least_squares(self.judge(domain)(fake), 1),
                f"reconstruction_{domain}": self.config.reconstruction * l1_loss(rebuilt, images),
                f"style_{domain}": self.config.style * l1_loss(drawn_again, drawn),
                f"content_{other}": self.config.content * l1_loss(found, self._content(step, other)),
            }
            if self.config.cycle:
                back, original = self._generator(other), images_of(step, other)
                again = back.decode(found, back.style_encoder(original))
                terms[f"cycle_{other}"] = self.config.cycle * l1_loss(again, original)
        return terms

    def _content(self, step: Step, domain: str) -> Tensor:
        encoder = self._generator(domain).content_encoder
        return step.reuse(f"content_{domain}", lambda: encoder(images_of(step, domain)))

    def _style(self, step: Step, domain: str) -> Tensor:
        """The style (N, S) drawn from the prior for the fakes of a domain."""
        return step.once(f"style_{domain}", lambda: step.draws.normal(self.config.style_dim))

    def fake(self, step: Step, domain: str) -> Tensor:
        """The other domain's images, translated to this one."""
        generator, style = self._generator(domain), self._style(step, domain)
        return step.reuse(f"fake_{domain}", lambda: generator.decode(self._content(step, OTHER[domain]), style))

    def _generator(self, domain: str) -> ContentStyleGenerator:
        return self.generator_a if domain == "a" else self.generator_b

    # Verbs

    @property
    def style_shape(self) -> tuple[int, ...]:
        return (self.config.style_dim,)

    def sample_styles(self, count: int, domain: int | None, generator: torch.Generator) -> Tensor:
        return torch.randn(count, self.config.style_dim, generator=generator)

    def encode_styles(self, references: Tensor, domain: int | None) -> Tensor:
        styles: Tensor = self._generator(DOMAINS[domain or 0]).style_encoder(references)
        return styles

    def translate(self, images: Tensor, target: Target) -> Tensor:
        assert target.style is not None
        wanted, style = DOMAINS[target.domain or 0], target.style
        encoder, generator = self._generator(OTHER[wanted]).content_encoder, self._generator(wanted)
        return at_multiples(
            lambda padded: generator.decode(encoder(padded), style), images, 2**self.config.downsamplings
        )

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        shown: dict[str, Tensor] = {}
        names = dict(zip(DOMAINS, self.domains, strict=True))
        count = min(len(rows[domain].images) for domain in DOMAINS)
        for domain in DOMAINS:
            other = OTHER[domain]
            generator, to = self._generator(domain), self._generator(other)
            images, likes = rows[domain].images[:count], rows[other].images[:count]
            content = generator.content_encoder(images)
            shown |= {
                names[domain]: images,
                f"{names[domain]}, rebuilt": generator.decode(content, generator.style_encoder(images)),
                f"as {names[other]}": to.decode(content, draws.normal(self.config.style_dim)[:count]),
                f"as {names[other]}, other style": to.decode(content, draws.normal(self.config.style_dim)[:count]),
                f"like {names[other]} of its column": to.decode(content, to.style_encoder(likes)),
            }
        return shown

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        found = {}
        for domain in DOMAINS:
            judge, generator = self.judge(domain), self._generator(domain)
            content = self._generator(OTHER[domain]).content_encoder(rows[OTHER[domain]].images)
            fake = generator.decode(content, draws.normal(self.config.style_dim))
            found[f"discriminator_{domain}"] = (as_rows(judge(rows[domain].images)), as_rows(judge(fake)))
        return found


def build_style_generator(config: MUNITConfig) -> ContentStyleGenerator:
    """The untrained autoencoder of one domain."""
    return ContentStyleGenerator(
        config.channels,
        width=config.width,
        blocks=config.blocks,
        downsamplings=config.downsamplings,
        style_size=config.style_dim,
        mlp_width=config.mlp_width,
        activation=config.activation,
        pad=config.padding,
    )
