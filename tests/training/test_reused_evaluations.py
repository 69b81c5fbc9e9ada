"""What one phase evaluates and a later one takes over with its graph: the same training, with fewer evaluations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny import BATCH, batch_of, engine_of, tiny_model
from torch import nn

from imagewright.model import Model
from imagewright.training.engine import Engine

STEPS = 5


def count_evaluations(model: Model) -> list[int]:
    """A list that gets the number of rows whenever the discriminator is evaluated."""
    rows: list[int] = []
    first = next(each for each in model.discriminator.modules() if isinstance(each, nn.Conv2d))
    first.register_forward_hook(lambda module, inputs, output: rows.append(len(output)))
    return rows


def trained(name: str, options: dict[str, Any], *, reusing: bool, **training: Any) -> tuple[Engine, list[int]]:
    model = tiny_model(name, **options)
    rows, phases = count_evaluations(model), model.phases()
    model.phases = lambda: phases if reusing else [replace(phase, serves=()) for phase in phases]
    engine = engine_of(model, **training)
    for index in range(STEPS):
        engine.step({"images": batch_of(seed=index)}, index, index * BATCH)
    return engine, rows


@pytest.mark.parametrize(
    ("name", "options", "saved"),
    [
        ("dcgan", {}, STEPS),
        ("dcgan", {"penalty": 0.5}, STEPS),
        ("dcgan", {"loss": "wasserstein", "generator_every": 2}, 3),
        ("dcgan", {"loss": "relativistic"}, 0),
        ("dcgan", {"loss": "relativistic", "penalty": 0.0}, STEPS),
        ("dcgan", {"loss": "hinge", "discriminator_norm": "none"}, STEPS),
        ("dcgan", {"augmentation": "diffaugment"}, 0),
        ("cgan", {}, STEPS),
        ("infogan", {}, STEPS),
    ],
)
def test_the_discriminator_sees_the_fakes_once_and_trains_as_before(
    name: str, options: dict[str, Any], saved: int
) -> None:
    once, evaluated = trained(name, options, reusing=True)
    twice, before = trained(name, options, reusing=False)
    assert len(before) - len(evaluated) == saved
    expected = twice.losses()
    assert once.losses() == pytest.approx(expected, rel=1e-4, abs=1e-6)
    for (key, one), two in zip(once.model.named_parameters(), twice.model.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5, msg=key)


@pytest.mark.parametrize("name", ["dcgan", "cgan"])
def test_r1_and_r2_cost_no_evaluation_beside_that_of_the_loss(name: str) -> None:
    _, evaluated = trained(name, {"loss": "relativistic"}, reusing=True)
    assert evaluated == [BATCH] * 4 * STEPS, "the real and the generated images, for each of the two networks"


@pytest.mark.parametrize("training", [{"micro_batch": BATCH // 2}, {"precision": "fp16"}])
def test_no_graph_is_kept_over_micro_batches_or_in_fp16(training: dict[str, Any]) -> None:
    _, evaluated = trained("dcgan", {}, reusing=True, **training)
    _, before = trained("dcgan", {}, reusing=False, **training)
    assert evaluated == before
