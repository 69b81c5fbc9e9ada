"""The conditional GAN: the conditioning of each paper, by classes and by attributes, and samples by condition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import BATCH, batch_of, engine_of, simple_pictures, tiny_model, tiny_options, train_tiny

import imagewright as iw
from imagewright.capabilities import samples_attributes, samples_classes
from imagewright.errors import DataError, UserError
from imagewright.layers.conditions import BUFFER_ROWS, Conditions
from imagewright.models.adversarial.cgan import CGAN, CGANConfig
from imagewright.phases import Draws, Step
from imagewright.pixels import to_float
from imagewright.training.reporting import Silent

CONDITIONINGS = ("projection", "embedding", "auxiliary")


def model_of_attributes(
    conditioning: str = "projection", attributes: tuple[str, ...] = ("hat", "beard", "smile")
) -> CGAN:
    torch.manual_seed(0)
    config = CGANConfig(
        size=(16, 16),
        channels=3,
        attribute_names=attributes,
        discriminator_conditioning=conditioning,
        latent_dim=4,
        width=4,
    )
    return CGAN(config)


def step_of(model: CGAN) -> Step:
    images = to_float(batch_of().images)
    attributes = (torch.arange(BATCH)[:, None] >> torch.arange(model.config.conditions)) & 1
    draws = Draws(torch.Generator().manual_seed(0), BATCH, 0, BATCH)
    labels = torch.arange(BATCH) % model.config.conditions
    return Step(images=images, index=0, images_seen=0, draws=draws, labels=labels, attributes=attributes.float())


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@pytest.mark.parametrize("loss", ["hinge", "wasserstein", "relativistic"])
def test_every_conditioning_trains_both_networks(conditioning: str, loss: str) -> None:
    model = tiny_model("cgan", discriminator_conditioning=conditioning, loss=loss)
    before = {key: value.detach().clone() for key, value in model.named_parameters()}
    engine = engine_of(model)
    engine.step({"images": batch_of()}, 0, 0)
    assert all(not torch.equal(value, before[key]) for key, value in model.named_parameters())
    assert ("generator/auxiliary" in engine.losses()) == (conditioning == "auxiliary")


@pytest.mark.parametrize("conditioning", ["projection", "embedding"])
def test_logits_depend_on_picture_and_condition(conditioning: str) -> None:
    model = tiny_model("cgan", discriminator_conditioning=conditioning)
    images = to_float(batch_of().images)
    one, other = (torch.eye(2)[torch.full((BATCH,), label)] for label in (0, 1))
    assert not torch.allclose(model.discriminator(images, one), model.discriminator(images, other))


def test_the_projection_is_the_papers_equation() -> None:
    """Miyato & Koyama 2018, eq. 3: y^T V phi(x) + psi(phi(x)), phi summed over the map."""
    model = model_of_attributes()
    step = step_of(model)
    body, projection = model.discriminator.body, model.discriminator.embedding.weight
    features = body.features(step.images)
    expected = body.main[-1](features).flatten() + torch.einsum("nk,fk,nfhw->n", step.attributes, projection, features)
    assert torch.allclose(model.discriminator(step.images, step.attributes), expected, atol=1e-5)


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_a_model_can_be_conditioned_on_attributes(conditioning: str) -> None:
    model = model_of_attributes(conditioning)
    for phase in model.phases():
        assert all(torch.isfinite(term) for term in phase.loss(step_of(model)).values())
    assert samples_attributes(model)
    assert not samples_classes(model)
    assert model.attribute_names == ("hat", "beard", "smile")


def test_the_auxiliary_loss_is_the_mean_over_attributes() -> None:
    model = model_of_attributes("auxiliary")
    with torch.no_grad():
        model.discriminator.classifier.weight.zero_()
        model.discriminator.classifier.bias.zero_()
    assert model.generator_loss(step_of(model))["auxiliary"].item() == pytest.approx(np.log(2), rel=1e-5)


def test_one_seed_has_the_same_noise_for_each_class() -> None:
    model = tiny_model("cgan")
    one, other = (model.sample_latents(1, torch.Generator().manual_seed(3), torch.tensor([label])) for label in (0, 1))
    assert torch.equal(one[:, :-2], other[:, :-2])
    assert one[0, -2:].tolist() == [1, 0]
    assert other[0, -2:].tolist() == [0, 1]


def test_attributes_that_are_not_given_are_sampled_together_from_the_training_data() -> None:
    model = model_of_attributes()
    conditions = torch.tensor([[1, 1, 0], [0, 0, 1]], dtype=torch.uint8)
    model.conditions.remembered.copy_(conditions[torch.arange(BUFFER_ROWS) % 2])
    given = torch.full((200, 3), torch.nan)
    sampled = model.sample_latents(len(given), torch.Generator().manual_seed(0), attributes=given)[:, 4:]
    assert {tuple(row) for row in sampled.int().tolist()} == {(1, 1, 0), (0, 0, 1)}
    given[:, 2] = 1
    sampled = model.sample_latents(len(given), torch.Generator().manual_seed(0), attributes=given)[:, 4:]
    assert {tuple(row) for row in sampled.int().tolist()} == {(1, 1, 1), (0, 0, 1)}


def test_classes_are_sampled_as_often_as_in_the_training_data(tmp_path: Path) -> None:
    images = iw.open_images(simple_pictures(32)).with_labels((np.arange(32) < 8).astype(int), ("only", "never"))
    options = {**tiny_options("cgan"), "images_seen": 1024, "batch_size": 64}
    run = iw.train("cgan", images, tmp_path / "run", reporter=Silent(), **options)
    model = iw.load(run)
    assert model.class_names == ("only", "never")
    sampled = torch.cat([model.sample_latents(1, torch.Generator().manual_seed(seed)) for seed in range(400)])
    assert sampled[:, -1].mean().item() == pytest.approx(0.25, abs=0.07)


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@pytest.mark.learning
def test_classes_are_learned(conditioning: str) -> None:
    """Dark pictures (30) and bright ones (220): after 400 steps, samples of a class have its brightness."""
    pictures = np.full((64, 1, 8, 8), 30, np.uint8)
    pictures[32:] = 220
    images = iw.open_images(pictures).with_labels(np.repeat([0, 1], 32), ("dark", "bright"))
    model = tiny_model("cgan", (8, 8), 1, discriminator_conditioning=conditioning, loss="hinge", penalty=1.0)
    engine = engine_of(model, learning_rate=2e-3)
    generator = np.random.default_rng(0)
    for index in range(400):
        engine.step({"images": images.batch(generator.integers(0, 64, BATCH))}, index, index * BATCH)
    means = [iw.sample(model, 16, seed=1, label=label).float().mean().item() for label in (0, 1)]
    assert means == pytest.approx([30, 220], abs=40)


def test_unknown_conditions_and_missing_annotations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'three'"):
        iw.sample(tiny_model("cgan"), 2, label="three")
    with pytest.raises(UserError, match=r"cgan .*class"):
        iw.sample(model_of_attributes(), 2, label="hat")
    with pytest.raises(DataError, match=r"cgan .*no labels"):
        iw.train("cgan", simple_pictures(), tmp_path / "run", reporter=Silent())
    with pytest.raises(DataError, match="condition=attributes"):
        train_tiny("cgan", simple_pictures(), tmp_path / "run", condition="attributes")


def test_an_untrained_model_of_many_classes_samples_all_of_them() -> None:
    names = tuple(str(number) for number in range(BUFFER_ROWS + 88))
    conditions = Conditions(CGANConfig(size=(16, 16), channels=3, class_names=names))
    assert bool((conditions.remembered.sum(0) > 0).all())
    conditions.remember(torch.eye(len(names))[[599] * (len(names) - 1)])
    assert conditions.remembered[:-1, 599].all()
