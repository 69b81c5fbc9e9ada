"""The doctor of the laboratory: the figures and the rules of every training, on points as pictures of D pixels."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from imagewright.images import open_images
from imagewright.lessons.gan.data import Mixture
from imagewright.lessons.gan.model import PointGAN
from imagewright.seeds import derive_seed
from imagewright.training.doctor.findings import Finding, diagnose
from imagewright.training.doctor.history import LATEST_REPORTS
from imagewright.training.doctor.measurements import Examiner
from imagewright.training.engine import Engine

POINTS, HELD_OUT = 512, 64
# Of any distribution on a line or a plane each point is near one of hundreds of others, and has no neighbouring pixels.
NOT_OF_POINTS = ("memorisation", "noise")
CLIPPED = 1.0  # that the doctor takes for set: it suggests a lower rate then, which the laboratory has
OPTIONS = ("penalty", "generator_every", "loss")  # by which the doctor chooses what it suggests


class Health:
    """Measures a GAN of points at each call, and applies the doctor's rules to the latest measurements.

    model: in training.
    data: that it learns.
    seed: of the points that it is compared with.
    """

    def __init__(self, model: PointGAN, data: Mixture, seed: int) -> None:
        points = data.sample(POINTS, np.random.default_rng(derive_seed(seed, "laboratory", "doctor")))
        levels = np.rint((points.clip(-1, 1) + 1) * 127.5).astype(np.uint8)
        images = open_images(levels[:, None, :, None], cache=False)
        self._examiner = Examiner(model, {"images": images}, np.arange(HELD_OUT), seed)
        self._model = model
        self._reports: list[dict[str, Any]] = []

    def examine(self, engine: Engine, images_seen: int) -> list[Finding]:
        """The findings now.

        engine: that trains the model.
        images_seen: so far.
        """
        if self._reports and self._reports[-1]["images_seen"] == images_seen:
            self._reports.pop()
        report = {
            "images_seen": images_seen,
            "health": self._examiner.measure(engine, images_seen),
            "learning_rates": engine.learning_rates(),
        }
        self._reports = [*self._reports, report][-LATEST_REPORTS:]
        config = {name: getattr(self._model.config, name) for name in OPTIONS}
        plan = dataclasses.asdict(engine.plan) | {"clip": CLIPPED}
        found = diagnose(self._reports, {"config": config, "plan": plan})
        return [each for each in found if each.name not in NOT_OF_POINTS]
