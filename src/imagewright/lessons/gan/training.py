"""Training of the lesson's GAN by the package's engine, with snapshots of densities and discriminator.

The generated density is computed without sampling noise: the generator maps a regular lattice of latents in [-1, 1]^D,
and the histogram of its outputs estimates the pushed-forward density, blurred like the data's.
D* = p / (p + q): Goodfellow et al. 2014, arXiv:1406.2661, proposition 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from imagewright.errors import TrainingError
from imagewright.images import Batch
from imagewright.lessons.gan.data import Mixture
from imagewright.lessons.gan.model import LossName, PointGAN, PointGANConfig
from imagewright.seeds import derive_seed
from imagewright.training.engine import Engine
from imagewright.training.plan import Plan

REACH = 1.2  # densities and discriminator are evaluated from -REACH to REACH
CELLS = {1: 120, 2: 96}  # along an axis, by the number of coordinates
LATTICE = {1: 24_000, 2: 160}  # latents along an axis
BLUR = 0.03  # standard deviation of the Gaussian that blurs both densities: finer detail is noise of the histogram
FAINT = 1e-3  # D* is undefined where p + q is below this share of the highest data density
DIRECTIONS = 16  # projections of the plane over which the distance of two sets of points is averaged
COVERED = 0.25  # a mode is covered if it has at least this share of the points that the data has there


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How one GAN is trained. Generator and discriminator use Adam at the same learning rate."""

    loss: LossName = "non_saturating"
    penalty: float
    generator_every: int = 1
    wide_start: bool = True
    width: int = 64
    steps: int
    batch_size: int = 256
    learning_rate: float = 1e-3
    # No momentum: with it the two networks oscillate (Gidel et al. 2019, arXiv:1807.04740, section 3).
    betas: tuple[float, float] = (0.0, 0.9)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The GAN after `step` steps. D: number of coordinates. Densities and probabilities are over `Reference.cells`.

    step: number of steps.
    generated: the generated density q(x), (CELLS,) * D.
    probability: the discriminator's output in (0, 1), (CELLS,) * D.
    best: the output of the optimal discriminator, p / (p + q); NaN where p + q is nearly 0 (`FAINT`).
    mapped: the generator's outputs for the latents of `Reference.shown`, (..., D).
    distance: Wasserstein-1 between data and generated points; in the plane, the mean over projections.
    modes: number of modes covered.
    losses: mean of each loss term since the previous snapshot.
    """

    step: int
    generated: np.ndarray
    probability: np.ndarray
    best: np.ndarray
    mapped: np.ndarray
    distance: float
    modes: int
    losses: dict[str, float]


class Reference:
    """The parts that all snapshots share: the data's density and points, the lattice of latents, the cells."""

    def __init__(self, data: Mixture, seed: int) -> None:
        self.data, dimensions = data, data.dimensions
        self.edges = np.linspace(-REACH, REACH, CELLS[dimensions] + 1)
        self.centres = (self.edges[1:] + self.edges[:-1]) / 2
        self.cells = _lattice(self.centres, dimensions)
        shape = (len(self.centres),) * dimensions
        self.density = data.density(self.cells, BLUR).reshape(shape)
        count = LATTICE[dimensions]
        self.latents = _lattice((np.arange(count) + 0.5) / count * 2 - 1, dimensions)
        self.points = data.sample(len(self.latents), np.random.default_rng(derive_seed(seed, "gan", "held out")))
        self.shown = _shown_latents(dimensions)
        angles = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
        self.directions = np.stack([np.cos(angles), np.sin(angles)]) if dimensions == 2 else np.ones((1, 1))

    def snapshot(self, model: PointGAN, step: int, losses: dict[str, float]) -> Snapshot:
        """Evaluate the GAN. Raises `TrainingError` if its weights are not finite."""
        with torch.no_grad():
            points = _generate(model, self.latents)
            if not np.isfinite(points).all():
                raise TrainingError(
                    f"The training diverged at step {step}: the generator's weights are not finite. "
                    "Lower --learning-rate, or use a --penalty."
                )
            mapped = _generate(model, self.shown.reshape(-1, self.shown.shape[-1])).reshape(self.shown.shape)
            logits, real, fake = (_logits(model, each) for each in (self.cells, self.points, points))
        if model.config.loss == "relativistic":
            logits = logits - _critic_offset(real, fake)
        q = self._estimate_density(points)
        total = self.density + q
        known = total > FAINT * self.density.max()
        best = np.divide(self.density, total, out=np.full_like(total, np.nan), where=known)
        share = self.data.modes_hit(points) / self.data.modes_hit(self.points)
        probability = _sigmoid(logits).reshape(self.density.shape)
        distance = _distance(points @ self.directions, self.points @ self.directions)
        return Snapshot(
            step=step,
            generated=q,
            probability=probability,
            best=best,
            mapped=mapped,
            distance=distance,
            modes=int((share >= COVERED).sum()),
            losses=losses,
        )

    def _estimate_density(self, points: np.ndarray) -> np.ndarray:
        """The blurred histogram of points (N, D), as a density. N includes points outside the cells."""
        from scipy.ndimage import gaussian_filter

        counts, _ = np.histogramdd(points, [self.edges] * points.shape[1])
        width = self.edges[1] - self.edges[0]
        blurred: np.ndarray = gaussian_filter(counts, BLUR / width, mode="constant")
        return blurred / (len(points) * width ** points.shape[1])


def train_gan(
    reference: Reference,
    settings: TrainingSettings,
    snapshot_steps: Sequence[int],
    seed: int,
    progress: Callable[[int], None],
) -> tuple[PointGAN, list[Snapshot]]:
    """Train from scratch, up to the largest of `snapshot_steps`, with a snapshot after each of them.

    progress: called with the number of steps at each snapshot.
    """
    data, dimensions = reference.data, reference.data.dimensions
    config = PointGANConfig(
        size=(dimensions, 1),
        channels=1,
        latent_dim=dimensions,
        width=settings.width,
        loss=settings.loss,
        generator_every=settings.generator_every,
        wide_start=settings.wide_start,
        penalty=settings.penalty,
        betas=settings.betas,
    )
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(seed, "gan", "weights"))
        model = PointGAN(config)
    engine = Engine(model, _engine_plan(settings, seed), torch.device("cpu"))
    random = np.random.default_rng(derive_seed(seed, "gan", "data"))
    snapshots = []
    for index in range(max(snapshot_steps) + 1):
        if index in snapshot_steps:
            snapshots.append(reference.snapshot(model, index, engine.losses()))
            progress(index)
        if index < max(snapshot_steps):
            batch = _to_batch(data.sample(settings.batch_size, random))
            engine.step({"images": batch}, index, index * settings.batch_size)
    return model, snapshots


def spread_steps(steps: int, count: int) -> list[int]:
    """The steps of `count` snapshots, from 0 to `steps`, denser at the start, where most changes happen."""
    return sorted({round(steps * (place / (count - 1)) ** 2) for place in range(count)})


def _engine_plan(settings: TrainingSettings, seed: int) -> Plan:
    return Plan(
        images_seen=settings.steps * settings.batch_size,
        batch_size=settings.batch_size,
        micro_batch=settings.batch_size,
        learning_rate=settings.learning_rate,
        schedule="cosine",
        seed=seed,
    )


def _to_batch(points: np.ndarray) -> Batch:
    """Points in [-1, 1] as a batch of pictures in 0 to 255, with fractions, which the engine maps to [-1, 1] again."""
    levels = torch.from_numpy((points + 1) * 127.5).float()
    return Batch(levels[:, None, :, None])


def _generate(model: PointGAN, latents: np.ndarray) -> np.ndarray:
    points: np.ndarray = model.decode(torch.from_numpy(latents).float()).flatten(1).double().numpy()
    return points


def _logits(model: PointGAN, points: np.ndarray) -> np.ndarray:
    logits: np.ndarray = model.discriminator(torch.from_numpy(points).float()[:, None, :, None]).double().numpy()
    return logits


def _critic_offset(real: np.ndarray, fake: np.ndarray) -> float:
    """The constant to subtract from a relativistic critic's logits before taking their sigmoid.

    A relativistic loss depends on differences of logits only, so a common shift of all logits is arbitrary. This
    constant is the shift at which the derivative of the logistic loss with respect to it is zero.
    """
    from scipy.optimize import brentq

    ends = min(real.min(), fake.min()) - 1, max(real.max(), fake.max()) + 1
    shift: float = brentq(lambda c: _sigmoid(c - real).mean() - _sigmoid(fake - c).mean(), *ends)
    return shift


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    probabilities: np.ndarray = expit(logits)
    return probabilities


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    """Wasserstein-1 between the columns of two arrays (N, K), mean over the columns."""
    return float(np.abs(np.sort(first, 0) - np.sort(second, 0)).mean())


def _lattice(places: np.ndarray, dimensions: int) -> np.ndarray:
    """All points with these coordinates, (len(places) ** D, D). The first coordinate varies slowest."""
    return np.stack(np.meshgrid(*[places] * dimensions, indexing="ij"), -1).reshape(-1, dimensions)


def _shown_latents(dimensions: int) -> np.ndarray:
    """The latents whose outputs are drawn: 25 numbers (25, 1), or the lines of a net, (lines, points of a line, 2)."""
    if dimensions == 1:
        return np.linspace(-1, 1, 25)[:, None]
    places, along = np.linspace(-1, 1, 13), np.linspace(-1, 1, 161)
    upright = np.stack(np.broadcast_arrays(places[:, None], along), -1)
    return np.concatenate([upright, upright[..., ::-1]])
