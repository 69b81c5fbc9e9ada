"""A loss that yields its terms in parts: the same training as with all terms at once, one graph in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny import BATCH, batch_of, engine_of, tiny_model
from torch import Tensor

from imagewright.phases import Phase, Step, Terms
from imagewright.training.engine import Engine
from imagewright.training.optimisation import optimizer_tensors


def at_once(phase: Phase) -> Phase:
    return replace(phase, loss=phase.terms)


def after_a_step(*, in_parts: bool, **training: Any) -> Engine:
    model = tiny_model("cyclegan")
    phases = model.phases()
    model.phases = lambda: phases if in_parts else [at_once(phase) for phase in phases]
    engine = engine_of(model, **training)
    engine.scaler = torch.amp.GradScaler("cpu", init_scale=1.0, enabled=engine.scaler.is_enabled())  # no overflow
    engine.step({"a": batch_of(seed=1), "b": batch_of(seed=2)}, 0, 0)
    return engine


@pytest.mark.parametrize(
    ("training", "tolerance"), [({}, 1e-5), ({"micro_batch": BATCH // 2}, 1e-5), ({"precision": "fp16"}, 1e-2)]
)
def test_losses_in_parts_have_the_gradients_of_losses_at_once(training: dict[str, Any], tolerance: float) -> None:
    parts, whole = after_a_step(in_parts=True, **training), after_a_step(in_parts=False, **training)
    expected = whole.losses()
    assert parts.losses() == pytest.approx(expected, rel=1e-3)
    assert {"generators/cycle_a", "generators/identity_b", "discriminators/real_a"} <= set(expected)
    for name, optimizer in parts.optimizers.items():
        first = optimizer_tensors(parts.networks[name], optimizer)  # Adam's moments: after a step, the gradients scaled
        second = optimizer_tensors(whole.networks[name], whole.optimizers[name])
        moments = [key for key in first if key.endswith(".exp_avg")]
        largest = max(float(second[key].abs().max()) for key in moments)
        assert largest > 0
        for key in moments:
            torch.testing.assert_close(first[key], second[key], rtol=0, atol=tolerance * largest, msg=key)


def test_the_gradients_of_a_part_are_computed_before_the_next_part_is_built() -> None:
    found: list[Tensor | None] = []
    model = tiny_model("autoencoder")
    weight = next(model.decoder.parameters())

    def loss(step: Step) -> Iterator[Terms]:
        def error() -> Tensor:
            return (model.decode(model.encode(step.images)) - step.images).square().mean()

        for part in ("one", "other"):
            found.append(None if weight.grad is None else weight.grad.clone())
            yield {part: error()}
        yield {}  # a part without terms
        assert weight.grad is not None
        found.append(weight.grad.clone())

    model.phases = lambda: [Phase("reconstruction", ("encoder", "decoder"), loss)]
    engine = engine_of(model)
    engine.step({"images": batch_of()}, 0, 0)
    before, first, both = found
    assert before is None
    assert first is not None
    assert both is not None
    torch.testing.assert_close(both, 2 * first)
    assert set(engine.losses()) == {"reconstruction/one", "reconstruction/other"}


def test_the_terms_of_a_loss_in_parts_are_those_of_all_parts() -> None:
    one, other = torch.tensor(1.0), torch.tensor(2.0)

    def loss(step: Step) -> Iterator[Terms]:
        yield {"one": one}
        yield {"other": other}

    step = object.__new__(Step)
    assert Phase("all", ("encoder",), loss).terms(step) == {"one": one, "other": other}
    assert list(Phase("all", ("encoder",), lambda step: {"one": one}).parts(step)) == [{"one": one}]
