"""Random projection: scikit-learn's bound, measured distortion, distributions of the directions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from linear_sets import Rows, fitted
from sklearn.random_projection import GaussianRandomProjection, johnson_lindenstrauss_min_dim

from imagewright.errors import ConfigError
from imagewright.models.linear.random_projection import dimensions_for, guaranteed_distortion

SHAPE = (1, 50, 60)
KINDS = ("gaussian", "achlioptas", "sparse")


def pictures(count: int = 40, shape: tuple[int, int, int] = SHAPE) -> Rows:
    return Rows(np.random.default_rng(0).uniform(-1, 1, (count, math.prod(shape))), shape)


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 0.35, 0.5, 0.99])
@pytest.mark.parametrize("count", [2, 17, 1000, 10**6])
def test_the_needed_dimension_is_scikit_learns(epsilon: float, count: int) -> None:
    assert dimensions_for(epsilon, count) == johnson_lindenstrauss_min_dim(count, eps=epsilon)


@pytest.mark.parametrize("count", [2, 300, 10**6])
def test_the_guaranteed_distortion_inverts_the_needed_dimension(count: int) -> None:
    for dimensions in (400, 700, 5000):
        epsilon = guaranteed_distortion(dimensions, count)
        assert epsilon is not None
        assert dimensions - 1 <= dimensions_for(epsilon, count) <= dimensions
        assert dimensions_for(0.99 * epsilon, count) > dimensions
    assert guaranteed_distortion(int(24 * math.log(count)), count) is None


@pytest.mark.parametrize("entries", KINDS)
def test_distances_are_within_the_guaranteed_distortion(entries: str) -> None:
    rows = pictures()
    model = fitted("random_projection", rows, epsilon=0.4, entries=entries)
    assert model.latent_shape == (dimensions_for(0.4, 40),)
    before = torch.pdist(rows.images().flatten(1)).square()
    after = torch.pdist(model.encode(rows.images())).square()
    assert (after / before).min() > 1 - 0.4
    assert (after / before).max() < 1 + 0.4
    assert (after / before).mean() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("entries", "density"), [("gaussian", 1.0), ("achlioptas", 1 / 3), ("sparse", 3000**-0.5)])
def test_the_entries_of_directions_have_the_papers_distributions(entries: str, density: float) -> None:
    drawn = fitted("random_projection", pictures(), components=100, entries=entries).directions
    nonzero = drawn[drawn != 0]
    assert len(nonzero) / drawn.numel() == pytest.approx(density, rel=0.05)
    assert float(drawn.mean()) == pytest.approx(0, abs=1e-3)
    assert float(drawn.var()) * 100 == pytest.approx(1, rel=0.05)
    if entries != "gaussian":
        torch.testing.assert_close(nonzero.abs(), torch.full_like(nonzero, 1 / math.sqrt(100 * density)))
    else:
        assert float((nonzero * 10).abs().le(1).float().mean()) == pytest.approx(0.6827, abs=0.01)


def test_encoding_is_scikit_learns_around_the_mean_and_decoding_its_pseudo_inverse() -> None:
    rows = pictures(30, (3, 5, 4))
    model = fitted("random_projection", rows, components=20)
    peer = GaussianRandomProjection(20, compute_inverse_components=True).fit(rows.rows)
    peer.components_ = model.directions.numpy()
    centred = rows.rows - rows.rows.mean(0)
    latents = model.encode(rows.images())
    np.testing.assert_allclose(latents.numpy(), peer.transform(centred), atol=1e-5)
    expected = rows.rows.mean(0) + latents.numpy() @ np.linalg.pinv(model.directions.numpy()).T
    np.testing.assert_allclose(model.decode(latents).flatten(1).numpy(), expected, atol=1e-5)
    torch.testing.assert_close(model.encode(model.decode(latents)), latents, atol=1e-4, rtol=1e-4)


def test_as_many_dimensions_as_pixel_values_are_lossless() -> None:
    rows = pictures(10, (1, 4, 4))
    model = fitted("random_projection", rows, components=16)
    torch.testing.assert_close(model.decode(model.encode(rows.images())), rows.images(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("seed", range(5))
def test_dependent_directions_have_a_pseudo_inverse_too(seed: int) -> None:
    rows = pictures(10, (1, 2, 2))  # of four pixels: some sparse directions are equal, or zero
    model = fitted("random_projection", rows, components=4, entries="sparse", seed=seed)
    expected = np.linalg.pinv(model.directions.numpy(), rcond=1e-6).T
    np.testing.assert_allclose(model.inverse.numpy(), expected, atol=1e-5)


def test_the_fit_reports_its_bound_and_reads_the_pictures_once() -> None:
    rows = pictures(40)
    model = fitted("random_projection", rows, components=500)
    assert model.distortion == pytest.approx(guaranteed_distortion(500, 40))
    assert model.derived_metrics({})["epsilon"] == pytest.approx(model.distortion)
    assert model.derived_metrics({})["dimensions for epsilon 0.1"] == johnson_lindenstrauss_min_dim(40, eps=0.1)
    assert rows.passes <= 2  # one, and one for the first picture
    assert "epsilon" not in fitted("random_projection", rows, components=20).derived_metrics({})


def test_a_bound_that_needs_too_many_dimensions_is_refused_with_a_possible_one() -> None:
    rows = pictures(4, (1, 20, 30))
    with pytest.raises(ConfigError, match=r"epsilon=0\.05\b.*\b600 pixel values") as refused:
        fitted("random_projection", rows, epsilon=0.05)
    feasible = float(str(refused.value).split("--epsilon ")[1].split()[0])
    assert fitted("random_projection", rows, epsilon=feasible).latent_shape[0] <= 600
    with pytest.raises(ConfigError, match="--components N"):
        fitted("random_projection", pictures(10, (1, 2, 2)), epsilon=0.5)


def test_invalid_numbers_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"components=17\b.*--components 16\b"):
        fitted("random_projection", pictures(10, (1, 4, 4)), components=17)
    with pytest.raises(ConfigError, match="give one of them"):
        fitted("random_projection", pictures(), components=3, epsilon=0.5)
    with pytest.raises(ConfigError, match=r"epsilon=1.0"):
        fitted("random_projection", pictures(), epsilon=1.0)


@pytest.mark.parametrize("entries", KINDS)
def test_one_picture_and_equal_ones_can_be_projected(entries: str) -> None:
    for rows in (pictures(1, (1, 4, 4)), Rows(np.full((5, 16), 0.5), (1, 4, 4))):
        model = fitted("random_projection", rows, components=8, entries=entries)
        torch.testing.assert_close(model.decode(model.encode(rows.images())), rows.images(), atol=1e-6, rtol=0)
        assert all(math.isfinite(value) for value in model.derived_metrics({}).values())
