"""Logistic regression and the linear SVM: scikit-learn's numbers, Platt's calibration, and what cannot be learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import ConfigError, DataError, UserError
from imagewright.models.shared.points import fit_classifier, log_probabilities
from imagewright.statistics.platt import fit_sigmoid

MODELS = ("logistic_regression", "linear_svm")


def digits(classes: int = 10, count: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    data = load_digits(n_class=classes)
    return torch.from_numpy(data.data / 8 - 1).float()[:count], torch.from_numpy(data.target)[:count]


def fitted(name: str, points: torch.Tensor, labels: torch.Tensor, **options: Any) -> Any:
    return fit_classifier(name, options, points, labels, tuple(map(str, range(int(labels.max()) + 1))))


@pytest.mark.parametrize("classes", [2, 5])
def test_logistic_regression_is_scikit_learns(classes: int) -> None:
    points, labels = digits(classes)
    exact = points.double().numpy()
    reference = LogisticRegression(C=0.5, max_iter=500).fit(exact, labels)
    ours = log_probabilities(fitted("logistic_regression", points, labels, penalty=2.0), points)
    np.testing.assert_allclose(ours, reference.predict_log_proba(exact), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("classes", [2, 5])
def test_margins_are_scikit_learns_and_probabilities_have_their_order(classes: int) -> None:
    points, labels = digits(classes)
    exact = points.double().numpy()
    reference = LinearSVC(C=1.0, dual="auto", random_state=0, max_iter=2000).fit(exact, labels).decision_function(exact)
    model = fitted("linear_svm", points, labels)
    margins = model.margins(points.double()).numpy()
    np.testing.assert_allclose(margins[:, 1] if classes == 2 else margins, reference, atol=1e-5)
    predicted = log_probabilities(model, points)
    torch.testing.assert_close(predicted.exp().sum(1), torch.ones(len(points)))
    assert (predicted.argmax(1).numpy() == margins.argmax(1)).mean() > 0.98
    assert (model.slopes > 0).all()


def test_the_sigmoid_has_the_largest_likelihood_of_platts_targets() -> None:
    random = np.random.default_rng(0)
    margins = random.standard_normal(500) * 3
    positive = random.random(500) < expit(1.7 * margins - 0.6)
    slope, offset = fit_sigmoid(margins, positive)
    assert slope == pytest.approx(1.7, rel=0.2)
    assert offset == pytest.approx(-0.6, abs=0.3)
    targets = np.where(positive, (positive.sum() + 1) / (positive.sum() + 2), 1 / ((~positive).sum() + 2))

    def loss(slope: float, offset: float) -> float:
        logits = slope * margins + offset
        return float((np.logaddexp(0, logits) - targets * logits).sum())

    best = loss(slope, offset)
    for step in (1e-3, -1e-3):
        assert best < loss(slope + step, offset)
        assert best < loss(slope, offset + step)


def test_slopes_are_never_negative_and_separable_margins_stay_finite() -> None:
    margins = np.linspace(-1, 1, 40)
    assert fit_sigmoid(margins, margins < 0)[0] == 0
    slope, offset = fit_sigmoid(margins * 1e6, margins > 0)
    assert 0 < slope < 1
    assert np.isfinite(offset)


def test_probabilities_of_the_svm_are_calibrated_on_unseen_pictures() -> None:
    data = load_digits()
    points, labels = torch.from_numpy(data.data / 8 - 1).float(), torch.from_numpy(data.target)
    model = fitted("linear_svm", points[:900], labels[:900])
    predicted = log_probabilities(model, points[900:])
    confidence, right = predicted.max(1).values.exp(), (predicted.argmax(1) == labels[900:]).float()
    assert float((confidence - right).mean().abs()) < 0.08  # confidence equals accuracy on average


def test_classes_of_few_pictures_share_one_sigmoid_which_preserves_decisions() -> None:
    points, labels = digits(5, 30)
    model = fitted("linear_svm", points, labels)
    assert len(model.slopes.unique()) == len(model.offsets.unique()) == 1
    new, _ = digits(5, 400)
    assert torch.equal(log_probabilities(model, new).argmax(1), model.margins(new.double()).argmax(1))


# Runs, and what cannot be learned


@pytest.mark.parametrize("name", MODELS)
def test_a_run_classifies_and_does_not_sample(name: str, tmp_path: Path) -> None:
    light, dark = simple_pictures(20), 255 - simple_pictures(20)
    images = iw.open_images(np.stack([light, dark], 1).reshape(40, 3, 16, 16))  # `train_tiny` labels them in turn
    run = train_tiny(name, images, tmp_path / "run")
    predicted = iw.classify(run, np.concatenate([light, dark]))
    assert predicted.shape == (40, 2)
    assert predicted.argmax(1).tolist() == [0] * 20 + [1] * 20
    with pytest.raises(UserError, match=f"{name} cannot sample: .*classify"):
        iw.sample(run, 1)


@pytest.mark.parametrize("name", MODELS)
def test_single_pictures_and_missing_classes_are_harmless(name: str) -> None:
    points, labels = digits(3, 60)
    for chosen in ([0, 2], [0, 1, 2]):
        rows = torch.cat([torch.where(labels == label)[0][: 1 if label == 2 else 9] for label in chosen])
        model = fit_classifier(name, {}, points[rows], labels[rows], ("a", "b", "c", "never"))
        predicted = log_probabilities(model, points)
        assert torch.isfinite(predicted).all()
        assert set(predicted.argmax(1).tolist()) <= set(chosen)


@pytest.mark.parametrize("name", MODELS)
def test_labels_of_two_classes_and_pictures_that_vary_are_needed(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{name} .*no labels"):
        iw.train(name, simple_pictures(8), tmp_path / "run")
    points, labels = digits(2, 20)
    with pytest.raises(DataError, match="are of one, '0'"):
        fit_classifier(name, {}, points, labels * 0, ("0", "1"))
    with pytest.raises(DataError, match="All pictures have the same latent"):
        fitted(name, points * 0, labels)
    with pytest.raises(ConfigError, match=f"{name}: penalty="):
        fitted(name, points, labels, penalty=0.0)
