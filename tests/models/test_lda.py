"""LDA against scikit-learn's PCA and LDA and against the eigenproblem it solves; Fisherfaces; unusable labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import scipy.stats
import sklearn.decomposition
import torch
from linear_sets import Rows, digits, fitted
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import ConfigError, DataError
from imagewright.images.float_stream import FloatStream
from imagewright.models.linear.lda import LDA, LDAConfig
from imagewright.pixels import to_float

ORL = Path(__file__).resolve().parents[3] / "shared" / "data" / "orl_faces"


@pytest.mark.parametrize(("classes", "principal"), [(10, 20), (3, 30), (2, 5)])
def test_predictions_and_discriminants_are_scikit_learns(classes: int, principal: int) -> None:
    rows = digits(classes)
    x = rows.rows.astype(np.float64)
    peer = make_pipeline(sklearn.decomposition.PCA(principal, svd_solver="full"), LinearDiscriminantAnalysis())
    peer.fit(x, rows.labels.numpy())
    model = fitted("lda", rows, principal=principal)
    predicted = model.classify(rows.images()).argmax(1).numpy()
    assert (predicted == peer.predict(x)).mean() > 0.998
    latents, theirs = model.encode(rows.images()).numpy(), peer.transform(x)
    assert latents.shape == theirs.shape == (len(rows), classes - 1)
    # Versions of scikit-learn divide by N or by N - K: a common factor.
    factor = np.sqrt((latents**2).sum() / (theirs**2).sum())
    assert 0.99 < factor < 1.001
    np.testing.assert_allclose(np.abs(latents), factor * np.abs(theirs), atol=2e-3, rtol=1e-3)


def test_probabilities_are_those_of_gaussians_with_one_covariance() -> None:
    rows = digits()
    labels, x = rows.labels.numpy(), rows.rows.astype(np.float64)
    x = sklearn.decomposition.PCA(15, svd_solver="full").fit_transform(x)
    means = np.stack([x[labels == label].mean(0) for label in range(10)])
    covariance = (x - means[labels]).T @ (x - means[labels]) / (len(x) - 10)
    joint = np.stack([scipy.stats.multivariate_normal(mean, covariance).logpdf(x) for mean in means], 1)
    joint += np.log(np.bincount(labels) / len(x))
    found = fitted("lda", rows, principal=15).classify(rows.images())
    np.testing.assert_allclose(found.numpy(), scipy.special.log_softmax(joint, 1), atol=5e-3, rtol=1e-3)


def test_the_ratios_are_the_eigenvalues_of_the_scatter_between_and_within_classes() -> None:
    rows = digits()
    model = fitted("lda", rows, principal=12)
    labels, x = rows.labels.numpy(), rows.rows.astype(np.float64)
    x = sklearn.decomposition.PCA(12, svd_solver="full").fit_transform(x)
    means = np.stack([x[labels == label].mean(0) for label in range(10)])
    within = (x - means[labels]).T @ (x - means[labels]) / (len(x) - 10)
    between = means[labels].T @ means[labels] / len(x)
    expected = scipy.linalg.eigh(between, within, eigvals_only=True)[::-1][:9]
    np.testing.assert_allclose(model.ratios.numpy(), expected, rtol=1e-3)
    np.testing.assert_allclose(model.log_priors.exp().numpy(), np.bincount(labels) / len(x), rtol=1e-5)


def test_latents_have_unit_variance_within_classes_and_survive_decoding() -> None:
    rows = digits()
    model = fitted("lda", rows)
    latents = model.encode(rows.images())
    inside = latents - model.centres[rows.labels]
    torch.testing.assert_close(inside.T @ inside / (len(rows) - 10), torch.eye(9), atol=2e-3, rtol=0)
    torch.testing.assert_close(model.encode(model.decode(latents)), latents, atol=2e-3, rtol=1e-3)


def test_decoding_is_the_best_linear_prediction_of_the_picture() -> None:
    rows = digits()
    model = fitted("lda", rows, principal=63)  # all directions: the prediction is not limited by the components
    latents = model.encode(rows.images()).numpy()
    guess, *_ = np.linalg.lstsq(latents, rows.rows - rows.rows.mean(0), rcond=None)
    np.testing.assert_allclose(model.patterns.numpy(), guess, atol=2e-3)


def test_fewer_discriminants_are_the_first_ones() -> None:
    rows = digits()
    few, all_of_them = fitted("lda", rows, components=3, principal=20), fitted("lda", rows, principal=20)
    torch.testing.assert_close(few.encode(rows.images()), all_of_them.encode(rows.images())[:, :3])
    assert few.latent_shape == (3,)


def test_fisherfaces_recognise_nine_of_ten_people_from_five_pictures() -> None:
    """At least 92 % on average over ten splits, as required."""
    if not ORL.is_dir():
        pytest.skip("the ORL faces (../shared/data/orl_faces) are not on this machine")
    images = iw.open_images(ORL, size=(56, 46)).prepare()
    right = []
    for seed in range(10):
        random = np.random.default_rng(seed)
        people = range(len(images.class_names))
        train = np.concatenate([random.permutation(np.flatnonzero(images.labels == each))[:5] for each in people])
        test = np.setdiff1d(np.arange(len(images)), train)
        model = LDA(LDAConfig(size=images.size, channels=1, class_names=images.class_names))
        model.fit(FloatStream(images.subset(train)))
        batch = images.batch(test)
        found = model.classify(to_float(batch.images.contiguous())).argmax(1)
        right.append(float((found == batch.labels).float().mean()))
    assert np.mean(right) >= 0.92


def test_a_run_classifies_pictures(tmp_path: Path) -> None:
    run = train_tiny("lda", simple_pictures(40), tmp_path / "run")
    found = iw.classify(run, simple_pictures(5, seed=3))
    assert found.shape == (5, 2)
    torch.testing.assert_close(found.exp().sum(1), torch.ones(5))
    assert iw.load(run).class_names == ("one", "other")


# Unusable labels


def noise(labels: list[int], pixels: int = 16) -> Rows:
    random = np.random.default_rng(0).uniform(-1, 1, (len(labels), pixels))
    return Rows(random, (1, 4, pixels // 4), np.array(labels))


def test_a_class_of_one_picture_is_learned() -> None:
    rows = noise([0, 0, 0, 0, 1, 2, 2, 2])
    found = fitted("lda", rows, principal=5).classify(rows.images())
    assert torch.isfinite(found).all()
    assert found[4].argmax() == 1


def test_a_class_without_pictures_has_probability_zero_and_does_not_affect_others() -> None:
    rows = noise([0, 0, 0, 2, 2, 2, 0, 2])
    found = fitted("lda", rows).classify(rows.images())
    assert (found[:, 1] == -torch.inf).all()
    assert torch.isfinite(found[:, [0, 2]]).all()
    torch.testing.assert_close(found.exp().sum(1), torch.ones(8))


def test_labels_are_needed_in_two_classes_and_more_than_one_picture_a_class() -> None:
    rows = noise([0, 1, 0, 1])
    rows.labels = None
    with pytest.raises(DataError, match="have no labels"):
        fitted("lda", rows, class_names=("a", "b"))
    with pytest.raises(DataError, match="of one class"):
        fitted("lda", noise([1, 1, 1, 1]))
    with pytest.raises(DataError, match="one picture in each class"):
        fitted("lda", noise([0, 1, 2, 3]))


def test_too_many_components_are_refused_with_the_largest_possible_number() -> None:
    rows = noise([0, 0, 0, 1, 1, 1, 2, 2])
    with pytest.raises(ConfigError, match=r"principal=6\b.*--principal 5"):
        fitted("lda", rows, principal=6)
    with pytest.raises(ConfigError, match=r"components=3\b.*--components 2"):
        fitted("lda", rows, components=3)
    assert fitted("lda", rows, principal=5).latent_shape == (2,)


def test_constant_pixels_and_equal_pictures() -> None:
    rows = noise([0, 0, 0, 1, 1, 1])
    rows.rows[:, 3:] = 0.25
    model = fitted("lda", rows, principal=4)
    assert all(torch.isfinite(each).all() for each in (model.classify(rows.images()), model.decode(torch.ones(1, 1))))
    rows.rows[:] = 0.25
    with pytest.raises(DataError, match="All pictures are equal"):
        fitted("lda", rows)
