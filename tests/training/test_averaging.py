"""Moving averages of networks, compared with closed forms of the half-life."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imagewright.recipe import Average
from imagewright.training.averaging import Averages


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
        self.discriminator = nn.Linear(1, 1)
        self.fill(0.0, 0)

    def fill(self, value: float, count: int) -> None:
        with torch.no_grad():
            for tensor in (*self.parameters(), *self.buffers()):
                tensor.fill_(count if tensor.dtype == torch.int64 else value)


LATE = 10**9  # images seen, long after the ramp-up


def test_after_a_half_life_the_old_average_weighs_one_half() -> None:
    model = Pair()
    average = Average(half_life=1000)
    averages = Averages(model, ("generator",), average)
    model.fill(1.0, 7)
    for step in range(10):
        averages.update(LATE + step, 100, average)
    assert averages.copies["generator"][0].weight.item() == pytest.approx(0.5, rel=1e-5)
    averages.update(LATE, 1000, average)
    assert averages.copies["generator"][0].weight.item() == pytest.approx(0.75, rel=1e-5)


@pytest.mark.parametrize("batch", [1, 10, 50, 500])
def test_the_average_does_not_depend_on_how_images_are_batched(batch: int) -> None:
    model = Pair()
    average = Average(half_life=300)
    averages = Averages(model, ("generator",), average)
    model.fill(1.0, 1)
    for _ in range(500 // batch):
        averages.update(LATE, batch, average)
    assert averages.copies["generator"][0].bias.item() == pytest.approx(1 - 0.5 ** (500 / 300), rel=1e-5)


@pytest.mark.parametrize(
    ("half_life", "images_seen", "batch", "renewed"),
    [
        (10**6, 2000, 100, 0.5),  # 5 % of 2,000 images: the ramp-up of StyleGAN2
        (10**6, 2000, 50, 1 - 0.5**0.5),
        (10**6, 400, 100, 1 - 0.5**5),
        (99, 2000, 99, 0.5),  # the ramp-up ended at 1,980 images
    ],
)
def test_during_the_ramp_up_the_half_life_is_a_twentieth_of_the_images_seen(
    half_life: int, images_seen: int, batch: int, renewed: float
) -> None:
    model = Pair()
    average = Average(half_life=half_life)
    averages = Averages(model, ("generator",), average)
    model.fill(1.0, 1)
    averages.update(images_seen, batch, average)
    assert averages.copies["generator"][0].weight.item() == pytest.approx(renewed, rel=1e-6)


def test_running_statistics_are_averaged_and_counters_are_copied() -> None:
    model = Pair()
    average = Average(half_life=100)
    averages = Averages(model, ("generator",), average)
    model.fill(1.0, 42)
    averages.update(LATE, 100, average)
    norm = averages.copies["generator"][1]
    assert norm.running_mean.item() == pytest.approx(0.5)
    assert norm.running_var.item() == pytest.approx(0.5)
    assert norm.num_batches_tracked.item() == 42


def test_within_the_block_the_model_has_its_averages_and_then_its_trained_weights_again() -> None:
    model = Pair()
    average = Average(half_life=100)
    averages = Averages(model, ("generator",), average)
    model.fill(1.0, 3)
    averages.update(LATE, 100, average)
    trained = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    def fail_within_the_block() -> None:
        with averages.in_place(model):
            assert model.generator[0].weight.item() == pytest.approx(0.5)
            assert model.generator[1].running_mean.item() == pytest.approx(0.5)
            assert model.discriminator.weight.item() == 1
            raise KeyError("also after an error")

    with pytest.raises(KeyError):
        fail_within_the_block()
    assert all(torch.equal(tensor, trained[name]) for name, tensor in model.state_dict().items())
    assert averages.copies["generator"][0].weight.item() == pytest.approx(0.5)


def test_an_optimizer_still_updates_the_trained_weights_after_the_block() -> None:
    model = Pair()
    average = Average(half_life=100)
    averages = Averages(model, ("generator",), average)
    model.fill(1.0, 1)
    optimizer = torch.optim.SGD(model.generator.parameters(), lr=1.0)
    with averages.in_place(model):
        pass
    model.generator[0].weight.grad = torch.ones(1, 1)
    optimizer.step()
    assert model.generator[0].weight.item() == 0
    assert averages.copies["generator"][0].weight.item() == 0  # filled with 0 at the start, and never updated


def test_without_a_half_life_there_are_no_copies() -> None:
    average = Average(half_life=0)
    averages = Averages(Pair(), ("generator",), average)
    assert averages.copies == {}
    averages.update(100, 10, average)


def test_up_to_its_start_the_average_is_a_copy_of_the_weights() -> None:
    model, average = Pair(), Average(half_life=10**6, start=500)
    averages = Averages(model, ("generator",), average)
    model.fill(3.0, 1)
    averages.update(500, 50, average)
    assert averages.copies["generator"][0].weight.item() == 3.0
    model.fill(5.0, 1)
    averages.update(550, 50, average)
    assert 3.0 < averages.copies["generator"][0].weight.item() < 5.0


def test_buffers_can_be_copied_instead_of_averaged() -> None:
    model, average = Pair(), Average(half_life=100, buffers="copy")
    averages = Averages(model, ("generator",), average)
    model.fill(1.0, 42)
    averages.update(LATE, 100, average)
    assert averages.copies["generator"][0].weight.item() == pytest.approx(0.5)
    assert averages.copies["generator"][1].running_mean.item() == 1.0


def test_without_a_ramp_up_the_half_life_holds_from_the_first_image() -> None:
    model, average = Pair(), Average(half_life=1000, ramp_up=0)
    averages = Averages(model, ("generator",), average)
    model.fill(1.0, 1)
    averages.update(100, 100, average)
    assert averages.copies["generator"][0].weight.item() == pytest.approx(1 - 0.5**0.1, rel=1e-5)
