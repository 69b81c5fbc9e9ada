"""ADA: properties of the random operations, and the probability that is steered."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from imagewright.layers.adaptive_augmentation import ADA, AdaptiveProbability, Multipliers, augment
from imagewright.layers.augmentation_numbers import Percentile
from imagewright.phases import Draws, Step

EVERYTHING = Multipliers.of_groups(blitting=1, geometry=1, colour=1, bands=1, noise=1, cutout=1)


def pictures(channels: int = 3, side: int = 12, rows: int = 6) -> torch.Tensor:
    return 2 * torch.rand(rows, channels, side, side, generator=torch.Generator().manual_seed(0)) - 1


def draws(rows: int = 6, first: int = 0, count: int = 6) -> Draws:
    return Draws(torch.Generator().manual_seed(1), rows, first, count)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_images_stay_as_they_are_at_the_probability_zero_and_change_at_one(channels: int) -> None:
    images = pictures(channels)
    assert torch.equal(augment(images, 0.0, EVERYTHING, draws()), images)
    nearly = augment(images, 1e-12, Multipliers.of_groups(geometry=1, colour=1), draws())  # through the resampling
    torch.testing.assert_close(nearly, images, atol=1e-5, rtol=0)
    changed = augment(images, 1.0, EVERYTHING, draws())
    assert changed.shape == images.shape
    assert changed.isfinite().all()
    assert ((changed - images).abs().mean((1, 2, 3)) > 0.05).all()


@pytest.mark.parametrize("operation", [field.name for field in fields(Multipliers)])
def test_each_operation_changes_about_its_share_of_images(operation: str) -> None:
    images = pictures(rows=200)
    changed = augment(images, 0.5, Multipliers(**{operation: 0.8}), draws(200, 0, 200))
    share = ((changed - images).abs().amax((1, 2, 3)) > 1e-4).float().mean().item()
    expected = {"mirror": 0.2, "quarter_turn": 0.3, "luma_flip": 0.2, "bands": 1 - 0.6**4}.get(operation, 0.4)
    assert share == pytest.approx(expected, abs=0.11)


def test_mirroring_and_quarter_turns_of_smooth_pictures() -> None:
    """The filter is not symmetric: of single pixels, mirror images differ."""
    rows = torch.linspace(0, 3, 16).sin()
    images = (rows[:, None] + 0.4 * rows.cumsum(0)).expand(6, 1, 16, 16)
    turned = augment(images, 1.0, Multipliers(mirror=1, quarter_turn=1), draws())
    ways = [torch.rot90(each, turns, (2, 3)) for each in (images, images.flip(3)) for turns in range(4)]
    distances = torch.stack([(way - turned).abs().amax((1, 2, 3)) for way in ways])
    assert (distances.amin(0) < 0.1).all()
    assert len(set(distances.argmin(0).tolist())) > 2


def test_colours_move_greys_along_greys_only_and_luma_flips_invert_them() -> None:
    grey = pictures(1).expand(-1, 3, -1, -1)
    moved = augment(grey, 1.0, Multipliers.of_groups(colour=1), draws())
    torch.testing.assert_close(moved[:, :1].expand_as(moved), moved, atol=1e-5, rtol=0)
    flipped = augment(grey, 1.0, Multipliers(luma_flip=1), Percentile(0.7, len(grey)))
    torch.testing.assert_close(flipped, -grey, atol=1e-5, rtol=0)


@pytest.mark.parametrize("side", [4, 12])
def test_micro_batches_see_the_numbers_of_the_whole_batch(side: int) -> None:
    images = pictures(side=side)
    whole = augment(images, 0.7, EVERYTHING, draws())
    parts = [augment(images[first : first + 2], 0.7, EVERYTHING, draws(6, first, 2)) for first in (0, 2, 4)]
    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-4, rtol=0)


def test_gradients_and_their_gradients_are_those_of_an_affine_map() -> None:
    images, other, weights = pictures(), pictures().flip(0), pictures().flip(3).requires_grad_()
    images.requires_grad_()
    changed = augment(images, 1.0, EVERYTHING, draws())
    (gradient,) = torch.autograd.grad((changed * weights).sum(), images, create_graph=True)
    step = augment(images.detach() + other, 1.0, EVERYTHING, draws()) - changed.detach()
    torch.testing.assert_close((gradient * other).sum(), (step * weights).sum(), rtol=1e-4, atol=1e-4)
    (second,) = torch.autograd.grad((gradient * other).sum(), weights)
    torch.testing.assert_close(second, step, rtol=1e-3, atol=1e-4)


def step_of(index: int, rows: int = 8, first: int = 0, count: int = 8) -> Step:
    sampled = Draws(torch.Generator(), rows, first, count)
    return Step(images=torch.zeros(count, 1, 4, 4), index=index, images_seen=8 * index, draws=sampled)


def test_the_probability_follows_the_sign_of_real_logits() -> None:
    steered = AdaptiveProbability(images=100)
    for index in range(8):
        steered.observe(torch.tensor([5.0] * 7 + [-0.1]), step_of(index))  # a mean sign of 0.75
        assert steered.value.item() == pytest.approx(0.32 * ((index + 1) // 4))
    for index in range(12):
        steered.observe(torch.tensor([5.0] * 6 + [-9.0] * 2), step_of(index))  # 0.5
    assert steered.value.item() == 0  # not below


def test_micro_batches_move_the_probability_as_the_whole_batch_does() -> None:
    whole, parts = AdaptiveProbability(images=100, every=2), AdaptiveProbability(images=100, every=2)
    for index in range(6):
        logits = torch.randn(8, generator=torch.Generator().manual_seed(index)) + 1.5
        whole.observe(logits, step_of(index))
        for first in (0, 4):
            parts.observe(logits[first : first + 4], step_of(index, 8, first, 4))
        assert torch.equal(whole.value, parts.value)
    assert whole.value > 0


def test_a_loaded_state_goes_on_as_before() -> None:
    unbroken, resumed = AdaptiveProbability(images=100), AdaptiveProbability(images=100)
    for index in range(9):
        if index == 6:
            resumed.load_state_dict(unbroken.state_dict())
        for each in [unbroken, resumed] if index >= 6 else [unbroken]:
            each.observe(torch.ones(8), step_of(index))
    assert resumed.value == unbroken.value > 0


def test_the_operations_of_the_paper() -> None:
    assert Multipliers.of_groups(blitting=1, geometry=1, colour=1) == ADA
    assert (ADA.mirror, ADA.move, ADA.hue, ADA.bands, ADA.noise, ADA.cutout) == (1, 1, 1, 0, 0, 0)


def test_constants_that_inference_made_serve_a_training() -> None:
    with torch.inference_mode():
        augment(pictures(side=10), 1.0, EVERYTHING, draws())
    images = pictures(side=10).requires_grad_()
    augment(images, 1.0, EVERYTHING, draws()).square().sum().backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()
