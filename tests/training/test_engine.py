"""One step of training, on models whose gradients can be computed by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from tiny import BATCH, batch_of, engine_of, tiny_model
from torch import Tensor, nn

from imagewright.configs import Config
from imagewright.images import Batch
from imagewright.model import Model
from imagewright.phases import Draws, Phase, Step, Terms
from imagewright.recipe import Average, Optimizer, Recipe

SIZE = (2, 2)


class Toy(Model):
    """Two networks of one weight each, with the phases that a test gives."""

    def __init__(self, *phases: Phase, averaged: tuple[str, ...] = ()) -> None:
        super().__init__(Config(size=SIZE, channels=1))
        self.first, self.second = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        nn.init.ones_(self.first.weight)
        nn.init.ones_(self.second.weight)
        self._phases = list(phases)
        self.averaged = averaged

    def phases(self) -> list[Phase]:
        return self._phases


def toy(loss: Callable[[Toy, Step], Terms], updates: tuple[str, ...] = ("first",), **phase: object) -> Toy:
    model = Toy()
    model._phases = [Phase("only", updates, lambda step: loss(model, step), **phase)]
    return model


def pictures(*values: int) -> Batch:
    """One-coloured grey pictures of these values."""
    return Batch(torch.tensor(values, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, *SIZE).contiguous())


def brightness(step: Step) -> Tensor:
    return step.images.mean((1, 2, 3))


def pull(model: Toy, step: Step) -> Terms:
    """A loss whose gradient with respect to the weight is the mean brightness."""
    return {"pull": (model.first.weight * brightness(step)).mean()}


# Micro-batches


@pytest.mark.parametrize("micro_batch", [1, 3, 4, 5, 8])
def test_gradients_of_micro_batches_add_up_to_those_of_the_whole_batch(micro_batch: int) -> None:
    whole, split = (tiny_model("vae", network="mlp") for _ in range(2))
    engines = [engine_of(whole), engine_of(split, micro_batch=micro_batch)]
    for engine in engines:
        for index in range(3):
            engine.step({"images": batch_of(seed=index)}, index, index * BATCH)
    for one, other in zip(whole.parameters(), split.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=2e-6)
    ours, theirs = (engine.losses() for engine in engines)
    assert ours == pytest.approx(theirs, rel=1e-5)


def test_micro_batches_are_weighted_by_their_rows() -> None:
    model = toy(pull)
    engine = engine_of(model, batch_size=5, micro_batch=4)
    engine.step({"images": pictures(255, 255, 255, 255, 0)}, 0, 0)
    assert model.first.weight.grad.item() == pytest.approx((4 - 1) / 5)
    assert engine.losses() == {"only/pull": pytest.approx(3 / 5)}


def test_draws_do_not_depend_on_how_the_batch_is_split() -> None:
    def draws_with(micro_batch: int) -> tuple[Tensor, Tensor]:
        normal, uniform = [], []

        def record(model: Toy, step: Step) -> Terms:
            normal.append(step.draws.normal(3))
            uniform.append(step.draws.uniform(1, 2))
            return pull(model, step)

        engine_of(toy(record), micro_batch=micro_batch).step({"images": batch_of(size=SIZE, channels=1)}, 4, 32)
        return torch.cat(normal), torch.cat(uniform)

    whole = draws_with(8)
    assert whole[0].shape == (8, 3)
    assert whole[1].shape == (8, 1, 2)
    assert whole[1].min() >= 0
    assert whole[1].max() < 1
    for micro_batch in (1, 3, 4):
        for one, other in zip(whole, draws_with(micro_batch), strict=True):
            assert torch.equal(one, other)


def test_draws_of_a_micro_batch_are_rows_of_those_of_the_global_batch() -> None:
    def draws(first: int, rows: int) -> Draws:
        return Draws(torch.Generator().manual_seed(7), 6, first, rows)

    whole = draws(0, 6).normal(2)
    assert torch.equal(draws(2, 3).normal(2), whole[2:5])
    assert torch.equal(draws(4, 2).uniform(), draws(0, 6).uniform()[4:])


def test_draws_differ_by_step_phase_and_seed() -> None:
    seen = []

    def record(model: Toy, step: Step) -> Terms:
        seen.append(tuple(step.draws.normal(1).flatten().tolist()))
        return pull(model, step)

    for seed in (0, 1):
        model = Toy()
        model._phases = [Phase(name, ("first",), lambda step, m=model: record(m, step)) for name in ("a", "b")]
        engine = engine_of(model, seed=seed)
        for index in range(3):
            engine.step({"images": batch_of(size=SIZE, channels=1)}, index, index * BATCH)
    assert len(set(seen)) == len(seen) == 12


def test_labels_and_attributes_are_in_the_micro_batch_of_their_images() -> None:
    seen = []

    def record(model: Toy, step: Step) -> Terms:
        seen.append((brightness(step), step.labels, step.attributes))
        return pull(model, step)

    values = [0, 51, 102, 153, 204]
    batch = pictures(*values)
    batch = Batch(batch.images, torch.tensor(values), torch.tensor(values).float()[:, None])
    engine_of(toy(record), batch_size=5, micro_batch=2).step({"images": batch}, 0, 0)
    assert [len(labels) for _, labels, _ in seen] == [2, 2, 1]
    for bright, labels, attributes in seen:
        torch.testing.assert_close(bright, labels / 127.5 - 1)
        assert torch.equal(attributes[:, 0], labels.float())


def test_losses_receive_images_as_floats_from_minus_one_to_one() -> None:
    seen = []

    def record(model: Toy, step: Step) -> Terms:
        seen.append(step.images)
        return pull(model, step)

    engine_of(toy(record), batch_size=3, micro_batch=3).step({"images": pictures(0, 255, 51)}, 0, 0)
    assert seen[0].dtype == torch.float32
    assert seen[0][:, 0, 0, 0].tolist() == pytest.approx([-1, 1, -0.6])


# Phases


def test_a_phase_runs_in_one_step_of_every() -> None:
    ran = []
    model = toy(lambda model, step: ran.append(step.index) or pull(model, step), every=3)
    engine = engine_of(model)
    for index in range(8):
        engine.step({"images": batch_of(size=SIZE, channels=1)}, index, index * BATCH)
    assert ran == [0, 3, 6]


def test_the_loss_of_a_lazy_phase_is_multiplied_by_its_interval_and_logged_without_that() -> None:
    plain, lazy = toy(pull, every=4), toy(pull, every=4, lazy=True)
    engines = [engine_of(model) for model in (plain, lazy)]
    for engine in engines:
        engine.step({"images": pictures(*[255] * BATCH)}, 0, 0)
    assert plain.first.weight.grad.item() == pytest.approx(1)
    assert lazy.first.weight.grad.item() == pytest.approx(4)
    assert [engine.losses()["only/pull"] for engine in engines] == pytest.approx([1, 1])
    assert engines[1].learning_rates()["first"] == pytest.approx(1e-3 * 4 / 5)


def test_a_phase_without_terms_makes_no_update() -> None:
    model = toy(lambda model, step: pull(model, step) if step.index == 1 else {})
    engine = engine_of(model)
    engine.step({"images": batch_of(size=SIZE, channels=1)}, 0, 0)
    assert model.first.weight.item() == 1
    assert engine.losses() == {}
    assert engine.optimizers["first"].state[model.first.weight]["step"].item() == 0
    engine.step({"images": batch_of(size=SIZE, channels=1)}, 1, BATCH)
    assert model.first.weight.item() != 1
    assert engine.optimizers["first"].state[model.first.weight]["step"].item() == 1


def test_networks_that_a_phase_does_not_update_are_frozen_and_get_no_gradient() -> None:
    model = Toy()
    seen: dict[str, tuple[bool, bool]] = {}

    def both(step: Step) -> Terms:
        seen[f"step {step.index}, {len(seen)}"] = (model.first.weight.requires_grad, model.second.weight.requires_grad)
        return {"product": (model.first.weight * model.second.weight * brightness(step)).mean()}

    model._phases = [Phase("one", ("first",), both), Phase("other", ("second",), both)]
    engine = engine_of(model)
    engine.phases = model.phases()[:1]
    engine.step({"images": pictures(*[255] * BATCH)}, 0, 0)
    assert model.second.weight.grad is None
    assert model.first.weight.grad.item() == pytest.approx(1)
    engine.phases = model.phases()
    engine.step({"images": pictures(*[255] * BATCH)}, 1, BATCH)
    assert list(seen.values()) == [(True, False), (True, False), (False, True)]


def test_shared_tensors_are_kept_for_one_step() -> None:
    model = Toy()
    found = []

    def give(step: Step) -> Terms:
        found.append(("give", step.index, dict(step.shared)))
        step.shared["number"] = torch.tensor(float(step.index))
        return {"pull": (model.first.weight * brightness(step)).mean()}

    def take(step: Step) -> Terms:
        found.append(("take", step.index, {key: value.item() for key, value in step.shared.items()}))
        return {"pull": (model.second.weight * brightness(step)).mean()}

    model._phases = [Phase("give", ("first",), give), Phase("take", ("second",), take)]
    engine = engine_of(model)
    for index in range(2):
        engine.step({"images": batch_of(size=SIZE, channels=1)}, index, index * BATCH)
    assert found == [
        ("give", 0, {}),
        ("take", 0, {"number": 0.0}),
        ("give", 1, {}),
        ("take", 1, {"number": 1.0}),
    ]


def test_phases_that_update_one_network_share_its_moments() -> None:
    model = Toy()
    model._phases = [Phase(name, ("first",), lambda step: pull(model, step)) for name in ("a", "b")]
    engine = engine_of(model)
    engine.step({"images": batch_of(size=SIZE, channels=1)}, 0, 0)
    assert list(engine.optimizers) == ["first"]
    assert engine.optimizers["first"].state[model.first.weight]["step"].item() == 2


def test_advance_is_called_before_each_step_with_images_of_the_recommended_length() -> None:
    model = toy(pull)
    clocks = []
    model.advance = lambda images_seen: clocks.append(images_seen) or ()
    model.recipe = lambda images_seen=0: Recipe(images_seen=1600)  # twice the 800 images of the plan
    engine = engine_of(model)
    for index in range(3):
        engine.step({"images": batch_of(size=SIZE, channels=1)}, index, index * BATCH)
    assert clocks == [0, 16, 32]


# Losses, learning rates, clipping, averages, precision


def test_losses_are_means_since_the_last_report() -> None:
    values = iter([1.0, 3.0, 10.0])
    model = toy(lambda model, step: {"value": model.first.weight.sum() * 0 + next(values)})
    engine = engine_of(model)
    for index in range(2):
        engine.step({"images": batch_of(size=SIZE, channels=1)}, index, index * BATCH)
    assert engine.losses() == {"only/value": 2.0}
    assert engine.losses() == {}
    engine.step({"images": batch_of(size=SIZE, channels=1)}, 2, 16)
    assert engine.losses() == {"only/value": 10.0}


def test_losses_of_half_precision_are_summed_in_full_precision() -> None:
    model = toy(lambda model, step: {"value": (model.first.weight.sum() * 0 + 1).to(torch.bfloat16)})
    engine = engine_of(model)
    for index in range(300):  # bfloat16 has 8 bits: 256 + 1 = 256
        engine.step({"images": batch_of(size=SIZE, channels=1)}, index, index * BATCH)
    assert engine.losses() == {"only/value": 1.0}


def test_advance_may_name_a_network_whose_parts_have_optimizers_and_no_unknown_one() -> None:
    model = toy(pull)
    model.advance = lambda images_seen: ("first", "third")
    with pytest.raises(ValueError, match="'third'"):
        engine_of(model).step({"images": batch_of(size=SIZE, channels=1)}, 0, 0)


def test_an_optimizer_of_another_kind_during_training_is_refused() -> None:
    model = toy(pull)
    model.recipe = lambda images_seen=0: Recipe(optimizer=Optimizer(kind="rmsprop" if images_seen else "adam"))
    engine = engine_of(model)
    engine.step({"images": batch_of(size=SIZE, channels=1)}, 0, 0)
    with pytest.raises(ValueError, match="from adam to rmsprop"):
        engine.step({"images": batch_of(size=SIZE, channels=1)}, 1, BATCH)


def test_a_recipe_that_warms_up_from_zero_reaches_the_rate_of_the_user() -> None:
    model = toy(pull)
    model.recipe = lambda images_seen=0: Recipe(
        images_seen=800, optimizer=Optimizer(learning_rate=2e-4 * min(1.0, images_seen / 400))
    )
    engine = engine_of(model, learning_rate=1e-3)
    rates = []
    for index in range(100):
        engine.step({"images": batch_of(size=SIZE, channels=1)}, index, index * BATCH)
        rates.append(engine.learning_rates()["first"])
    assert rates[0] == 0
    assert rates[25] == pytest.approx(0.5e-3)
    assert rates[60] == pytest.approx(1e-3)


def test_the_start_of_the_average_is_in_images_of_the_recommended_length() -> None:
    model = toy(pull)
    model.recipe = lambda images_seen=0: Recipe(images_seen=8000, average=Average(half_life=10, start=4000))
    assert engine_of(model, images_seen=800, ema_half_life=None).schedule.average(0).start == 400


def test_a_term_of_some_steps_is_averaged_over_these_steps() -> None:
    model = toy(
        lambda model, step: pull(model, step) | ({"rare": 6 * model.first.weight.mean()} if step.index % 2 else {})
    )
    engine = engine_of(model, learning_rate=1e-9)
    for index in range(4):
        engine.step({"images": batch_of(size=SIZE, channels=1)}, index, index * BATCH)
    assert engine.losses()["only/rare"] == pytest.approx(6.0)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_learning_rate_follows_its_schedule(schedule: str) -> None:
    engine = engine_of(toy(pull), schedule=schedule, warmup=100, images_seen=800)
    rates = []
    for index in range(100):
        engine.step({"images": batch_of(size=SIZE, channels=1)}, index, index * BATCH)
        rates.append(engine.learning_rates()["first"])
    assert rates[0] == pytest.approx(1e-5, rel=0.01)
    top = rates.index(max(rates))
    assert 11 <= top <= 14
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] < 2e-5
    if schedule == "linear":
        assert rates[50] == pytest.approx(1e-3 * (1 - 400 / 800))


def test_each_networks_gradient_is_clipped_to_the_norm() -> None:
    model = toy(
        lambda model, step: {"steep": 300 * model.first.weight.sum() + 0.1 * model.second.weight.sum()},
        updates=("first", "second"),
    )
    engine_of(model, clip=2.0).step({"images": batch_of(size=SIZE, channels=1)}, 0, 0)
    assert model.first.weight.grad.item() == pytest.approx(2.0, rel=1e-4)
    assert model.second.weight.grad.item() == pytest.approx(0.1, rel=1e-4)


def test_averages_are_updated_after_each_step() -> None:
    model = toy(pull)
    model.averaged = ("first",)
    engine = engine_of(model, ema_half_life=10**9, learning_rate=0.1)
    values = [1.0]
    average = 1.0
    for index in range(4):
        engine.step({"images": pictures(*[255] * BATCH)}, index, index * BATCH)
        values.append(model.first.weight.item())
        share = 1 - 0.5 ** (BATCH / (0.05 * (index + 1) * BATCH))
        average += share * (values[-1] - average)
    assert len(set(values)) == 5
    assert engine.averages.copies["first"].weight.item() == pytest.approx(average, rel=1e-5)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("name", ["vae", "dcgan"])
def test_half_precision_trains_full_precision_weights(name: str, precision: str) -> None:
    model = tiny_model(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    engine = engine_of(model, precision=precision, clip=10.0)
    for index in range(16):  # in fp16 the first steps are skipped, until the scale of the loss is low enough
        engine.step({"images": batch_of(seed=index)}, index, index * BATCH)
    losses = engine.losses()
    assert losses
    for key, value in model.named_parameters():
        assert value.dtype == torch.float32
        assert torch.isfinite(value).all()
        assert not torch.equal(value, before[key]), key


def test_losses_are_computed_in_the_given_precision() -> None:
    types = []
    model = toy(
        lambda model, step: types.append(model.second(step.images[:, 0, 0, :1]).dtype) or pull(model, step),
    )
    for precision in ("fp32", "bf16"):
        engine_of(model, precision=precision).step({"images": batch_of(size=SIZE, channels=1)}, 0, 0)
    assert types == [torch.float32, torch.bfloat16]
