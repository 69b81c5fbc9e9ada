"""What a model finds in its images before the first step takes time and memory, which its plan and its end count."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import BATCH, Messages, simple_pictures

import imagewright as iw
from imagewright import catalogue
from imagewright.training import device as devices
from imagewright.training import planning
from imagewright.training.trial import Trial

CPU = torch.device("cpu")
HELD = 2**27  # bytes that the model has in memory while it looks
LOOKED, A_STEP = 360.0, 100.0  # seconds of the clock that the look and a step take
RATE = 10.0  # pictures a second, as measured
OPTIONS: dict[str, Any] = {"width": 4, "latent_dim": 4, "batch_size": BATCH, "precision": "fp32", "device": "cpu"}


class Clock:
    """The time of the process, which can be put forward."""

    def __init__(self) -> None:
        self.ahead, self._of_process = 0.0, time.monotonic

    def monotonic(self) -> float:
        return self._of_process() + self.ahead


class SlowSteps(iw.Observer):
    every = BATCH

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def at(self, images_seen: int, report: object) -> None:
        self.clock.ahead += A_STEP


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    monkeypatch.setattr(planning, "run_trial", lambda *_, **__: Trial({"fp32": RATE}, {"fp32": 1.0}))
    return clock


@pytest.fixture
def peaks(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of this process at the peak of each look of a DCGAN, which takes long and much memory."""
    seen = []

    def look(self: Any, images: Any, seed: int) -> tuple[str]:
        for _ in images.batches(100):
            held = np.ones(HELD, np.uint8)
        seen.append(devices.peak_memory(CPU))
        clock.ahead += LOOKED
        return (f"looked at {len(images)} pictures and {held[0]}",)

    monkeypatch.setattr(catalogue.model_class("dcgan"), "initialise_from", look)
    return seen


def test_a_plan_counts_the_time_and_the_memory_of_the_look(peaks: list[int]) -> None:
    """Of 10 minutes 4 are left for steps, of which nine tenths are planned for."""
    plan = iw.plan_training("dcgan", simple_pictures(200), minutes=10.0, **OPTIONS)
    assert plan.images_seen == 2_100 // BATCH * BATCH
    assert plan.seconds == pytest.approx(LOOKED + plan.images_seen / RATE / 0.9, abs=10)
    (peak,) = peaks
    assert plan.memory_bytes is not None
    assert plan.memory_bytes == pytest.approx(peak, abs=HELD / 4)


def test_a_training_ends_after_what_the_look_left_of_its_time(peaks: list[int], clock: Clock, tmp_path: Path) -> None:
    """4 minutes, and a tenth more, are over after 3 steps; 10 would be after 7."""
    heard = Messages()
    observers = [SlowSteps(clock)]
    options = OPTIONS | {"minutes": 10.0, "base": "none"}
    run = iw.train("auto", simple_pictures(200), tmp_path / "run", reporter=heard, observers=observers, **options)
    assert run.record["plan"]["images_seen"] == 2_100 // BATCH * BATCH
    assert run.checkpoints()[-1].images_seen == 3 * BATCH
    (memory,) = (text for text in heard.texts if text.startswith("memory: "))
    said = re.match(r"memory: ([\d.]+) GiB of the", memory)
    assert said is not None
    (peak,) = peaks
    assert float(said[1]) == pytest.approx(peak / 2**30, abs=HELD / 2**30 / 4)
