"""The numbers of a training: the user's options, and the model's recipe at each point for what the user left open."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from imagewright import distributed
from imagewright.model import Model
from imagewright.recipe import Average, Optimizer, Recipe

ScheduleName = Literal["recipe", "constant", "linear", "cosine"]
LOOKED_AT = 64  # points of a training at which a recipe is compared with its start


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a training starts with.

    images_seen: its length, repeats counted.
    batch_size: images of one step, over all ranks together.
    micro_batch: images in memory at once, on one rank.
    learning_rate: of the networks that the recipe gives no rate of their own; theirs keep their ratio to it.
    schedule: of the learning rate: the recipe's own; constant; or falling to nothing at the last image.
    warmup: images over which the learning rate rises from nothing.
    clip: largest norm of a network's gradient; None: the recipe's.
    ema_half_life: of the moving average, in images; 0: no average; None: the recipe's.
    capture: whether whole steps are recorded as CUDA graphs.
    """

    images_seen: int
    batch_size: int
    micro_batch: int
    learning_rate: float
    schedule: ScheduleName = "recipe"
    warmup: int = 0
    clip: float | None = None
    ema_half_life: int | None = None
    precision: str = "fp32"
    seed: int = 0
    capture: bool = False


class Schedule:
    """A model's recipe at each point of a training, with the plan's numbers in place of its own."""

    def __init__(self, model: Model, plan: Plan) -> None:
        self.plan, self.start = plan, model.recipe()
        self._recipe = lru_cache(maxsize=4)(model.recipe)
        self._scale = plan.learning_rate / self.start.optimizer.learning_rate

    def clock(self, images_seen: int) -> int:
        """Images seen on the clock of the recipe, whose schedules are measured in images of its own length."""
        recommended, planned = self.start.images_seen, self.plan.images_seen
        return images_seen if recommended == planned else images_seen * recommended // planned

    def batch_size(self, images_seen: int) -> int:
        """Rows of the global batch: the recipe's, in the ratio of the plan's to what the recipe starts with."""
        now = self._at(images_seen).batch_size
        if now == self.start.batch_size:
            return self.plan.batch_size
        world = distributed.world_size()
        return max(1, self.plan.batch_size * now // self.start.batch_size // world) * world

    def rows(self, images_seen: int) -> range:
        """The rows of the global batch that this rank trains on."""
        share = self.batch_size(images_seen) // distributed.world_size()
        return range(distributed.rank() * share, (distributed.rank() + 1) * share)

    def point(self, images_seen: int) -> tuple[Recipe, float]:
        """What `optimizer` depends on. Equal points have equal optimizers."""
        plan = self.plan
        return self._at(images_seen), rate_factor(plan.schedule, images_seen, plan.images_seen, plan.warmup)

    def optimizer(self, network: str, images_seen: int) -> Optimizer:
        """How a network is updated in the step that starts at this point."""
        plan = self.plan
        recipe, factor = self.point(images_seen)
        now = recipe.optimizer_for(network)
        rate = now.learning_rate
        if plan.schedule != "recipe":
            rate = self.start.optimizer_for(network).learning_rate
        rate *= self._scale * factor
        return dataclasses.replace(now, learning_rate=rate, clip=now.clip if plan.clip is None else plan.clip)

    def average(self, images_seen: int) -> Average:
        """The moving average at this point."""
        now = self._at(images_seen).average
        return now if self.plan.ema_half_life is None else dataclasses.replace(now, half_life=self.plan.ema_half_life)

    def _at(self, images_seen: int) -> Recipe:
        return self._recipe(self.clock(images_seen))


def is_scheduled(model: Model) -> bool:
    """Whether anything in a training of this model follows its length: rates, batch size, phases, growth."""
    start = model.recipe()
    if type(model).advance is not Model.advance or any(p.since or p.until is not None for p in model.phases()):
        return True
    points = (start.images_seen * part // LOOKED_AT for part in range(1, LOOKED_AT + 1))
    return any(model.recipe(point) != start for point in points)


def rate_factor(schedule: ScheduleName, images_seen: int, total: int, warmup: int) -> float:
    """What the learning rate is multiplied by at a point of training, from 0 to 1."""
    rising = min(1.0, (images_seen + 1) / warmup) if warmup else 1.0
    gone = min(1.0, images_seen / total)
    if schedule == "linear":
        return rising * (1 - gone)
    if schedule == "cosine":
        return rising * 0.5 * (1 + math.cos(math.pi * gone))
    return rising
