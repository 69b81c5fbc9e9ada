"""The plan of a training: the user's options, completed by the model's recipe, which may change during the training."""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from imagewright import distributed
from imagewright.model import Model
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.training.milestones import Pace

ScheduleName = Literal["recipe", "constant", "linear", "cosine"]
COMPARED_POINTS = 64  # of a training, at which a recipe is compared with its start
BATCH_POINTS = 256  # parts of a training, at whose ends batch sizes are compared
FEWEST_STEPS = 1_000  # a training of fewer steps is said to be short
FEWEST_IMAGES = 4_000  # likewise of fewer images, for steps of one to three: a twentieth of pix2pix's published length


def fewest_images(batch_size: float) -> int:
    """The images of the shortest training that is not said to be short.

    >>> fewest_images(16), fewest_images(1)
    (16000, 4000)
    """
    return max(round(FEWEST_STEPS * batch_size), FEWEST_IMAGES)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The numbers of a training at its start.

    images_seen: the length of the training in images, repeats counted.
    batch_size: images of one step, over all ranks together.
    micro_batch: images in memory at once, on one rank; None: all of the rank's rows.
    learning_rate: of `Recipe.optimizer` at the start. Networks with an optimizer of their own in the recipe keep the
        ratio of their learning rate to it.
    schedule: of the learning rate: recipe (the model's own), constant, linear or cosine (to 0 at the last image).
    warmup: images over which the learning rate rises from 0.
    clip: largest norm of a network's gradient; None: the recipe's.
    ema_half_life: of the moving average, in images; 0: no average; None: the recipe's.
    precision: arithmetic of the networks: fp32, bf16 or fp16.
    seed: of all random numbers.
    capture: whether whole steps are recorded as CUDA graphs.
    images_per_second: measured before the training, on a copy of the model; None if it was not.
    pace: when reports and checkpoints are due, where the user did not say; None until the rate is known.
    """

    images_seen: int
    batch_size: int
    micro_batch: int | None
    learning_rate: float
    schedule: ScheduleName = "recipe"
    warmup: int = 0
    clip: float | None = None
    ema_half_life: int | None = None
    precision: str = "fp32"
    seed: int = 0
    capture: bool = False
    images_per_second: float | None = None
    pace: Pace | None = None


class Schedule:
    """A model's recipe at each point of a training, with the plan's numbers in place of the recipe's."""

    def __init__(self, model: Model, plan: Plan) -> None:
        self.plan, self.start = plan, model.recipe()
        self._recipe = lru_cache(maxsize=4)(model.recipe)
        self._scale = plan.learning_rate / highest_rate(model)

    def clock(self, images_seen: int) -> int:
        """The point of the training in images of the recommended length, as `Model.recipe` takes it."""
        recommended, planned = self.start.images_seen, self.plan.images_seen
        return images_seen if recommended == planned else images_seen * recommended // planned

    def batch_size(self, images_seen: int) -> int:
        """Rows of the global batch: the recipe's at this point, scaled by plan / recipe at the start.

        If it is not the plan's own, it is rounded down to a multiple of the number of ranks, and is at least one row a
        rank.
        """
        return self._scaled(self._at(images_seen).batch_size)

    def batch_sizes(self) -> list[int]:
        """All sizes that the global batch may have in the training, whatever its length, in rising order.

        Where the recipe has different sizes at two neighbouring points of `BATCH_POINTS`, each change between them is
        searched for. A size is missed only if the recipe leaves another one for it and comes back between two points.
        """
        last = self.start.images_seen
        points = sorted({last * part // BATCH_POINTS for part in range(BATCH_POINTS + 1)})
        sizes = {point: self._recipe(point).batch_size for point in points}
        between = list(itertools.pairwise(points))
        while between:
            low, high = between.pop()
            if high - low > 1 and sizes[low] != sizes[high]:
                middle = (low + high) // 2
                sizes[middle] = self._recipe(middle).batch_size
                between += [(low, middle), (middle, high)]
        return sorted({self._scaled(size) for size in sizes.values()})

    def _scaled(self, recommended: int) -> int:
        """The global batch for a batch size of the recipe."""
        if recommended == self.start.batch_size:
            return self.plan.batch_size
        world = distributed.world_size()
        return max(1, self.plan.batch_size * recommended // self.start.batch_size // world) * world

    def rows(self, images_seen: int) -> range:
        """The range of rows of the global batch that this rank trains on."""
        share = self.batch_size(images_seen) // distributed.world_size()
        return range(distributed.rank() * share, (distributed.rank() + 1) * share)

    def point(self, images_seen: int) -> tuple[Recipe, float]:
        """What `optimizer` depends on. Equal points have equal optimizers."""
        plan = self.plan
        return self._at(images_seen), rate_factor(plan.schedule, images_seen, plan.images_seen, plan.warmup)

    def optimizer(self, network: str, images_seen: int) -> Optimizer:
        """The hyperparameters of a network, named as in `Phase.updates`, for the step that starts at this point."""
        plan = self.plan
        recipe, factor = self.point(images_seen)
        now = recipe.optimizer_for(network)
        rate = now.learning_rate
        if plan.schedule != "recipe":
            rate = self.start.optimizer_for(network).learning_rate or now.learning_rate
        rate *= self._scale * factor
        return dataclasses.replace(now, learning_rate=rate, clip=now.clip if plan.clip is None else plan.clip)

    def average(self, images_seen: int) -> Average:
        """Half-life and ramp-up of the moving average at this point."""
        plan, now = self.plan, self._at(images_seen).average
        start = now.start * plan.images_seen // self.start.images_seen  # from the recipe's clock to images seen
        half_life = now.half_life if plan.ema_half_life is None else plan.ema_half_life
        return dataclasses.replace(now, start=start, half_life=half_life)

    def _at(self, images_seen: int) -> Recipe:
        return self._recipe(self.clock(images_seen))


def highest_rate(model: Model) -> float:
    """The learning rate of `Recipe.optimizer` that `Plan.learning_rate` replaces: at the start, or if the recipe starts
    at 0 to warm up, the highest of the training."""
    start = model.recipe()
    if start.optimizer.learning_rate:
        return start.optimizer.learning_rate
    points = (start.images_seen * part // COMPARED_POINTS for part in range(COMPARED_POINTS))
    return max(model.recipe(point).optimizer.learning_rate for point in points)


def is_scheduled(model: Model) -> bool:
    """Whether a training of this model depends on its length: by learning rates, batch size, phases or growth."""
    start = model.recipe()
    if type(model).advance is not Model.advance or any(p.since or p.until is not None for p in model.phases()):
        return True
    points = (start.images_seen * part // COMPARED_POINTS for part in range(1, COMPARED_POINTS + 1))
    return any(model.recipe(point) != start for point in points)


def rate_factor(schedule: ScheduleName, images_seen: int, total: int, warmup: int) -> float:
    """The factor, from 0 to 1, by which schedule and warm-up multiply the learning rate.

    schedule: recipe and constant have the factor of the warm-up alone.
    images_seen: the point of the training.
    total: images seen at its end.
    warmup: images of the warm-up; 0: none.
    """
    warm_up = min(1.0, (images_seen + 1) / warmup) if warmup else 1.0
    elapsed = min(1.0, images_seen / total)
    if schedule == "linear":
        return warm_up * (1 - elapsed)
    if schedule == "cosine":
        return warm_up * 0.5 * (1 + math.cos(math.pi * elapsed))
    return warm_up
