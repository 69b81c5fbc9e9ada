"""The search for the latent of one picture: choose starts, optimise them by Adam, and take the best result.

Shape letters: S starts, Z numbers of a flattened latent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from imagewright import catalogue, optimizers
from imagewright.capabilities import verbs_of
from imagewright.errors import UserError
from imagewright.latent.projection.noise import noise_correlation, normalise_noise_, sample_noise
from imagewright.latent.projection.objective import Objective
from imagewright.latent.projection.search_space import (
    SearchSpace,
    encoded_starts,
    resolve_category,
    sample_groups,
    space_from_latents,
    space_from_samples,
)
from imagewright.model import Model
from imagewright.pixels import to_float, to_uint8
from imagewright.seeds import derive_seed
from imagewright.statistics.nearest_neighbours import nearest
from imagewright.verbs.apply import encode

Watch = Callable[[int, int, Tensor], bool | None]
"""Called with (steps done, steps in all, the nearest picture so far, uint8 (C, H, W)). False ends the search."""
WATCHED = 5  # steps between two calls
LEARNING_RATE = {"sampled": 0.1, "encoded": 0.03}  # standard deviations of the prior a step, at first
DECODED = 64  # samples decoded at once
MOST_STARTS = 32


@dataclass(frozen=True)
class Found:
    """The result for one picture.

    latents: float32 (1, *latent_shape).
    decoded_start, decoded: uint8 (1, C, H, W), what the best start and the result decode to.
    start_perceptual, perceptual: (1,), their perceptual distances to the picture.
    pixel_distance: (1,), of the result to the picture; 1 is the distance of two samples.
    perceptual_space: what perceptual distances are measured in.
    noise: (1, 1, height, width) of each layer, if it was optimised too; `decoded` has it.
    """

    latents: Tensor
    decoded_start: Tensor
    decoded: Tensor
    start_perceptual: Tensor
    perceptual: Tensor
    pixel_distance: Tensor
    perceptual_space: str
    noise: tuple[Tensor, ...] = ()


class Search:
    """What the searches for all pictures share: samples to start from, and the objective."""

    def __init__(
        self,
        model: Model,
        label: int | str | None,
        candidates: int,
        perceptual: float,
        seed: int,
        noise_weight: float | None = None,
        watch: Watch | None = None,
    ) -> None:
        """`noise_weight`: of the regularisation of noise, which is then optimised too; None if it is not."""
        self.model: Any = model
        self.watch = watch
        self.noise_weight = noise_weight
        self.noise_seed = derive_seed(seed, "project", "noise")
        self.device = model.device
        self.weight = perceptual
        self.encodes, samples = ("encode" in verbs_of(model)), ("sample" in verbs_of(model))
        if not samples and not self.encodes:
            raise UserError(f"{catalogue.name_of(model)} has neither a prior nor an encoder, so there is no start.")
        self.category = resolve_category(model, label)
        self.groups = sample_groups(model, candidates, seed, self.category) if samples else []
        if self.groups:
            self.space = space_from_samples(model, self.groups)
            some = torch.cat(self.groups)[:: max(1, sum(map(len, self.groups)) // DECODED)]
            self.objective = Objective(model, torch.cat(list(self._decode_blocks(some))), perceptual)

    def project(self, picture: Tensor, starts: int, steps: int) -> Found:
        """Project one picture, uint8 (1, C, H, W), independently of all others."""
        target = to_float(picture).to(self.device)
        encoded = encode(self.model, picture) if self.encodes else None
        space, objective = self.measure(target, encoded)
        with torch.no_grad():
            wanted = objective.rows(target)
        first = (
            self._choose_starts(wanted, objective, starts)
            if encoded is None
            else encoded_starts(encoded, self.category, MOST_STARTS)
        )
        standard = space.standardise(first.flatten(1))
        noise = self._sample_noise(len(standard))
        errors = self._errors(standard, noise, wanted, space, objective)
        refined, refined_noise = self._refine(standard, noise, wanted, space, objective, steps)
        refined_errors = self._errors(refined, refined_noise, wanted, space, objective)
        best, before = int(refined_errors.argmin()), int(errors.argmin())
        start, start_noise = standard[before][None], [each[before][None] for each in noise]
        chosen, own_noise = start, start_noise
        if refined_errors[best] < errors[before]:
            chosen, own_noise = refined[best][None], [each[best][None] for each in refined_noise]
        latents = space.to_latents(chosen)
        with torch.no_grad():
            decoded = [self._decode(start, start_noise, space), self._decode(chosen, own_noise, space)]
            (_, before_error), (pixel, after_error) = (objective.distances(each, target) for each in decoded)
        decoded_start, decoded_result = (to_uint8(each).cpu() for each in decoded)
        return Found(
            latents,
            decoded_start,
            decoded_result,
            before_error,
            after_error,
            pixel,
            objective.perceptual_space,
            tuple(each.cpu() for each in own_noise),
        )

    def measure(self, target: Tensor, encoded: Tensor | None) -> tuple[SearchSpace, Objective]:
        """The search space and the objective; without a prior those of a picture (1, C, H, W) and its own latent."""
        if self.groups:
            return self.space, self.objective
        assert encoded is not None
        pictures = torch.cat([target, torch.zeros_like(target)])
        return space_from_latents(self.model, encoded), Objective(self.model, pictures, self.weight)

    def _choose_starts(self, wanted: Tensor, objective: Objective, count: int) -> Tensor:
        """The nearest samples, (S, *latent_shape). The nearest of each group come first, so that all are tried."""
        ranked = []
        for number, group in enumerate(self.groups):
            rows = (objective.rows(decoded).cpu() for decoded in self._decode_blocks(group))
            with torch.no_grad():
                distances, indices = nearest(wanted.cpu(), rows, min(count, len(group)))
            ranked += [
                (rank > 0, float(distance), number, int(index))
                for rank, (distance, index) in enumerate(zip(distances[0], indices[0], strict=True))
            ]
        chosen = sorted(ranked)[: min(max(count, len(self.groups)), max(count, MOST_STARTS))]
        return torch.stack([self.groups[number][index] for _, _, number, index in chosen])

    def _sample_noise(self, starts: int) -> list[Tensor]:
        """Noise (S, 1, height, width) of each layer, the same for each start; [] if it is not optimised."""
        if self.noise_weight is None:
            return []
        return sample_noise(self.model.noise_shapes, starts, self.noise_seed, self.device)

    def _refine(
        self,
        start: Tensor,
        noise: list[Tensor],
        wanted: Tensor,
        space: SearchSpace,
        objective: Objective,
        steps: int,
    ) -> tuple[Tensor, list[Tensor]]:
        """Optimise standardised latents (S, Z), and noise if there is any, by Adam, each start independently.

        The rate follows a cosine to 0.
        """
        free = space.free
        longest = space.norms(start).clamp(min=space.longest or math.inf)  # an encoder may start farther out
        standard = start.clone().requires_grad_()
        noise = [each.clone().requires_grad_() for each in noise]
        rate = LEARNING_RATE["encoded" if self.encodes else "sampled"]
        optimizer = optimizers.Adam([standard, *noise], lr=rate)
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
            with torch.enable_grad():
                decoded = self._decode(standard, noise, space)
                if not decoded.requires_grad:  # a decoder without gradients, such as JPEG's
                    break
                distances = (objective.rows(decoded) - wanted).square().sum(1)
                loss = distances.sum()
                if noise and self.noise_weight:
                    loss = loss + self.noise_weight * noise_correlation(noise).sum()
            # With respect to the latents and the noise only: the model's parameters get no gradient.
            gradients = torch.autograd.grad(loss, [standard, *noise])
            standard.grad = gradients[0] * free
            for each, gradient in zip(noise, gradients[1:], strict=True):
                each.grad = gradient
            optimizer.step()
            with torch.no_grad():
                space.clamp_to_prior_(standard, longest)
                normalise_noise_(noise)
            if self.watch is not None and step % WATCHED == 0:
                nearest_picture = to_uint8(decoded[int(distances.argmin())].detach()).cpu()
                if self.watch(step, steps, nearest_picture) is False:
                    break
        return standard.detach(), [each.detach() for each in noise]

    def _decode(self, standard: Tensor, noise: list[Tensor], space: SearchSpace) -> Tensor:
        latents = space.to_latents(standard).to(self.device)
        images: Tensor = self.model.decode_with_noise(latents, noise) if noise else self.model.decode(latents)
        return images

    def _errors(
        self, standard: Tensor, noise: list[Tensor], wanted: Tensor, space: SearchSpace, objective: Objective
    ) -> Tensor:
        with torch.no_grad():
            return (objective.rows(self._decode(standard, noise, space)) - wanted).square().sum(1).cpu()

    def _decode_blocks(self, latents: Tensor) -> Iterator[Tensor]:
        for block in latents.split(DECODED):
            with torch.no_grad():
                yield self.model.decode(block.to(self.device))
