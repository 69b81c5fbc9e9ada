"""Naive Bayes: scikit-learn's numbers, Gaussian and Bernoulli, on pixels and on latents; what cannot be learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sklearn.naive_bayes
import torch
from sklearn.datasets import load_digits
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright import configs
from imagewright.errors import ConfigError, DataError
from imagewright.models.density.naive_bayes import NaiveBayes, NaiveBayesConfig
from imagewright.models.shared.points import as_pictures, log_probabilities
from imagewright.statistics.fitting import TensorStream

NAMES = tuple(map(str, range(10)))


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """(1797, 64) pixels in [-1, 1], with some that never vary, and labels."""
    data = load_digits()
    return torch.from_numpy(data.data / 8 - 1).float(), torch.from_numpy(data.target)


def fitted(points: torch.Tensor, labels: torch.Tensor, **options: object) -> NaiveBayes:
    shape = {"size": (1, points.shape[1]), "channels": 1, "class_names": NAMES}
    model = NaiveBayes(configs.build(NaiveBayesConfig, shape | options, "naive_bayes"))
    model.fit(TensorStream(as_pictures(points), labels))
    return model


@pytest.mark.parametrize("smoothing", [1e-9, 0.03])
def test_gaussian_log_probabilities_are_scikit_learns(smoothing: float) -> None:
    points, labels = digits()
    exact = points.double().numpy()
    reference = sklearn.naive_bayes.GaussianNB(var_smoothing=smoothing).fit(exact, labels)
    model = fitted(points, labels, smoothing=smoothing, pooling=0.0)
    ours = log_probabilities(model, points)
    np.testing.assert_allclose(ours, reference.predict_log_proba(exact), rtol=1e-5, atol=2e-4)
    marginal = model.score(as_pictures(points), torch.Generator(), 1)
    np.testing.assert_allclose(marginal, np.logaddexp.reduce(reference.predict_joint_log_proba(exact), 1), rtol=1e-5)


@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_bernoulli_log_probabilities_are_scikit_learns(threshold: float) -> None:
    points, labels = digits()
    on = (points > 2 * threshold - 1).numpy()
    reference = sklearn.naive_bayes.BernoulliNB(alpha=1.0, binarize=None).fit(on, labels)
    model = fitted(points, labels, distribution="bernoulli", threshold=threshold)
    ours = log_probabilities(model, points)
    np.testing.assert_allclose(ours, reference.predict_log_proba(on), rtol=1e-5, atol=1e-4)
    assert model.score_unit.startswith("log-probability of the binarised pixels")


def test_samples_of_a_class_have_the_means_of_its_pixels() -> None:
    points, labels = digits()
    for options in ({}, {"distribution": "bernoulli", "threshold": 0.4}):
        model = fitted(points, labels, **options)
        drawn = model.sample_latents(20_000, torch.Generator().manual_seed(0), torch.full((20_000,), 3))
        own = points[labels == 3]
        expected = own.mean(0) if not options else (own > -0.2).float().mean(0) * 2 - 1
        np.testing.assert_allclose(drawn.mean(0), expected, atol=0.04)
        predicted = log_probabilities(model, model.sample_latents(500, torch.Generator().manual_seed(1))).argmax(1)
        assert set(predicted.tolist()) == set(range(10))


def test_pooled_variances_help_if_pictures_are_few() -> None:
    points, labels = digits()
    few, rest = slice(0, 30), slice(500, None)
    right = {
        pooling: float((log_probabilities(fitted(points[few], labels[few], pooling=pooling), points[rest]).argmax(1)
                        == labels[rest]).double().mean())
        for pooling in (None, 0.0)
    }  # fmt: skip
    assert right[None] > right[0.0]


@pytest.mark.parametrize("distribution", ["gaussian", "bernoulli"])
def test_a_run_on_pixels_classifies_scores_and_samples(distribution: str, tmp_path: Path) -> None:
    light, dark = simple_pictures(20), 255 - simple_pictures(20)
    images = iw.open_images(np.stack([light, dark], 1).reshape(40, 3, 16, 16))  # `train_tiny` labels them in turn
    options = {"encoder": "pixels", "components": None, "distribution": distribution}
    run = train_tiny("naive_bayes", images, tmp_path / "run", **options)
    predicted = iw.classify(run, np.concatenate([light, dark]))
    assert predicted.argmax(1).tolist() == [0] * 20 + [1] * 20
    assert torch.isfinite(iw.score(run, light)).all()
    assert iw.sample(run, 4, label="one").float().mean() < iw.sample(run, 4, label="other").float().mean()


def test_constant_pixels_single_pictures_and_missing_classes_are_harmless() -> None:
    points, labels = digits()
    rows = torch.cat([torch.where(labels == 0)[0][:9], torch.where(labels == 1)[0][:1]])
    for options in ({}, {"smoothing": 0.0, "pooling": 0.0}, {"distribution": "bernoulli"}):
        model = fitted(points[rows], labels[rows], **options)
        predicted = log_probabilities(model, points)
        assert torch.isfinite(predicted).all()
        assert predicted.argmax(1).max() <= 1
        assert torch.isfinite(model.score(as_pictures(points), torch.Generator(), 1)).all()


def test_what_cannot_be_learned_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"naive_bayes .*no labels"):
        iw.train("naive_bayes", simple_pictures(8), tmp_path / "run")
    with pytest.raises(DataError, match="All pictures are equal"):
        fitted(torch.ones(6, 4), torch.arange(6))
    points, labels = digits()
    with pytest.raises(ConfigError, match=r"distribution=bernoulli .*encoder=pca"):
        fitted(points, labels, distribution="bernoulli", encoder="pca")
