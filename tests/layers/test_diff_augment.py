"""DiffAugment: each change against its definition, and the gradient through all of them."""

from __future__ import annotations

import pytest
import torch

from imagewright.layers.diff_augment import (
    RANDOM_NUMBERS,
    change_colours,
    cut_out,
    diff_augment,
    translate,
)


def images(channels: int = 3, height: int = 16, width: int = 24) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return 2 * torch.rand(5, channels, height, width, generator=generator) - 1


def test_neutral_numbers_leave_colours_as_they_are() -> None:
    torch.testing.assert_close(change_colours(images(), torch.full((5, 3), 0.5)), images())


def test_brightness_is_added() -> None:
    numbers = torch.full((5, 3), 0.5)
    numbers[:, 0] = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
    added = (change_colours(images(), numbers) - images()).mean((1, 2, 3))
    torch.testing.assert_close(added, torch.tensor([-0.5, -0.25, 0.0, 0.25, 0.5]))


def test_saturation_of_zero_is_grey_and_contrast_of_a_half_halves_the_deviation() -> None:
    numbers = torch.tensor([0.5, 0.0, 0.5]).expand(5, 3)
    grey = change_colours(images(), numbers)
    torch.testing.assert_close(grey, images().mean(1, keepdim=True).expand_as(grey))
    halved = change_colours(images(), torch.tensor([0.5, 0.5, 0.0]).expand(5, 3))
    torch.testing.assert_close(halved.flatten(1).std(1), images().flatten(1).std(1) / 2)
    torch.testing.assert_close(halved.mean((1, 2, 3)), images().mean((1, 2, 3)))


def test_translation_moves_by_whole_pixels_and_fills_with_zero() -> None:
    for number, move in ((0.0, 2), (0.5, 0), (0.999, -2)):  # an eighth of 16 pixels is 2
        moved = translate(images(), torch.tensor([number, 0.5]).expand(5, 2))
        expected = torch.zeros_like(moved)
        if move >= 0:
            expected[:, :, move:] = images()[:, :, : 16 - move]
        else:
            expected[:, :, :move] = images()[:, :, -move:]
        assert torch.equal(moved, expected)


def test_translation_of_each_row_by_its_own_number_in_both_directions() -> None:
    moves = torch.tensor([[0.1, 0.9], [0.9, 0.1], [0.5, 0.5], [0.0, 0.0], [0.99, 0.99]])
    together = translate(images(), moves)
    alone = torch.cat([translate(images()[[row]], moves[[row]]) for row in range(5)])
    assert torch.equal(together, alone)
    assert not torch.equal(together[0], together[1])


def test_cutout_sets_a_quarter_to_zero_at_the_centre_and_less_at_an_edge() -> None:
    ones = torch.ones(3, 1, 16, 24)
    kept = cut_out(ones, torch.tensor([[0.5, 0.5], [0.0, 0.5], [0.0, 0.0]]))
    removed = 1 - kept.mean((1, 2, 3))
    torch.testing.assert_close(removed, torch.tensor([0.25, 0.125, 0.0625]))
    assert set(kept.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("channels", [1, pytest.param(3, marks=pytest.mark.learning)])
def test_the_gradient_is_exact(channels: int) -> None:
    small = images(channels, 6, 6)[:2].double().requires_grad_(True)
    numbers = torch.rand(2, RANDOM_NUMBERS, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(lambda given: diff_augment(given, numbers), (small,))
    assert torch.autograd.gradgradcheck(lambda given: diff_augment(given, numbers).square(), (small,))


def test_numbers_near_one_are_in_bounds_in_low_precision() -> None:
    numbers = torch.full((5, RANDOM_NUMBERS), 1 - 2**-24)
    changed = diff_augment(images().bfloat16(), numbers)
    assert changed.dtype == torch.bfloat16
    assert changed.isfinite().all()
