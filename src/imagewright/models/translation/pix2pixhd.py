"""pix2pixHD: large pictures from label maps or other pictures, learned from pairs.

Wang et al. 2018, arXiv:1711.11585: coarse-to-fine generator (3.1), discriminators at several scales (3.2), feature
matching (eq. 4), edges of instances (3.3), encoded features (3.4), VGG loss (appendix). Numbers are those of the
published code. Departures: the perceptual loss is left out, or taken of other blocks, where VGG's weights are not there
(`perceptual`); features are sampled from a normal distribution a class instead of clusters, and need a label map;
`width` is that of the global generator in both stages.
Shape letters: N batch, C H W image, K classes of the label map, F numbers of a feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.functional import one_hot

from imagewright.capabilities import Target
from imagewright.configs import LayeredConfig
from imagewright.errors import ConfigError, UserError
from imagewright.layers.class_features import ClassFeatures
from imagewright.layers.initialisation import initialise_normal
from imagewright.layers.instances import instance_edges, mean_over_instances
from imagewright.layers.local_enhancer import LocalEnhancer
from imagewright.layers.multiscale_patches import MultiscalePatchDiscriminator
from imagewright.layers.norms import NormName
from imagewright.layers.residual import ResidualGenerator
from imagewright.losses.adversarial import ADVERSARIAL, AdversarialLoss, sum_terms
from imagewright.model import Frozen, Model
from imagewright.models.shared.translation import OftenHalvedConfig, at_multiples, constant_then_linear
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.pixels import label_colours, size_text, to_levels
from imagewright.pretrained.perceptual_blocks import open_perceptual_blocks
from imagewright.recipe import Recipe
from imagewright.traits import Traits

EPOCH = 2_975  # pairs of Cityscapes; the published training has 200 epochs
DOWNSAMPLINGS = 4  # of the published options
LEAST = 2  # pixels a side at the smallest size, which reflection padding needs
SMALL = 64  # pixels: smaller pictures are halved twice on a CPU, which keeps what is small in them
FIXED_SHARE = 0.1  # of the published training of an enhancer, in which the global generator stays


@dataclass(frozen=True, kw_only=True)
class Pix2PixHDConfig(LayeredConfig, OftenHalvedConfig):
    """The options of pix2pixHD. The input is a picture or a label map; a layer `instances` of ids may be added."""

    input_layers: ClassVar[tuple[str, ...]] = ("input", "target")
    tiny_options: ClassVar[dict[str, Any]] = {
        "width": 4,
        "downsamplings": 1,
        "blocks": 1,
        "enhancers": 1,
        "enhancer_blocks": 1,
        "discriminator_width": 4,
        "discriminator_layers": 1,
        "perceptual": "none",
    }

    width: int = Field(64, ge=1, le=1024, description="channels of the global generator at its full size")
    downsamplings: int | None = Field(
        None, ge=1, le=8, description="halvings of the global generator; by default 4, or as many as the size allows"
    )
    blocks: int = Field(9, ge=0, le=64, description="residual blocks of the global generator")
    enhancers: int = Field(
        0, ge=0, le=4, description="local enhancers, each for twice the size; 0: the global generator alone"
    )
    enhancer_blocks: int = Field(3, ge=0, le=64, description="residual blocks of an enhancer")
    enhancer_alone: float = Field(
        0.0, ge=0, le=1, description="share of the training in which the global generator stays as it is"
    )
    norm: NormName = Field("instance", description="normalisation in all networks")
    statistics: Literal["image", "running"] = Field(
        "image",
        description="what batch norms normalise by after training: the statistics of each image, or running ones",
    )
    features: int = Field(0, ge=0, le=64, description="numbers of a feature that an encoder gives to each instance")
    encoder_width: int = Field(16, ge=1, le=1024, description="channels of the encoder at full size")
    encoder_downsamplings: int | None = Field(None, ge=1, le=8, description="halvings of the encoder, likewise")
    discriminator_width: int = Field(64, ge=1, le=1024, description="channels of the discriminators' first layer")
    discriminator_layers: int = Field(3, ge=1, le=8, description="strided layers of each discriminator")
    scales: int = Field(2, ge=1, le=6, description="discriminators, each at half the size of the one before")
    loss: Literal["least_squares", "non_saturating"] = Field("least_squares", description="the adversarial loss")
    matching: float = Field(10.0, ge=0, le=1e6, description="weight of the feature matching; 0 leaves it out")
    perceptual: Literal["auto", "vgg", "hed", "none"] = Field(
        "auto", description="network of the perceptual loss: vgg or hed; auto takes the first whose weights are there"
    )
    perceptual_weight: float = Field(10.0, ge=0, le=1e6, description="weight of the perceptual loss")

    @classmethod
    def suggest(cls, traits: Traits) -> dict[str, Any]:
        """On a CPU small networks and larger batches; with `--from`, the published share that enhancers train alone."""
        fixed = {"enhancer_alone": FIXED_SHARE} if "start" in traits.given and traits.given.get("enhancers") else {}
        if traits.accelerator:
            return fixed
        # A step of eight pictures takes little longer than one of one, and needs a higher rate in the few steps.
        steps = {"batch_size": 8, "learning_rate": 5e-4}
        depth = {"downsamplings": 2} if min(traits.height, traits.width) <= SMALL else {}
        return fixed | steps | depth | {"width": 16, "blocks": 4, "discriminator_width": 32}

    @model_validator(mode="after")
    def _sizes_are_possible(self) -> Pix2PixHDConfig:
        unit, side = 2 ** (self.halvings + self.enhancers), min(self.size)
        if any(each % unit for each in self.size) or side < LEAST * unit:
            raise ValueError(
                f"downsamplings {self.halvings} and enhancers {self.enhancers}: pictures of {size_text(self.size)} "
                f"cannot be halved {self.halvings + self.enhancers} times to {LEAST} pixels or more"
            )
        if self.width % 2**self.enhancers:
            raise ValueError(
                f"width {self.width} must be a multiple of {2**self.enhancers} for {self.enhancers} enhancers"
            )
        return self

    @property
    def halvings(self) -> int:
        """`downsamplings`, or as many as leave 4 pixels a side, up to 4."""
        return self.downsamplings or max(1, min(DOWNSAMPLINGS, self._possible - self.enhancers))

    @property
    def encoder_halvings(self) -> int:
        """`encoder_downsamplings`, or as many as leave 4 pixels a side, up to 4."""
        return self.encoder_downsamplings or max(1, min(DOWNSAMPLINGS, self._possible))

    @property
    def _possible(self) -> int:
        even = min((side & -side).bit_length() - 1 for side in self.size)
        return min(even, min(self.size).bit_length() - 3)

    @property
    def labelled(self) -> bool:
        """Whether the input is a label map."""
        return self.layer_kinds.get("input") == "labels"

    @property
    def given_channels(self) -> int:
        """Channels that generator and discriminators are given: the picture or the classes, and the edges."""
        return self.layer_channels["input"] + ("instances" in self.layer_channels)


def build_generator(config: Pix2PixHDConfig) -> nn.Module:
    """The untrained generator, from (N, given channels + F, H, W) to (N, C, H, W)."""
    shared: dict[str, Any] = {
        "downsamplings": config.halvings,
        "blocks": config.blocks,
        "norm": config.norm,
        "of_image": config.statistics == "image",
    }
    inputs, outputs = config.given_channels + config.features, config.layer_channels["target"]
    network: nn.Module
    if config.enhancers:
        width, more = config.width // 2**config.enhancers, config.enhancer_blocks
        network = LocalEnhancer(
            inputs, outputs, width=width, enhancers=config.enhancers, enhancer_blocks=more, **shared
        )
    else:
        network = ResidualGenerator(inputs, outputs, width=config.width, bias=True, **shared)
    return network.apply(initialise_weights)


def build_discriminators(config: Pix2PixHDConfig, *, sigmoid: bool = False) -> nn.Module:
    """The untrained discriminators, of what is given and a picture. sigmoid: as for the network."""
    return MultiscalePatchDiscriminator(
        config.given_channels + config.layer_channels["target"],
        width=config.discriminator_width,
        layers=config.discriminator_layers,
        scales=config.scales,
        norm=config.norm,
        features=config.matching > 0,
        sigmoid=sigmoid,
    ).apply(initialise_weights)


def build_encoder(config: Pix2PixHDConfig) -> nn.Module:
    """The untrained encoder of features, from (N, C, H, W) to (N, F, H, W)."""
    return ResidualGenerator(
        config.layer_channels["target"],
        config.features,
        width=config.encoder_width,
        blocks=0,
        norm=config.norm,
        downsamplings=config.encoder_halvings,
        of_image=config.statistics == "image",
        bias=True,
    ).apply(initialise_weights)


def initialise_weights(module: nn.Module) -> None:
    """N(0, 0.02) for weights of convolutions; their biases stay as PyTorch makes them, as published."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    else:
        initialise_normal(module)


class Pix2PixHD(Model):
    """Networks: `generator`, `discriminators`, and with features `encoder`; `perceptual` is fetched before training.

    A picture to translate has the channels of the input; of a label map, the class (1 channel, 0 to 255), and after it
    the instance's number (2 channels, the low byte first) if the model has instances. Without it edges of classes stand
    for those of instances.
    """

    Config = Pix2PixHDConfig
    config: Pix2PixHDConfig
    domains = ("target",)
    few_shot = False

    def __init__(self, config: Pix2PixHDConfig) -> None:
        super().__init__(config)
        if config.features and not config.labelled:
            # A feature that is the same all over a picture would be taken off by the first instance norm.
            raise ConfigError(
                f"features={config.features}: features are of the classes of a label map, and the input is of plain "
                "pictures. Leave --features out, or declare the label map: --layer-kinds input=labels."
            )
        self.generator = build_generator(config)
        self.discriminators = build_discriminators(config)
        if config.features:
            self.encoder = build_encoder(config)
            self.class_features = ClassFeatures(config.layer_channels["input"], config.features)
        self.perceptual = Frozen()

    def equip(self) -> list[str]:
        if self.config.perceptual == "none" or not self.config.perceptual_weight:
            return []
        blocks, note = open_perceptual_blocks(self.config.perceptual)
        self.perceptual.hold(blocks)
        return [note]

    def recipe(self, images_seen: int = 0) -> Recipe:
        return constant_then_linear(images=200 * EPOCH, at=images_seen, load_ratio=1.0)

    # Objective

    def phases(self) -> list[Phase]:
        coarse, fine = ["generator"], list[str]()
        if isinstance(self.generator, LocalEnhancer):
            coarse, fine = ["generator.model"], [f"generator.{name}" for name in self.generator.enhancer_names]
        if self.config.features:
            fine.append("encoder")
        start = round(self.config.enhancer_alone * self.recipe().images_seen) if self.config.enhancers else 0
        alone = [Phase("enhancers", tuple(fine), self.generator_loss, until=start)] if start else []
        return [
            *alone,
            Phase("generator", (*coarse, *fine), self.generator_loss, since=start),
            Phase("discriminators", ("discriminators",), self.discriminator_loss),
        ]

    def generator_loss(self, step: Step) -> Terms:
        """Eq. 5 with least squares, summed over scales, and the perceptual loss of the appendix."""
        given, wanted = self._given(step.layers), step.layers["target"]
        fake = self.generator(self._with_features(given, self._encoded(step)))
        step.shared |= {"given": given, "fake": fake.detach()}
        found = self._judge(given, fake)
        loss, factor = self._adversarial
        fooling = sum_terms([loss.generator(maps[-1], None) for maps in found])
        terms = {"adversarial": 2 * factor * fooling["adversarial"]}
        if self.config.matching:
            with torch.no_grad():
                real = self._judge(given, wanted)
            # Eq. 4; the published weight of a map does not depend on the number of layers.
            weight = self.config.matching * 4 / (self.config.discriminator_layers + 1) / self.config.scales
            terms["matching"] = weight * _feature_distance(found, real)
        if self.perceptual.network is not None:
            terms["perceptual"] = self.config.perceptual_weight * self.perceptual(fake, wanted)
        return terms

    def discriminator_loss(self, step: Step) -> Terms:
        """Eq. 3 with least squares, halved, summed over scales."""
        given = step.shared["given"]
        real, fake = self._judge(given, step.layers["target"]), self._judge(given, step.shared["fake"])
        loss, factor = self._adversarial
        terms = sum_terms([loss.discriminator(one[-1], other[-1]) for one, other in zip(real, fake, strict=True)])
        return {name: factor * term for name, term in terms.items()}

    @property
    def _adversarial(self) -> tuple[AdversarialLoss, float]:
        """The loss, and the factor that halves it for discriminators: 1 for least squares, which has halves."""
        return ADVERSARIAL[self.config.loss], 1.0 if self.config.loss == "least_squares" else 0.5

    def _judge(self, given: Tensor, judged: Tensor) -> list[list[Tensor]]:
        maps: list[list[Tensor]] = self.discriminators(torch.cat([given, judged.to(given.dtype)], 1))
        return maps

    def _given(self, layers: Mapping[str, Tensor]) -> Tensor:
        """(N, given channels, H, W): the picture or a map a class, and the edges of instances."""
        given = layers["input"]
        if self.config.labelled:
            given = one_hot(given, self.config.layer_channels["input"]).movedim(-1, 1).float()
        if "instances" in layers:
            given = torch.cat([given, instance_edges(layers["instances"])[:, None].to(given.dtype)], 1)
        return given

    # Features of instances (section 3.4)

    def _encoded(self, step: Step) -> Tensor | None:
        """(N, F, H, W): the features of the target, each the mean over its instance; None without an encoder."""
        if not self.config.features:
            return None
        encoded = self._features_of(step.layers)
        self.class_features.update(step, encoded, step.layers["input"])
        return encoded

    def _features_of(self, layers: Mapping[str, Tensor]) -> Tensor:
        return mean_over_instances(self.encoder(layers["target"]), layers.get("instances", layers["input"]))

    def _with_features(self, given: Tensor, features: Tensor | None) -> Tensor:
        return given if features is None else torch.cat([given, features.to(given.dtype)], 1)

    # Verbs

    @property
    def source_channels(self) -> int | None:
        """Channels of pictures to translate; None for label maps."""
        return None if self.config.labelled else self.config.layer_channels["input"]

    @property
    def style_shape(self) -> tuple[int, ...]:
        return (self.config.layer_channels["input"], self.config.features)

    def sample_styles(self, count: int, domain: int | None, generator: torch.Generator) -> Tensor:
        return self.class_features.sample(count, generator)

    def encode_styles(self, references: Tensor, domain: int | None) -> Tensor:
        """The mean feature of each class (N, K, F). A reference has no label map: see `ClassFeatures.of_images`."""
        return self.class_features.of_images(at_multiples(self.encoder, references, 2**self.config.encoder_halvings))

    def translate(self, images: Tensor, target: Target) -> Tensor:
        layers = self._layers_of(images)
        given = self._given(layers)
        if self.config.features:
            style = self.class_features.mean[None] if target.style is None else target.style
            rows = torch.arange(len(images), device=images.device).view(-1, 1, 1) % len(style)
            given = self._with_features(given, style[rows, layers["input"]].movedim(-1, 1))
        unit = 2 ** (self.config.halvings + self.config.enhancers)
        # Pictures of one unit would be one pixel at the smallest size, which reflection cannot pad.
        return at_multiples(self.generator, given, unit if min(images.shape[2:]) > unit else LEAST * unit)

    def _layers_of(self, images: Tensor) -> dict[str, Tensor]:
        """The layers in a picture to translate, with edges of classes for those of instances if there are none.

        Raises `UserError` for classes that the model does not know.
        """
        inputs = self.config.layer_channels["input"]
        first = 1 if self.config.labelled else inputs
        layers = {"input": images[:, :first]}
        if self.config.labelled:
            layers["input"] = labels = to_levels(images[:, 0])
            largest = 0 if torch.compiler.is_exporting() else int(labels.max())  # a traced graph raises nothing
            if largest >= inputs:
                raise UserError(
                    f"A label map holds class {largest}, and this model was trained on classes 0 to {inputs - 1}: "
                    "translate maps of the same classes, saved as grey pictures whose values are the classes."
                )
        if "instances" in self.config.layer_channels:
            low_high, found = to_levels(images[:, first:]), layers["input"]
            if low_high.shape[1] == 2:
                found = low_high[:, 0] + 256 * low_high[:, 1]
            layers["instances"] = found if found.dim() == 3 else torch.zeros_like(found[:, 0])
        return layers

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        layers = rows["images"].layers
        shown = label_colours(layers["input"]) if self.config.labelled else layers["input"]
        features = self._features_of(layers) if self.config.features else None
        made = self.generator(self._with_features(self._given(layers), features))
        return {"input": shown, "output": made, "target": layers["target"]}

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        layers = rows["images"].layers
        given = self._given(layers)
        features = self._features_of(layers) if self.config.features else None
        made = self.generator(self._with_features(given, features))
        real, fake = self._judge(given, layers["target"]), self._judge(given, made)
        names = [f"discriminator_{scale}" for scale in range(len(real))]
        return {
            name: (one[-1].flatten(), other[-1].flatten()) for name, one, other in zip(names, real, fake, strict=True)
        }


def _feature_distance(found: list[list[Tensor]], wanted: list[list[Tensor]]) -> Tensor:
    """The mean absolute distance of each map but the logits, summed over maps and scales."""
    pairs = [pair for one, other in zip(found, wanted, strict=True) for pair in zip(one[:-1], other[:-1], strict=True)]
    return torch.stack([(one - other).abs().mean() for one, other in pairs]).sum()
