"""Models applied in blocks of one size, so that an image does not depend on how many were asked for with it.

Matrix products round differently for different batch sizes. The block size follows from the size of the images alone,
and every block is padded to it, so that image k is always row k % size of block k // size, and the same to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor

from imagewright.model import Model
from imagewright.seeds import derive_seed
from imagewright.shared_work import shared_map, sharing_ranks

LARGEST_BLOCK = 16  # a multiple of every block size: images read in multiples of it fill whole blocks


def block_size(height: int, width: int) -> int:
    """How many images a model is applied to at once: 16 up to 128x128 pixels, 4 up to 256x256, else 1.

    A single image costs as much as one block. On a CPU, larger blocks are no faster at these sizes.
    """
    pixels = height * width
    return LARGEST_BLOCK if pixels <= 128 * 128 else 4 if pixels <= 256 * 256 else 1


def in_blocks(model: Model, function: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """`function` over the rows of `inputs`, on the model's device, without gradients; the result is on the CPU."""
    return in_numbered_blocks(model, lambda block, _: function(block), inputs)


def in_numbered_blocks(model: Model, function: Callable[[Tensor, int], Tensor], inputs: Tensor) -> Tensor:
    """As `in_blocks`, for a function that also takes the block's number, which seeds what it samples.

    In a block of `sharing_work` the ranks share the blocks.
    """
    size = block_size(*model.config.size)

    def of_run(numbers: range) -> Tensor:
        rows = inputs[numbers.start * size : numbers.stop * size]
        with evaluating(model), torch.inference_mode():
            blocks = zip(numbers, padded_blocks(rows, size), strict=True)
            return torch.cat(
                [function(block.to(model.device), number)[:kept].cpu() for number, (block, kept) in blocks]
            )

    # Without rows there is one block, which gives the shape of a result.
    return torch.cat(list(shared_map(of_run, _runs_of_blocks(max(1, -(-len(inputs) // size))))))


def _runs_of_blocks(count: int) -> list[range]:
    """The numbers of `count` blocks, in a run of about the same length for each rank that shares the work."""
    shares = min(sharing_ranks(), count)
    bounds = [count * share // shares for share in range(shares + 1)]
    return [range(*pair) for pair in pairwise(bounds)]


def stream_blocks(model: Model, function: Callable[[Tensor, int], Tensor], inputs: Tensor) -> Iterator[Tensor]:
    """As `in_numbered_blocks`, one block at a time, each computed when it is asked for."""
    for number, (block, rows) in enumerate(padded_blocks(inputs, block_size(*model.config.size))):
        with evaluating(model), torch.inference_mode():  # within the step: the caller's own mode holds between blocks
            result = function(block.to(model.device), number)[:rows].cpu()
        yield result


def padded_blocks(inputs: Tensor, size: int) -> Iterator[tuple[Tensor, int]]:
    """Blocks of `size` rows, the last one padded with zeros, each with the number of its rows that are of `inputs`."""
    for block in inputs.split(size):
        # Copied also if it is whole: a model may change its input in place, and kernels round by alignment and layout.
        yield torch.cat([block, block.new_zeros(size - len(block), *block.shape[1:])]), len(block)


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
