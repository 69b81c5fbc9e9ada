"""Gaussian discriminants: scikit-learn's numbers, shrinkage, pooling, samples of a class, classes of one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.special
import scipy.stats
import sklearn.covariance
import sklearn.discriminant_analysis
import torch
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright import configs
from imagewright.errors import ConfigError, DataError, UserError
from imagewright.models.density.gda import GDA, GDAConfig
from imagewright.models.shared.points import as_pictures, log_probabilities
from imagewright.statistics.fitting import TensorStream

NAMES = ("a", "b", "c")


def three_classes(count: int = 240, dimensions: int = 4, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = np.random.default_rng(seed)
    labels = generator.choice(3, count, p=[0.5, 0.3, 0.2])
    shapes = generator.standard_normal((3, dimensions, dimensions)) * 0.5 + np.eye(dimensions)
    points = np.einsum("nij,nj->ni", shapes[labels], generator.standard_normal((count, dimensions)))
    centres = generator.standard_normal((3, dimensions)) * 1.5
    return torch.from_numpy(points + centres[labels]).float(), torch.from_numpy(labels)


def fitted(points: torch.Tensor, labels: torch.Tensor, **options: object) -> GDA:
    shape = {"size": (1, points.shape[1]), "channels": 1, "class_names": NAMES, "encoder": "pixels"}
    model = GDA(configs.build(GDAConfig, shape | options, "gda"))
    model.fit(TensorStream(as_pictures(points), labels))
    return model


def centred(points: torch.Tensor) -> np.ndarray:
    return (points.double() - points.double().mean(0)).numpy()


@pytest.mark.parametrize("shrinkage", [0.0, 0.3])
def test_linear_log_probabilities_are_scikit_learns(shrinkage: float) -> None:
    points, labels = three_classes()
    reference = sklearn.discriminant_analysis.LinearDiscriminantAnalysis(solver="lsqr")
    if shrinkage:  # scikit-learn shrinks standardised classes: set against its own shrinkage of the pooled covariance
        deviations = np.concatenate([centred(points[labels == k]) for k in range(3)])
        pooled = sklearn.covariance.empirical_covariance(deviations, assume_centered=True)
        covariance = sklearn.covariance.shrunk_covariance(pooled, shrinkage)
        joint = [
            scipy.stats.multivariate_normal(points[labels == k].double().mean(0).numpy(), covariance).logpdf(
                points.double().numpy()
            )
            + np.log(float((labels == k).double().mean()))
            for k in range(3)
        ]
        expected = scipy.special.log_softmax(np.stack(joint, 1), axis=1)
    else:
        expected = reference.fit(points.double().numpy(), labels).predict_log_proba(points.double().numpy())
    ours = log_probabilities(fitted(points, labels, shrinkage=shrinkage), points)
    np.testing.assert_allclose(ours, expected, atol=1e-5, rtol=1e-5)


def test_quadratic_log_probabilities_are_those_of_a_gaussian_a_class() -> None:
    points, labels = three_classes()
    model = fitted(points, labels, boundary="quadratic", shrinkage=0.0, pooling=0.0)
    joint = []
    for label in range(3):
        own = points[labels == label].double().numpy()
        density = scipy.stats.multivariate_normal(own.mean(0), np.cov(own.T, bias=True))
        joint.append(density.logpdf(points.double().numpy()) + np.log(len(own) / len(points)))
    expected = scipy.special.log_softmax(np.stack(joint, 1), axis=1)
    np.testing.assert_allclose(log_probabilities(model, points), expected, atol=1e-5, rtol=1e-5)
    marginal = model.score(as_pictures(points), torch.Generator(), 1)
    np.testing.assert_allclose(marginal, scipy.special.logsumexp(np.stack(joint, 1), axis=1), rtol=1e-5)
    # scikit-learn divides by N or by N - 1, depending on its version: decisions are nearly the same.
    reference = sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis().fit(points.double().numpy(), labels)
    predicted = log_probabilities(model, points).argmax(1).numpy()
    assert (predicted == reference.predict(points.double().numpy())).mean() > 0.98


def test_default_shrinkage_is_ledoit_and_wolfs() -> None:
    points, labels = three_classes(40, 12)
    model = fitted(points, labels, boundary="quadratic", pooling=0.0)
    for label in range(3):
        expected, _ = sklearn.covariance.ledoit_wolf(centred(points[labels == label]), assume_centered=True)
        factor = model.factors[label]
        np.testing.assert_allclose(factor @ factor.T, expected, atol=1e-6)


def covariance_of(model: GDA, label: int) -> torch.Tensor:
    return model.factors[label] @ model.factors[label].T


def test_pooling_is_larger_for_classes_of_fewer_pictures() -> None:
    points, labels = three_classes(3000, 3)
    few = torch.cat([torch.where(labels == 0)[0], torch.where(labels == 1)[0][:9], torch.where(labels == 2)[0][:2]])
    for rows, nearest in ((torch.arange(3000), "own"), (few, "common")):
        model = fitted(points[rows], labels[rows], boundary="quadratic", shrinkage=0.0)
        own, common = (
            fitted(points[rows], labels[rows], boundary="quadratic", shrinkage=0.0, pooling=share)
            for share in (0.01, 1.0)
        )
        distances = {
            name: float((covariance_of(model, 2) - covariance_of(each, 2)).norm())
            for name, each in (("own", own), ("common", common))
        }
        assert min(distances, key=lambda name: distances[name]) == nearest


def test_the_fit_does_not_depend_on_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    points, labels = three_classes()
    whole = fitted(points, labels, boundary="quadratic")
    monkeypatch.setattr("imagewright.models.shared.latent_space.STREAMED_IMAGES", 17)
    torch.testing.assert_close(fitted(points, labels, boundary="quadratic").factors, whole.factors)


def test_samples_of_a_class_have_its_mean_and_covariance_and_are_classified_as_it() -> None:
    points, labels = three_classes(600, 3)
    model = fitted(points, labels, boundary="quadratic", shrinkage=0.0, pooling=0.0)
    for label in range(3):
        drawn = model.sample_latents(
            20_000, torch.Generator().manual_seed(label), torch.full((20_000,), label)
        ).double()
        own = points[labels == label].double()
        np.testing.assert_allclose(drawn.mean(0), own.mean(0), atol=0.06)
        np.testing.assert_allclose(torch.cov(drawn.T), torch.cov(own.T, correction=0), atol=0.12)
    drawn = model.sample_latents(20_000, torch.Generator().manual_seed(3)).double()
    np.testing.assert_allclose(drawn.mean(0), points.double().mean(0), atol=0.1)  # classes by their priors


def test_a_run_classifies_and_samples_by_class(tmp_path: Path) -> None:
    light, dark = simple_pictures(20), 255 - simple_pictures(20)
    images = iw.open_images(np.stack([light, dark], 1).reshape(40, 3, 16, 16))  # `train_tiny` labels them in turn
    run = train_tiny("gda", images, tmp_path / "run", boundary="quadratic")
    predicted = iw.classify(run, np.concatenate([light, dark]))
    torch.testing.assert_close(predicted.exp().sum(1), torch.ones(40))
    assert predicted.argmax(1).tolist() == [0] * 20 + [1] * 20
    ones, others = (iw.sample(run, 8, label=label).float().mean() for label in ("one", "other"))
    assert ones < others


# What cannot be learned


def test_labels_are_needed_and_of_two_classes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gda .*no labels"):
        iw.train("gda", simple_pictures(8), tmp_path / "run")
    points, _ = three_classes(20)
    with pytest.raises(DataError, match=r"20 pictures .*'b'"):
        fitted(points, torch.ones(20, dtype=torch.int64))


@pytest.mark.parametrize("boundary", ["linear", "quadratic"])
def test_classes_of_one_picture_and_of_none_are_harmless(boundary: str) -> None:
    points, labels = three_classes(30)
    labels[:] = 0
    labels[:1] = 1
    model = fitted(points, labels, boundary=boundary)
    predicted = log_probabilities(model, points)
    assert torch.isfinite(predicted).all()
    assert predicted.argmax(1).max() < 2
    assert torch.isfinite(model.score(as_pictures(points), torch.Generator(), 1)).all()
    assert torch.isfinite(model.sample_latents(2, torch.Generator(), torch.tensor([0, 1]))).all()
    with pytest.raises(UserError, match="'c' had no picture"):
        model.sample_latents(2, torch.Generator(), torch.tensor([0, 2]))


def test_a_class_of_one_picture_has_no_covariance_of_its_own() -> None:
    points, labels = three_classes(30)
    labels[:] = torch.arange(30) % 2
    labels[5] = 2
    with pytest.raises(ConfigError, match=r"pooling=0, .*'c'"):
        fitted(points, labels, boundary="quadratic", pooling=0.0)
    with pytest.raises(ConfigError, match=r"pooling .*boundary=quadratic"):
        fitted(points, labels, pooling=0.5)


def test_singular_covariances_are_accepted_and_no_variance_is_refused() -> None:
    points, labels = three_classes(30)
    flat = torch.cat([points, points[:, :1] * 2, torch.ones(30, 1)], 1)  # a copy, and a constant
    for options in ({}, {"shrinkage": 0.0}, {"boundary": "quadratic", "shrinkage": 0.0, "pooling": 0.5}):
        assert torch.isfinite(log_probabilities(fitted(flat, labels, **options), flat)).all()
    with pytest.raises(DataError, match="each class are all equal"):
        fitted(labels[:, None].repeat(1, 4).float(), labels)


def test_pixels_can_be_classified(tmp_path: Path) -> None:
    run = train_tiny("gda", simple_pictures(), tmp_path / "run", encoder="pixels", components=None)
    model = iw.load(run)
    assert model.latent_shape == (3 * 16 * 16,)
    assert iw.sample(run, 2, label="other").shape == (2, 3, 16, 16)
