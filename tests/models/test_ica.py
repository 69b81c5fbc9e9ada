"""ICA against known sources and scikit-learn's FastICA; its span against PCA's; what cannot be fitted."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.decomposition
import torch
from linear_sets import Rows, digits, fitted

from imagewright.errors import ConfigError, DataError
from imagewright.models.linear import ica

SHAPE = (1, 6, 7)


def mixed(count: int = 3000, sources: int = 4, noise: float = 0.0, uniform: bool = True) -> tuple[Rows, np.ndarray]:
    """Pictures that are a mean plus mixtures of sparse sources and a uniform one, and the sources (N, K)."""
    random = np.random.default_rng(0)
    drawn = random.laplace(size=(count, sources))
    if uniform:
        drawn[:, 1] = random.uniform(-1, 1, count)
    mixing = random.standard_normal((sources, 42)) * np.linspace(0.4, 0.1, sources)[:, None]
    rows = random.uniform(-0.5, 0.5, 42) + drawn @ mixing + noise * random.standard_normal((count, 42))
    return Rows(rows, SHAPE), drawn


def matches(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each wanted row the largest absolute cosine with a found row."""
    cosines = (found / np.linalg.norm(found, axis=1)[:, None]) @ (wanted / np.linalg.norm(wanted, axis=1)[:, None]).T
    return np.abs(cosines).max(0)


def test_the_sources_are_found_each_by_its_own_latent() -> None:
    rows, sources = mixed()
    latents = fitted("ica", rows, components=4).encode(rows.images()).numpy()
    correlation = np.abs(np.corrcoef(latents.T, sources.T)[:4, 4:])
    assert (correlation.max(0) > 0.99).all()
    assert sorted(correlation.argmax(0)) == [0, 1, 2, 3]


@pytest.mark.parametrize("contrast", ["logcosh", "exp", "cube"])
def test_the_mixing_is_that_of_scikit_learn(contrast: str) -> None:
    rows, _ = mixed(noise=0.01)
    reference = sklearn.decomposition.FastICA(4, whiten="unit-variance", fun=contrast, random_state=1, max_iter=500)
    reference.fit(rows.rows.astype(np.float64))
    model = fitted("ica", rows, components=4, contrast=contrast)
    assert (matches(model.mixing.numpy(), reference.mixing_.T) > 0.999).all()
    assert (matches(model.unmixing.numpy(), reference.components_) > 0.999).all()


def test_latents_are_uncorrelated_with_unit_variance_in_the_order_of_explained_variance() -> None:
    rows = digits()
    model = fitted("ica", rows, components=8)
    latents = model.encode(rows.images())
    torch.testing.assert_close(latents.mean(0), torch.zeros(8), atol=1e-4, rtol=0)
    torch.testing.assert_close(latents.T.cov(), torch.eye(8), atol=2e-3, rtol=0)
    ratios = model.explained_variance_ratio
    assert (ratios.diff() <= 0).all()
    pca = sklearn.decomposition.PCA(8, svd_solver="full").fit(rows.rows)
    assert float(ratios.sum()) == pytest.approx(pca.explained_variance_ratio_.sum(), rel=1e-4)


def test_reconstructions_are_those_of_pca() -> None:
    rows = digits()
    model = fitted("ica", rows, components=8)
    pca = sklearn.decomposition.PCA(8, svd_solver="full").fit(rows.rows)
    expected = pca.inverse_transform(pca.transform(rows.rows))
    np.testing.assert_allclose(model.decode(model.encode(rows.images())).flatten(1), expected, atol=1e-4)


def test_the_rotation_is_fitted_to_pictures_from_the_whole_of_a_large_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ica, "MOST_FITTED", 1000)
    rows, sources = mixed(count=6000, uniform=False)
    rows.rows[:3000] = rows.rows[:3000].mean(0)  # the first half alone has no information
    model = fitted("ica", rows, components=4)
    latents = model.encode(rows.images())[3000:].numpy()
    assert (np.abs(np.corrcoef(latents.T, sources[3000:].T)[:4, 4:]).max(0) > 0.95).all()
    assert rows.largest <= 512


def test_equal_seeds_give_equal_rotations() -> None:
    rows, _ = mixed(500, noise=0.01)
    one, same = (fitted("ica", rows, components=3, seed=5) for _ in range(2))
    assert torch.equal(one.mixing, same.mixing)


def test_a_rotation_that_did_not_converge_is_reported() -> None:
    rows = digits()
    assert fitted("ica", rows, components=8, iterations=1).derived_metrics({})["settled"] == 0
    settled = fitted("ica", mixed()[0], components=4).derived_metrics({})
    assert settled["settled"] == 1
    assert 1 < settled["steps of the rotation"] < 500


def test_sources_are_never_more_than_the_directions_in_which_pictures_vary() -> None:
    rows, _ = mixed(sources=4)
    assert fitted("ica", rows).latent_shape == (4,)
    with pytest.raises(ConfigError, match=r"components=9\b.*--components 4\b"):
        fitted("ica", rows, components=9)
    line = Rows(np.outer(np.linspace(-1, 1, 9), np.linspace(0.1, 1, 42)), SHAPE)
    model = fitted("ica", line)
    assert model.latent_shape == (1,)
    torch.testing.assert_close(model.decode(model.encode(line.images())), line.images(), atol=1e-5, rtol=0)


def test_equal_pictures_are_refused() -> None:
    with pytest.raises(DataError, match="two pictures"):
        fitted("ica", Rows(np.zeros((1, 42)), SHAPE))
    with pytest.raises(DataError, match="All pictures are equal"):
        fitted("ica", Rows(np.full((9, 42), 0.3), SHAPE))
    with pytest.raises(ConfigError, match="--components 9"):
        fitted("ica", Rows(np.random.default_rng(0).random((10, 42)), SHAPE), components=10)
