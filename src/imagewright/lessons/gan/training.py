"""The game of the lesson, played by the package's own training engine, and looked at on the way.

Densities are not fitted: the latents looked at are an even lattice over their whole square, so that the histogram of
where the generator sends them is the change of variables itself, up to a blur that data and generated points share.
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
from imagewright.lessons.gan.model import GameName, PointGAN, PointGANConfig
from imagewright.seeds import derive_seed
from imagewright.training.engine import Engine
from imagewright.training.plan import Plan

REACH = 1.2  # how far around the origin one looks
CELLS = {1: 120, 2: 96}  # along an axis, by the number of coordinates
LATTICE = {1: 24_000, 2: 160}  # latents along an axis
BLUR = 0.03  # standard deviation of the Gaussian that blurs both densities: what is finer is noise of the histogram
FAINT = 1e-3  # of the highest data density: where both densities are below, no D* is drawn
DIRECTIONS = 16  # on which the plane is projected to measure the distance of two sets of points
COVERED = 0.25  # of the points that a mode should get: with fewer, it counts as missed


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How one game is played. Both players use Adam at one rate."""

    loss: GameName = "non_saturating"
    penalty: float
    generator_every: int = 1
    wide_start: bool = True
    width: int = 64
    steps: int
    batch_size: int = 256
    learning_rate: float = 1e-3
    # No momentum: with it the players run past each other (Gidel et al. 2019, arXiv:1807.04740, section 3).
    betas: tuple[float, float] = (0.0, 0.9)


@dataclass(frozen=True)
class Look:
    """The state of a game after `step` steps. Densities and judgements are over the cells of `Table`."""

    step: int
    generated: np.ndarray  # q(x), (CELLS,) * D
    judged: np.ndarray  # D(x) in (0, 1)
    best: np.ndarray  # D*(x), NaN where neither data nor generated points are
    mapped: np.ndarray  # where the generator sends the latents of `Table.shown`, (..., D)
    distance: float  # Wasserstein-1 of data and generated points; in the plane, the mean over projections
    modes: int  # that get at least a fourth of the points they should
    losses: dict[str, float]  # mean of each term since the look before


class Table:
    """What all looks at a game share: the data's density, the latents looked at, the cells."""

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

    def look(self, model: PointGAN, step: int, losses: dict[str, float]) -> Look:
        """What the game is like now."""
        with torch.no_grad():
            points = _generated(model, self.latents)
            if not np.isfinite(points).all():
                raise TrainingError(
                    f"The game was lost at step {step}: the generator's weights are no numbers any more. "
                    "A lower learning rate or a penalty keeps it together."
                )
            mapped = _generated(model, self.shown.reshape(-1, self.shown.shape[-1])).reshape(self.shown.shape)
            logits, real, fake = (_logits(model, each) for each in (self.cells, self.points, points))
        if model.config.loss == "relativistic":
            logits = logits - _balance(real, fake)
        q = self._density_of(points)
        total = self.density + q
        known = total > FAINT * self.density.max()
        best = np.divide(self.density, total, out=np.full_like(total, np.nan), where=known)
        share = self.data.modes_hit(points) / self.data.modes_hit(self.points)
        judged = _sigmoid(logits).reshape(self.density.shape)
        distance = _distance(points @ self.directions, self.points @ self.directions)
        return Look(step, q, judged, best, mapped, distance, int((share >= COVERED).sum()), losses)

    def _density_of(self, points: np.ndarray) -> np.ndarray:
        """Points outside the cells are counted in none, so that the density there is not made up."""
        from scipy.ndimage import gaussian_filter

        counts, _ = np.histogramdd(points, [self.edges] * points.shape[1])
        width = self.edges[1] - self.edges[0]
        blurred: np.ndarray = gaussian_filter(counts, BLUR / width, mode="constant")
        return blurred / (len(points) * width ** points.shape[1])


def play(
    table: Table, rules: Rules, looks_at: Sequence[int], seed: int, progress: Callable[[int], None]
) -> tuple[PointGAN, list[Look]]:
    """Train from the first step, looking after each number of steps in `looks_at`, the last of which ends the game."""
    data, dimensions = table.data, table.data.dimensions
    config = PointGANConfig(
        size=(dimensions, 1),
        channels=1,
        latent_dim=dimensions,
        width=rules.width,
        loss=rules.loss,
        generator_every=rules.generator_every,
        wide_start=rules.wide_start,
        penalty=rules.penalty,
        betas=rules.betas,
    )
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(seed, "gan", "weights"))
        model = PointGAN(config)
    engine = Engine(model, _plan_of(rules, seed), torch.device("cpu"))
    random = np.random.default_rng(derive_seed(seed, "gan", "data"))
    looks = []
    for index in range(max(looks_at) + 1):
        if index in looks_at:
            looks.append(table.look(model, index, engine.losses()))
            progress(index)
        if index < max(looks_at):
            engine.step({"images": _batch_of(data.sample(rules.batch_size, random))}, index, index * rules.batch_size)
    return model, looks


def spread_looks(steps: int, count: int) -> list[int]:
    """Steps to look at, from 0 to the last: near one another at the start, where most happens."""
    return sorted({round(steps * (place / (count - 1)) ** 2) for place in range(count)})


def _plan_of(rules: Rules, seed: int) -> Plan:
    return Plan(
        images_seen=rules.steps * rules.batch_size,
        batch_size=rules.batch_size,
        micro_batch=rules.batch_size,
        learning_rate=rules.learning_rate,
        schedule="cosine",
        seed=seed,
    )


def _batch_of(points: np.ndarray) -> Batch:
    """Points as pictures. The engine takes 0..255 to -1..1, and nothing says that levels must be whole."""
    levels = torch.from_numpy((points + 1) * 127.5).float()
    return Batch(levels[:, None, :, None])


def _generated(model: PointGAN, latents: np.ndarray) -> np.ndarray:
    points: np.ndarray = model.decode(torch.from_numpy(latents).float()).flatten(1).double().numpy()
    return points


def _logits(model: PointGAN, points: np.ndarray) -> np.ndarray:
    logits: np.ndarray = model.discriminator(torch.from_numpy(points).float()[:, None, :, None]).double().numpy()
    return logits


def _balance(real: np.ndarray, fake: np.ndarray) -> float:
    """What to take from a relativistic critic, which only sees differences, for its sigmoid to be fair to both sides:
    with it the gradient of the logistic loss in a common shift is zero."""
    from scipy.optimize import brentq

    ends = min(real.min(), fake.min()) - 1, max(real.max(), fake.max()) + 1
    shift: float = brentq(lambda c: _sigmoid(c - real).mean() - _sigmoid(fake - c).mean(), *ends)
    return shift


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    probabilities: np.ndarray = expit(logits)
    return probabilities


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    """Wasserstein-1 of two sets of equally many numbers, mean over the columns."""
    return float(np.abs(np.sort(first, 0) - np.sort(second, 0)).mean())


def _lattice(places: np.ndarray, dimensions: int) -> np.ndarray:
    """All points with these coordinates, (len(places) ** D, D), the first coordinate slowest."""
    return np.stack(np.meshgrid(*[places] * dimensions, indexing="ij"), -1).reshape(-1, dimensions)


def _shown_latents(dimensions: int) -> np.ndarray:
    """Latents whose way is drawn: 25 numbers (25, 1); or the lines of a net, (lines, points of each, 2)."""
    if dimensions == 1:
        return np.linspace(-1, 1, 25)[:, None]
    places, along = np.linspace(-1, 1, 13), np.linspace(-1, 1, 161)
    upright = np.stack(np.broadcast_arrays(places[:, None], along), -1)
    return np.concatenate([upright, upright[..., ::-1]])
