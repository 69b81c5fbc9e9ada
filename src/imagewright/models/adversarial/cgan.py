"""Conditional GAN: generator and discriminator are conditioned on the class, or on the attributes, of the picture.

Mirza & Osindero 2014, arXiv:1411.1784, eq. 2, with the networks of DCGAN. The discriminator's conditioning is one of:
embedding: the embedded condition is an additional map of the input (the paper's own, for a convolutional network);
projection: the inner product of embedding and features is added to the logit (Miyato & Koyama 2018, arXiv:1802.05637,
    eq. 3);
auxiliary: the discriminator gets no condition, but also classifies (Odena et al. 2017, arXiv:1610.09585, eq. 2 and 3).
Pictures without labels may be conditioned on clusters of similar ones (Sage et al. 2018, `layers/picture_clusters.py`).
With `base=pca` the generator's output is added to samples of PCA by the noise (`layers/pca_base.py`).
Departure: the generator is conditioned by its input alone; the second and third paper also modulate its norms.
Shape letters: N batch, Z noise, K classes or attributes, C H W image, F features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from imagewright.configs import ConditionedConfig
from imagewright.layers.conditions import ConditionalLatents, Conditions
from imagewright.layers.dcgan import DCGANShape, Discriminator, Generator
from imagewright.layers.pca_base import PCABase, PCABaseConfig
from imagewright.layers.picture_clusters import PictureClusters
from imagewright.losses.penalties import Critic
from imagewright.model import Model, Stream
from imagewright.models.shared.adversarial import (
    build_phases,
    build_recipe,
    generator_terms,
    r1_terms,
    reusing_logits,
)
from imagewright.models.shared.limited_data import LimitedData, LimitedDataConfig
from imagewright.phases import Draws, Phase, Rows, Step, Terms
from imagewright.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class CGANConfig(ConditionedConfig, LimitedDataConfig, PCABaseConfig, DCGANShape):
    """The options of the conditional GAN."""

    tiny_options: ClassVar[dict[str, Any]] = {"latent_dim": 8, "width": 8}
    former_names: ClassVar[dict[str, str]] = {"told": "discriminator_conditioning"}

    condition: Literal["auto", "labels", "attributes", "clusters"] = Field(
        "auto",
        description="what the model is conditioned on; auto: labels if there are any, else attributes; clusters: of "
        "similar pictures, which need no labels",
    )
    clusters: int = Field(8, ge=2, le=1000, description="number of clusters, with condition=clusters")
    latent_dim: int = Field(64, ge=1, le=65_536, description="size of the noise vector, beside the condition")
    discriminator_conditioning: Literal["projection", "embedding", "auxiliary"] = Field(
        "projection", description="how the discriminator is conditioned: projection, embedding, or auxiliary classifier"
    )
    auxiliary_weight: float = Field(
        1.0, gt=0, le=1e3, description="weight of the classification loss, with discriminator_conditioning=auxiliary"
    )


class ConditionalDiscriminator(nn.Module):
    """From images (N, C, H, W) and conditions (N, K) to logits (N,).

    config: says how it is conditioned. With an auxiliary classifier, `classify` has the classifier's logits.
    """

    def __init__(self, config: CGANConfig) -> None:
        super().__init__()
        self.conditioning = config.discriminator_conditioning
        maps = config.channels + (1 if config.discriminator_conditioning == "embedding" else 0)
        self.body = Discriminator(config, normalised=config.normalises_discriminator, channels=maps)
        features, conditions = config.widths[-1], config.conditions
        if config.discriminator_conditioning == "embedding":
            self.embedding = nn.Linear(conditions, config.size[0] * config.size[1])
            self.size = config.size
        elif config.discriminator_conditioning == "projection":
            self.embedding = nn.Linear(conditions, features, bias=False)
        else:
            self.classifier = nn.Linear(features, conditions)

    def forward(self, images: Tensor, conditions: Tensor) -> Tensor:
        if self.conditioning == "embedding":
            embedded = self.embedding(conditions).unflatten(1, (1, *self.size))
            logits: Tensor = self.body(torch.cat([images, embedded], 1))
            return logits
        features = self.body.features(images)
        logits = self.body.compute_logits(features)
        if self.conditioning == "projection":
            logits = logits + (self.embedding(conditions) * features.sum((2, 3))).sum(1).float()
        return logits

    def classify(self, images: Tensor) -> Tensor:
        """The auxiliary classifier's logits (N, K) of images (N, C, H, W)."""
        logits: Tensor = self.classifier(self.body.features(images).mean((2, 3))).float()
        return logits


class CGAN(Model, ConditionalLatents):
    """Networks: `generator` and `discriminator`; the verbs use the generator's moving average.

    A latent is noise (Z), then the condition (K): a one-hot class, or a number from 0 to 1 for each attribute. An
    interpolation between latents of two classes passes through mixtures of the classes.
    """

    Config = CGANConfig
    config: CGANConfig
    averaged = ("generator",)

    def __init__(self, config: CGANConfig) -> None:
        super().__init__(config)
        components = config.latent_dim if config.base == "pca" else 0
        self.generator = Generator(config, config.latent_dim + config.conditions, components)
        self.discriminator = ConditionalDiscriminator(config)
        self.conditions = Conditions(config)
        if config.condition == "clusters":
            self.clusters = PictureClusters(config.conditions, config.size, config.channels)
        self.limited_data = LimitedData(config)
        if config.base == "pca":
            self.base = PCABase(config.latent_dim, config.size, config.channels)

    def recipe(self, images_seen: int = 0) -> Recipe:
        return build_recipe(self.config)

    def initialise_from(self, images: Stream, seed: int) -> Sequence[str]:
        """Find the clusters of similar pictures that take the place of classes, and the components of PCA."""
        notes = []
        if self.config.condition == "clusters" and not self.clusters.is_fitted:
            notes.append(self._find_clusters(images, seed))
        if self.config.base == "pca" and not self.base.is_fitted:
            notes.append(self.base.fit(images, seed))
        return notes

    def _find_clusters(self, images: Stream, seed: int) -> str:
        sizes = self.clusters.fit(images, seed)
        unused = "" if images.labels is None else "; the labels of the pictures are not used"
        counts = ", ".join(f"{size:,}" for size in sizes)
        return f"{len(sizes)} clusters of {counts} pictures take the place of classes{unused}"

    # Objective

    def phases(self) -> list[Phase]:
        return build_phases(self.config, self.generator_loss, self.discriminator_loss, self.r1_loss)

    def generator_loss(self, step: Step) -> Terms:
        """Generated images have the conditions of the real images of the batch."""
        conditions = self._to_conditions(step)
        fake = self._generate(step.draws, conditions)
        step.shared["fake"] = fake.detach()
        critic = reusing_logits(self._critic(step, conditions), fake, step)
        terms = generator_terms(self.config, critic, fake, step.images)
        if self.config.discriminator_conditioning == "auxiliary":
            terms["auxiliary"] = self._classification_loss(fake, conditions)
        return terms

    def discriminator_loss(self, step: Step) -> Terms:
        conditions = self._to_conditions(step)
        if self.training:
            self.conditions.remember(step.gather(conditions)[0])
        # Computed by the generator's phase, unless that skips this step.
        fake = step.once("fake", lambda: self._generate(step.draws, conditions)).to(step.images.dtype)
        critic = reusing_logits(self._critic(step, conditions), fake, step)
        terms = self.limited_data.discriminator_terms(critic, fake, step)
        if self.config.discriminator_conditioning == "auxiliary":
            terms["auxiliary"] = self._classification_loss(step.images, conditions)
        return terms

    def r1_loss(self, step: Step) -> Terms:
        return r1_terms(self.config, self._critic(step, self._to_conditions(step)), step.images)

    def _critic(self, step: Step, conditions: Tensor) -> Critic:
        return self.limited_data.augmented(partial(self.discriminator, conditions=conditions), step.draws)

    def _generate(self, draws: Draws, conditions: Tensor) -> Tensor:
        """Images (N, C, H, W) with conditions (N, K)."""
        return self.decode(torch.cat([draws.normal(self.config.latent_dim), conditions], 1))

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        conditions = self._to_conditions(rows["images"])
        critic = partial(self.discriminator, conditions=conditions)
        return {"discriminator": (critic(rows["images"].images), critic(self._generate(draws, conditions)))}

    def _to_conditions(self, rows: Rows) -> Tensor:
        """The conditions (N, K) of images."""
        if self.config.condition == "clusters":
            return self.conditions.to_vectors(self.clusters.assign(rows.images), None).to(rows.images.dtype)
        return self.conditions.to_vectors(rows.labels, rows.attributes).to(rows.images.dtype)

    def _classification_loss(self, images: Tensor, conditions: Tensor) -> Tensor:
        """The weighted mean negative log-likelihood, in nats, of the conditions under the auxiliary classifier."""
        logits = self.discriminator.classify(images)
        return self.config.auxiliary_weight * self.conditions.classification_loss(logits, conditions)

    # Verbs

    @property
    def finds_classes(self) -> bool:
        """Whether the classes are clusters, not labels."""
        return self.config.condition == "clusters"

    def find_classes(self, images: Tensor) -> Tensor:
        """The cluster of each image (N, C, H, W) in [-1, 1], int64 (N,)."""
        return self.clusters.assign(images)

    def decode(self, latents: Tensor) -> Tensor:
        images: Tensor = self.generator(latents, self.base if self.config.base == "pca" else None)
        return images

    def activations(self, latents: Tensor) -> Tensor:
        return self.generator.activations(latents)

    def first_weight(self) -> Tensor:
        return self.generator.first_weight()

    def extract_features(self, images: Tensor) -> Tensor:
        """The discriminator's last map, (N, F). With conditioning by embedding, the map of the condition is zero."""
        if self.config.discriminator_conditioning == "embedding":
            images = torch.cat([images, images.new_zeros(len(images), 1, *self.config.size)], 1)
        features: Tensor = self.discriminator.body.features(images).flatten(1)
        return features
