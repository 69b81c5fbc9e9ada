"""Likelihoods: closed form for PCA, names by kind, and errors for models without a likelihood."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from feature_samples import compute
from scipy.stats import multivariate_normal
from tiny import simple_pictures, tiny_model, train_tiny

import imagewright as iw
from imagewright.errors import ConfigError, DataError
from imagewright.metrics.metric import Sample
from imagewright.model import Model
from imagewright.pixels import to_float


class ArrayPictures:
    """Pictures by number."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = torch.from_numpy(images)

    def __len__(self) -> int:
        return len(self.images)

    def pictures(self, rows: np.ndarray) -> torch.Tensor:
        return self.images[rows]


def likelihoods(model: Model, images: np.ndarray, **options: int) -> dict[str, tuple[float, float, float]]:
    reference = Sample("pictures", ArrayPictures(images))
    found = compute("likelihood", Sample("model", ArrayPictures(images[:0]), model=model), reference, **options)
    return {name: (value.value, value.low or 0.0, value.high or 0.0) for name, value in found.items()}


def test_pca_has_the_normal_density_in_closed_form(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (300, 1, 4, 4)).astype(np.uint8)
    model = iw.load(iw.train("pca", pictures, out=tmp_path / "run", components=5))
    found = likelihoods(model, pictures[:100])
    inputs = to_float(torch.from_numpy(pictures)).flatten(1).double().numpy()
    variances = np.linalg.eigvalsh(np.cov(inputs.T))[::-1]
    axes = np.linalg.eigh(np.cov(inputs.T))[1][:, ::-1]
    variances[5:] = variances[5:].mean()
    expected = multivariate_normal.logpdf(inputs[:100], inputs.mean(0), axes * variances @ axes.T)
    mean, low, high = found["log_density"]
    assert set(found) == {"log_density", "bits_per_dimension_density"}
    assert mean == pytest.approx(expected.mean(), rel=1e-3)
    assert (high - low) / 2 == pytest.approx(1.96 * expected.std(ddof=1) / 10, rel=0.02)
    assert found["bits_per_dimension_density"][0] == pytest.approx(-mean / (16 * math.log(2)))


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, {"log_likelihood", "bits_per_dimension"}),
        ({"likelihood": "bernoulli", "binarize": "threshold"}, {"log_likelihood_cut", "bits_per_dimension_cut"}),
        ({"likelihood": "bernoulli", "binarize": "dynamic"}, {"log_likelihood_drawn", "bits_per_dimension_drawn"}),
    ],
)
def test_the_outputs_of_a_vae_name_the_kind_of_likelihood(options: dict[str, str], names: set[str]) -> None:
    pictures = simple_pictures(12)
    found = likelihoods(tiny_model("vae", **options), pictures, samples=4)
    assert set(found) == names
    nats = next(value for name, (value, *_) in found.items() if name.startswith("log"))
    bits = next(value for name, (value, *_) in found.items() if name.startswith("bits"))
    assert bits == pytest.approx(-nats / (3 * 16 * 16 * math.log(2)))


def test_more_importance_samples_raise_the_bound() -> None:
    pictures = simple_pictures(16)
    model = tiny_model("vae")
    one, again, many = (likelihoods(model, pictures, samples=count)["log_likelihood"] for count in (1, 1, 24))
    assert one == again
    assert many[0] > one[0]


def test_naive_bayes_of_binary_pixels_has_the_same_output_name(tmp_path: Path) -> None:
    pictures = simple_pictures(40, (8, 8), 1)
    options = {"encoder": "pixels", "distribution": "bernoulli", "components": None}
    model = iw.load(train_tiny("naive_bayes", pictures, tmp_path / "run", **options))
    found = likelihoods(model, pictures)
    assert set(found) == {"log_likelihood_cut", "bits_per_dimension_cut"}
    assert found["log_likelihood_cut"][0] < 0  # a probability


@pytest.mark.parametrize("name", ["autoencoder", "gmm", "dcgan", "kde"])
def test_models_without_a_likelihood_raise_with_their_unit(name: str) -> None:
    model = tiny_model(name)
    with pytest.raises(DataError, match="needs log-likelihoods of pictures") as caught:
        likelihoods(model, simple_pictures(4))
    assert str(getattr(model, "score_unit", "does not score")) in str(caught.value)


def test_grey_values_as_probabilities_have_no_likelihood() -> None:
    with pytest.raises(DataError, match="needs log-likelihoods"):
        likelihoods(tiny_model("vae", likelihood="bernoulli"), simple_pictures(4))


def test_fewer_than_one_sample_raises() -> None:
    with pytest.raises(ConfigError, match="samples=0"):
        likelihoods(tiny_model("vae"), simple_pictures(4), samples=0)
