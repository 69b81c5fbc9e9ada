"""Adaptive augmentation and LeCam of DCGAN and the conditional GAN: their terms, their state, exact resume."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import BATCH, batch_of, engine_of, final_bytes, stopped_after, tiny_model, train_tiny

from imagewright.models.shared.limited_data import LogitAverages
from imagewright.phases import Draws, Step
from imagewright.pixels import to_float
from imagewright.runs.weights import read_tensors

OPTIONS = {"augmentation": "ada", "augmentation_images": 64, "augmentation_target": -0.9, "lecam": 0.3}


def step_of(images: torch.Tensor, index: int = 0) -> Step:
    draws = Draws(torch.Generator().manual_seed(index), len(images), 0, len(images))
    return Step(images=images, index=index, images_seen=0, draws=draws)


@pytest.mark.parametrize("name", ["dcgan", pytest.param("cgan", marks=pytest.mark.learning)])
def test_a_resumed_run_with_both_ends_with_the_bytes_of_an_unbroken_one(name: str, tmp_path: Path) -> None:
    often = {"checkpoint_every": 3 * BATCH, "report_every": 9 * BATCH}
    unbroken = train_tiny(name, out=tmp_path / "unbroken" / "run", steps=9, **OPTIONS, **often)
    broken = stopped_after(name, tmp_path / "broken" / "run", steps=9, stop_at=6, **OPTIONS, **often)
    broken = train_tiny(name, out=broken.path, steps=9, resume=True, **OPTIONS, **often)
    ours, theirs = final_bytes(broken), final_bytes(unbroken)
    assert {file: ours[file] for file in theirs} == theirs
    state = read_tensors(unbroken.checkpoints()[-1].weights)[0]
    assert state["limited_data.augmentation.value"] > 0
    assert state["limited_data.averages.batches"] == 9
    assert state["limited_data.averages.real"] != 0


def test_without_the_options_there_is_no_state() -> None:
    assert not [name for name in tiny_model("dcgan").state_dict() if name.startswith("limited_data")]


def test_lecam_is_the_squared_distance_to_the_averages_of_the_other_kind() -> None:
    averages, images = LogitAverages(), torch.zeros(2, 1, 4, 4)
    averages.follow(torch.tensor([1.0, 3.0]), torch.tensor([-1.0, -3.0]), step_of(images))
    assert (averages.real.item(), averages.fake.item()) == (2, -2)
    averages.follow(torch.tensor([4.0, 4.0]), torch.tensor([0.0, 0.0]), step_of(images))
    assert (averages.real.item(), averages.fake.item()) == (3, -1)
    # (2 + 1)^2 and (4 + 1)^2 on average, and (0 - 3)^2
    assert averages.penalty(torch.tensor([2.0, 4.0]), torch.tensor([0.0])).item() == pytest.approx(17 + 9)
    for _ in range(300):
        averages.follow(torch.tensor([0.0]), torch.tensor([0.0]), step_of(images))
    before = averages.real.item()
    averages.follow(torch.tensor([1.0]), torch.tensor([0.0]), step_of(images))
    assert averages.real.item() == pytest.approx(0.99 * before + 0.01)


def test_the_term_is_weighted_and_evaluation_moves_no_state() -> None:
    model = tiny_model("dcgan", lecam=0.5).eval()
    model.limited_data.averages.real.fill_(2.0)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    step = step_of(to_float(batch_of().images))
    step.shared["fake"] = torch.zeros_like(step.images)
    terms = model.discriminator_loss(step)
    real, fake = model.discriminator(step.images), model.discriminator(step.shared["fake"])
    expected = 0.5 * (real.square().mean() + (fake - 2).square().mean())
    torch.testing.assert_close(terms["lecam"], expected)
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


def test_adaptive_augmentation_changes_what_both_phases_judge() -> None:
    model = tiny_model("dcgan", augmentation="ada")
    model.limited_data.augmentation.value.fill_(1.0)
    inputs: list[torch.Tensor] = []
    model.discriminator.register_forward_pre_hook(lambda _, given: inputs.append(given[0].detach().clone()))
    engine_of(model).step({"images": batch_of()}, 0, 0)
    assert len(inputs) == 3  # fake; real and fake
    assert not torch.equal(inputs[1], to_float(batch_of().images))
    assert not torch.equal(inputs[0], inputs[2])
