"""Conditions of conditional models: the one-hot vector of a class, or a vector of attributes, each 0 or 1.

Shape letters: N batch, Z noise, K classes or attributes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot, softplus

from imagewright.capabilities import LatentPart
from imagewright.configs import ConditionedConfig

BUFFER_ROWS = 512


class Conditions(nn.Module):
    """The conditions of a model: conversion from labels and attributes, sampling, and a classifier's likelihoods.

    `sample` samples rows of a buffer with the conditions of the latest training images, so that class frequencies and
    co-occurring attributes match the training data.

    config: of the model, with classes or attributes.

    count: K.
    of_classes: whether conditions are classes; else attributes.
    remembered: buffer, uint8 (512, K), or (K, K) of more classes: the conditions of the latest training images.
    filled: buffer, int64: conditions that were stored so far.
    """

    remembered: Tensor
    filled: Tensor

    def __init__(self, config: ConditionedConfig) -> None:
        super().__init__()
        self.count, self.of_classes = config.conditions, bool(config.class_names)
        # Before training: all classes equally often, or no attribute.
        self.rows = max(BUFFER_ROWS, self.count if self.of_classes else 0)
        rounds = torch.zeros(-(-self.rows // self.count), self.count, self.count, dtype=torch.uint8)
        if self.of_classes:
            rounds.diagonal(dim1=1, dim2=2).fill_(1)
        self.register_buffer("remembered", rounds.flatten(0, 1)[: self.rows].clone())
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    def to_vectors(self, labels: Tensor | None, attributes: Tensor | None) -> Tensor:
        """Conditions (N, K) from the annotations of images.

        labels: int64 (N,); not None if the model is conditioned on classes.
        attributes: (N, K); not None if the model is conditioned on attributes.
        """
        if self.of_classes:
            assert labels is not None
            return one_hot(labels, self.count).float()
        assert attributes is not None
        return attributes

    def remember(self, conditions: Tensor) -> None:
        """Store the conditions (N, K) of a training batch of all ranks (`Step.gather`), in place of the oldest ones."""
        latest = conditions.detach()[-self.rows :]
        skipped = len(conditions) - len(latest)  # a place that is written twice would hold either row
        rows = (self.filled + skipped + torch.arange(len(latest), device=self.filled.device)) % self.rows
        self.remembered[rows] = latest.round().to(torch.uint8)
        self.filled += len(conditions)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, K) random rows of the buffer, on the CPU. The generator is on the CPU too."""
        chosen = torch.randint(self.rows, (count,), generator=generator)
        return self.remembered.cpu()[chosen].float()

    # Of a classifier's logits (N, K): a softmax over classes, or a sigmoid for each attribute

    def classification_loss(self, logits: Tensor, conditions: Tensor) -> Tensor:
        """The mean negative log-likelihood of conditions (N, K) under logits (N, K), in nats.

        It is the mean over images, and over attributes.
        """
        if self.of_classes:
            return cross_entropy(logits, conditions.argmax(1))
        return binary_cross_entropy_with_logits(logits, conditions)

    def most_likely(self, logits: Tensor) -> Tensor:
        """The most likely conditions (N, K) under logits (N, K)."""
        return one_hot(logits.argmax(1), self.count).float() if self.of_classes else (logits > 0).float()

    def sample_conditions(self, logits: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Conditions (N, K) sampled from the classifier's distribution q, and log p / q in nats, (N,).

        The prior p is uniform over classes, or over all sets of attributes.

        logits: of the classifier, (N, K).
        noise: (N, K) from U[0, 1).
        """
        if self.of_classes:
            # The Gumbel-max trick: the argmax is a sample of the softmax.
            sampled = (logits - (-noise.clamp(1e-20).log()).log()).argmax(1)
            log_q = logits.log_softmax(1).gather(1, sampled[:, None])[:, 0]
            return one_hot(sampled, self.count).float(), -torch.tensor(float(self.count)).log() - log_q
        conditions = (noise < torch.sigmoid(logits)).float()
        log_q = -softplus((1 - 2 * conditions) * logits).sum(1)
        return conditions, -self.count * torch.tensor(2.0).log() - log_q


class ConditionalLatents:
    """The latents of a conditional model: noise (Z), then the condition (K), whose numbers are from 0 to 1.

    It is a mix-in for a `Model` whose `ConditionedConfig` has a `latent_dim`, and which has `conditions` unless
    `config.condition` is "none".
    """

    config: ConditionedConfig
    conditions: Conditions

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.noise_dim + self.config.conditions,)

    @property
    def noise_dim(self) -> int:
        """The length Z of the noise."""
        return int(self.config.latent_dim)  # type: ignore[attr-defined]

    @property
    def latent_parts(self) -> tuple[LatentPart, ...]:
        noise, end = self.noise_dim, self.noise_dim + self.config.conditions
        if not self.config.conditions:
            return (LatentPart("latents", "normal", 0, noise),)
        condition = (
            LatentPart("class", "category", noise, end)
            if self.config.class_names
            else LatentPart("attributes", "attributes", noise, end)
        )
        return (LatentPart("noise", "normal", 0, noise), condition)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers; () if the model is not conditioned on classes."""
        return self.config.class_names if self.config.conditions else ()

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The attributes, in the order of their columns; () if the model is not conditioned on them."""
        return self.config.attribute_names if self.config.conditions and not self.config.class_names else ()

    def sample_latents(
        self,
        count: int,
        generator: torch.Generator,
        labels: Tensor | None = None,
        attributes: Tensor | None = None,
    ) -> Tensor:
        """Latents (count, Z + K). The noise of a seed does not depend on the condition.

        count: number of latents.
        generator: on the CPU.
        labels: int64 (count,), the class of each; sampled by default.
        attributes: (count, K) from 0 to 1; sampled by default. NaN: sampled, so that a row's sampled attributes are
            those of one training image.
        """
        noise = torch.randn(count, self.noise_dim, generator=generator)
        if not self.config.conditions:
            return noise
        conditions = self.conditions.sample(count, generator)
        if labels is not None:
            conditions = one_hot(labels, self.config.conditions).float()
        elif attributes is not None:
            conditions = torch.where(attributes.isnan(), conditions, attributes)
        return torch.cat([noise, conditions], 1)
