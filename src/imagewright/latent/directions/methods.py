"""Three methods to find directions without labels. Each returns rows (K, S) and the share that each row explains.

activations: principal components of the first layer's activations on samples, and the latents regressed on them
(GANSpace, Härkönen et al. 2020, arXiv:2004.02546, section 3.2). The activations are taken after the nonlinearity, since
before it the components would be those of `weights`.
latents: principal components of encoded pictures; or of samples, if they are not standard normal and there is no
encoder (StyleGAN's w: GANSpace, section 3.1).
weights: eigenvectors of A^T A, A being the matrix of the first layer (SeFa, Shen & Zhou 2021, arXiv:2007.06600, eq. 5).
Shape letters: N latents, Z numbers of a flattened latent, S searched numbers, F activations of the first layer, K rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

BATCHES, BATCH = 32, 256  # samples that activations are taken on
SPARE = 8  # components fitted besides those wanted: the incremental method is accurate for the first ones only

Batches = Callable[[], Iterator[Tensor]]
"""Returns latents (N, *latent_shape) in batches, the same at each call. Numbers that are not searched are constant
within a batch."""


def from_activations(model: Any, batches: Batches, searched: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Principal components of the activations (first pass), and the searched numbers regressed on them (second pass).

    searched: bool (Z,), which numbers of a latent are searched.
    Returns rows (count, S) and explained shares of the activations' variance (count,).
    """
    from sklearn.decomposition import IncrementalPCA

    components: Any = None
    for rows, _ in _centred_batches(model, batches, searched):
        if components is None:
            components = IncrementalPCA(min(count + SPARE, *rows.shape))
        if len(rows) >= components.n_components:
            components.partial_fit(rows.numpy())
    basis, mean = (torch.from_numpy(each).float() for each in (components.components_, components.mean_))
    inner = torch.zeros(len(basis), len(basis), dtype=torch.float64)
    outer = torch.zeros(len(basis), int(searched.sum()), dtype=torch.float64)
    for rows, numbers in _centred_batches(model, batches, searched):
        coordinates = ((rows - mean) @ basis.T).double()
        inner += coordinates.T @ coordinates
        outer += coordinates.T @ numbers.double()
    # In a layer of few units some components have no variance, so the regression is singular: least norm is taken.
    regressed = torch.linalg.lstsq(inner, outer, driver="gelsd").solution
    return regressed[:count].float(), torch.from_numpy(components.explained_variance_ratio_[:count]).float()


def from_latents(latents: Tensor, searched: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Principal components of the searched numbers of latents (N, Z): rows (count, S) and their shares (count,)."""
    from sklearn.decomposition import PCA

    fitted = PCA(count, random_state=0).fit(latents[:, searched].double().numpy())
    rows, shares = (torch.from_numpy(each).float() for each in (fitted.components_, fitted.explained_variance_ratio_))
    return rows, shares


def from_weights(weight: Tensor, searched: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The first eigenvectors of A^T A over the searched columns of A (F, Z), and the shares of their eigenvalues."""
    columns = weight.detach().cpu().double()[:, searched]
    values, vectors = torch.linalg.eigh(columns.T @ columns)
    return vectors.T.flip(0)[:count].float(), (values.flip(0)[:count] / values.sum()).float()


def _centred_batches(model: Any, batches: Batches, searched: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Activations (n, F) and searched numbers (n, S) of each batch, less their means over the batch.

    The class and other numbers that are not searched are constant within a batch, so the mean removes their effect.
    """
    for latents in batches():
        with torch.no_grad():
            rows = model.activations(latents.to(model.device)).float().cpu()
        numbers = latents.flatten(1)[:, searched]
        yield rows - rows.mean(0), numbers - numbers.mean(0)
