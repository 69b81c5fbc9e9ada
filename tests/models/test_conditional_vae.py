"""The conditional VAE: it samples by class or attributes, and predicts the conditions of pictures without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import simple_pictures, tiny_model, tiny_options
from torch import Tensor

import imagewright as iw
from imagewright.capabilities import latent_parts_of, samples_attributes, samples_classes
from imagewright.configs import ConditionedConfig
from imagewright.errors import ConfigError, DataError, UserError
from imagewright.layers.conditions import Conditions
from imagewright.models.autoencoding.vae import VAE, VAEConfig
from imagewright.runs.run import Run
from imagewright.training.reporting import Silent


def dark_and_bright(count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Pictures with a dark (0) or bright (1) background, and a rectangle somewhere."""
    labels = np.arange(count) % 2
    pictures = simple_pictures(count).astype(np.int64)
    return np.where(labels[:, None, None, None] == 1, 255 - pictures, pictures).astype(np.uint8), labels


def train_conditional(out: Path, **options: object) -> Run:
    pictures, labels = dark_and_bright()
    images = iw.open_images(pictures).with_labels(labels, ("dark", "bright"))
    usual = tiny_options("vae") | {"images_seen": 3_000, "batch_size": 16, "learning_rate": 3e-3, "condition": "labels"}
    return iw.train("vae", images, out=out, reporter=Silent(), **(usual | options))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train_conditional(tmp_path_factory.mktemp("conditional") / "run")


@pytest.mark.learning
def test_samples_are_of_the_given_class(run: Run) -> None:
    dark, bright = (iw.sample(run, 16, label=name).float().mean() for name in ("dark", "bright"))
    assert bright - dark > 60
    with pytest.raises(UserError, match="Did you mean 'bright'"):
        iw.sample(run, 1, label="brigt")


@pytest.mark.learning
def test_the_encoder_predicts_the_class_of_a_picture(run: Run) -> None:
    pictures, labels = dark_and_bright()
    predicted = iw.encode(run, pictures)[:, -2:].argmax(1)
    assert (predicted.numpy() == labels).mean() > 0.9
    assert iw.decode(run, iw.encode(run, pictures)).shape == pictures.shape


@pytest.mark.learning
def test_a_dark_picture_is_decoded_as_a_bright_one_with_the_other_class(run: Run) -> None:
    latents = iw.encode(run, dark_and_bright()[0][:16])
    latents[:, -2:] = torch.tensor([0.0, 1.0])
    assert iw.decode(run, latents).float().mean() > 120


def test_without_a_condition_the_model_is_a_plain_vae(tmp_path: Path) -> None:
    model = tiny_model("vae")
    assert not samples_classes(model)
    assert model.latent_shape == (4,)
    assert not [name for name in model.state_dict() if "conditions" in name]
    run = train_conditional(tmp_path / "run", condition="none", images_seen=16)
    with pytest.raises(UserError, match=r"vae.*cgan.*--condition labels"):
        iw.sample(run, 1, label="dark")


def test_attributes_are_given_or_sampled() -> None:
    model = VAE(VAEConfig(size=(16, 16), channels=3, attribute_names=("hat", "beard"), condition="attributes", width=8))
    assert samples_attributes(model.eval())
    assert not samples_classes(model)
    assert [part.kind for part in latent_parts_of(model)] == ["normal", "attributes"]
    latents = model.sample_latents(1, torch.Generator().manual_seed(0), attributes=torch.tensor([[1.0, torch.nan]]))
    assert latents[0, -2:].tolist() == [1.0, 0.0]  # before training, sampled attributes are all 0
    assert iw.score(model, simple_pictures(2), samples=3).isfinite().all()


def test_a_condition_that_the_pictures_do_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no labels"):
        iw.train("vae", simple_pictures(), out=tmp_path / "run", condition="labels", reporter=Silent())
    with pytest.raises(ConfigError, match="condition='label'"):
        train_conditional(tmp_path / "run", condition="label")


@pytest.mark.parametrize("names", [{"class_names": ("a", "b", "c")}, {"attribute_names": ("a", "b", "c")}])
def test_the_importance_weighted_mean_of_sampled_conditions_is_the_prior(names: dict[str, tuple[str, ...]]) -> None:
    config = ConditionedConfig(size=(8, 8), channels=1, condition="auto", **names)
    conditions = Conditions(config)
    logits = torch.tensor([[0.3, -0.5, 1.0]]).expand(200_000, -1)
    noise = torch.rand(200_000, 3, generator=torch.Generator().manual_seed(0))
    sampled, log_ratio = conditions.sample_conditions(logits, noise)

    def weighted_mean(values: Tensor) -> Tensor:
        return (log_ratio.exp()[:, None] * values).mean(0)

    prior = 1 / 3 if "class_names" in names else 1 / 2
    assert log_ratio.exp().mean().item() == pytest.approx(1, abs=0.02)
    assert weighted_mean(sampled).tolist() == pytest.approx([prior] * 3, abs=0.02)
    predicted = logits[0].softmax(0) if "class_names" in names else torch.sigmoid(logits[0])
    assert sampled.mean(0).tolist() == pytest.approx(predicted.tolist(), abs=0.01)
