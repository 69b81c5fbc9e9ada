"""Optimizers, their correction for lazy phases, and learning rate schedules, compared with closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from imagewright.phases import Phase
from imagewright.recipe import Optimizer
from imagewright.training.optimisation import build_optimizer, lazy_correction, optimizer_tensors, reset_moments
from imagewright.training.plan import rate_factor


def no_terms(_: object) -> dict:
    return {}


ADAM = Optimizer(learning_rate=0.01, betas=(0.5, 0.9))


def one_weight(value: float = 1.0) -> nn.Linear:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, value)
    return network


def adam_by_hand(
    start: float, gradients: list[float], rate: float, betas: tuple[float, float], epsilon: float = 1e-8
) -> float:
    """Kingma & Ba 2014, algorithm 1, in plain Python."""
    first, second, value = 0.0, 0.0, start
    for step, gradient in enumerate(gradients, 1):
        first = betas[0] * first + (1 - betas[0]) * gradient
        second = betas[1] * second + (1 - betas[1]) * gradient**2
        mean, square = first / (1 - betas[0] ** step), second / (1 - betas[1] ** step)
        value -= rate * mean / (math.sqrt(square) + epsilon)
    return value


@pytest.mark.parametrize("every", [None, 4, 16])
def test_adam_equals_its_algorithm_with_and_without_a_lazy_phase(every: int | None) -> None:
    phases = [Phase("main", ("network", "other"), no_terms)]
    if every is not None:
        phases.append(Phase("regulariser", ("network",), no_terms, every=every, lazy=True))
    network = one_weight(1.0)
    optimizer = build_optimizer(network, ADAM, lazy_correction("network", phases))
    correction = 1.0 if every is None else every / (every + 1)
    gradients = [0.3, -2.0, 0.1, 0.1, 5.0]
    for gradient in gradients:
        network.weight.grad = torch.full((1, 1), gradient)
        optimizer.step()
    betas = (0.5**correction, 0.9**correction)
    expected = adam_by_hand(1.0, gradients, 0.01 * correction, betas)
    assert network.weight.item() == pytest.approx(expected, rel=1e-6)


def test_only_networks_of_a_lazy_phase_are_corrected() -> None:
    phases = [
        Phase("main", ("network", "other"), no_terms, every=5),
        Phase("regulariser", ("network",), no_terms, every=4, lazy=True),
    ]
    group = build_optimizer(one_weight(), ADAM, lazy_correction("other", phases)).param_groups[0]
    assert (group["lr"], group["betas"]) == (0.01, (0.5, 0.9))
    group = build_optimizer(one_weight(), ADAM, lazy_correction("network", phases)).param_groups[0]
    assert group["lr"] == pytest.approx(0.008)


def test_two_lazy_phases_of_one_network_are_refused() -> None:
    phases = [Phase(name, ("network",), no_terms, every=4, lazy=True) for name in ("penalty", "length")]
    with pytest.raises(ValueError, match="2 lazy phases update 'network'"):
        lazy_correction("network", phases)


def test_moments_exist_by_name_before_the_first_step() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Linear(4, 1)).to(memory_format=torch.channels_last)
    optimizer = build_optimizer(network, ADAM, 1.0)
    tensors = optimizer_tensors(network, optimizer)
    names = ("0.weight", "0.bias", "2.weight", "2.bias")
    assert set(tensors) == {f"{name}.{key}" for name in names for key in ("step", "exp_avg", "exp_avg_sq")}
    assert all(not tensor.any() for tensor in tensors.values())
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    assert tensors["0.weight.step"].item() == 1, "the named tensors are not those of the optimizer"
    torch.testing.assert_close(tensors["2.bias.exp_avg"], torch.full((1,), 0.5))
    assert tensors["0.weight.exp_avg"].stride() == network[0].weight.stride()


@pytest.mark.parametrize("seen", [0, 1, 250, 500, 999, 1000, 2000])
def test_schedules_equal_their_closed_forms(seen: int) -> None:
    elapsed = min(1.0, seen / 1000)
    assert rate_factor("constant", seen, 1000, 0) == 1
    assert rate_factor("linear", seen, 1000, 0) == pytest.approx(1 - elapsed)
    assert rate_factor("cosine", seen, 1000, 0) == pytest.approx(math.cos(math.pi * elapsed / 2) ** 2, abs=1e-12)


def test_warm_up_is_linear_and_multiplies_the_schedule() -> None:
    assert 0 < rate_factor("constant", 0, 1000, 100) <= 0.01
    assert rate_factor("constant", 49, 1000, 100) == pytest.approx(0.5)
    assert rate_factor("constant", 99, 1000, 100) == rate_factor("constant", 500, 1000, 100) == 1
    assert rate_factor("linear", 49, 1000, 100) == pytest.approx(0.5 * (1 - 0.049))


def test_rmsprop_equals_its_algorithm_with_weight_decay() -> None:
    """Tieleman & Hinton 2012: the gradient divided by the root of the mean of its squares."""
    network = one_weight(1.0)
    rmsprop = Optimizer(learning_rate=0.01, betas=(0.0, 0.9), eps=1e-6, weight_decay=0.1, kind="rmsprop")
    optimizer = build_optimizer(network, rmsprop, 1.0)
    value, square = 1.0, 0.0
    for gradient in (0.3, -2.0, 0.1):
        network.weight.grad = torch.full((1, 1), gradient)
        optimizer.step()
        decayed = gradient + 0.1 * value
        square = 0.9 * square + 0.1 * decayed**2
        value -= 0.01 * decayed / (math.sqrt(square) + 1e-6)
    assert network.weight.item() == pytest.approx(value, rel=1e-5)
    assert set(optimizer_tensors(network, optimizer)) == {"weight.step", "weight.square_avg"}


def test_sgd_with_momentum_equals_its_algorithm() -> None:
    network = one_weight(1.0)
    optimizer = build_optimizer(network, Optimizer(learning_rate=0.1, betas=(0.5, 0.9), kind="sgd"), 1.0)
    value, velocity = 1.0, 0.0
    for gradient in (0.3, -2.0, 0.1):
        network.weight.grad = torch.full((1, 1), gradient)
        optimizer.step()
        velocity = 0.5 * velocity + gradient
        value -= 0.1 * velocity
    assert network.weight.item() == pytest.approx(value, rel=1e-6)
    assert set(optimizer_tensors(network, optimizer)) == {"weight.step", "weight.momentum_buffer"}


@pytest.mark.parametrize("kind", ["adam", "rmsprop", "sgd"])
def test_an_optimizer_with_reset_moments_steps_like_a_new_one(kind: str) -> None:
    networks = [one_weight(1.0), one_weight(1.0)]
    used, new = (build_optimizer(each, Optimizer(kind=kind), 1.0) for each in networks)
    networks[0].weight.grad = torch.full((1, 1), 7.0)
    used.step()
    with torch.no_grad():
        networks[0].weight.fill_(1.0)
    reset_moments(used)
    for network, optimizer in zip(networks, (used, new), strict=True):
        network.weight.grad = torch.full((1, 1), -0.5)
        optimizer.step()
    assert networks[0].weight.item() == networks[1].weight.item() != 1.0


def test_adam_moves_weights_in_any_memory_layout_alike() -> None:
    torch.manual_seed(0)
    plain, ours = nn.Conv2d(8, 4, 3), nn.Conv2d(8, 4, 3)
    ours.load_state_dict(plain.state_dict())
    ours.to(memory_format=torch.channels_last)
    optimizer, other = build_optimizer(ours, ADAM, 1.0), torch.optim.Adam(plain.parameters(), 0.01, (0.5, 0.9))
    for step in range(4):
        for parameter, same in zip(ours.parameters(), plain.parameters(), strict=True):
            same.grad = torch.randn_like(same)
            # The last gradients have a layout of their own.
            parameter.grad = same.grad.clone() if step == 3 else torch.empty_like(parameter).copy_(same.grad)
        optimizer.step(), other.step()
    for parameter, same in zip(ours.parameters(), plain.parameters(), strict=True):
        assert parameter.shape == same.shape
        torch.testing.assert_close(parameter, same, rtol=1e-6, atol=1e-7)
    assert ours.weight.is_contiguous(memory_format=torch.channels_last)
