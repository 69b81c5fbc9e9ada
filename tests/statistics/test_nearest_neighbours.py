"""The nearest rows of a streamed set, against scikit-learn's with all rows in memory."""

from __future__ import annotations

import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from imagewright.statistics.nearest_neighbours import nearest


@pytest.mark.parametrize("block", [7, 64, 500])
def test_neighbours_are_scikit_learns(block: int) -> None:
    generator = torch.Generator().manual_seed(0)
    rows, queries = (10 + torch.randn(count, 20, generator=generator) for count in (300, 40))
    distances, places = nearest(queries, rows.split(block), 5)
    expected = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(rows.numpy()).kneighbors(queries.numpy())
    assert torch.equal(places, torch.from_numpy(expected[1]))
    assert torch.allclose(distances, torch.from_numpy(expected[0]).float(), rtol=1e-5)


def test_a_copy_is_at_distance_zero_and_can_be_left_out() -> None:
    rows = 100 + torch.randn(50, 30, generator=torch.Generator().manual_seed(1))
    own = torch.tensor([3, 40])
    distances, places = nearest(rows[own], rows.split(16), 2)
    assert places[:, 0].tolist() == [3, 40]
    assert distances[:, 0].tolist() == [0, 0]
    without, others = nearest(rows[own], rows.split(16), 1, leave_out=own)
    assert torch.equal(others[:, 0], places[:, 1])
    assert torch.equal(without[:, 0], distances[:, 1])


def test_fewer_rows_than_wanted() -> None:
    distances, places = nearest(torch.zeros(1, 2), [torch.ones(2, 2)], 3)
    assert places[0, 2] == -1
    assert torch.allclose(distances[0], torch.tensor([2**0.5, 2**0.5, torch.inf]))
