"""UNIT: translation between two sets of images by a latent space that both share.

Liu et al. 2017, arXiv:1703.00848: objective eq. 2 to 9, a VAE and a GAN for each domain and a cycle. Networks and
numbers are those of the authors' second version of the code, published in 2018: no layers with shared weights, least
squares, and a posterior of variance 1, whose divergence is the mean square of its mean. Departures: within a step the
generators are trained on the fakes, and the drawn noise, that the discriminators have just judged; no
perceptual loss; discriminators have fewer scales where the size does not allow three; pictures that are not square are
cropped in the middle, at random as published with `--crop random`.
Shape letters: N batch, C H W image, D h w latent.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from torch.nn.functional import l1_loss

from imagewright.capabilities import Target
from imagewright.layers.content_style import ContentGenerator
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


@dataclass(frozen=True, kw_only=True)
class UNITConfig(TwoAutoencodersConfig):
    """The options of UNIT."""

    divergence: float = Field(0.01, ge=0, le=1e6, description="weight of the latents' mean square")
    cycle: float = Field(10.0, ge=0, le=1e6, description="weight of the cycle loss")
    cycle_divergence: float = Field(
        0.01, ge=0, le=1e6, description="weight of the mean square of the translations' latents"
    )


class UNIT(Model, TwoAutoencoders):
    """Networks: `generator_a`, `generator_b`, each an encoder and a decoder of its domain; `discriminator_a`, `_b`."""

    Config = UNITConfig
    config: UNITConfig
    feeds = FEEDS

    def __init__(self, config: UNITConfig) -> None:
        super().__init__(config)
        self.discriminator_a, self.discriminator_b = build_pyramid(config), build_pyramid(config)
        self.generator_a, self.generator_b = build_shared_generator(config), build_shared_generator(config)

    def recipe(self, images_seen: int = 0) -> Recipe:
        return halving_recipe(images_seen)

    # Objective

    def phases(self) -> list[Phase]:
        return two_phases(self.discriminator_loss, self.generator_loss)

    def generator_loss(self, step: Step) -> Terms:
        """Eq. 3 and 5: reconstructions, divergences and cycles of both domains, and their discriminators."""
        weights, terms = self.config, Terms()
        for domain in DOMAINS:
            other = OTHER[domain]
            generator, images, fake = self._generator(domain), images_of(step, domain), self.fake(step, domain)
            mean, found = self._mean(step, domain), generator.encoder(fake)
            again = self._generator(other).decoder(found + self._noise(step, f"again_{other}", found))
            terms |= {
                f"adversarial_{domain}": least_squares(self.judge(domain)(fake), 1),
                f"reconstruction_{domain}": weights.reconstruction
                * l1_loss(generator.decoder(self._latent(step, domain)), images),
                f"divergence_{domain}": weights.divergence * mean.square().mean(),
                f"cycle_{other}": weights.cycle * l1_loss(again, images_of(step, other)),
                f"cycle_divergence_{other}": weights.cycle_divergence * found.square().mean(),
            }
        return terms

    def _mean(self, step: Step, domain: str) -> Tensor:
        """The mean of the posterior of a domain's images, (N, D, h, w)."""
        encoder = self._generator(domain).encoder
        return step.reuse(f"mean_{domain}", lambda: encoder(images_of(step, domain)))

    def _latent(self, step: Step, domain: str) -> Tensor:
        mean = self._mean(step, domain)
        return mean + self._noise(step, domain, mean)

    def _noise(self, step: Step, name: str, like: Tensor) -> Tensor:
        return step.once(f"noise_{name}", lambda: step.draws.normal(*like.shape[1:]))

    def fake(self, step: Step, domain: str) -> Tensor:
        """The other domain's images, translated to this one."""
        decoder = self._generator(domain).decoder
        return step.reuse(f"fake_{domain}", lambda: decoder(self._latent(step, OTHER[domain])))

    def _generator(self, domain: str) -> ContentGenerator:
        return self.generator_a if domain == "a" else self.generator_b

    # Verbs

    def translate(self, images: Tensor, target: Target) -> Tensor:
        wanted = DOMAINS[target.domain or 0]
        return at_multiples(
            lambda padded: self._translated(padded, OTHER[wanted], wanted), images, 2**self.config.downsamplings
        )

    def _translated(self, images: Tensor, domain: str, wanted: str) -> Tensor:
        """Images of a domain in another one, or, if they are the same, reconstructed; without noise."""
        made: Tensor = self._generator(wanted).decoder(self._generator(domain).encoder(images))
        return made

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        shown: dict[str, Tensor] = {}
        names = dict(zip(DOMAINS, self.domains, strict=True))
        for domain in DOMAINS:
            other, images = OTHER[domain], rows[domain].images
            fake = self._translated(images, domain, other)
            shown |= {
                names[domain]: images,
                f"{names[domain]}, rebuilt": self._translated(images, domain, domain),
                f"{names[domain]} to {names[other]}": fake,
                f"and back to {names[domain]}": self._translated(fake, other, domain),
            }
        return shown

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        found = {}
        for domain in DOMAINS:
            judge, fake = self.judge(domain), self._translated(rows[OTHER[domain]].images, OTHER[domain], domain)
            found[f"discriminator_{domain}"] = (as_rows(judge(rows[domain].images)), as_rows(judge(fake)))
        return found


def build_shared_generator(config: UNITConfig) -> ContentGenerator:
    """The untrained autoencoder of one domain."""
    return ContentGenerator(
        config.channels,
        width=config.width,
        blocks=config.blocks,
        downsamplings=config.downsamplings,
        activation=config.activation,
        pad=config.padding,
    )
