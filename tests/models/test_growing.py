"""ProGAN and StyleGAN: growth by images seen, the images of each stage, styles, classes, and what users mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import BATCH, batches_of, engine_of, fill_weights, simple_pictures, tiny_model, train_tiny
from torch.nn.functional import avg_pool2d, interpolate

import imagewright as iw
from imagewright import catalogue, configs
from imagewright.errors import ConfigError, UserError
from imagewright.layers.growing import LevelOfDetail, fade_real
from imagewright.traits import Traits

SYSTEMS = ("progan", "stylegan")


def config_of(system: str, side: int = 32, **options: Any) -> Any:
    return configs.build(catalogue.model_class(system).Config, {"size": (side, side), "channels": 3, **options}, system)


def levels_of(model: Any) -> list[LevelOfDetail]:
    return [module for module in model.modules() if isinstance(module, LevelOfDetail)]


def at_level(model: Any, lod: float) -> Any:
    for level in levels_of(model):
        level.set(lod)
    return model


def filled(system: str, **options: Any) -> Any:
    model = tiny_model(system, **options).eval()
    fill_weights(model)
    return model


# The schedule


def test_progan_grows_as_published() -> None:
    config = config_of("progan")
    thousands = (0, 799, 800, 1200, 1600, 2399, 2800, 4000, 4400, 4800, 19_000)
    assert [config.lod_at(1000 * each) for each in thousands] == [3, 3, 3, 2.5, 2, 2, 1.5, 1, 0.5, 0, 0]
    large = tiny_model("progan", (1024, 1024))
    sides = {1_000_000: 8, 10_500_000: 512, 13_000_000: 1024}
    assert {seen: config_of("progan", 1024).side_at(seen) for seen in sides} == sides
    published = catalogue.model_class("progan")(config_of("progan", 1024, channel_base=64, channel_max=8))
    assert [published.recipe(seen).batch_size for seen in (0, 9_000_000, 10_500_000, 13_000_000)] == [16, 14, 6, 3]
    assert published.recipe().average.half_life == round(16 * np.log(0.5) / np.log(0.999))
    assert large.config.phase <= large.config.length // 16  # an impossible length of a phase is shortened


def test_stylegan_starts_at_8_pixels_with_larger_batches_and_rates_that_rise() -> None:
    config = config_of("stylegan", 256, channel_base=64, channel_max=8, latent_dim=8, style_dim=8, mapping_width=8)
    model = catalogue.model_class("stylegan")(config)
    assert [config.side_at(1000 * each) for each in (0, 601, 1801, 3001, 24_000)] == [8, 16, 32, 64, 256]
    recipes = [model.recipe(1000 * each) for each in (0, 601, 1801, 3001, 4201, 24_000)]
    assert [recipe.batch_size for recipe in recipes] == [256, 128, 64, 32, 32, 32]
    assert [recipe.optimizer.learning_rate for recipe in recipes] == [1e-3, 1e-3, 1e-3, 1e-3, 1.5e-3, 2e-3]


@pytest.mark.parametrize("system", SYSTEMS)
def test_moments_start_anew_where_a_fade_begins_and_where_it_ends(system: str) -> None:
    model = tiny_model(system, phase_images=1_000_000)
    found = {seen: model.advance(1000 * seen) for seen in (0, 900, 1000, 1001, 1500, 1999, 2000, 2500, 3001, 4000)}
    assert [seen for seen, reset in found.items() if reset] == [1001, 2000, 3001, 4000]
    assert set(found[1001]) == {"generator", "discriminator"}
    assert [level.value for level in levels_of(model)] == [0, 0]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("minutes", [2, 600])
def test_what_is_suggested_reaches_the_full_size_early(system: str, minutes: float) -> None:
    traits = Traits(images=5000, height=32, width=32, channels=3, minutes=minutes)
    config_class = catalogue.model_class(system).Config
    suggested = {name: value for name, value in config_class.suggest(traits).items() if name != "batch_size"}
    config = config_of(system, **suggested)
    assert config.lod_at(config.length // 3) == 0
    assert config.widths[-1] == (16 if minutes == 2 else 32)
    large = Traits(images=5000, height=256, width=256, channels=3, minutes=minutes, accelerator=True)
    assert config_class.suggest(large) == {}


# Stages


@pytest.mark.parametrize("system", SYSTEMS)
def test_images_are_enlarged_at_every_stage_and_a_fade_is_their_blend(system: str) -> None:
    model = filled(system)
    latents = model.sample_latents(2, torch.Generator().manual_seed(0))
    with torch.no_grad():
        images = {lod: at_level(model, lod).generator(latents) for lod in (0.0, 0.25, 1.0, 2.0)}
    for lod, factor in ((1.0, 2), (2.0, 4)):
        assert images[lod].shape == (2, 3, 16, 16)
        small = avg_pool2d(images[lod], factor)
        torch.testing.assert_close(interpolate(small, scale_factor=factor), images[lod])
    torch.testing.assert_close(images[0.25], 0.75 * images[0.0] + 0.25 * images[1.0])


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_discriminator_sees_means_and_real_images_are_faded_like_generated_ones(system: str) -> None:
    model = at_level(filled(system), 1.0)
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    coarse = interpolate(avg_pool2d(images, 2), scale_factor=2)
    with torch.no_grad():
        torch.testing.assert_close(model.discriminator(images), model.discriminator(coarse))
        assert not torch.allclose(model.discriminator(images), at_level(model, 0.0).discriminator(images))
    level = levels_of(at_level(model, 0.5))[0]
    torch.testing.assert_close(fade_real(images, level), (images + coarse) / 2)


def test_a_level_follows_weights_that_are_loaded() -> None:
    model, other = tiny_model("progan"), at_level(tiny_model("progan"), 0.25)
    assert levels_of(model)[0].value == 2
    model.load_state_dict(other.state_dict())
    assert [level.value for level in levels_of(model)] == [0.25, 0.25]
    assert levels_of(model)[0].fades


def test_a_step_at_each_stage_moves_the_layers_in_use_alone() -> None:
    model = tiny_model("progan", phase_images=4_750_000)
    engine = engine_of(model)
    before = {key: value.clone() for key, value in model.generator.named_parameters()}
    engine.step(batches_of("progan"), 0, 0)
    still = {key for key, value in model.generator.named_parameters() if torch.equal(value, before[key])}
    outer = tuple(f"layers.{number}." for number in range(2, 6))
    assert still == {key for key in before if key.startswith((*outer, "images.outputs.1.", "images.outputs.2."))}


# Styles


def test_truncation_moves_the_first_layers_alone_and_the_average_follows_training(tmp_path: Path) -> None:
    run = train_tiny("stylegan", out=tmp_path / "run", steps=3, truncated_layers=2)
    model = iw.load(run)
    assert model.generator.w_average.abs().max() > 0
    styles = iw.load(run, space="w+").sample_latents(2, torch.Generator().manual_seed(0))
    assert styles.shape == (2, 6, 8)
    moved = model.truncate_styles(styles, 0.5)
    torch.testing.assert_close(moved[:, :2], (styles[:, :2] + model.generator.w_average) / 2)
    assert torch.equal(moved[:, 2:], styles[:, 2:])
    latents = model.sample_latents(2, torch.Generator().manual_seed(0))
    with torch.no_grad():
        plain = model.decode(latents)
        torch.testing.assert_close(iw.load(run, truncation=1.0).decode(latents), plain)
        torch.testing.assert_close(iw.load(run, space="w").decode(model.map_latents(latents)), plain)
        torch.testing.assert_close(iw.load(run, space="w+").decode(styles), plain)
        truncated = iw.load(run, space="w+", truncation=0.5).decode(styles)
        torch.testing.assert_close(truncated, model.synthesise(moved))
    with pytest.raises(UserError, match=r"truncation=7.*-2 to 2"):
        iw.load(run, truncation=7.0)


def test_styles_are_mixed_in_the_layers_in_use() -> None:
    model = tiny_model("stylegan", style_mixing=1.0, grow_from=8).train()
    engine = engine_of(model)
    seen: list[torch.Tensor] = []
    model.generator.synthesis.register_forward_pre_hook(lambda module, given: seen.append(given[0].detach()))
    for index in range(6):
        engine.step(batches_of("stylegan"), index, 0)
    changes = [{int(place) for place in (each[:, 1:] != each[:, :-1]).any(2).any(0).nonzero()} for each in seen]
    assert all(len(places) == 1 for places in changes)  # one change of style a batch
    assert set.union(*changes) <= {0, 1, 2}  # before one of the four layers in use
    assert len(set.union(*changes)) > 1


# Classes


@pytest.mark.parametrize("system", SYSTEMS)
def test_images_of_a_class(system: str, tmp_path: Path) -> None:
    images = iw.open_images(simple_pictures(16)).with_labels(np.arange(16) % 2, ("dark", "bright"))
    options = catalogue.model_class(system).Config.tiny_options | {"condition": "labels", "batch_size": BATCH}
    run = iw.train(system, images, tmp_path / "run", images_seen=4 * BATCH, report_every=4 * BATCH, **options)
    assert iw.load(run).class_names == ("dark", "bright")
    one, other = (iw.sample(run, 2, label=name) for name in ("dark", "bright"))
    assert not torch.equal(one, other)
    assert iw.score(run, simple_pictures(3)).shape == (3,)
    with pytest.raises(UserError, match="grey"):
        iw.sample(run, 1, label="grey")


# Mistakes


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_label_for_a_model_without_classes(system: str, tmp_path: Path) -> None:
    run = train_tiny(system, out=tmp_path / "run", steps=1)
    with pytest.raises(UserError, match="class"):
        iw.sample(run, 1, label="dog")
    if system == "progan":
        with pytest.raises(UserError, match="truncation"):
            iw.load(run, truncation=0.5)


@pytest.mark.parametrize(
    ("size", "nearest", "rule"),
    [((89, 109), "112x96", "multiples of 16"), ((6, 6), "8x8", "8 or more"), ((60, 64), "64x64", "multiples of 8")],
)
def test_sizes_that_no_doubling_reaches(size: tuple[int, int], nearest: str, rule: str) -> None:
    with pytest.raises(ConfigError, match=rf"{rule}.*--size {nearest}"):
        configs.build(catalogue.model_class("progan").Config, {"size": size, "channels": 3}, "progan")


def test_other_smallest_maps() -> None:
    model = tiny_model("progan", (24, 40), channels=1)
    assert model.config.start == (6, 10)
    assert at_level(model, 0.0).decode(torch.zeros(1, 8)).shape == (1, 1, 24, 40)


def test_a_start_between_two_sizes_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"grow_from 12: sizes double from 4 on, so give 8 or 16"):
        tiny_model("progan", grow_from=12)
