"""Conditions of conditional models: a one-hot vector of the class, or 0 or 1 for each attribute.

Shape letters: N batch, Z noise, K classes or attributes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot, softplus

from imagewright.capabilities import LatentPart
from imagewright.configs import ConditionedConfig

REMEMBERED = 512  # conditions of pictures seen, from which new ones are drawn


class Conditions(nn.Module):
    """Buffer `remembered`, uint8 (512, K): conditions of the pictures that training has seen last.

    New ones are drawn from them: as often, and together, as they come.
    """

    remembered: Tensor
    filled: Tensor

    def __init__(self, config: ConditionedConfig) -> None:
        super().__init__()
        self.count, self.of_classes = config.conditions, bool(config.class_names)
        one_each = torch.eye(self.count, dtype=torch.uint8) * int(self.of_classes)
        # Until training fills it: all classes alike, or no attribute.
        self.register_buffer("remembered", one_each[torch.arange(REMEMBERED) % self.count])
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    def of(self, labels: Tensor | None, attributes: Tensor | None) -> Tensor:
        """(N, K) from labels int64 (N,), or from attributes (N, K), whichever the model is conditioned on."""
        if self.of_classes:
            assert labels is not None
            return one_hot(labels, self.count).float()
        assert attributes is not None
        return attributes

    def remember(self, conditions: Tensor) -> None:
        """Keep the conditions (N, K) of a batch of training."""
        places = (self.filled + torch.arange(len(conditions), device=self.filled.device)) % REMEMBERED
        self.remembered[places] = conditions.detach().round().to(torch.uint8)
        self.filled += len(conditions)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, K) rows of the buffer, on the CPU as the generator is."""
        chosen = torch.randint(REMEMBERED, (count,), generator=generator)
        return self.remembered.cpu()[chosen].float()

    # A classifier's logits (N, K): softmax over classes, a sigmoid for each attribute

    def classification_loss(self, logits: Tensor, conditions: Tensor) -> Tensor:
        """Mean negative log-likelihood of the conditions (N, K), in nats; the mean over attributes."""
        if self.of_classes:
            return cross_entropy(logits, conditions.argmax(1))
        return binary_cross_entropy_with_logits(logits, conditions)

    def most_likely(self, logits: Tensor) -> Tensor:
        """(N, K)."""
        return one_hot(logits.argmax(1), self.count).float() if self.of_classes else (logits > 0).float()

    def sample_conditions(self, logits: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Conditions (N, K) sampled from the classifier's distribution q, and log p / q in nats, (N,).

        logits: of the classifier, (N, K). noise: (N, K) from U[0, 1). p is uniform over classes, or over all sets of
        attributes.
        """
        if self.of_classes:
            # The Gumbel-max trick: the argmax is a sample of the softmax.
            drawn = (logits - (-noise.clamp(1e-20).log()).log()).argmax(1)
            log_q = logits.log_softmax(1).gather(1, drawn[:, None])[:, 0]
            return one_hot(drawn, self.count).float(), -torch.tensor(float(self.count)).log() - log_q
        conditions = (noise < torch.sigmoid(logits)).float()
        log_q = -softplus((1 - 2 * conditions) * logits).sum(1)
        return conditions, -self.count * torch.tensor(2.0).log() - log_q


class ConditionalLatents:
    """The latents of a conditional model: noise (Z) and then the condition (K), each number of it from 0 to 1.

    For a `Model` with a `ConditionedConfig` that has a `latent_dim`, and with `conditions` if it is conditioned at all.
    """

    config: ConditionedConfig
    conditions: Conditions

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.noise_dim + self.config.conditions,)

    @property
    def noise_dim(self) -> int:
        """Z."""
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
        """(count, Z + K). `labels`: the class of each, int64 (count,). `attributes`: (count, K) from 0 to 1.

        The noise of a seed is the same whatever the condition. Attributes that are NaN are sampled as they occur
        together in the training images.
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
