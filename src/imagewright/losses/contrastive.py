"""Contrastive losses: a query is to find its key among others. Shape letters: N batch, P patches, C numbers."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

TEMPERATURE = 0.07


def patch_contrast(queries: Tensor, keys: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """The PatchNCE loss, a scalar: patch p of an image is to be nearer to key p than to the image's other keys.

    Park et al. 2020, arXiv:2007.15651, eq. 2 and 3: cross-entropy of cosines over `temperature`; the mean over all
    patches. Keys get no gradient.

    queries, keys: (N, P, C), of any length.
    """
    queries, keys = (normalize(each.float(), dim=2, eps=1e-7) for each in (queries, keys.detach()))
    cosines = torch.einsum("npc,nqc->npq", queries, keys)
    own = torch.arange(keys.shape[1], device=keys.device).expand(len(keys), -1)
    return cross_entropy(cosines.flatten(0, 1) / temperature, own.flatten())
