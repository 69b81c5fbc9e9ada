"""Standing statistics: those of batch norms, computed anew over many batches by the weights as they are.

Brock et al. 2019, arXiv:1809.11096, section 3.2 ("standing statistics"). Running statistics of training lag behind the
weights, and those of averaged weights were never seen by any batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

NORMS = nn.modules.batchnorm._NormBase


def compute_standing_statistics(network: nn.Module, passes: int, forward: Callable[[int], object]) -> None:
    """Set the running statistics of all batch norms to the mean of those of several batches.

    network: in evaluation mode, which all layers but the norms keep.
    passes: number of batches.
    forward: passes batch k, of the same size each, through the network.
    """
    with accumulating(network), torch.no_grad():
        for number in range(passes):
            forward(number)


@contextmanager
def accumulating(network: nn.Module) -> Iterator[None]:
    """Within the block, the batch norms of a network take the statistics of batches, and their running ones are means
    of these; before it they are forgotten."""
    norms = [module for module in network.modules() if isinstance(module, NORMS) and module.running_mean is not None]
    before = [(norm.training, norm.momentum) for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.training, norm.momentum = True, None
    try:
        yield
    finally:
        for norm, (training, momentum) in zip(norms, before, strict=True):
            norm.training, norm.momentum = training, momentum
