"""Blocks: their size follows from the picture's, and a picture is the same in any number of them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import imagewright as iw
from imagewright.configs import Config
from imagewright.model import Model
from imagewright.verbs.apply import decode_blocks, sample_latents
from imagewright.verbs.blocks import block_generator, block_size


class Counting(Model):
    """Decodes by a matrix product, whose rounding depends on the batch, and notes the rows of each call."""

    Config = Config

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__(Config(size=size, channels=1))
        self.latent_shape, self.calls = (64,), []
        pixels = size[0] * size[1]
        self.register_buffer("matrix", torch.randn(64, pixels, generator=torch.Generator().manual_seed(1)) / 16)

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randn(count, 64, generator=generator)

    def decode(self, latents: Tensor) -> Tensor:
        self.calls.append(len(latents))
        return (latents @ self.matrix).view(-1, 1, *self.config.size)

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        self.calls.append(len(images))
        return torch.rand(len(images), generator=generator)


@pytest.mark.parametrize(
    ("size", "block"),
    [
        ((8, 8), 16),
        ((128, 128), 16),
        ((64, 256), 16),
        ((129, 128), 4),
        ((256, 256), 4),
        ((257, 256), 1),
        ((2048, 8), 16),
    ],
)
def test_the_block_follows_from_the_pixels_of_a_picture(size: tuple[int, int], block: int) -> None:
    assert block_size(*size) == block


def test_a_model_may_change_its_input_in_place_and_is_in_evaluation_mode() -> None:
    class InPlace(Counting):
        def decode(self, latents: Tensor) -> Tensor:
            assert not self.training
            return super().decode(latents.mul_(0))

    model = InPlace((8, 8)).train()
    latents = torch.ones(33, 64)
    iw.decode(model, latents)
    assert model.training
    assert torch.equal(latents, torch.ones(33, 64))


@pytest.mark.parametrize(("size", "rows"), [((64, 64), 16), ((256, 256), 4), ((300, 300), 1)])
def test_one_large_picture_does_not_cost_sixteen(size: tuple[int, int], rows: int) -> None:
    model = Counting(size)
    iw.sample(model, 1)
    assert sum(model.calls) == rows


@pytest.mark.parametrize("size", [(64, 64), (256, 256), (300, 300)])
def test_pictures_are_the_same_in_any_count(size: tuple[int, int]) -> None:
    model = Counting(size)
    many = iw.sample(model, 19)
    for count in (1, 3, 4, 5, 16, 17):
        assert torch.equal(iw.sample(model, count), many[:count])
    streamed = list(decode_blocks(model, sample_latents(model, 19)))
    assert torch.equal(torch.cat(streamed), many)
    assert {len(block) for block in streamed[:-1]} == {block_size(*size)}


def test_the_draws_of_a_block_are_numbered_through_the_whole_set() -> None:
    for side, block in ((16, 16), (256, 4)):
        images = torch.zeros(300, 1, side, side, dtype=torch.uint8)
        scores = iw.score(Counting((side, side)), images, seed=3)
        for number in (0, 1, 299 // block):
            rows = scores[number * block : (number + 1) * block]
            assert torch.equal(rows, torch.rand(block, generator=block_generator(3, number))[: len(rows)])


def test_blocks_are_decoded_when_they_are_asked_for_and_leave_no_mode_behind() -> None:
    model = Counting((256, 256)).train()
    blocks = decode_blocks(model, sample_latents(model, 9))
    assert model.calls == []
    first = next(blocks)
    assert model.calls == [4]
    assert model.training
    assert not torch.is_inference_mode_enabled()
    assert first.dtype == torch.uint8
