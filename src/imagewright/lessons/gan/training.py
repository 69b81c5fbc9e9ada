"""Training of the lesson's GAN by the package's engine, with snapshots of densities and discriminator.

The generated density is computed without sampling noise: the generator maps a regular lattice of latents in [-1, 1]^D,
and the histogram of its outputs estimates the pushed-forward density, blurred like the data's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from imagewright import configs
from imagewright.errors import TrainingError
from imagewright.images import Batch
from imagewright.lessons.gan.data import Mixture
from imagewright.lessons.gan.model import LossName, PointGAN, PointGANConfig, PriorName
from imagewright.lessons.gan.readings import best_reading, read_output
from imagewright.seeds import derive_seed
from imagewright.training.engine import Engine
from imagewright.training.plan import Plan

REACH = 1.2  # densities and discriminator are evaluated from -REACH to REACH
DIRECTIONS = 16  # projections of the plane over which the distance of two sets of points is averaged
OUTERMOST = 0.999  # of a Gaussian's places, whose quantiles at -1 and 1 are infinite: 3.3 standard deviations
COVERED = 0.25  # a mode is covered if it has at least this share of the points that the data has there


@dataclass(frozen=True, kw_only=True)
class Detail:
    """How finely a GAN of points is evaluated.

    cells: along an axis, by the number of coordinates.
    lattice: latents along an axis, by the number of latents.
    blur: standard deviation of the Gaussian that blurs both densities: finer detail is noise of the histogram.
    """

    cells: Mapping[int, int]
    lattice: Mapping[int, int]
    blur: float


FINE = Detail(cells={1: 120, 2: 96}, lattice={1: 24_000, 2: 160}, blur=0.03)
COARSE = Detail(cells={1: 96, 2: 48}, lattice={1: 4096, 2: 64}, blur=0.05)  # many times a second


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
    """The GAN after `step` steps. D: number of coordinates. Densities and probabilities are over `Reference.cells`, M
    on each axis.

    step: number of steps.
    generated: the generated density q(x), (M,) * D.
    probability: how real the discriminator takes each cell to be, from 0 to 1, (M,) * D (`read_output`).
    best: the same of the optimal discriminator; NaN where it is unknown (`best_reading`).
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
    """The parts that all snapshots share: the data's density and points, the lattice of latents, the cells.

    data: that the GAN learns.
    seed: of the points of the data.
    detail: how finely it is evaluated.
    latents: numbers of a latent, 1 or 2; by default as many as a point has coordinates.
    prior: of the latents.
    """

    def __init__(
        self,
        data: Mixture,
        seed: int,
        detail: Detail = FINE,
        latents: int | None = None,
        prior: PriorName = "uniform",
    ) -> None:
        self.data, self.detail, self.prior, dimensions = data, detail, prior, data.dimensions
        self.edges = np.linspace(-REACH, REACH, detail.cells[dimensions] + 1)
        self.centres = (self.edges[1:] + self.edges[:-1]) / 2
        self.cells = _lattice(self.centres, dimensions)
        shape = (len(self.centres),) * dimensions
        self.density = data.density(self.cells, detail.blur).reshape(shape)
        latents = latents or dimensions
        count = detail.lattice[latents]
        self.latents = self.to_latents(_lattice((np.arange(count) + 0.5) / count * 2 - 1, latents))
        self.points = data.sample(len(self.latents), np.random.default_rng(derive_seed(seed, "gan", "held out")))
        self.shown = self.to_latents(_shown_latents(latents))
        angles = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
        self.directions = np.stack([np.cos(angles), np.sin(angles)]) if dimensions == 2 else np.ones((1, 1))
        self._hits = data.modes_hit(self.points)
        self._projected = np.sort(self.points @ self.directions, 0)

    def to_latents(self, places: np.ndarray) -> np.ndarray:
        """The latents at places from -1 to 1 on each axis, between which the prior has equal probabilities."""
        from scipy.special import ndtri

        if self.prior == "uniform":
            return places
        quantiles: np.ndarray = ndtri((places.clip(-OUTERMOST, OUTERMOST) + 1) / 2)
        return quantiles

    def snapshot(self, model: PointGAN, step: int, losses: dict[str, float]) -> Snapshot:
        """Evaluate the GAN. Raises `TrainingError` if its weights are not finite."""
        with torch.no_grad():
            points = generate_points(model, self.latents)
            mapped = generate_points(model, self.shown.reshape(-1, self.shown.shape[-1]))
            outputs, real, fake = (_outputs(model, each) for each in (self.cells, self.points, points))
        for network, values in (("generator", (points,)), ("discriminator", (outputs, real, fake))):
            if not all(np.isfinite(each).all() for each in values):
                raise TrainingError(
                    f"The training diverged at step {step}: the {network}'s outputs are not finite. "
                    "Lower --learning-rate, or use a --penalty."
                )
        q = self._estimate_density(points)
        loss = model.config.loss
        share = self.data.modes_hit(points) / self._hits
        return Snapshot(
            step=step,
            generated=q,
            probability=read_output(loss, outputs, real, fake).reshape(self.density.shape),
            best=best_reading(loss, self.density, q),
            mapped=mapped.reshape(*self.shown.shape[:-1], -1),
            distance=float(np.abs(np.sort(points @ self.directions, 0) - self._projected).mean()),
            modes=int((share >= COVERED).sum()),
            losses=losses,
        )

    def _estimate_density(self, points: np.ndarray) -> np.ndarray:
        """The blurred histogram of points (N, D), as a density. N includes points outside the cells."""
        from scipy.ndimage import gaussian_filter

        counts, _ = np.histogramdd(points, [self.edges] * points.shape[1])
        width = self.edges[1] - self.edges[0]
        blurred: np.ndarray = gaussian_filter(counts, self.detail.blur / width, mode="constant")
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
    options = {"size": (dimensions, 1), "channels": 1, "latent_dim": dimensions, "width": settings.width}
    options |= {"loss": settings.loss, "penalty": settings.penalty, "betas": settings.betas}
    options |= {"generator_every": settings.generator_every, "wide_start": settings.wide_start}
    model = build_point_gan(configs.build(PointGANConfig, options, "the GAN of points"), seed)
    engine = Engine(model, _engine_plan(settings, seed), torch.device("cpu"))
    random = np.random.default_rng(derive_seed(seed, "gan", "data"))
    snapshots = []
    for index in range(max(snapshot_steps) + 1):
        if index in snapshot_steps:
            snapshots.append(reference.snapshot(model, index, engine.losses()))
            progress(index)
        if index < max(snapshot_steps):
            batch = to_batch(data.sample(settings.batch_size, random))
            engine.step({"images": batch}, index, index * settings.batch_size)
    return model, snapshots


def build_point_gan(config: PointGANConfig, seed: int) -> PointGAN:
    """An untrained GAN, the same for equal seeds."""
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(seed, "gan", "weights"))
        return PointGAN(config)


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


def to_batch(points: np.ndarray) -> Batch:
    """Points in [-1, 1] as a batch of pictures in 0 to 255, with fractions, which the engine maps to [-1, 1] again."""
    levels = torch.from_numpy((points + 1) * 127.5).float()
    return Batch(levels[:, None, :, None])


def generate_points(model: PointGAN, latents: np.ndarray) -> np.ndarray:
    """The points of latents (N, Z): float64 (N, D)."""
    points: np.ndarray = model.decode(torch.from_numpy(latents).float()).flatten(1).double().numpy()
    return points


def _outputs(model: PointGAN, points: np.ndarray) -> np.ndarray:
    outputs: np.ndarray = model.discriminator(torch.from_numpy(points).float()[:, None, :, None]).double().numpy()
    return outputs


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
