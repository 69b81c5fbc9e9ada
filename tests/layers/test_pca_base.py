"""PCA under a generator: its components against scikit-learn's, and networks that learn what to add to its samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from tiny import Messages, simple_pictures, train_tiny
from workers import ranks, train_as_rank

import imagewright as iw
from imagewright.errors import DataError, RunError, UserError
from imagewright.layers.pca_base import LARGEST, PCABase
from imagewright.models.adversarial.dcgan import DCGANConfig
from imagewright.statistics.fitting import TensorStream
from imagewright.traits import Traits

TINY: dict[str, Any] = {
    "base": "pca",
    "width": 4,
    "latent_dim": 6,
    "batch_size": 8,
    "images_seen": 16,
    "precision": "fp32",
    "device": "cpu",
    "defaults": "published",
    "held_out": 0,
}


def pictures(count: int = 40) -> np.ndarray:
    return simple_pictures(count, (16, 16))


def before_tanh(levels: np.ndarray) -> np.ndarray:
    return np.arctanh(np.clip(levels.reshape(len(levels), -1) / 127.5 - 1, -LARGEST, LARGEST))


@pytest.mark.parametrize(("count", "found"), [(40, 6), (4, 3)])
def test_its_samples_are_those_of_pca_before_the_tanh(count: int, found: int) -> None:
    """The oracle is scikit-learn's PCA: the mean, and the components up to their signs, scaled by their deviations."""
    base, levels = PCABase(6, (16, 16), 3), pictures(count)
    note = base.fit(TensorStream(torch.from_numpy(levels / 127.5 - 1).float()), seed=0)
    oracle = PCA(found).fit(before_tanh(levels))
    assert f"{found} components, {oracle.explained_variance_ratio_.sum():.0%}" in note
    assert torch.allclose(base.mean.flatten(), torch.from_numpy(oracle.mean_).float(), atol=1e-4)
    made = (base(torch.eye(6), torch.ones(6)) - base.mean).flatten(1).numpy()
    expected = oracle.components_ * np.sqrt(oracle.explained_variance_)[:, None]
    signs = np.sign((made[:found] * expected).sum(1))[:, None]
    assert np.allclose(signs * made[:found], expected, atol=1e-3)
    assert not made[found:].any()  # fewer pictures than latents: the others change nothing


@pytest.mark.parametrize("model", ["dcgan", "cgan"])
def test_a_training_starts_from_pca(model: str, tmp_path: Path) -> None:
    """With a rate that moves nothing and a last layer of zeros, a generator would make PCA's samples alone."""
    heard, levels = Messages(), pictures()
    images = iw.open_images(levels).with_labels(np.arange(len(levels)) % 2, ("even", "odd"))
    loaded = iw.load(iw.train(model, images, tmp_path / "run", reporter=heard, **TINY))
    assert any("samples of PCA: 6 components" in text for text in heard.texts)
    latents = loaded.sample_latents(3, torch.Generator().manual_seed(0))
    with torch.no_grad():
        list(loaded.generator.main.children())[-2].weight.zero_()
        made = loaded.decode(latents)
    oracle = PCA(6).fit(before_tanh(levels))
    gains = loaded.generator.gains.detach()
    assert torch.allclose(gains, torch.ones(6), atol=1e-2)
    assert (gains != 1).all()  # they are learned
    added = latents[:, :6] * gains @ loaded.base.components.flatten(1)
    assert torch.allclose(made.flatten(1), (torch.from_numpy(oracle.mean_).float() + added).tanh(), atol=1e-4)


def test_a_resumed_training_keeps_its_components(tmp_path: Path) -> None:
    whole = iw.load(iw.train("dcgan", pictures(), tmp_path / "whole", **TINY)).state_dict()
    iw.train("dcgan", pictures(), tmp_path / "parts", **(TINY | {"images_seen": 8}))
    heard = Messages()
    run = iw.train("dcgan", pictures(), tmp_path / "parts", resume=True, images_seen=16, reporter=heard)
    assert not any("samples of PCA" in text for text in heard.texts)
    resumed = iw.load(run).state_dict()
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_equal_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no difference between the pictures"):
        iw.train("dcgan", np.repeat(pictures(1), 20, 0), tmp_path / "run", **TINY)
    assert not (tmp_path / "run").exists()


def test_published_code_does_not_get_such_a_network(tmp_path: Path) -> None:
    run = iw.train("dcgan", pictures(), tmp_path / "run", **TINY)
    with pytest.raises(UserError, match=r"base=pca.*--base none"):
        iw.export(run, "published", tmp_path / "published")
    assert not (tmp_path / "published").exists()
    exported = iw.export(run, "safetensors", tmp_path / "run.safetensors")
    assert torch.equal(iw.sample(exported.out, 2, seed=1), iw.sample(run, 2, seed=1))


@pytest.mark.parametrize(
    ("side", "count", "latents"), [(32, 5_000, 64), (64, 5_000, 200), (64, 500, 100), (64, 200, 64)]
)
def test_many_and_larger_pictures_have_more_components(side: int, count: int, latents: int) -> None:
    known: dict[str, Any] = {"images": count, "height": side, "width": side, "channels": 3, "accelerator": False}
    assert DCGANConfig.suggest(Traits(**known, minutes=5, given={"base": "pca"}))["latent_dim"] == latents
    assert DCGANConfig.suggest(Traits(**known, minutes=5))["latent_dim"] == 64


def test_a_training_from_its_weights_starts_from_pca_too(tmp_path: Path) -> None:
    """The network learned a difference: alone, or added to nothing, it would make no pictures."""
    first = iw.train("dcgan", pictures(), tmp_path / "first", **TINY)
    others = {name: value for name, value in TINY.items() if name not in ("base", "latent_dim", "width", "defaults")}
    second = iw.train("dcgan", simple_pictures(30, (32, 32)), tmp_path / "second", start=str(first.path), **others)
    assert second.record["config"]["base"] == "pca"
    assert second.record["config"]["size"] == first.record["config"]["size"]
    assert torch.equal(iw.load(second).base.components, iw.load(first).base.components)
    with pytest.raises(RunError, match="give --base pca"):
        iw.train("dcgan", pictures(), tmp_path / "third", start=str(first.path), **(TINY | {"base": "none"}))
    plain = iw.train("dcgan", pictures(), tmp_path / "plain", **(TINY | {"base": "none"}))
    with pytest.raises(RunError, match="give --base none"):
        iw.train("dcgan", pictures(), tmp_path / "third", start=str(plain.path), **TINY)
    assert not (tmp_path / "third").exists()


@pytest.mark.learning
def test_two_ranks_have_the_components_of_one(tmp_path: Path) -> None:
    one = train_tiny("dcgan", None, tmp_path / "one", base="pca", precision="fp32")
    ranked = ranks(train_as_rank, 2, "dcgan", tmp_path / "two", tmp_path, base="pca", precision="fp32")
    for process in ranked:
        process.join(60)
    assert [process.exitcode for process in ranked] == [0, 0]
    assert torch.equal(iw.load(tmp_path / "two").base.components, iw.load(one).base.components)
