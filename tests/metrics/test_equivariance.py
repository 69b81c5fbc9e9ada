"""Equivariance: filters that move pictures against functions that are moved, and models that move or do not."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from picture_sets import Darker
from torch import Tensor

import imagewright as iw
from imagewright.errors import DataError
from imagewright.metrics.metric import MetricContext, Sample
from imagewright.metrics.models.equivariance import METRIC, measure_errors, signal_to_noise
from imagewright.metrics.models.moved_pictures import filter_as_turned, shift, shift_whole, turn, turning_filter

SIDES = (40, 48)


def wave(x: Tensor, y: Tensor) -> Tensor:
    return 0.5 * torch.sin(0.9 * x + 0.5 * y + 0.3) + 0.3 * torch.cos(1.2 * y - 0.3 * x)


def places(height: int, width: int) -> tuple[Tensor, Tensor]:
    rows, columns = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2 for side in (height, width))
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return x, y


class Waves(Darker):
    """Pictures of one function, moved as it is asked for, or not at all."""

    def __init__(self, *, moves: bool) -> None:
        super().__init__(SIDES, 1, 0)
        self.moves, self.latent_shape = moves, (2,)

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randn(count, 2, generator=generator)

    def decode_moved(self, latents: Tensor, motions: Tensor) -> Tensor:
        x, y = places(*SIDES)
        at = torch.stack([x, y, torch.ones_like(x)])
        motions = motions.double() if self.moves else torch.eye(3).double().expand(len(motions), 3, 3)
        sources = torch.einsum("nij,jhw->nihw", motions, at)
        phases = latents[:, :1, None].double()
        return wave(sources[:, 0] + phases, sources[:, 1])[:, None].float()


@pytest.mark.parametrize("angle", [0.0, 0.4, 2.0, math.pi / 2, -2.5])
def test_a_turned_wave(angle: float) -> None:
    x, y = places(*SIDES)
    turned, valid = turn(wave(x, y)[None, None], angle)
    expected = wave(math.cos(angle) * x + math.sin(angle) * y, math.cos(angle) * y - math.sin(angle) * x)
    assert int(valid.sum()) > 700
    torch.testing.assert_close(turned[0, 0][valid], expected[valid], atol=0.015, rtol=0)
    same, also = filter_as_turned(expected[None, None], angle)
    torch.testing.assert_close(same[0, 0][also], expected[also], atol=0.015, rtol=0)


def test_corners_of_the_spectrum_that_a_turned_grid_lacks_are_filtered_out() -> None:
    x, y = places(41, 41)
    corner = torch.cos(0.9 * math.pi * x) * torch.cos(0.9 * math.pi * y)
    kept, valid = filter_as_turned(corner[None, None], math.pi / 4)
    assert float(kept[0, 0][valid].square().mean()) < 0.01 * float(corner.square().mean())
    kept, valid = filter_as_turned(corner[None, None], 0.0)
    assert float(kept[0, 0][valid].square().mean()) > 0.3 * float(corner.square().mean())
    assert float(turning_filter(0.3, 4).sum()) == pytest.approx(1)


def test_shifted_pictures() -> None:
    x, y = places(*SIDES)
    shifted, valid = shift(wave(x, y)[None, None], 3.4, -2.7)
    torch.testing.assert_close(shifted[0, 0][valid], wave(x - 3.4, y + 2.7)[valid], atol=0.02, rtol=0)
    whole, inside = shift_whole(wave(x, y)[None, None], 3, -2)
    assert torch.equal(whole[0, 0][inside], wave(x - 3, y + 2)[inside])
    assert int(inside.sum()) == (SIDES[0] - 2) * (SIDES[1] - 3)


@pytest.mark.parametrize(("kind", "least"), [("eq_t", 110), ("eq_t_frac", 40), ("eq_r", 40)])
def test_models_that_move_and_that_do_not(kind: str, least: float) -> None:
    ratio: Callable[[bool], float] = lambda moves: signal_to_noise(measure_errors(Waves(moves=moves), kind, 6))  # noqa: E731
    assert ratio(True) > least
    assert ratio(False) < 20


def test_the_ratio_by_hand_and_the_metric() -> None:
    assert signal_to_noise(np.array([[4.0, 50], [0.0, 50]])) == pytest.approx(10 * math.log10(4 / 0.04))
    assert np.array_equal(
        measure_errors(Waves(moves=True), "eq_t", 3)[:2], measure_errors(Waves(moves=True), "eq_t", 2)
    )
    sample = Sample("waves", pictures=None, model=Waves(moves=True))  # type: ignore[arg-type]
    values = METRIC.compute(sample, None, MetricContext({"pictures": 3}))
    assert set(values) == {"eq_t", "eq_t_frac", "eq_r"}
    assert values["eq_r"].low is not None
    assert values["eq_r"].low <= values["eq_r"].value
    with pytest.raises(DataError, match="moves pictures inside the network"):
        measure_errors(Darker(SIDES, 1, 0), "eq_t", 1)


def test_a_count_that_the_metric_does_not_use_is_said() -> None:
    found = iw.evaluate(Waves(moves=True), metrics="equivariance:pictures=2", count=3)
    assert "--count 3 does not change equivariance" in " ".join(found.notes)
    assert "equivariance:pictures=3" in " ".join(found.notes)
    assert not iw.evaluate(Waves(moves=True), metrics="equivariance:pictures=2").notes
