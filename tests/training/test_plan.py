"""The plan of a training: the recipe at each point, run at the user's length and scaled by the user's options."""

from __future__ import annotations

import pytest
from tiny import plan, tiny_model

from imagewright.configs import Config
from imagewright.model import Model
from imagewright.recipe import Average, Optimizer, Recipe
from imagewright.training.plan import Schedule, is_scheduled


class Decaying(Model):
    """After half of its 1000 images the recipe has a tenth of the learning rate and half of the batch size."""

    def __init__(self) -> None:
        super().__init__(Config(size=(2, 2), channels=1))

    def recipe(self, images_seen: int = 0) -> Recipe:
        late = images_seen >= 500
        rate = 1e-3 if late else 1e-2
        return Recipe(
            images_seen=1000,
            batch_size=16 if late else 32,
            optimizer=Optimizer(learning_rate=rate),
            optimizers={"critic": Optimizer(learning_rate=2 * rate, clip=1.0)},
            average=Average(half_life=40),
        )


def test_the_recipe_is_run_at_the_length_of_the_plan() -> None:
    schedule = Schedule(Decaying(), plan(images_seen=4000, batch_size=32, learning_rate=1e-2))
    assert [schedule.clock(seen) for seen in (0, 1999, 2000, 4000)] == [0, 499, 500, 1000]
    rates = [schedule.optimizer("generator", seen).learning_rate for seen in (0, 1999, 2000, 3999)]
    assert rates == pytest.approx([1e-2, 1e-2, 1e-3, 1e-3])
    assert [schedule.batch_size(seen) for seen in (0, 1999, 2000)] == [32, 32, 16]


def test_a_given_learning_rate_and_batch_size_scale_the_recipe() -> None:
    schedule = Schedule(Decaying(), plan(images_seen=1000, batch_size=8, learning_rate=5e-2))
    rates = [schedule.optimizer(name, seen).learning_rate for name in ("generator", "critic") for seen in (0, 500)]
    assert rates == pytest.approx([5e-2, 5e-3, 1e-1, 1e-2])
    assert [schedule.batch_size(seen) for seen in (0, 500)] == [8, 4]


class Falling(Decaying):
    """Between two sizes of the batch it has two others for a short time."""

    def recipe(self, images_seen: int = 0) -> Recipe:
        size = 64 - 16 * sum(images_seen >= place for place in (50_010, 50_020, 50_021))
        return Recipe(images_seen=100_000, batch_size=size)


@pytest.mark.parametrize("length", [100_000, 700])
def test_every_size_of_the_batch_is_known_beforehand(length: int) -> None:
    schedule = Schedule(Falling(), plan(images_seen=length, batch_size=32, learning_rate=1e-3))
    assert schedule.batch_sizes() == [8, 16, 24, 32]
    assert {schedule.batch_size(seen) for seen in range(length)} <= {8, 16, 24, 32}


@pytest.mark.parametrize(("name", "factor"), [("constant", 1.0), ("linear", 0.25), ("cosine", 0.1464466)])
def test_a_given_schedule_replaces_that_of_the_recipe(name: str, factor: float) -> None:
    schedule = Schedule(Decaying(), plan(images_seen=1000, batch_size=32, learning_rate=1e-2, schedule=name))
    assert schedule.optimizer("generator", 750).learning_rate == pytest.approx(1e-2 * factor)


def test_clip_and_half_life_are_those_of_the_recipe_unless_given() -> None:
    own = Schedule(Decaying(), plan(images_seen=1000, ema_half_life=None))
    assert (own.optimizer("critic", 0).clip, own.optimizer("generator", 0).clip) == (1.0, None)
    assert own.average(0).half_life == 40
    given = Schedule(Decaying(), plan(images_seen=1000, ema_half_life=7, clip=3.0))
    assert (given.optimizer("critic", 0).clip, given.optimizer("generator", 0).clip) == (3.0, 3.0)
    assert given.average(0).half_life == 7


def test_a_model_is_scheduled_if_its_recipe_changes() -> None:
    assert is_scheduled(Decaying())
    assert not is_scheduled(tiny_model("vae"))
