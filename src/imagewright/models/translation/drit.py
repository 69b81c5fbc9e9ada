"""DRIT: translation between two sets without pairs, in many styles, by content and attribute kept apart.

Lee et al. 2018, arXiv:1808.00948 (`--injection transform --mode-seeking 0`), and Lee et al. 2020 (DRIT++),
arXiv:1905.01270: content adversarial loss (section 3.1), cross-cycle consistency (section 3.2), further losses
(section 3.3); mode seeking of Mao et al. 2019, arXiv:1903.05628. Numbers are those of the published code.
Departures: the second update of encoder and generator evaluates both anew, with the weights of the first and other
noise on content; terms are means over the rows of a batch (the published batch has one row). Sides are multiples of 4;
small pictures have fewer scales and layers in discriminators. Shape letters: N batch, C H W image, Z attribute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss, softplus

from imagewright.capabilities import Target
from imagewright.configs import MultipleSizedConfig, TwoDomainConfig
from imagewright.errors import UserError
from imagewright.layers.content_attribute import (
    ConcatenatingDecoder,
    ContentDiscriminator,
    GaussianAttributeEncoder,
    PlainAttributeEncoder,
    SharedContentEncoder,
    TransformingDecoder,
    most_content_layers,
)
from imagewright.layers.initialisation import initialise_convolutions
from imagewright.layers.pyramid_discriminator import (
    PyramidDiscriminator,
    SingleScaleDiscriminator,
    as_rows,
    most_layers,
    most_scales,
)
from imagewright.losses.adversarial import ADVERSARIAL, sum_terms
from imagewright.losses.likelihoods import gaussian_divergence
from imagewright.losses.mode_seeking import mode_likeness
from imagewright.model import Feed, Model
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Optimizer, Recipe
from imagewright.traits import Traits

EPOCH = 682  # rows of two images of the 1,364 dogs; the published training has 1,200 epochs
HALVED = 4  # pixels of a side to one of content
NON_SATURATING = ADVERSARIAL["non_saturating"]
DISCRIMINATORS = ("discriminator_a", "discriminator_a2", "discriminator_b", "discriminator_b2")


@dataclass(frozen=True, kw_only=True)
class DRITConfig(TwoDomainConfig, MultipleSizedConfig):
    """The options of DRIT and DRIT++."""

    unit: ClassVar[int] = HALVED
    smallest: ClassVar[int] = 16  # the attribute encoders halve four times
    tiny_options: ClassVar[dict[str, Any]] = {
        "width": 2,
        "blocks": 1,
        "style_dim": 3,
        "attribute_width": 2,
        "discriminator_width": 2,
        "discriminator_layers": 4,
        "scales": 1,
        "content_layers": 0,
    }

    injection: Literal["concat", "transform"] = Field(
        "concat",
        description="how attributes enter the generator: beside its maps (DRIT++), or as a transform of them (DRIT)",
    )
    width: int = Field(64, ge=1, le=512, description="channels of content encoder and generator at full size")
    blocks: int = Field(3, ge=1, le=64, description="residual blocks of each domain in the content encoder")
    style_dim: int = Field(8, ge=1, le=1024, description="numbers in the attribute of a picture")
    attribute_width: int = Field(64, ge=1, le=512, description="channels of the attribute encoder's first layer")
    discriminator: Literal["multiscale", "single"] = Field(
        "multiscale", description="pictures are judged at several scales, or at one by more layers"
    )
    discriminator_width: int = Field(64, ge=1, le=512, description="channels of the discriminators' first layer")
    scales: int = Field(3, ge=1, le=8, description="scales that are judged, at most: small sizes allow fewer")
    discriminator_layers: int | None = Field(
        None, ge=1, le=10, description="strided layers of a discriminator, at most (4; 6 for one scale)"
    )
    content_layers: int = Field(3, ge=0, le=6, description="strided layers of the content discriminator, at most")
    content_steps: int = Field(3, ge=1, le=100, description="steps of the content discriminator to one of the others")
    reconstruction: float = Field(10.0, ge=0, le=1e6, description="weight of the reconstruction of a picture by itself")
    cross_cycle: float = Field(10.0, ge=0, le=1e6, description="weight of the reconstruction after two swaps")
    latent_regression: float = Field(10.0, ge=0, le=1e6, description="weight of attributes found again in pictures")
    divergence: float = Field(
        0.01, ge=0, le=1e6, description="weight of the attributes' divergence from N(0, I), and of the content's square"
    )
    mode_seeking: float = Field(1.0, ge=0, le=1e6, description="weight of mode seeking (DRIT++); 0 leaves it out")
    domain_channels: tuple[int, int] | None = Field(None, description="channels of each domain, if they differ")

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """Narrow networks and a higher rate on a CPU, where the published numbers take weeks.

        Observed at 32 pixels after 75 seconds of processor time: faces; with the published rate and content steps none.
        """
        few: dict[str, Any] = dict.fromkeys(("width", "attribute_width", "discriminator_width"), 16)
        return {} if traits.accelerator else few | {"batch_size": 8, "content_steps": 1, "learning_rate": 1e-3}

    @property
    def channels_of_domains(self) -> tuple[int, int]:
        """The channels of a and of b."""
        return self.domain_channels or (self.channels, self.channels)


class DRIT(Model):
    """Networks: `content_encoder`, `attribute_encoder` and `generator` of both domains, and discriminators.

    `discriminator_a`, `discriminator_b` see fakes with the attribute of the other picture, `discriminator_a2` and
    `discriminator_b2` fakes with a random one; `content_discriminator` sees content.
    """

    Config = DRITConfig
    config: DRITConfig
    # The first image of a row is translated, the second is the real one beside fakes with random attributes.
    feeds: ClassVar[Mapping[str, Feed]] = {"a": Feed("a", repeats=2), "b": Feed("b", repeats=2)}
    few_shot = False

    def __init__(self, config: DRITConfig) -> None:
        super().__init__(config)
        one, other = config.channels_of_domains
        if one != other:
            raise UserError(
                f"The domains have {one} and {other} channels: a run of drit has equal ones. "
                "`imagewright.checkpoints.load_network` reads its networks one by one."
            )
        self.content_encoder = build_content_encoder(config)
        self.attribute_encoder = build_attribute_encoder(config)
        self.generator = build_decoder(config)
        self.discriminator_a, self.discriminator_a2 = build_judge(config, 0), build_judge(config, 0)
        self.discriminator_b, self.discriminator_b2 = build_judge(config, 1), build_judge(config, 1)
        self.content_discriminator = build_content_discriminator(config)

    def recipe(self, images_seen: int = 0) -> Recipe:
        """Adam, one row a step, a rate that is constant for a half and then falls to 0; crops of 216 pixels of 256."""
        images = 1200 * EPOCH
        rate = 1e-4 * max(0.0, min(1.0, 2 * (1 - images_seen / images)))
        usual = Optimizer(learning_rate=rate, betas=(0.5, 0.999), weight_decay=1e-4)
        recipe = Recipe(images_seen=images, batch_size=1, optimizer=usual, load_ratio=256 / 216, flip=True)
        content = replace(usual, learning_rate=0.4 * rate, clip=5.0)
        return replace(recipe, optimizers={"content_discriminator": content})

    # Objective

    def phases(self) -> list[Phase]:
        often, moved = self.config.content_steps, ("content_encoder", "attribute_encoder", "generator")
        return [
            Phase("discriminators", DISCRIMINATORS, self.discriminator_loss, every=often, serves=moved),
            Phase("content", ("content_discriminator",), self.content_discriminator_loss),
            Phase("swapped", moved, self.swapped_loss, every=often),
            Phase("random", ("content_encoder", "generator"), self.random_loss, every=often),
        ]

    def discriminator_loss(self, step: Step) -> Terms:
        """Real pictures against fakes with the attribute of the other picture, and against those with random ones."""
        terms: Terms = {}
        for domain, name in enumerate("ab"):
            judge, judge2 = self._judges(domain)
            real, fake = _judge_all(judge, _images(step, domain), self._swapped(step, domain).detach())
            terms |= _telling(real, fake, name)
            with torch.no_grad():
                random = self._random_fakes(self._content(step, 1 - domain).detach(), step, domain)
            real, *fakes = _judge_all(judge2, _images(step, domain, 1), *random)
            found = [_telling(real, fake, f"{name}_random") for fake in fakes]
            terms |= sum_terms(found)
        return terms

    def content_discriminator_loss(self, step: Step) -> Terms:
        """Section 3.1: content of b is told from content of a."""
        content_a, content_b = (self._content(step, domain).detach() for domain in (0, 1))
        judge = self.content_discriminator
        return {"a": softplus(judge(content_a)).mean(), "b": softplus(-judge(content_b)).mean()}

    def swapped_loss(self, step: Step) -> Terms:
        """Attributes are swapped, and swapped back (section 3.2); each picture is rebuilt from its own two codes."""
        config = self.config
        terms: Terms = {}
        fakes = [self._swapped(step, domain) for domain in (0, 1)]
        again = [self._noisy(self.content_encoder(fakes[domain], domain), step, f"again_{domain}") for domain in (0, 1)]
        for domain, name in enumerate("ab"):
            image, content = _images(step, domain), self._content(step, domain)
            # The fake of the other domain has this picture's content, the fake of this domain its attribute.
            attribute = self._sampled(self._encode_attribute(fakes[domain], domain), step, f"found_{name}")
            attributes = torch.cat([attribute, self._attribute(step, domain)])
            back, itself = self.generator(torch.cat([again[1 - domain], content]), attributes, domain).chunk(2)
            logits = self.content_discriminator(content)
            terms |= {
                f"adversarial_{name}": _fooling(self._judges(domain)[0](fakes[domain])),
                f"content_{name}": binary_cross_entropy_with_logits(logits, torch.full_like(logits, 0.5)),
                f"cross_cycle_{name}": config.cross_cycle * l1_loss(back, image),
                f"reconstruction_{name}": config.reconstruction * l1_loss(itself, image),
                f"attribute_{name}": config.divergence * _divergence(self._moments(step, domain)),
                f"square_{name}": config.divergence * content.square().mean(),
            }
        return terms

    def random_loss(self, step: Step) -> Terms:
        """Section 3.3: fakes with random attributes look real, and the attributes are found in them. Mode seeking."""
        terms: Terms = {}
        for domain, name in enumerate("ab"):
            # Not the content of the phase before, whose weights have moved.
            content = self._noisy(self.content_encoder(_images(step, 1 - domain), 1 - domain), step, f"random_{name}")
            attributes = self._noise(step, "attributes", 2, self.config.style_dim)
            fakes = self._random_fakes(content, step, domain)
            found = self._encode_attribute(fakes[0], domain)[0]
            # The mean over all fakes, times their number, is the sum of their means.
            terms[f"adversarial_{name}"] = len(fakes) * _fooling(self._judges(domain)[1](torch.cat(fakes)))
            terms[f"latent_{name}"] = self.config.latent_regression * l1_loss(found, attributes[:, 0])
            if self.config.mode_seeking:
                likeness = mode_likeness(fakes[0], fakes[1], attributes[:, 0], attributes[:, 1])
                terms[f"mode_seeking_{name}"] = self.config.mode_seeking * likeness
        return terms

    # Parts of the losses. Those of the unchanged networks are kept from the first phase of a step for the later ones.

    def _judges(self, domain: int) -> tuple[nn.Module, nn.Module]:
        if domain == 0:
            return self.discriminator_a, self.discriminator_a2
        return self.discriminator_b, self.discriminator_b2

    def _noise(self, step: Step, name: str, *shape: int) -> Tensor:
        """Equal in all phases of a step."""
        return step.once(f"noise_{name}", lambda: step.draws.normal(*shape))

    def _noisy(self, content: Tensor, step: Step, name: str) -> Tensor:
        return content.float() + self._noise(step, name, *content.shape[1:])

    def _content(self, step: Step, domain: int) -> Tensor:
        """Noisy content of the first image."""
        images, name = _images(step, domain), f"content_{domain}"
        return step.reuse(name, lambda: self._noisy(self.content_encoder(images, domain), step, name))

    def _encode_attribute(self, images: Tensor, domain: int) -> Tensor:
        """(2, N, Z): means and log-variances; (1, N, Z) of an encoder without variances."""
        found = self.attribute_encoder(images, domain)
        return torch.stack(found) if self.config.injection == "concat" else found[None]

    def _moments(self, step: Step, domain: int) -> Tensor:
        return step.reuse(f"moments_{domain}", lambda: self._encode_attribute(_images(step, domain), domain).float())

    def _sampled(self, moments: Tensor, step: Step, name: str) -> Tensor:
        if len(moments) == 1:
            return moments[0]
        return moments[0] + (0.5 * moments[1]).exp() * self._noise(step, name, self.config.style_dim)

    def _attribute(self, step: Step, domain: int) -> Tensor:
        """The attribute of the first image, (N, Z), sampled."""
        name = f"attribute_{domain}"
        return step.reuse(name, lambda: self._sampled(self._moments(step, domain), step, name))

    def _swapped(self, step: Step, domain: int) -> Tensor:
        """The other domain's content with this domain's attribute."""
        return step.reuse(
            f"swapped_{domain}",
            lambda: self.generator(self._content(step, 1 - domain), self._attribute(step, domain), domain),
        )

    def _random_fakes(self, content: Tensor, step: Step, domain: int) -> list[Tensor]:
        """Two fakes of a content; one if modes are not sought."""
        count = 2 if self.config.mode_seeking else 1
        attributes = torch.cat(self._noise(step, "attributes", 2, self.config.style_dim).unbind(1)[:count])
        return list(self.generator(content.repeat(count, 1, 1, 1), attributes, domain).chunk(count))

    # Verbs

    @property
    def domains(self) -> tuple[str, ...]:
        return self.config.domain_names

    @property
    def style_shape(self) -> tuple[int, ...]:
        return (self.config.style_dim,)

    def sample_styles(self, count: int, domain: int | None, generator: torch.Generator) -> Tensor:
        return torch.randn(count, self.config.style_dim, generator=generator)

    def encode_styles(self, references: Tensor, domain: int | None) -> Tensor:
        assert domain is not None  # the model has two
        return self._encode_attribute(references, domain)[0]

    def translate(self, images: Tensor, target: Target) -> Tensor:
        assert target.domain is not None
        assert target.style is not None
        content, style = self.content_encoder(images, 1 - target.domain), target.style.expand(len(images), -1)
        translated: Tensor = self.generator(content, style, target.domain)
        return translated

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        images, names = [rows[name].images[0::2] for name in "ab"], self.domains
        contents = [self.content_encoder(images[domain], domain) for domain in (0, 1)]
        styles = [self.encode_styles(images[domain], domain) for domain in (0, 1)]
        fakes = [self.generator(contents[1 - domain], styles[domain], domain) for domain in (0, 1)]
        shown = dict(zip(names, images, strict=True))
        for domain in (1, 0):
            other = 1 - domain
            way = f"{names[other]} to {names[domain]}"
            shown[f"{way}, style above"] = fakes[domain]
            again = self.content_encoder(fakes[domain], domain)
            shown[f"and back to {names[other]}"] = self.generator(again, styles[other], other)
            for number in (1, 2):
                random = draws.normal(self.config.style_dim)
                shown[f"{way}, style {number}"] = self.generator(contents[other], random, domain)
        return shown

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        found, images = {}, [rows[name].images for name in "ab"]
        for domain, name in enumerate("ab"):
            content = self.content_encoder(images[1 - domain][0::2], 1 - domain)
            styles = self.encode_styles(images[domain][0::2], domain), draws.normal(self.config.style_dim)
            # The first discriminator sees fakes with the first picture's style, the second one those with random ones.
            for place, judge in enumerate(self._judges(domain)):
                fake = self.generator(content, styles[place], domain)
                real = images[domain][place::2]
                found[f"discriminator_{name}{place * '2'}"] = as_rows(judge(real)), as_rows(judge(fake))
        return found


def build_content_encoder(config: DRITConfig) -> nn.Module:
    """The untrained content encoder."""
    network = SharedContentEncoder(config.channels_of_domains, width=config.width, blocks=config.blocks)
    return network.apply(initialise_convolutions)


def build_attribute_encoder(config: DRITConfig) -> nn.Module:
    """The untrained attribute encoder: with variances for a concatenated attribute."""
    kind = GaussianAttributeEncoder if config.injection == "concat" else PlainAttributeEncoder
    network = kind(config.channels_of_domains, config.style_dim, width=config.attribute_width)
    return network.apply(initialise_convolutions)


def build_decoder(config: DRITConfig) -> nn.Module:
    """The untrained generator."""
    given = config.channels_of_domains, config.style_dim, config.width
    if config.injection == "concat":
        return ConcatenatingDecoder(*given, blocks=config.blocks).apply(initialise_convolutions)
    return TransformingDecoder(*given).apply(initialise_convolutions)


def build_judge(config: DRITConfig, domain: int) -> nn.Module:
    """An untrained discriminator of images of a domain, with as many scales and layers as the size allows."""
    inputs, width, side = config.channels_of_domains[domain], config.discriminator_width, min(config.size)
    if config.discriminator == "single":
        layers = min(config.discriminator_layers or 6, most_layers(side, kernel=3))
        single = SingleScaleDiscriminator(inputs, width=width, layers=layers, activation="leaky_relu_0.01")
        return single.apply(initialise_convolutions)
    layers = min(config.discriminator_layers or 4, most_layers(side, kernel=4))
    scales = min(config.scales, most_scales(side, layers))
    return PyramidDiscriminator(inputs, width=width, layers=layers, scales=scales, activation="leaky_relu_0.01").apply(
        initialise_convolutions
    )


def build_content_discriminator(config: DRITConfig) -> nn.Module:
    """The untrained discriminator of content, with as many layers as the size allows."""
    layers = min(config.content_layers, most_content_layers(min(config.size) // HALVED))
    return ContentDiscriminator(4 * config.width, layers).apply(initialise_convolutions)


def _judge_all(judge: nn.Module, *images: Tensor) -> list[tuple[Tensor, ...]]:
    """The logits of each set of images at all scales; the sets are judged together."""
    return list(zip(*(logits.chunk(len(images)) for logits in judge(torch.cat(images))), strict=True))


def _telling(real: Sequence[Tensor], fake: Sequence[Tensor], name: str) -> Terms:
    """The discriminator's terms, summed over scales."""
    found = sum_terms([NON_SATURATING.discriminator(*pair) for pair in zip(real, fake, strict=True)])
    return {f"{term}_{name}": value for term, value in found.items()}


def _fooling(logits: list[Tensor]) -> Tensor:
    return sum_terms([NON_SATURATING.generator(scale, None) for scale in logits])["adversarial"]


def _divergence(moments: Tensor) -> Tensor:
    """From N(0, I), summed over the attribute; without variances, the mean square."""
    if len(moments) == 1:
        return moments.square().mean()
    return gaussian_divergence(moments[0], moments[1]).sum(1).mean()


def _images(step: Step, domain: int, place: int = 0) -> Tensor:
    """The first (0) or second (1) image of each row of a domain, (N, C, H, W)."""
    return (step if domain == 0 else step["b"]).images[place::2]
