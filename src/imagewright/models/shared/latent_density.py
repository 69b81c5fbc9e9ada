"""Models that sample latents from a mixture of Gaussians fitted to the latents of their training images, or from their
prior.

Ghosh et al. 2020, arXiv:1903.12436, section 4 (ex-post density estimation); Dai & Wipf 2019, arXiv:1903.05789, section
4: the latents of a VAE's training images are often distributed otherwise than its prior, and latents that no image has
decode to pictures unlike all images. `density_fitting.py` fits the mixture.
Shape letters: N latents, Z numbers of a latent, A active ones, K Gaussians, Y conditions.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from imagewright import catalogue
from imagewright.errors import UserError, nearest_name
from imagewright.models.shared.density_fitting import Encoded, FittedMixture, fit_mixture, fit_one_gaussian
from imagewright.phases import Rows
from imagewright.statistics.gaussians import move_each_noise, normal_rows

PRIOR, FITTED = "prior", "fitted"
CONTIGUOUS = torch.contiguous_format  # as ranks exchange buffers

Sampler = TypeVar("Sampler", bound="SamplesFitted")


class LatentDensity(nn.Module):
    """The fitted mixture, as buffers; empty until it is fitted. A state without the buffers loads as an empty one.

    latents: Z.

    Latents that are not active carry nothing of the images: they are sampled from the prior.

    active: int64 (A,), the places of the active latents.
    weights, means: float32 (K,) and (K, A).
    factors: float32, Cholesky factors of the covariances (K, A, A), or deviations (K, A).
    shift: float32 (A, Y), added to the means for each condition; (A, 0) without conditions.
    """

    active: Tensor
    weights: Tensor
    means: Tensor
    factors: Tensor
    shift: Tensor

    def __init__(self, latents: int) -> None:
        super().__init__()
        self.latents = latents
        self.register_buffer("active", torch.zeros(0, dtype=torch.int64))
        for name in FittedMixture._fields[1:]:
            self.register_buffer(name, torch.zeros(0))

    @property
    def is_fitted(self) -> bool:
        """Whether there is a mixture."""
        return len(self.weights) > 0

    def hold(self, mixture: FittedMixture | None) -> None:
        """Take a mixture, in any precision and on any device; None empties the density."""
        for name in FittedMixture._fields:
            old = self.get_buffer(name)
            new = old.new_zeros(0) if mixture is None else getattr(mixture, name)
            self.register_buffer(name, new.detach().to(old.device, old.dtype).clone(memory_format=CONTIGUOUS))

    def choose(self, count: int, generator: torch.Generator) -> Tensor:
        """The numbers of sampled Gaussians, int64 (count,), on the CPU. The generator is of the CPU."""
        return torch.multinomial(self.weights.cpu().double(), count, replacement=True, generator=generator)

    def move(self, noise: Tensor, conditions: Tensor | None, chosen: Tensor) -> Tensor:
        """Latents of chosen Gaussians (N,) from noise of the prior: (N, Z) to (N, Z), on the CPU.

        conditions: (N, Y), or None.

        Each latent is rounded as if it were the only one, so that it does not depend on the others.
        """
        active = self.active.cpu()
        points = move_each_noise(noise[:, active], self.means.cpu(), self.factors.cpu(), chosen)
        if conditions is not None:
            shift = self.shift.cpu().double().T
            points = points + torch.cat([row.clone() @ shift for row in conditions.double().split(1)])
        latents = noise.clone()
        latents[:, active] = points.float()
        return latents

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *given: Any) -> None:
        # The sizes follow from the data; weights files of versions before 0.3 do not hold the buffers.
        names = FittedMixture._fields
        if any(prefix + name in state_dict for name in names):
            saved = FittedMixture(*(state_dict.get(prefix + name, torch.zeros(0)) for name in names))
            if len(saved.weights) and (problem := _problem(saved, self.latents)):
                given[-1].append(f"{prefix.rstrip('.')} is damaged: {problem}")
        for name in names:
            old = self.get_buffer(name)
            found = state_dict.setdefault(prefix + name, old.new_zeros(0))
            self.register_buffer(name, torch.zeros_like(found, dtype=old.dtype, device=old.device))
        super()._load_from_state_dict(state_dict, prefix, *given)


def _problem(mixture: FittedMixture, latents: int) -> str | None:
    """What keeps a mixture that was read from a file from being sampled; None if it can be."""
    active, weights, means, factors, shift = mixture
    if any(tensor.dim() != dimensions for tensor, dimensions in ((active, 1), (weights, 1), (means, 2), (shift, 2))):
        return "its tensors have other numbers of dimensions"
    count, size = means.shape
    shapes = (count, size, size), (count, size)
    if len(weights) != count or len(active) != size or len(shift) != size or tuple(factors.shape) not in shapes:
        return "the shapes of its tensors do not belong together"
    if active.is_floating_point() or not bool(((active >= 0) & (active < latents)).all()):
        return f"it is of other latents than the {latents} of the model"
    floating = (weights, means, factors, shift)
    if not all(tensor.is_floating_point() and bool(torch.isfinite(tensor).all()) for tensor in floating):
        return "it has values that are no finite numbers"
    return None if bool((weights >= 0).all()) and float(weights.sum()) > 0 else "its weights are no probabilities"


class SamplesFitted:
    """Mixin of models with a `LatentDensity` called `density`, an `encode_posterior`, and a standard normal prior.

    Classes sample by `sample_fitted`; what they sample from the prior is `prior_latents`.
    """

    density: LatentDensity
    _chosen: str | None = None  # of a model that `sampling_from` made

    @property
    def latent_sources(self) -> tuple[str, ...]:
        """The distributions that latents are sampled from; first the default."""
        return (FITTED, PRIOR) if self.density.is_fitted else (PRIOR,)

    @property
    def sampled_from(self) -> str:
        """The distribution that `sample_latents` samples from."""
        return self._chosen or self.latent_sources[0]

    def sampling_from(self: Sampler, source: str) -> Sampler:
        """The same networks, not copied, as a model that samples from one of `latent_sources`.

        Raises `UserError` for an unknown distribution, and for "fitted" if no density was fitted.
        """
        if source not in (PRIOR, FITTED):
            raise UserError(
                f"Latents are sampled from the prior or from the fitted density, not from {source!r}."
                f"{nearest_name(source, (PRIOR, FITTED))}"
            )
        if source not in self.latent_sources:
            raise UserError(
                f"This {catalogue.name_of(self)} has no density fitted to its latents, because no training of this "
                "version has ended on it, or its latents carry nothing: use its prior (--sample-from prior)."
            )
        chosen = copy.copy(self)  # shares the parameters, buffers and sub-modules
        chosen._chosen = source
        return chosen

    def encode_posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log variances of the latents' posteriors, (N, Z) each, without randomness."""
        raise NotImplementedError

    def condition_vectors(self, rows: Rows) -> Tensor | None:
        """What the decoder is conditioned on besides the latents, (N, Y); None for an unconditional model."""
        return None

    def fit_density(self, batches: Iterable[Rows], *, seed: int, thorough: bool) -> None:
        """Fit the density to the posteriors of images. Called in evaluation mode, without gradients.

        batches: training images with their annotations, on the model's device.
        seed: of the samples of the posteriors.
        thorough: choose among mixtures by held-out likelihood; else fit one Gaussian, which takes milliseconds.
        """
        posteriors, conditions = [], []
        for rows in batches:
            posteriors.append(self.encode_posterior(rows.images))
            conditions.append(self.condition_vectors(rows))
        encoded = Encoded.of(
            torch.cat([means for means, _ in posteriors]),
            torch.cat([log_variances for _, log_variances in posteriors]),
            torch.cat([each for each in conditions if each is not None]) if conditions[0] is not None else None,
        )
        fit = fit_mixture if thorough else fit_one_gaussian
        self.density.hold(None if encoded is None else fit(encoded, seed))

    def describe_density(self) -> str:
        density = self.density
        if not density.is_fitted:
            return "the prior, since the latents carry nothing of the pictures"
        count, kind = len(density.weights), "full" if density.factors.dim() == 3 else "diagonal"
        what = f"one Gaussian of {kind} covariance" if count == 1 else f"{count} Gaussians of {kind} covariance"
        return (
            f"{what}, fitted to the latents of the training pictures in {len(density.active)} dimensions "
            "(--sample-from prior: from the prior)"
        )

    def prior_latents(self, count: int, generator: torch.Generator, **given: Tensor) -> Tensor:
        """Latents of the prior (count, Z), with their conditions after them if there are any, (count, Z + Y).

        given: the conditions that the caller asks for, as `sample_latents` takes them.
        """
        return torch.randn(count, self._noise_size, generator=generator)

    def sample_fitted(self, count: int, generator: torch.Generator, **given: Tensor) -> Tensor:
        """Latents of what `sampled_from` names, as of `prior_latents`.

        The conditions stay, and so does what a seed means: its noise does not depend on the condition.
        """
        latents = self.prior_latents(count, generator, **given)
        return latents if self.sampled_from == PRIOR else self._move(latents, self.density.choose(count, generator))

    def sample_in_turn(self, generators: Iterable[torch.Generator], **given: Tensor) -> Tensor:
        """`sample_latents(1, generator, **given)` for each generator, concatenated."""
        if self.sampled_from == PRIOR:
            return self.prior_in_turn(generators, **given)
        weights = self.density.weights.cpu().double()
        if len(weights) == 1:
            latents = self.prior_in_turn(generators, **given)
            return self._move(latents, torch.zeros(len(latents), dtype=torch.int64))
        rows, chosen = [], []
        for each in generators:
            rows.append(self.prior_latents(1, each, **given))
            chosen.append(torch.multinomial(weights, 1, replacement=True, generator=each))
        return self._move(torch.cat(rows), torch.cat(chosen))

    def prior_in_turn(self, generators: Iterable[torch.Generator], **given: Tensor) -> Tensor:
        """`prior_latents(1, generator, **given)` for each generator, concatenated."""
        return normal_rows(generators, self._noise_size)

    @property
    def _noise_size(self) -> int:
        return int(self.config.latent_dim)  # type: ignore[attr-defined]

    def _move(self, latents: Tensor, chosen: Tensor) -> Tensor:
        noise, conditions = latents[:, : self._noise_size], latents[:, self._noise_size :]
        moved = self.density.move(noise, conditions if conditions.shape[1] else None, chosen)
        return torch.cat([moved, conditions], 1)
