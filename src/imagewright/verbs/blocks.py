"""Models applied in blocks of one size, so that an image does not depend on how many were asked for with it.

Matrix products round differently for different batch sizes. Every block is padded to the same size, so that image k is
always row k % BLOCK of block k // BLOCK, and comes out the same to the bit.
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
    """As `in_blocks`, for a function that also takes the block's number, which seeds what it samples."""
    with evaluating(model), torch.inference_mode():
        results = []
        for number, block in enumerate(inputs.split(BLOCK)):
            whole = torch.cat([block, block.new_zeros(BLOCK - len(block), *block.shape[1:])])
            results.append(function(whole.to(model.device), number)[: len(block)].cpu())
    return torch.cat(results) if results else torch.empty(0)


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """The model in evaluation mode within the block, and in its own mode again after it.

    In evaluation mode a model adds no noise, and its norms use the statistics of training.
    """
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def block_generator(seed: int, block: int) -> torch.Generator:
    """The random generator of one block, on the CPU, so that a seed means the same on any device."""
    return torch.Generator().manual_seed(derive_seed(seed, "block", block))
