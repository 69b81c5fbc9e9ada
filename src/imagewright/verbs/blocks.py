"""Models applied in blocks of one size, so that an image does not depend on how many were asked for with it.

Matrix products round differently for different batch sizes; with every block padded to the same size, image k is always
row k % BLOCK of block k // BLOCK, and comes out the same to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from imagewright.model import Model
from imagewright.seeds import derive_seed

BLOCK = 16


def in_blocks(model: Model, function: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """`function` over the rows of `inputs`, on the model's device, without gradients; the result is on the CPU."""
    return in_numbered_blocks(model, lambda block, _: function(block), inputs)


def in_numbered_blocks(model: Model, function: Callable[[Tensor, int], Tensor], inputs: Tensor) -> Tensor:
    """As `in_blocks`, for a function that also takes the number of the block: to seed what is drawn in it."""
    with in_use(model), torch.inference_mode():
        results = []
        for number, block in enumerate(inputs.split(BLOCK)):
            whole = torch.cat([block, block.new_zeros(BLOCK - len(block), *block.shape[1:])])
            results.append(function(whole.to(model.device), number)[: len(block)].cpu())
    return torch.cat(results) if results else torch.empty(0)


@contextmanager
def in_use(model: Model) -> Iterator[None]:
    """Within the block a model is not in training: it draws no noise of its own, and uses the statistics it learned."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def generator_of(seed: int, block: int) -> torch.Generator:
    """The generator of one block's draws, on the CPU, so that a seed means the same on any device."""
    return torch.Generator().manual_seed(derive_seed(seed, "block", block))
