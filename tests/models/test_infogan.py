"""InfoGAN: the bound on the mutual information in known cases, its codes, and classes found without labels."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import BATCH, batch_of, engine_of, tiny_model, train_tiny

import imagewright as iw
from imagewright import configs
from imagewright.errors import ConfigError
from imagewright.models.adversarial.infogan import InfoGAN, InfoGANConfig
from imagewright.phases import Draws, Step
from imagewright.pixels import to_float
from imagewright.verbs.paths import default_interpolation


def step_of(rows: int = BATCH) -> Step:
    draws = Draws(torch.Generator().manual_seed(0), rows, 0, rows)
    return Step(images=to_float(batch_of(rows).images), index=0, images_seen=0, draws=draws)


def make_q_constant(model: torch.nn.Module) -> None:
    """Make Q predict the same for every picture: equal categories, and codes from N(0, 1)."""
    with torch.no_grad():
        model.discriminator.recognition[-1].weight.zero_()
        model.discriminator.recognition[-1].bias.zero_()


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_a_constant_q_has_no_information(distribution: str) -> None:
    model = tiny_model("infogan", code_distribution=distribution, continuous_weight=0.5)
    make_q_constant(model)
    losses = {f"generator/{name}": term.item() for name, term in model.generator_loss(step_of(512)).items()}
    derived = model.derived_metrics(losses)
    assert derived["information/category"] == pytest.approx(0, abs=1e-5)
    # The best constant Gaussian is N(0, 1) for normal codes, and N(0, 1/3) for uniform ones, where the bound is minus
    # the divergence of the uniform distribution from it.
    divergence = {"normal": 0.0, "uniform": 0.5 * math.log(2 * math.pi * math.e / 3) - math.log(2)}[distribution]
    assert derived["information/continuous"] == pytest.approx(-2 * divergence, abs=0.15)


def test_a_normal_code_predicted_with_a_known_error_has_the_information_of_a_gaussian_channel() -> None:
    model = tiny_model("infogan", code_distribution="normal", continuous=1, continuous_weight=0.1)
    squared_error = 0.01
    loss = 0.1 * 0.5 * (squared_error + math.log(2 * math.pi))
    information = model.derived_metrics({"generator/continuous": loss})["information/continuous"]
    assert information == pytest.approx(-0.5 * math.log(squared_error))


def test_a_q_that_predicts_every_category_has_the_whole_entropy() -> None:
    model = tiny_model("infogan", categories=7, category_weight=2.0)
    assert model.derived_metrics({"generator/category": 0.0})["information/category"] == pytest.approx(math.log(7))
    assert model.derived_metrics({}) == {}


def test_a_latent_is_noise_a_category_and_codes() -> None:
    model = tiny_model("infogan", categories=3, continuous=2)
    latents = torch.cat([model.sample_latents(1, torch.Generator().manual_seed(seed)) for seed in range(300)])
    noise, category, codes = latents.split([8, 3, 2], dim=1)
    assert torch.equal(category.sum(1), torch.ones(300))
    assert category.mean(0).tolist() == pytest.approx([1 / 3] * 3, abs=0.1)
    assert codes.abs().max() <= 1
    assert noise.std().item() == pytest.approx(1, abs=0.05)
    of_category_2 = model.sample_latents(1, torch.Generator().manual_seed(0), torch.tensor([2]))
    assert of_category_2[0, 8:11].tolist() == [0, 0, 1]
    assert of_category_2.shape[1:] == model.latent_shape


def test_uniform_noise_has_one_distribution_in_training_and_in_samples() -> None:
    model = tiny_model("infogan", noise_distribution="uniform", latent_dim=30)
    assert model.latent_parts[0].kind == "uniform"
    step = step_of(512)
    model.generator_loss(step)
    sampled = torch.cat([model.sample_latents(1, torch.Generator().manual_seed(seed)) for seed in range(300)])
    for noise in (step.shared["latents"][:, :30], sampled[:, :30]):
        assert noise.abs().max() <= 1
        assert noise.std().item() == pytest.approx(1 / math.sqrt(3), abs=0.02)
        assert noise.abs().mean().item() == pytest.approx(0.5, abs=0.02)  # a normal with that deviation has 0.46


def test_directions_and_linear_interpolation_of_uniform_noise() -> None:
    model = tiny_model("infogan", noise_distribution="uniform", latent_dim=6)
    found = iw.directions(model, count=2)
    assert len(found.directions) == 2
    assert not any(direction[6:].any() for direction in found.directions.flatten(1))
    traversed = iw.traverse(model, steps=3, codes=False)
    assert [sheet.name for sheet in traversed.sheets] == ["latents"]
    assert default_interpolation(model) == "linear"


def test_no_continuous_codes_are_allowed() -> None:
    model = tiny_model("infogan", continuous=0)
    assert set(model.generator_loss(step_of())) == {"adversarial", "category"}
    assert iw.sample(model, 2).shape == (2, 3, 16, 16)


def test_q_is_trained_on_the_generated_images_of_the_discriminator() -> None:
    model = tiny_model("infogan")
    step = step_of()
    model.generator_loss(step)
    fake = step.shared["fake"].clone()
    terms = model.discriminator_loss(step)
    assert torch.equal(step.shared["fake"], fake)
    assert {"real", "fake", "category", "continuous"} == set(terms)


@pytest.mark.learning
def test_two_classes_are_found_without_labels() -> None:
    """Dark and bright pictures get different categories, in the median of three trainings.

    Trainings of such small networks oscillate, so that rounding decides where a single one ends.
    """
    pictures = np.full((64, 1, 8, 8), 30, np.uint8)
    pictures[32:] = 220
    pictures += np.random.default_rng(0).integers(0, 20, pictures.shape, dtype=np.uint8)
    assert statistics.median(agreement_with_halves(pictures, seed) for seed in range(3)) > 0.95


def agreement_with_halves(pictures: np.ndarray, seed: int) -> float:
    """The share of pictures for which the category agrees with the half that they are in, after a short training."""
    images = iw.open_images(pictures)
    model = tiny_model("infogan", (8, 8), 1, categories=2, continuous=0)
    rows = 2 * BATCH
    engine = engine_of(model, batch_size=rows, micro_batch=rows, learning_rate=1e-3)
    generator = np.random.default_rng(seed)
    for index in range(150):
        engine.step({"images": images.batch(generator.integers(0, 64, rows))}, index, index * rows)
    model.eval()
    categories = iw.classify(model, pictures).argmax(1)
    agreement = (categories == torch.arange(64) // 32).float().mean().item()
    return max(agreement, 1 - agreement)


def test_the_layers_are_the_published_ones_and_larger_pictures_have_more() -> None:
    published = InfoGAN(InfoGANConfig(size=(28, 28), channels=1))

    def shapes(network: torch.nn.Module) -> list[tuple[int, ...]]:
        return [tuple(weight.shape) for weight in network.parameters() if weight.ndim > 1]

    assert shapes(published.generator) == [(1024, 74), (6272, 1024), (128, 64, 4, 4), (64, 1, 4, 4)]
    assert shapes(published.discriminator.body) == [(64, 1, 4, 4), (128, 64, 4, 4), (1024, 6272)]
    assert shapes(published.discriminator.recognition) == [(128, 1024), (12, 128)]
    larger = InfoGANConfig(size=(64, 96), channels=3)
    assert larger.start == (8, 12)
    with pytest.raises(ConfigError, match=r"multiples of 4.*28x28"):
        configs.build(InfoGANConfig, {"size": (27, 28), "channels": 1}, "infogan")


def test_the_learning_rate_of_the_discriminator_is_a_fifth_of_the_generators() -> None:
    model = tiny_model("infogan")
    engine = engine_of(model, learning_rate=1e-3)
    assert engine.learning_rates() == pytest.approx({"generator": 1e-3, "discriminator": 2e-4})


@pytest.mark.parametrize("name", ["infogan", "vae_gan"])
def test_a_last_micro_batch_of_one_row_trains(name: str, tmp_path: Path) -> None:
    """Batch normalisation has no statistics of a single row, so that the last row goes with the rows before it."""
    train_tiny(name, out=tmp_path / "run", micro_batch=7, steps=2)
