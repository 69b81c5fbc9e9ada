"""Kernel densities: scikit-learn's and SciPy's numbers, the choice of the bandwidth, and the kernel centres."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import sklearn.neighbors
import torch
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright import configs
from imagewright.errors import ConfigError, DataError
from imagewright.models.density.kde import KDE, KDEConfig
from imagewright.models.shared.points import as_pictures
from imagewright.statistics.fitting import TensorStream


def cloud(count: int = 200, dimensions: int = 2, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((count, dimensions))).float()


def fitted(points: torch.Tensor, **options: object) -> KDE:
    values = {"size": (1, points.shape[1]), "channels": 1, "encoder": "pixels"} | options
    model = KDE(configs.build(KDEConfig, values, "kde"))
    model.fit(TensorStream(as_pictures(points), torch.zeros(len(points), dtype=torch.int64)))
    return model


def scores(model: KDE, points: torch.Tensor) -> np.ndarray:
    return model.score(as_pictures(points), torch.Generator(), 1).numpy()


@pytest.mark.parametrize("bandwidth", ["scott", "silverman", 0.3])
def test_the_score_is_scikit_learns_on_standardised_points(bandwidth: str | float) -> None:
    points = cloud(150, 3) * torch.tensor([1.0, 5.0, 0.2])
    scales = points.double().std(0).numpy()
    reference = sklearn.neighbors.KernelDensity(bandwidth=bandwidth).fit(points.numpy() / scales)
    expected = reference.score_samples(points.numpy() / scales) - np.log(scales).sum()
    np.testing.assert_allclose(scores(fitted(points, bandwidth=bandwidth), points), expected, rtol=1e-5)


def test_in_one_dimension_it_is_scipys() -> None:
    points, asked = cloud(100, 1), torch.linspace(-4, 4, 50)[:, None]
    expected = scipy.stats.gaussian_kde(points[:, 0].double().numpy(), "scott").logpdf(asked[:, 0].double().numpy())
    np.testing.assert_allclose(scores(fitted(points, bandwidth="scott"), asked), expected, rtol=1e-5)


def test_the_density_integrates_to_one() -> None:
    model = fitted(cloud(50))
    side = torch.linspace(-8, 8, 81)
    density = np.exp(scores(model, torch.cartesian_prod(side, side)))
    assert density.sum() * 0.2**2 == pytest.approx(1, abs=1e-3)


def test_cross_validation_explains_new_points_nearly_as_well_as_any_bandwidth_does() -> None:
    groups = torch.randint(0, 4, (400,), generator=torch.Generator().manual_seed(1)) * 6.0
    points = cloud(400) * 0.3 + groups[:, None]  # Scott's rule, which assumes one Gaussian, is far too wide
    new = cloud(400, seed=5) * 0.3 + groups[:, None]
    chosen = scores(fitted(points), new).mean()
    tried = [scores(fitted(points, bandwidth=float(width)), new).mean() for width in np.geomspace(0.01, 1, 12)]
    assert chosen > max(tried) - 0.05
    assert chosen > scores(fitted(points, bandwidth="scott"), new).mean() + 0.3


def test_of_too_many_points_a_random_selection_is_used() -> None:
    points = cloud(500)
    kept = [fitted(points, most_points=100, seed=seed).kept for seed in (0, 0, 1)]
    assert kept[0].shape == (100, 2)
    assert torch.equal(kept[0], kept[1])
    assert not torch.equal(kept[0], kept[2])
    known = {tuple(row) for row in points.double().tolist()}
    assert all(tuple(row) in known for row in kept[0].tolist())


def test_samples_have_the_variance_of_the_points_plus_that_of_the_kernels() -> None:
    points = cloud(300) * torch.tensor([1.0, 4.0])
    model = fitted(points, bandwidth=0.5)
    drawn = model.sample_latents(40_000, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(drawn.var(0), points.var(0) * (1 + 0.5**2), rtol=0.05)


def test_a_run_samples_scores_and_reports_its_bandwidth(tmp_path: Path) -> None:
    run = train_tiny("kde", simple_pictures(30), tmp_path / "run")
    assert run.metrics()[-1]["derived_metrics"]["kernel/points"] == 30
    seen, strange = iw.score(run, simple_pictures(30)), iw.score(run, 255 - simple_pictures(30))
    assert seen.median() > strange.max()


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, "narrow"])
def test_an_impossible_bandwidth_is_refused(bandwidth: object) -> None:
    with pytest.raises(ConfigError, match="bandwidth"):
        fitted(cloud(), bandwidth=bandwidth)


def test_too_few_or_equal_points_are_refused_and_constant_dimensions_are_not(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two pictures or more"):
        train_tiny("kde", simple_pictures(1), tmp_path / "one")
    with pytest.raises(DataError, match="All pictures have the same latent"):
        fitted(torch.zeros(9, 2))
    constant = torch.cat([cloud(20), torch.ones(20, 1)], 1)
    model = fitted(constant)
    assert np.isfinite(scores(model, constant)).all()
    assert np.isfinite(scores(model, constant * 100)).all()
    assert np.isfinite(scores(fitted(cloud(2)), cloud(5))).all()
