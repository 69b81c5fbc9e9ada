"""A trial before a training: a few steps on a copy of the model measure images a second, in each precision.

The copy gets the batches of the training's beginning. Nothing of the training changes: its model, torch's random
numbers and the order of its images are as if there had been no trial. With several ranks all make the same steps, and
agree on the result.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import statistics
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from imagewright import distributed
from imagewright.images import Batch, Images
from imagewright.model import Model
from imagewright.training import device as devices
from imagewright.training.data.feeds import build_readers
from imagewright.training.data.prefetch import prefetch
from imagewright.training.engine import Engine
from imagewright.training.plan import Plan

SECONDS = 1.2  # of timed steps, in each precision
SLOW_STEP = 0.5  # seconds: of batches whose steps would take longer, fewer rows are timed
FEW_ROWS = 8  # of the global batch
WARM_UP = 2  # rounds before time counts, in which libraries choose and prepare their algorithms
WARM_UP_OF_GRAPHS = 5  # the same with CUDA graphs, which are recorded after three steps
MOST_ROUNDS = 500
BLOCK_SECONDS = 0.02  # steps on a GPU are timed in blocks of this length, since waiting for each would slow them
LONGEST_CYCLE = 64  # steps
POINTS = 5  # of a training whose steps change, at which they are timed
AGREEMENT = 0.1  # by which a loss may differ from that of fp32, relative to the largest loss of its phase


@dataclass(frozen=True)
class Trial:
    """What a trial found.

    rates: images a second by precision; of a training whose steps change, over the whole training.
    speed_ups: by precision, the median time of a step of the first precision over that of a step of this one.
    unsafe: precisions that were left out, because a loss is not finite, or differs from that of the first precision.
    """

    rates: dict[str, float]
    speed_ups: dict[str, float]
    unsafe: tuple[str, ...] = ()


def run_trial(
    model: Model,
    sources: Mapping[str, Images],
    plan: Plan,
    held_out: np.ndarray,
    device: torch.device,
    precisions: Sequence[str],
    *,
    short_seconds: float = 0.0,
) -> Trial | None:
    """Time steps of a copy of the model.

    model: equipped, on any device.
    sources: images by the name of the source, prepared.
    plan: of the training.
    held_out: indices in the first source that training never uses.
    device: of the training.
    precisions: to time in turn; the others are compared with the first.
    short_seconds: None is returned, after two steps, if the training takes less time than this.
    """
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        rows = _few_rows(plan)
        with closing(TrialSteps(model, sources, dataclasses.replace(plan, batch_size=rows), held_out, device)) as few:
            few.time(few.kinds[0], precisions[0])
            cpu_seconds = time.process_time()
            seconds = few.time(few.kinds[0], precisions[0])
            cpu_seconds = time.process_time() - cpu_seconds
            # The lesser of both, so that a short training is one on a busy machine too.
            least = min(seconds, cpu_seconds) if device.type == "cpu" else seconds
            if not distributed.any_rank(plan.images_seen * least / rows >= short_seconds):
                return None
            if rows == plan.batch_size or plan.batch_size * seconds / rows > SLOW_STEP:
                return few.compare(precisions)
        with closing(TrialSteps(model, sources, plan, held_out, device)) as whole:
            return whole.compare(precisions)


def _few_rows(plan: Plan) -> int:
    """At least two rows on each rank, which norms over the batch need."""
    world = distributed.world_size()
    return min(plan.batch_size, max(FEW_ROWS // world, 2) * world)


@dataclass
class StepKind:
    """Steps of one point of the training with the same updates, such as those with R1.

    point: in images seen.
    index: the number of such a step.
    share: of the steps of the training that are of this kind.
    batches: of the steps.
    block: steps that are timed together.
    """

    point: int
    index: int
    share: float
    batches: Generator[dict[str, Batch], None, None]
    block: int = 1
    times: dict[str, list[float]] = field(default_factory=dict)


class TrialSteps:
    """A copy of a model, with the kinds of steps of its training."""

    def __init__(
        self, model: Model, sources: Mapping[str, Images], plan: Plan, held_out: np.ndarray, device: torch.device
    ) -> None:
        # Of the recommended length, so that the clock of the recipe shows images seen.
        plan = dataclasses.replace(plan, images_seen=model.recipe().images_seen, micro_batch=_micro_batch(plan))
        self.device, self.plan = device, plan
        trained = copy.deepcopy(model)
        devices.prepare_model(trained, device)
        self.engine = Engine(trained, plan, device)
        sizes = self.engine.schedule.batch_sizes()
        readers = build_readers(trained, sources, plan.seed, held_out, batch_sizes=sizes)
        self.kinds: list[StepKind] = []
        points = _points(trained)
        for point in points:
            batches = prefetch(readers, self.engine.schedule, point, pin=device.type == "cuda")
            for index, share in self._indices(point).items():
                self.kinds.append(StepKind(point, index, share / len(points), batches))

    def close(self) -> None:
        """Stop reading, and free the copy."""
        for kind in self.kinds:
            kind.batches.close()
        del self.engine
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)

    def time(self, kind: StepKind, precision: str) -> float:
        """The seconds of one step, the mean over ranks and over the steps of a block."""
        self.engine.precision = precision
        started = time.monotonic()
        for _ in range(kind.block):
            self.engine.step(next(kind.batches), kind.index, kind.point)
        devices.synchronise(self.device)
        seconds = torch.tensor([(time.monotonic() - started) / kind.block], device=self.device)
        distributed.average_([seconds])
        return float(seconds)

    def compare(self, precisions: Sequence[str]) -> Trial:
        """Time all kinds of steps in each precision, in turn, since the machine may be busy now and then."""
        unsafe = [each for each in precisions[1:] if not self._agree(precisions[0], each)]
        compared = [each for each in precisions if each not in unsafe]
        limit, spent = SECONDS * len(compared), 0.0
        warm_up = WARM_UP_OF_GRAPHS if self.plan.capture else WARM_UP
        for number in range(MOST_ROUNDS):
            for kind in self.kinds:
                for precision in compared:
                    seconds = self.time(kind, precision)
                    spent += seconds * kind.block
                    if number >= warm_up:
                        kind.times.setdefault(precision, []).append(seconds)
                if number < warm_up and self.device.type != "cpu":
                    kind.block = int(min(64, max(1, BLOCK_SECONDS / seconds)))
            if number == 0 and spent > limit and not self.plan.capture:
                warm_up = 1  # the steps are slow: one is enough
            if spent > limit and number >= warm_up:
                break
        medians = {each: self._seconds_an_image(each, statistics.median) for each in compared}
        return Trial(
            rates={each: 1 / self._seconds_an_image(each, statistics.fmean) for each in compared},
            speed_ups={each: medians[compared[0]] / medians[each] for each in compared},
            unsafe=tuple(unsafe),
        )

    def _seconds_an_image(self, precision: str, average: Any) -> float:
        schedule = self.engine.schedule
        return math.fsum(
            kind.share * average(kind.times[precision]) / schedule.batch_size(kind.point) for kind in self.kinds
        )

    def _indices(self, point: int) -> dict[int, float]:
        """The number of a step of each kind at this point, and the share of the steps that are like it."""
        phases, clock = self.engine.phases, self.engine.schedule.clock(point)
        cycle = min(LONGEST_CYCLE, math.lcm(*(phase.every for phase in phases)))
        found: dict[tuple[str, ...], int] = {}
        shares: dict[int, float] = {}
        for index in range(cycle):
            due = tuple(phase.name for phase in phases if phase.is_due(index, clock))
            place = found.setdefault(due, index)
            shares[place] = shares.get(place, 0.0) + 1 / cycle
        return shares

    def _agree(self, first: str, other: str) -> bool:
        """Whether all losses of the untrained model are finite in a precision, and near those in another one."""
        kind = self.kinds[0]
        batches = next(kind.batches)
        expected, found = (self.engine.evaluate(batches, kind.index, kind.point, each) for each in (first, other))
        differs = False
        for phase, losses in expected.items():
            allowed = AGREEMENT * max([abs(value) for value in losses.values()], default=0.0) + 1e-3
            # Written so that a difference that is not a number is one.
            differs |= not all(
                abs(value - found[phase].get(name, math.nan)) <= allowed for name, value in losses.items()
            )
        return not distributed.any_rank(differs)


def _points(model: Model) -> list[int]:
    """The points at which steps are timed: the start, or the middles of equal parts of a training that changes."""
    recipe = model.recipe()
    middles = [recipe.images_seen * (2 * part + 1) // (2 * POINTS) for part in range(POINTS)]
    grows = type(model).advance is not Model.advance
    other_phases = any(phase.since or phase.until is not None for phase in model.phases())
    other_batches = any(model.recipe(point).batch_size != recipe.batch_size for point in middles)
    return middles if grows or other_phases or other_batches else [0]


def _micro_batch(plan: Plan) -> int | None:
    return None if plan.micro_batch is None else min(plan.micro_batch, plan.batch_size // distributed.world_size())
