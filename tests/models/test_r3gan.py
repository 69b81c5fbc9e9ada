"""R3GAN: published presets and schedules, the objective against its definition, sizes, classes."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch
from tiny import BATCH, batch_of, engine_of, tiny_model, train_tiny
from torch.nn.functional import softplus

import imagewright as iw
from imagewright import configs
from imagewright.errors import ConfigError
from imagewright.models.adversarial.r3gan import R3GAN, R3GANConfig
from imagewright.phases import Draws, Step
from imagewright.pixels import to_float
from imagewright.traits import Traits


def step_of(images: torch.Tensor, index: int = 0, **given: Any) -> Step:
    draws = Draws(torch.Generator().manual_seed(index), len(images), 0, len(images))
    return Step(images=images, index=index, images_seen=0, draws=draws, **given)


@pytest.mark.parametrize(
    ("side", "preset", "widths", "groups", "gamma", "augmentation", "batch", "half_life"),
    [
        (32, "auto", [768] * 4, [96] * 4, 0.05, 0.55, 512, 5_000_000),
        (64, "auto", [768] * 4 + [384], [96] * 4 + [48], 2, 0.3, 256, 500_000),
        (256, "auto", [768] * 4 + [384, 192, 96], [96] * 4 + [48, 24, 12], 150, 0.3, 256, 500_000),
        (32, "imagenet32", [1536] * 4, [96] * 4, 0.5, 0.5, 4096, 50_000_000),
        (64, "imagenet64", [1536] * 5, [96] * 5, 1, 0.4, 4096, 50_000_000),
    ],
)
def test_the_published_presets(
    side: int,
    preset: str,
    widths: list[int],
    groups: list[int],
    gamma: float,
    augmentation: float,
    batch: int,
    half_life: int,
) -> None:
    config = R3GANConfig(size=(side, side), channels=3, preset=preset)  # type: ignore[arg-type]
    assert (config.stages.widths, config.stages.groups) == (widths, groups)
    assert list(config.stages.blocks) == [2] * len(widths)
    with torch.device("meta"):
        model = R3GAN(config)
    first, last = model.recipe(), model.recipe(model.recipe().images_seen)
    assert (first.batch_size, first.optimizer.learning_rate, first.optimizer.betas) == (batch, 2e-4, (0.0, 0.9))
    assert last.optimizer.learning_rate == pytest.approx(5e-5)
    assert last.optimizer.betas == pytest.approx((0.0, 0.99))
    assert (first.average.half_life, last.average.half_life) == (1, half_life)
    assert first.images_seen == (200_000_000 if preset.startswith("imagenet") else 20_000_000)
    assert config.first_gamma == pytest.approx(gamma)
    assert config.last_probability == augmentation


def test_gamma_and_augmentation_follow_half_a_cosine() -> None:
    model = tiny_model("r3gan", gamma=2.0, augmentation=0.4)
    length = model.recipe().images_seen
    seen = []
    for part in (0.0, 0.25, 0.5, 1.0, 2.0):
        assert model.advance(round(part * length)) == ()
        seen.append((model.gamma.item(), model.probability.item()))
    quarter = (1 - math.cos(math.pi / 4)) / 2
    expected = [(2, 0), (2 - 1.8 * quarter, 0.4 * quarter), (1.1, 0.2), (0.2, 0.4), (0.2, 0.4)]
    assert [pytest.approx(each) for each in expected] == seen


@pytest.mark.parametrize("condition", ["none", "labels"])
def test_the_objective_is_its_definition(condition: str) -> None:
    model = tiny_model("r3gan", condition=condition, gamma=3.0, augmentation=0.0)
    for parameter in model.discriminator.parameters():  # the last convolutions start at 0
        torch.nn.init.normal_(parameter, std=0.3)
    images, labels = to_float(batch_of().images), torch.arange(BATCH) % 2
    step = step_of(images, labels=labels)
    generated = model.generator_loss(step)
    fake = step.shared["fake"]
    conditions = torch.eye(2)[labels] if condition == "labels" else None
    both = [each.clone().requires_grad_() for each in (images, fake)]
    real_logits, fake_logits = (model.discriminator(each, conditions) for each in both)
    gradients = torch.autograd.grad(real_logits.sum() + fake_logits.sum(), both)
    terms = model.discriminator_loss(step)
    torch.testing.assert_close(generated["adversarial"], softplus(real_logits - fake_logits).mean())
    torch.testing.assert_close(terms["relative"], softplus(fake_logits - real_logits).mean())
    for name, gradient in zip(("r1", "r2"), gradients, strict=True):
        expected = 1.5 * gradient.flatten(1).square().sum(1).mean()
        torch.testing.assert_close(terms[name], expected, rtol=1e-4, atol=1e-6)


def test_residual_branches_start_at_zero_and_move() -> None:
    model = tiny_model("r3gan")
    project = model.discriminator.stages[0][0].project
    assert not project.weight.any()
    for index in range(2):
        engine_of(model).step({"images": batch_of(seed=index)}, index, index * BATCH)
    assert project.weight.any()


@pytest.mark.parametrize(("size", "channels"), [((8, 8), 1), ((16, 24), 4), ((40, 56), 3)])
def test_other_shapes(size: tuple[int, int], channels: int) -> None:
    model = tiny_model("r3gan", size, channels)
    images = model.decode(model.sample_latents(2, torch.Generator().manual_seed(0)))
    assert images.shape == (2, channels, *size)
    assert model.score(images, torch.Generator(), 1).shape == (2,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (30, 31)}, r"size 31x30.*--size"),
        ({"width": 10, "group_width": 16, "stage_groups": "3,3,3"}, r"20 channels.*3 groups"),
        ({"stage_widths": "8,8"}, r"stage_widths has 2 numbers.*3 sizes"),
        ({"stage_widths": "8,x,8"}, r"stage_widths='8,x,8'.*commas"),
        ({"gamma": -1.0}, r"gamma=-1"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        configs.build(R3GANConfig, {"size": (16, 16), "channels": 3, **options}, "r3gan")


def test_classes_are_sampled_as_asked(tmp_path: Any) -> None:
    run = train_tiny("r3gan", out=tmp_path / "run", steps=2, condition="labels")
    model = iw.load(run)
    assert model.class_names == ("one", "other")
    latents = model.sample_latents(3, torch.Generator().manual_seed(0), labels=torch.tensor([1, 1, 0]))
    assert torch.equal(latents[:, -2:], torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]))
    assert model.score(model.decode(latents), torch.Generator(), 1).shape == (3,)
    assert len(iw.sample(run, 2, label="other")) == 2


def test_small_pictures_on_a_cpu_get_networks_that_train_in_minutes() -> None:
    traits = Traits(images=5000, height=32, width=32, channels=3)
    suggested = R3GANConfig.suggest(traits)
    fields = {field.name for field in dataclasses.fields(R3GANConfig)}
    options = {name: value for name, value in suggested.items() if name in fields}
    with torch.device("meta"):
        model = R3GAN(R3GANConfig(size=(32, 32), channels=3, **options))
    assert sum(parameter.numel() for parameter in model.parameters()) < 2_000_000
    # 0.9 at batches of 512: a mean over as many images.
    for seen in (0, 10**7):
        assert model.recipe(seen).optimizer.betas == (0.0, pytest.approx(0.9 ** (16 / 512), abs=1e-4))
    assert R3GANConfig.suggest(dataclasses.replace(traits, accelerator=True)) == {}
