"""Three ways to find directions without labels; each gives them as rows (K, Z) with the share that each explains.

activations: principal components of what the first layer makes of draws, and the latents regressed on them (GANSpace,
Härkönen et al. 2020, arXiv:2004.02546, section 3.2). Layers of this house end in their nonlinearity, since without it
the components would be those of `weights`.
latents: principal components of encoded pictures.
weights: eigenvectors of A^T A, A being the matrix of the first layer (SeFa, Shen & Zhou 2021, arXiv:2007.06600, eq. 5).
Shape letters: N latents, Z numbers of a flattened latent, S of them searched, F numbers of the first layer, K found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

BATCHES, BATCH = 32, 256  # draws that activations are learned from
SPARE = 8  # components found besides those wanted: the incremental method is sharp for the first of them

Batches = Callable[[], Iterator[Tensor]]
"""Latents (N, *latent_shape) in batches, the same at each call. What is not searched is equal within a batch."""


def from_activations(model: Any, batches: Batches, searched: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Two passes: the components of the activations, and the searched numbers regressed on the coordinates."""
    from sklearn.decomposition import IncrementalPCA

    components: Any = None
    for rows, _ in _centred(model, batches, searched):
        if components is None:
            components = IncrementalPCA(min(count + SPARE, *rows.shape))
        if len(rows) >= components.n_components:
            components.partial_fit(rows.numpy())
    basis, mean = (torch.from_numpy(each).float() for each in (components.components_, components.mean_))
    inner = torch.zeros(len(basis), len(basis), dtype=torch.float64)
    outer = torch.zeros(len(basis), int(searched.sum()), dtype=torch.float64)
    for rows, numbers in _centred(model, batches, searched):
        coordinates = ((rows - mean) @ basis.T).double()
        inner += coordinates.T @ coordinates
        outer += coordinates.T @ numbers.double()
    # A component that nothing moves, of a layer of few units, has no regression: the least one is taken.
    regressed = torch.linalg.lstsq(inner, outer, driver="gelsd").solution
    return regressed[:count].float(), torch.from_numpy(components.explained_variance_ratio_[:count]).float()


def from_latents(latents: Tensor, searched: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The principal components of the searched numbers of latents (N, Z)."""
    from sklearn.decomposition import PCA

    found = PCA(count, random_state=0).fit(latents[:, searched].double().numpy())
    rows, shares = (torch.from_numpy(each).float() for each in (found.components_, found.explained_variance_ratio_))
    return rows, shares


def from_weights(weight: Tensor, searched: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The first eigenvectors of A^T A over the searched columns of A (F, Z), and their eigenvalues' shares."""
    columns = weight.detach().cpu().double()[:, searched]
    values, vectors = torch.linalg.eigh(columns.T @ columns)
    return vectors.T.flip(0)[:count].float(), (values.flip(0)[:count] / values.sum()).float()


def _centred(model: Any, batches: Batches, searched: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Activations (n, F) and the searched numbers (n, S) of each batch around their own means.

    A batch is of one class, or of whatever else is not searched: what it does to the picture is in the mean.
    """
    for latents in batches():
        with torch.no_grad():
            rows = model.activations(latents.to(model.device)).float().cpu()
        numbers = latents.flatten(1)[:, searched]
        yield rows - rows.mean(0), numbers - numbers.mean(0)
