"""StyleGAN2: presets, styles, frozen layers, classes and spaces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import BATCH, batches_of, simple_pictures, tiny_model, train_tiny

import imagewright as iw
from imagewright.errors import ConfigError, UserError
from imagewright.models.adversarial.stylegan2 import StyleGAN2Config
from imagewright.models.shared.style_views import broadcast
from imagewright.phases import Draws, Step
from imagewright.training.engine import Engine
from imagewright.training.plan import Plan


def config(side: int = 32, **options: Any) -> StyleGAN2Config:
    return StyleGAN2Config(size=(side, side), channels=3, **options)


def step_of(model: Any, rows: int = 4) -> Step:
    draws = Draws(torch.Generator().manual_seed(0), rows, 0, rows)
    return Step(images=torch.rand(rows, *model.config.image_shape) * 2 - 1, index=0, images_seen=0, draws=draws)


# Options


def test_presets_are_the_published_numbers() -> None:
    recipe = tiny_model("stylegan2", preset="cifar").recipe()
    assert (recipe.batch_size, recipe.images_seen, recipe.average.half_life) == (64, 100_000_000, 500_000)
    assert not {phase.name for phase in tiny_model("stylegan2", preset="cifar").phases()} & {"path_length"}
    cifar = config(preset="cifar")
    assert (cifar.chosen("group"), cifar.chosen("penalty"), cifar.widths) == (32, 0.01, [512] * 4)
    auto = config(side=256)
    assert auto.chosen("penalty") == pytest.approx(2e-4 * 256**2 / 16)
    assert auto.widths == [512, 512, 512, 512, 256, 128, 64]
    assert config(side=256, preset="paper256", penalty=3.0).chosen("penalty") == 3


@pytest.mark.parametrize(("size", "nearest"), [((28, 28), (28, 28)), ((100, 100), (96, 96)), ((62, 62), (64, 64))])
def test_sizes_are_a_base_doubled(size: tuple[int, int], nearest: tuple[int, int]) -> None:
    assert StyleGAN2Config.nearest_size(*size) == nearest
    if size != nearest:
        with pytest.raises(ValueError, match=rf"multiples of \d+.*--size {nearest[0]}"):
            config(side=size[0])


def test_a_base_of_other_sides() -> None:
    model = tiny_model("stylegan2", (28, 56), channels=1)
    assert model.config.start == (7, 14)
    assert model.decode(model.sample_latents(2, torch.Generator())).shape == (2, 1, 28, 56)


# Objective


def test_in_some_batches_later_layers_have_the_style_of_another_latent() -> None:
    model = tiny_model("stylegan2", style_mixing=1.0)
    styles = model._styles(step_of(model))
    changes = (styles[:, 1:] != styles[:, :-1]).any(2)
    assert changes.sum(1).tolist() == [1] * 4
    assert (changes == changes[:1]).all()  # at one layer, for the whole batch
    same = tiny_model("stylegan2", style_mixing=0.0)._styles(step_of(model))
    assert torch.equal(same, same[:, :1].expand_as(same))


def test_the_mean_of_styles_and_of_path_lengths_follow_the_batches() -> None:
    model = tiny_model("stylegan2", style_mixing=0.0).train()
    penalty = model.path_length_loss(step_of(model))["penalty"]
    assert model.mapping.mean.abs().sum() > 0
    # The mean includes this batch with its gradient: of lengths l it is 2 (l - 0.01 mean(l))^2.
    lengths = float(model.path_mean) / 0.01
    assert float(penalty.detach()) >= 2 * (0.99 * lengths) ** 2 * 0.999


def test_the_probability_of_augmentation_rises_while_real_images_are_recognised(tmp_path: Path) -> None:
    run = train_tiny("stylegan2", out=tmp_path / "run", steps=8, augmentation_images=64, augmentation_target=-0.99)
    assert float(iw.load(run).augmentation.value) >= 0.5


def test_frozen_layers_of_the_discriminator_do_not_move() -> None:
    model = tiny_model("stylegan2", frozen_layers=2)
    before = {name: each.clone() for name, each in model.named_parameters()}
    engine = Engine(model, Plan(images_seen=800, batch_size=BATCH, micro_batch=BATCH, learning_rate=1e-3), model.device)
    engine.step(batches_of("stylegan2"), 0, 0)
    same = {name for name, each in model.named_parameters() if torch.equal(each, before[name])}
    held = {name for name in same if name.startswith("discriminator.")}
    assert held >= {f"discriminator.blocks.0.{layer}.weight" for layer in ("from_image", "first")}
    assert not any(name.startswith("discriminator.blocks.0.second.weight") for name in same)
    with pytest.raises(ConfigError, match=r"frozen_layers=500.*the discriminator has \d+"):
        tiny_model("stylegan2", frozen_layers=500)


# Classes and views


def test_classes(tmp_path: Path) -> None:
    run = train_tiny("stylegan2", out=tmp_path / "run", steps=2, condition="labels", mapping_width=6)
    model = iw.load(run)
    assert model.class_names == ("one", "other")
    ones, others = (iw.sample(run, 2, seed=1, label=name) for name in model.class_names)
    assert not torch.equal(ones, others)
    assert iw.score(run, simple_pictures(3)).shape == (3,)
    assert iw.sample(iw.load(run, space="w", truncation=0.5), 2, label="one").shape == (2, 3, 16, 16)


def test_truncation_out_of_range_is_refused(tmp_path: Path) -> None:
    model = tiny_model("stylegan2")
    with pytest.raises(UserError, match=r"truncation=7.*from -2 to 2"):
        model.truncated(7.0)
    latents = model.sample_latents(2, torch.Generator().manual_seed(0))
    layered = model.truncated(0.5).in_space("w+")
    styles = broadcast(model.map_latents(latents), model.style_shape[0])
    assert layered.latent_shape == model.style_shape
    assert torch.equal(layered.decode(styles), model.truncated(0.5).decode(latents))


@pytest.mark.learning
def test_the_generator_is_exported_with_any_batch_size() -> None:
    model = tiny_model("stylegan2", (8, 8)).eval()
    latents = model.sample_latents(5, torch.Generator().manual_seed(0))
    with torch.no_grad():
        any_number = ({0: torch.export.Dim("n")},)
        exported = torch.export.export(model.generator, (latents[:3],), dynamic_shapes=any_number)
        torch.testing.assert_close(exported.module()(latents), model.generator(latents))


@pytest.mark.learning  # seconds, most of them imports of the exporter
def test_its_graph_is_exported_with_any_number_of_images() -> None:
    """What `torch.onnx.export` takes: the scaled form of modulation does not depend on the batch."""
    generator = tiny_model("stylegan2").eval().generator
    count = torch.export.Dim("count")
    latents = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    exported = torch.export.export(generator, (latents[:2],), dynamic_shapes={"latents": {0: count}})
    torch.testing.assert_close(exported.module()(latents), generator(latents))
