"""Losses, compared with numbers computed by hand, closed forms and PyTorch's distributions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Normal, kl_divergence

from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.losses.likelihoods import bernoulli_log_likelihood, gaussian_divergence, gaussian_log_likelihood
from imagewright.losses.penalties import gradient_penalty, squared_gradient

REAL = torch.tensor([1.5, -0.5], dtype=torch.float64)
FAKE = torch.tensor([0.25, -2.0], dtype=torch.float64)


def plus(x: float) -> float:
    """log(1 + e^x), by hand."""
    return math.log(1 + math.exp(x))


DISCRIMINATOR = {
    "non_saturating": {"real": (plus(-1.5) + plus(0.5)) / 2, "fake": (plus(0.25) + plus(-2.0)) / 2},
    "hinge": {"real": (0 + 1.5) / 2, "fake": (1.25 + 0) / 2},
    "least_squares": {"real": (0.25 + 2.25) / 4, "fake": (0.0625 + 4.0) / 4},
    "wasserstein": {"critic": -0.875 - 0.5},
    "relativistic": {"relative": (plus(-1.25) + plus(-1.5)) / 2},
}
GENERATOR = {
    "non_saturating": (plus(-0.25) + plus(2.0)) / 2,
    "hinge": 0.875,
    "least_squares": (0.5625 + 9.0) / 4,
    "wasserstein": 0.875,
    "relativistic": (plus(1.25) + plus(1.5)) / 2,
}


def test_every_adversarial_loss_has_expected_values_here() -> None:
    assert set(ADVERSARIAL) == set(DISCRIMINATOR) == set(GENERATOR)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_adversarial_losses_equal_their_papers_equations(name: str) -> None:
    loss = ADVERSARIAL[name]
    terms = loss.discriminator(REAL, FAKE)
    assert {term: value.item() for term, value in terms.items()} == pytest.approx(DISCRIMINATOR[name], rel=1e-12)
    (value,) = loss.generator(FAKE, REAL if loss.needs_real else None).values()
    assert value.item() == pytest.approx(GENERATOR[name], rel=1e-12)


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_networks_move_logits_in_opposite_directions(name: str) -> None:
    loss = ADVERSARIAL[name]
    real, fake = (torch.tensor([0.3, -0.4], dtype=torch.float64, requires_grad=True) for _ in range(2))
    for_real, for_fake = torch.autograd.grad(sum(loss.discriminator(real, fake).values()), (real, fake))
    assert (for_real < 0).all(), "the discriminator does not raise real logits"
    if name != "least_squares":  # which moves generated logits to 0, from either side
        assert (for_fake > 0).all(), "the discriminator does not lower generated logits"
    (for_fake,) = torch.autograd.grad(sum(loss.generator(fake, real.detach()).values()), fake)
    assert (for_fake < 0).all(), "the generator does not raise generated logits"


def test_the_relativistic_loss_depends_on_differences_of_logits_only() -> None:
    loss = ADVERSARIAL["relativistic"]
    assert loss.needs_real
    for function in (loss.discriminator, lambda r, f: loss.generator(f, r)):
        (value,), (shifted,) = function(REAL, FAKE).values(), function(REAL + 7, FAKE + 7).values()
        assert value.item() == pytest.approx(shifted.item(), rel=1e-12)


def test_losses_of_huge_logits_are_finite() -> None:
    huge = torch.tensor([1e4, -1e4])
    for loss in ADVERSARIAL.values():
        for value in (*loss.discriminator(huge, -huge).values(), *loss.generator(huge, huge).values()):
            assert torch.isfinite(value)


# Penalties


def linear_critic(weights: Tensor) -> nn.Module:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(weights.numel(), 1), nn.Flatten(0))
    with torch.no_grad():
        critic[1].weight.copy_(weights.flatten()[None])
    return critic


def test_the_gradient_of_a_linear_critic_is_its_weights_everywhere() -> None:
    weights = torch.randn(3, 2, 2, generator=torch.Generator().manual_seed(0))
    images = torch.randn(5, 3, 2, 2)
    squared = weights.square().sum().item()
    critic = linear_critic(weights)
    assert squared_gradient(critic, images).tolist() == pytest.approx([squared] * 5, rel=1e-6)
    penalty = gradient_penalty(critic, images, -images, torch.rand(5, 1, 1, 1))
    assert penalty.tolist() == pytest.approx([(math.sqrt(squared) - 1) ** 2] * 5, rel=1e-5)


def test_the_gradient_of_a_quadratic_critic_is_the_image_itself() -> None:
    real, fake = torch.randn(4, 1, 3, 3), torch.randn(4, 1, 3, 3)

    def quadratic(images: Tensor) -> Tensor:
        return images.flatten(1).square().sum(1) / 2

    torch.testing.assert_close(squared_gradient(quadratic, real), real.flatten(1).square().sum(1))
    mix = torch.tensor([0.0, 1.0, 0.25, 0.5]).reshape(4, 1, 1, 1)
    between = mix * real + (1 - mix) * fake
    expected = (between.flatten(1).norm(dim=1) - 1).square()
    torch.testing.assert_close(gradient_penalty(quadratic, real, fake, mix), expected)


def test_penalties_have_gradients_with_respect_to_the_critics_weights() -> None:
    weights = torch.randn(1, 2, 2)
    critic = linear_critic(weights)
    squared_gradient(critic, torch.randn(3, 1, 2, 2)).mean().backward()
    torch.testing.assert_close(critic[1].weight.grad, 2 * weights.flatten()[None])


def test_the_penalty_of_a_constant_critic_and_its_gradient_are_finite() -> None:
    critic = linear_critic(torch.zeros(1, 2, 2))
    penalty = gradient_penalty(critic, torch.ones(2, 1, 2, 2), torch.zeros(2, 1, 2, 2), torch.full((2, 1, 1, 1), 0.5))
    assert penalty.tolist() == pytest.approx([1, 1], abs=1e-5)
    penalty.sum().backward()
    assert torch.isfinite(critic[1].weight.grad).all()


def test_penalties_are_computed_in_fp32_within_autocast() -> None:
    critic = linear_critic(torch.randn(1, 4, 4))
    images = torch.randn(3, 1, 4, 4)
    outside = squared_gradient(critic, images)
    with torch.autocast("cpu", torch.bfloat16):
        inside = squared_gradient(critic, images.bfloat16().float())
        same = squared_gradient(critic, images)
    assert inside.dtype == torch.float32
    assert torch.equal(same, outside)


# Likelihoods and divergences


def test_the_bernoulli_likelihood_equals_pytorchs_summed_over_each_image() -> None:
    values = torch.randint(0, 2, (4, 1, 3, 3)).double()
    logits = 3 * torch.randn(4, 1, 3, 3, dtype=torch.float64)
    expected = Bernoulli(logits=logits).log_prob(values).flatten(1).sum(1)
    torch.testing.assert_close(bernoulli_log_likelihood(values, logits), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("shape", [(), (1, 3, 1), (4, 2, 3, 3)])
def test_the_gaussian_likelihood_equals_pytorchs_for_log_variances_of_any_shape(shape: tuple[int, ...]) -> None:
    values, means = torch.randn(2, 4, 2, 3, 3, dtype=torch.float64)
    if shape == (1, 3, 1):
        shape = (1, 1, 3, 1)
    log_variances = torch.randn(shape, dtype=torch.float64)
    expected = Normal(means, (0.5 * log_variances).exp()).log_prob(values).flatten(1).sum(1)
    found = gaussian_log_likelihood(values, means, log_variances)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_the_divergence_equals_pytorchs_in_each_dimension() -> None:
    means, log_variances = torch.randn(2, 5, 7, dtype=torch.float64)
    standard = Normal(torch.zeros(7, dtype=torch.float64), torch.ones(7, dtype=torch.float64))
    expected = kl_divergence(Normal(means, (0.5 * log_variances).exp()), standard)
    torch.testing.assert_close(gaussian_divergence(means, log_variances), expected, rtol=1e-10, atol=1e-10)
    assert gaussian_divergence(torch.zeros(1, 2), torch.zeros(1, 2)).tolist() == [[0, 0]]
