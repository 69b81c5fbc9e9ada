"""Spectra against the singular values of the whole matrix, by each of the ways to compute them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from imagewright.statistics.spectra import GRAM_IMAGES, leading_spectrum


class Rows:
    """Rows (N, D) as a stream."""

    labels = None

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self, batch_size: int) -> Iterator[Tensor]:
        yield from self.rows.split(batch_size)


def some_rows(count: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, width, generator=generator) * torch.linspace(2, 0.01, width) + 1


# (pictures, values, wanted): the Gram matrix of few pictures; all eigenvectors of the covariance; its first ones; both
# sides at which the way changes; block Krylov.
CASES = {
    "few": (60, 400, None),
    "two": (2, 200, 1),
    "few large": (50, 3000, 20),
    "all": (900, 300, None),
    "leading": (2000, 600, 40),
    "half": (150, 300, None),
    "one more than half": (151, 300, None),
    "krylov": (GRAM_IMAGES + 1, 2049, 12),
}


@pytest.mark.parametrize("case", CASES)
def test_spectra_are_the_singular_values_and_vectors(case: str) -> None:
    count, width, wanted = CASES[case]
    rows = some_rows(count, width)
    most = wanted or min(count - 1, width)
    found = leading_spectrum(Rows(rows), wanted, None, 0)
    centred = rows.double() - rows.double().mean(0)
    _, singular, right = torch.linalg.svd(centred, full_matrices=False)
    variances = singular.square() / (count - 1)
    assert found.basis.shape == (most, width)
    assert torch.allclose(found.variances.double(), variances[:most], rtol=1e-3, atol=2e-6 * float(variances[0]))
    assert torch.allclose(found.basis @ found.basis.T, torch.eye(most), atol=1e-5)
    assert found.total_variance == pytest.approx(float(variances.sum()), rel=1e-5)
    assert torch.allclose(found.mean.double(), rows.double().mean(0), atol=1e-5)
    # The span of the first components, whose variances are well apart from the rest.
    leading = min(3, most)
    assert torch.linalg.svdvals(found.basis[:leading].double() @ right[: leading + 8].T).min() > 0.99


def test_equal_pictures_and_copies_have_orthonormal_directions() -> None:
    assert leading_spectrum(Rows(torch.full((20, 300), 0.3)), 5, None, 0).total_variance == 0
    copies = some_rows(3, 300)[torch.arange(30) % 3]
    found = leading_spectrum(Rows(copies), 10, None, 0)
    assert torch.allclose(found.basis @ found.basis.T, torch.eye(10), atol=1e-5)
    assert (found.variances[2:] < 1e-6 * found.variances[0]).all()
