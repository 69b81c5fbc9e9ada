"""`Laboratory`: a GAN of points, trained step by step or network by network, whose options change while it trains."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np
import torch

from imagewright.errors import ConfigError, UserError, nearest_name
from imagewright.lessons.gan.data import DATA, DataName, Mixture, drawn_mixture
from imagewright.lessons.gan.model import PointGAN, PointGANConfig
from imagewright.lessons.gan.training import COARSE, Reference, build_point_gan, to_batch
from imagewright.lessons.laboratory.frames import LaboratoryFrame, measure_frame
from imagewright.lessons.laboratory.health import Health
from imagewright.lessons.laboratory.settings import FRESH, LaboratorySettings, build_settings
from imagewright.phases import Phase
from imagewright.seeds import derive_seed
from imagewright.training.doctor.findings import Finding
from imagewright.training.engine import Engine
from imagewright.training.plan import Plan

PartName = Literal["generator", "discriminator"]
LENGTH = 1000  # steps that the doctor takes for a whole training; the laboratory has no end
SECOND_BETA = 0.9  # of Adam, as in the lesson


def gan_laboratory(data: DataName | np.ndarray = "ring", **settings: Any) -> Laboratory:
    """A GAN of points to step, change and look at while it trains; the studio's page Learn shows one.

    data: ring, grid, moons, moon or spiral in the plane, line or comb on a line; or points (N, 1) or (N, 2) in [-1, 1].
    settings: of `LaboratorySettings` by name, such as loss, penalty, generator_rate or width.
    Raises `ConfigError` for a wrong setting, `UserError` for other data.
    """
    checked = build_settings(settings)
    if not isinstance(data, str):
        points = np.asarray(data, np.float64)
        if points.ndim != 2 or points.shape[1] not in (1, 2) or not len(points) or not (abs(points) <= 1).all():
            raise UserError(f"Points of the laboratory are (N, 1) or (N, 2) in [-1, 1], not {points.shape}.")
        return Laboratory(drawn_mixture(points), checked)
    if data not in DATA:
        raise UserError(f"data={data!r}: expected {', '.join(DATA)}, or points.{nearest_name(data, DATA)}")
    return Laboratory(DATA[data](), checked)


class Laboratory:
    """A GAN in training.

        laboratory = gan_laboratory("ring", penalty=0.5)
        laboratory.run(100)
        laboratory.change(loss="hinge")
        laboratory.frame().snapshot.modes

    data: that it learns.
    settings: at the start.

    step: number of steps so far.
    """

    def __init__(self, data: Mixture, settings: LaboratorySettings) -> None:
        self.data, self.settings, self.step = data, settings, 0
        self._images_seen = 0
        self.reference = Reference(data, settings.seed, COARSE, self._latent_dim, settings.prior)
        self.model: PointGAN = build_point_gan(self._config(), settings.seed)
        self._engine = Engine(self.model, self._plan(), torch.device("cpu"))
        self._random = np.random.default_rng(derive_seed(settings.seed, "laboratory", "data"))
        self._health = Health(self.model, data, settings.seed)

    @property
    def _latent_dim(self) -> int:
        return min(self.settings.latent_dim, self.data.dimensions)

    def run(self, steps: int = 1) -> None:
        """Train for some steps of both networks."""
        for _ in range(steps):
            self._train()

    def run_part(self, part: PartName) -> None:
        """Let one network alone move once."""
        self._engine.renew(self._engine.plan, [dataclasses.replace(self._phase(part), every=1)])
        self._train()
        self._engine.renew(self._engine.plan)

    def change(self, **changes: Any) -> None:
        """Go on with other settings, by name. With another optimizer all moments start anew.

        Raises `ConfigError` for wrong ones, and those that need new networks.
        """
        settings = build_settings({**vars(self.settings), **changes})
        fresh = [name for name in FRESH if getattr(settings, name) != getattr(self.settings, name)]
        if fresh:
            raise ConfigError(f"{', '.join(fresh)} cannot change while it trains: begin a new laboratory.")
        kinds = [(each.generator_optimizer, each.discriminator_optimizer) for each in (self.settings, settings)]
        self.settings = settings
        self.model.config = self._config()
        if kinds[0] == kinds[1]:
            self._engine.renew(self._plan())
        else:
            self._engine = Engine(self.model, self._plan(), torch.device("cpu"))

    def frame(self) -> LaboratoryFrame:
        """Everything there is to see now. Raises `TrainingError` if the weights are not finite."""
        return measure_frame(self.reference, self.model, self.step, self._engine.losses())

    def examine(self) -> list[Finding]:
        """The doctor's findings, by what was measured at the latest calls."""
        return self._health.examine(self._engine, self._images_seen)

    def _phase(self, part: PartName) -> Phase:
        return next(phase for phase in self.model.phases() if phase.name == part)

    def _train(self) -> None:
        batch = to_batch(self.data.sample(self.settings.batch_size, self._random))
        self._engine.step({"images": batch}, self.step, self._images_seen)
        self.step += 1
        self._images_seen += self.settings.batch_size

    def _config(self) -> PointGANConfig:
        settings = self.settings
        return PointGANConfig(
            size=(self.data.dimensions, 1),
            channels=1,
            latent_dim=self._latent_dim,
            width=settings.width,
            depth=settings.depth,
            loss=settings.loss,
            generator_every=settings.generator_every,
            discriminator_every=settings.discriminator_every,
            discriminator_rate=settings.discriminator_rate / settings.generator_rate,
            wide_start=settings.wide_start,
            penalty=settings.penalty,
            penalty_kind=settings.penalty_kind,
            prior=settings.prior,
            optimizer=settings.generator_optimizer,
            discriminator_optimizer=settings.discriminator_optimizer,
            betas=(settings.momentum, SECOND_BETA),
        )

    def _plan(self) -> Plan:
        settings = self.settings
        return Plan(
            images_seen=LENGTH * settings.batch_size,
            batch_size=settings.batch_size,
            micro_batch=settings.batch_size,
            learning_rate=settings.generator_rate,
            schedule="constant",
            seed=settings.seed,
        )
