"""Mixtures of Gaussians: scikit-learn's numbers, BIC, encoders of every kind, and what cannot be fitted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import sklearn.mixture
import torch
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright import configs
from imagewright.errors import ConfigError, DataError, UserError
from imagewright.models.density.gmm import GMM, GMMConfig
from imagewright.models.shared.points import as_pictures
from imagewright.statistics.fitting import TensorStream

SKLEARN = {"full": "full", "tied": "tied", "diagonal": "diag"}


def clusters(count: int = 300, seed: int = 0) -> torch.Tensor:
    """Points (count, 3) of three clusters far apart, of 50 %, 30 % and 20 %."""
    generator = np.random.default_rng(seed)
    centres = np.array([[0, 0, 0], [8, 0, 2], [-4, 7, -3]])
    chosen = generator.choice(3, count, p=[0.5, 0.3, 0.2])
    return torch.from_numpy(centres[chosen] + generator.standard_normal((count, 3)) * [0.5, 1.0, 0.8])


def fitted(points: torch.Tensor, **options: object) -> GMM:
    values = {"size": (1, points.shape[1]), "channels": 1, "encoder": "pixels"} | options
    model = GMM(configs.build(GMMConfig, values, "gmm"))
    model.fit(TensorStream(as_pictures(points), torch.zeros(len(points), dtype=torch.int64)))
    return model


def scores(model: GMM, points: torch.Tensor) -> np.ndarray:
    return model.score(as_pictures(points), torch.Generator(), 1).numpy()


@pytest.mark.parametrize("covariance", SKLEARN)
def test_the_score_is_scikit_learns_log_density(covariance: str) -> None:
    points = clusters().float()
    model = fitted(points, gaussians=3, covariance=covariance)
    regularisation = 1e-3 * float(points.double().var(0, correction=0).mean())
    reference = sklearn.mixture.GaussianMixture(
        3, covariance_type=SKLEARN[covariance], reg_covar=regularisation, random_state=0, max_iter=200
    ).fit(points.double().numpy())
    np.testing.assert_allclose(scores(model, points), reference.score_samples(points.double().numpy()), rtol=1e-5)


def test_points_far_from_zero_are_fitted_as_well_as_near_ones() -> None:
    near = clusters()
    far = fitted(near + 1e6, gaussians=3)
    expected = fitted(near, gaussians=3)
    assert torch.allclose(far.weights, expected.weights, atol=1e-3)
    order = expected.weights.argsort()
    assert torch.allclose(far.means[far.weights.argsort()] - 1e6, expected.means[order], atol=0.3)


@pytest.mark.parametrize("covariance", SKLEARN)
def test_the_score_is_the_log_of_the_sum_of_scipys_densities(covariance: str) -> None:
    points = clusters(60)
    model = fitted(points, gaussians=2, covariance=covariance)
    factors = torch.diag_embed(model.factors) if covariance == "diagonal" else model.factors
    covariances = (factors @ factors.mT).expand(2, 3, 3)
    parts = [
        float(weight) * scipy.stats.multivariate_normal(mean.numpy(), own.numpy()).pdf(points.float().numpy())
        for weight, mean, own in zip(model.weights, model.means, covariances, strict=True)
    ]
    np.testing.assert_allclose(scores(model, points), np.log(np.sum(parts, 0)), rtol=1e-5)


def test_bic_finds_the_number_of_clusters_and_reports_it() -> None:
    model = fitted(clusters())
    assert model.derived_metrics({}) == {"mixture/gaussians": 3.0}
    assert sorted(model.weights.tolist()) == pytest.approx([0.2, 0.3, 0.5], abs=0.07)
    assert len(fitted(clusters(), most_gaussians=2).weights) == 2


def test_samples_have_the_moments_of_the_mixture() -> None:
    points = clusters(1000)
    for covariance in SKLEARN:
        model = fitted(points, gaussians=3, covariance=covariance)
        drawn = model.sample_latents(20_000, torch.Generator().manual_seed(0)).double()
        np.testing.assert_allclose(drawn.mean(0), points.mean(0), atol=0.15)
        np.testing.assert_allclose(torch.cov(drawn.T), torch.cov(points.T), rtol=0.1, atol=0.4)


# Encoders


def test_latents_are_those_of_the_pca_inside(tmp_path: Path) -> None:
    pictures = simple_pictures(40)
    run = train_tiny("gmm", pictures, tmp_path / "gmm", components=3)
    pca = train_tiny("pca", pictures, tmp_path / "pca", components=3)
    torch.testing.assert_close(iw.encode(run, pictures), iw.encode(pca, pictures))
    assert torch.equal(iw.reconstruct(run, pictures[:3]), iw.reconstruct(pca, pictures[:3]))
    assert iw.sample(run, 2).shape == (2, 3, 16, 16)
    assert iw.load(run).derived_metrics({})["mixture/gaussians"] == 2


def test_a_trained_run_is_the_encoder_and_is_stored_in_the_run(tmp_path: Path) -> None:
    pictures = simple_pictures(40)
    vae = train_tiny("vae", pictures, tmp_path / "vae", steps=3)
    latents = iw.encode(vae, pictures)
    run = train_tiny("gmm", pictures, tmp_path / "gmm", encoder=str(vae.path), components=None)
    (tmp_path / "vae").rename(tmp_path / "moved")
    assert torch.equal(iw.encode(run, pictures), latents)
    assert iw.sample(run, 2).shape == (2, 3, 16, 16)
    assert torch.isfinite(iw.score(run, pictures)).all()


def test_pictures_are_resized_for_the_encoder_unless_a_size_is_given(tmp_path: Path) -> None:
    vae = train_tiny("vae", simple_pictures(40), tmp_path / "vae", steps=1)
    larger = simple_pictures(40, (24, 24))
    run = train_tiny("gmm", larger, tmp_path / "gmm", encoder=str(vae.path), components=None)
    assert iw.load(run).config.size == (16, 16)
    opened = iw.open_images(larger, size=20)
    with pytest.raises(ConfigError, match=r"16x16x3 .*20x20 .*--size"):
        train_tiny("gmm", opened, tmp_path / "other", encoder=str(vae.path), components=None)


def test_a_run_that_does_not_encode_is_refused(tmp_path: Path) -> None:
    gan = train_tiny("dcgan", simple_pictures(40), tmp_path / "gan", steps=1)
    with pytest.raises(UserError, match=r"cannot encode: .*sample, decode, score"):
        train_tiny("gmm", simple_pictures(40), tmp_path / "gmm", encoder=str(gan.path), components=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "vae"}, r"encoder=vae\b.*`imagewright train vae"),
        ({"encoder": "dcgan"}, "encoder=dcgan, .*pca"),
        ({"encoder": "gmm"}, "encoder=gmm, .*no encoder"),
        ({"encoder": "pixels", "components": 3}, "components=3 "),
        ({"gaussians": 0}, "gmm: gaussians=0"),
        ({"gaussians": 41}, r"gaussians=41, .*--gaussians 40\b"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        train_tiny("gmm", simple_pictures(40), tmp_path / "gmm", **options)
    assert not (tmp_path / "gmm").exists()


# Sets with little information


def test_one_picture_and_equal_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two pictures"):
        train_tiny("gmm", simple_pictures(1), tmp_path / "one", gaussians=1)
    same = np.repeat(simple_pictures(1), 6, axis=0)
    with pytest.raises(DataError, match="All pictures are equal"):
        train_tiny("gmm", same, tmp_path / "same")
    with pytest.raises(DataError, match="All pictures have the same latent"):
        fitted(torch.ones(5, 3), gaussians=2)


@pytest.mark.parametrize("covariance", SKLEARN)
def test_few_pictures_constant_pixels_and_duplicates_have_finite_scores(covariance: str, tmp_path: Path) -> None:
    pictures = simple_pictures(6)
    pictures[:, :, :4] = 7  # constant pixels
    pictures[3:] = pictures[:3]
    run = train_tiny("gmm", pictures, tmp_path / "run", gaussians=3, components=2, covariance=covariance)
    assert torch.isfinite(iw.score(run, pictures)).all()
    assert torch.isfinite(iw.load(run).sample_latents(50, torch.Generator().manual_seed(0))).all()
    constant = torch.cat([clusters(30), torch.ones(30, 1)], 1)
    assert np.isfinite(scores(fitted(constant, covariance=covariance), constant)).all()
