"""`LaboratoryFrame`: everything that is drawn of a GAN of points at one step, measured in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from imagewright.lessons.gan.divergences import divergences
from imagewright.lessons.gan.model import PointGAN
from imagewright.lessons.gan.training import REACH, Reference, Snapshot
from imagewright.lessons.laboratory.latent_cells import LatentCells, map_cells
from imagewright.losses.adversarial import ADVERSARIAL

SHOWN = 200  # points of the data, and generated ones


@dataclass(frozen=True, kw_only=True)
class LaboratoryFrame:
    """One step. D coordinates; N points.

    snapshot: densities, the discriminator's field and its optimum, the net of the generator.
    real: (N, D), the same points of the data in each frame.
    fake: (N, D), generated from the same latents in each frame.
    pulls: (N, D), minus the gradient of the generator's loss at each generated point: where the loss pulls it.
    cells: the cells of a grid of latents under the generator, with their densities.
    divergences: `kl` and `js`.
    """

    snapshot: Snapshot
    real: np.ndarray
    fake: np.ndarray
    pulls: np.ndarray
    cells: LatentCells
    divergences: dict[str, float]

    @property
    def in_view(self) -> float:
        """The share of the generated points at which densities are evaluated, from 0 to 1."""
        return float((np.abs(self.fake) <= REACH).all(1).mean())


def measure_frame(reference: Reference, model: PointGAN, step: int, losses: dict[str, float]) -> LaboratoryFrame:
    """Measure a GAN at a step. Raises `TrainingError` if its weights are not finite."""
    snapshot = reference.snapshot(model, step, losses)
    real = reference.points[:SHOWN]
    chosen = np.linspace(0, len(reference.latents) - 1, SHOWN).astype(np.int64)
    order = np.random.default_rng(0).permutation(len(reference.latents))  # spread over the lattice, without its rows
    latents = reference.latents[order[chosen]]
    fake, pulls = _pulled(model, latents, real)
    cell = (reference.edges[1] - reference.edges[0]) ** reference.data.dimensions
    found = divergences(reference.density, snapshot.generated, float(cell))
    with torch.no_grad():
        cells = map_cells(reference, model)
    return LaboratoryFrame(snapshot=snapshot, real=real, fake=fake, pulls=pulls, cells=cells, divergences=found)


def _pulled(model: PointGAN, latents: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points of latents, and the pull of the generator's loss on each."""
    loss = ADVERSARIAL[model.config.loss]
    with torch.no_grad():
        points = model.decode(torch.from_numpy(latents).float())
        logits = model.discriminator(torch.from_numpy(real).float()[:, None, :, None]) if loss.needs_real else None
    with torch.enable_grad():
        points.requires_grad_(True)
        total = torch.stack(list(loss.generator(model.discriminator(points), logits).values())).sum()
        (gradient,) = torch.autograd.grad(total * len(points), points)
    return points.detach().flatten(1).double().numpy(), -gradient.flatten(1).double().numpy()
