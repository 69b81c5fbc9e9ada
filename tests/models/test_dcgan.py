"""DCGAN: all losses at all supported shapes, the rule of sizes, and the order of updates."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch
from tiny import BATCH, Messages, batch_of, engine_of, simple_pictures, tiny_model, train_tiny
from torch import nn

import imagewright as iw
from imagewright import configs
from imagewright.errors import ConfigError
from imagewright.layers.dcgan import Discriminator, Generator
from imagewright.losses.adversarial import ADVERSARIAL
from imagewright.models.adversarial.dcgan import DCGAN, DCGANConfig
from imagewright.phases import Draws, Step
from imagewright.pixels import to_float

SIZES = [(8, 8), (16, 16), (16, 24), (64, 32), (8, 30)]


def step_of(images: torch.Tensor, index: int = 0) -> Step:
    draws = Draws(torch.Generator().manual_seed(index), len(images), 0, len(images))
    return Step(images=images, index=index, images_seen=0, draws=draws)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("loss", ADVERSARIAL)
def test_every_loss_trains_both_networks_at_every_shape(loss: str, size: tuple[int, int]) -> None:
    channels = {(8, 8): 1, (16, 24): 4}.get(size, 3)
    model = tiny_model("dcgan", size, channels, loss=loss, width=4)
    before = {key: value.detach().clone() for key, value in model.named_parameters()}
    engine = engine_of(model)
    engine.step({"images": batch_of(BATCH, size, channels)}, 0, 0)
    losses = engine.losses()
    assert all(math.isfinite(value) for value in losses.values())
    assert all(not torch.equal(value, before[key]) for key, value in model.named_parameters())


TERMS = {
    "non_saturating": {"real", "fake"},
    "hinge": {"real", "fake"},
    "least_squares": {"real", "fake"},
    "wasserstein": {"critic", "penalty"},
    "relativistic": {"relative", "r1", "r2"},
}


@pytest.mark.parametrize("loss", ADVERSARIAL)
def test_each_loss_has_its_terms_and_its_papers_penalty(loss: str) -> None:
    model = tiny_model("dcgan", loss=loss)
    step = step_of(to_float(batch_of().images))
    generator, discriminator = model.phases()
    assert set(generator.loss(step)) == {"adversarial"}
    assert set(discriminator.loss(step)) == TERMS[loss]
    has_penalty = loss in ("wasserstein", "relativistic")
    norms = [layer for layer in model.discriminator.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert bool(norms) != has_penalty, "batch statistics would mix the gradients of images, which a penalty needs"
    assert model.recipe().optimizer.betas == ((0.0, 0.99) if has_penalty else (0.5, 0.999))


def test_r1_can_be_used_with_a_loss_without_a_penalty() -> None:
    model = tiny_model("dcgan", loss="hinge", penalty=3.0, penalty_every=7)
    images = to_float(batch_of().images)
    phase = model.phases()[-1]
    assert (phase.name, phase.updates, phase.every, phase.lazy) == ("r1", ("discriminator",), 7, True)
    inputs = images.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(model.discriminator(inputs).sum(), inputs)
    expected = 1.5 * gradient.flatten(1).square().sum(1).mean().item()
    assert phase.loss(step_of(images))["penalty"].item() == pytest.approx(expected, rel=1e-4)
    assert set(model.discriminator_loss(step_of(images))) == {"real", "fake"}


def test_without_norms_the_untrained_discriminator_has_logits_of_order_one() -> None:
    """He initialisation preserves the variance of layers; with the paper's N(0, 0.02) logits would be thousandths."""
    torch.manual_seed(0)
    images = torch.randn(64, 3, 64, 64)
    logits = DCGAN(DCGANConfig(size=(64, 64), channels=3, width=16, penalty=1.0)).discriminator(images)
    assert 0.2 < logits.std().item() < 5


@pytest.mark.parametrize(("loss", "term", "share"), [("relativistic", "r1", 0.5), ("wasserstein", "penalty", 1.0)])
def test_the_weight_of_the_penalty_is_its_papers(loss: str, term: str, share: float) -> None:
    """It is gamma / 2 for R1 and R2, and lambda for the gradient penalty."""
    images = to_float(batch_of().images)
    values = [
        tiny_model("dcgan", loss=loss, penalty=weight).discriminator_loss(step_of(images))[term].item()
        for weight in (1.0, 10.0)
    ]
    assert values[1] == pytest.approx(10 * values[0], rel=1e-5)
    default = tiny_model("dcgan", loss=loss)
    weight = {"relativistic": 0.5, "wasserstein": 10.0}[loss]
    assert default.discriminator_loss(step_of(images))[term].item() == pytest.approx(weight * values[0], rel=1e-5)
    if term == "r1":
        gradient = images.clone().requires_grad_(True)
        model = tiny_model("dcgan", loss=loss, penalty=1.0)
        (gradient,) = torch.autograd.grad(model.discriminator(gradient).sum(), gradient)
        assert values[0] == pytest.approx(share * gradient.flatten(1).square().sum(1).mean().item(), rel=1e-4)


def test_with_a_penalty_of_zero_there_is_none_and_the_discriminator_has_norms() -> None:
    model = tiny_model("dcgan", loss="wasserstein", penalty=0.0)
    assert set(model.discriminator_loss(step_of(to_float(batch_of().images)))) == {"critic"}
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in model.discriminator.modules())


# The order of updates


def test_both_updates_of_a_step_use_the_same_generated_images() -> None:
    """They are generated once, and evaluated once for both updates."""
    model = tiny_model("dcgan")
    generated: list[torch.Tensor] = []
    inputs: list[torch.Tensor] = []
    model.generator.register_forward_hook(lambda _, __, output: generated.append(output.detach().clone()))
    model.discriminator.register_forward_pre_hook(lambda _, given: inputs.append(given[0].detach().clone()))
    engine_of(model).step({"images": batch_of()}, 0, 0)
    assert len(generated) == 1
    fake, real = inputs
    assert torch.equal(fake, generated[0])
    assert torch.equal(real, to_float(batch_of().images))


def test_augmented_images_are_evaluated_in_each_update_with_changes_of_its_own() -> None:
    model = tiny_model("dcgan", augmentation="diffaugment")
    inputs: list[torch.Tensor] = []
    model.discriminator.register_forward_pre_hook(lambda _, given: inputs.append(given[0].detach().clone()))
    engine_of(model).step({"images": batch_of()}, 0, 0)
    first, _, second = inputs
    assert first.shape == second.shape
    assert not torch.equal(first, second)


@pytest.mark.parametrize(("options", "every"), [({}, 1), ({"generator_every": 3}, 3), ({"loss": "wasserstein"}, 5)])
def test_the_generator_is_updated_in_one_step_of_its_interval(options: dict[str, object], every: int) -> None:
    model = tiny_model("dcgan", **options)
    engine = engine_of(model)
    updated = []
    for index in range(7):
        before = [parameter.detach().clone() for parameter in model.parameters()]
        generators = len(list(model.generator.parameters()))
        engine.step({"images": batch_of(seed=index)}, index, index * BATCH)
        same = [torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True)]
        assert not any(same[generators:]), "the discriminator was not updated"
        assert len(set(same[:generators])) == 1
        updated.append(not same[0])
    assert updated == [index % every == 0 for index in range(7)]


def test_without_an_update_of_the_generator_the_discriminator_gets_new_generated_images() -> None:
    model = tiny_model("dcgan", generator_every=100)
    inputs: list[torch.Tensor] = []
    model.discriminator.register_forward_pre_hook(lambda _, given: inputs.append(given[0].detach().clone()))
    engine = engine_of(model)
    for index in range(1, 3):
        engine.step({"images": batch_of()}, index, index * BATCH)
    (_, first, _, second) = inputs
    assert not torch.equal(first, second)


def test_the_verbs_use_the_generators_average(tmp_path: Path) -> None:
    run = train_tiny("dcgan", simple_pictures(), tmp_path / "run", steps=6, ema_half_life=10**6)
    from imagewright.runs.weights import read_tensors

    last = run.checkpoints()[-1]
    weights, state = read_tensors(last.weights)[0], read_tensors(last.state)[0]
    key = "generator.main.0.weight"
    assert not torch.equal(weights[key], state[f"trained.{key}"])
    assert torch.equal(iw.load(run).state_dict()[key], weights[key])


def test_without_an_average_the_weights_are_the_trained_ones(tmp_path: Path) -> None:
    from imagewright.runs.weights import read_tensors

    run = train_tiny("dcgan", simple_pictures(), tmp_path / "run", steps=2, ema_half_life=0)
    assert not any(key.startswith("trained.") for key in read_tensors(run.checkpoints()[-1].state)[0])


# Architecture


def test_the_layers_at_64_are_the_published_ones() -> None:
    config = DCGANConfig(size=(64, 64), channels=3)
    shapes = {
        name: tuple(tensor.shape)
        for name, tensor in Generator(config, config.latent_dim).state_dict().items()
        if tensor.ndim == 4
    }
    assert list(shapes.values()) == [
        (100, 512, 4, 4),
        (512, 256, 4, 4),
        (256, 128, 4, 4),
        (128, 64, 4, 4),
        (64, 3, 4, 4),
    ]
    assert list(shapes) == [f"main.{number}.weight" for number in (0, 3, 6, 9, 12)]
    state = Discriminator(config, normalised=True).state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items() if tensor.ndim == 4}
    assert list(shapes.values()) == [(64, 3, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4), (512, 256, 4, 4), (1, 512, 4, 4)]
    assert list(shapes) == [f"main.{number}.weight" for number in (0, 2, 5, 8, 11)]
    assert [name for name in state if name.endswith("running_var")] == [f"main.{n}.running_var" for n in (3, 6, 9)]


def test_initial_weights_are_the_published_ones() -> None:
    torch.manual_seed(0)
    model = DCGAN(DCGANConfig(size=(32, 32), channels=3, width=32))
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.weight.numel() > 5000:
            assert layer.weight.mean().abs() < 0.001
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)
        elif isinstance(layer, nn.BatchNorm2d):
            assert layer.weight.mean().item() == pytest.approx(1, abs=0.02)
            assert not layer.bias.any()


@pytest.mark.parametrize("size", SIZES)
def test_generated_pictures_are_in_range_and_each_has_one_logit(size: tuple[int, int]) -> None:
    model = tiny_model("dcgan", size, 1)
    images = model.generator(torch.randn(3, 8))
    assert images.shape == (3, 1, *size)
    assert images.abs().max() <= 1
    assert model.discriminator(images).shape == (3,)


def test_channels_stop_doubling_at_sixteen_times_the_width() -> None:
    assert DCGANConfig(size=(512, 512), channels=3, width=2).widths == [2, 4, 8, 16, 32, 32, 32]


# Sizes


@pytest.mark.parametrize("height", [1, 4, 7, 8, 11, 12, 16, 28, 33, 64, 90, 109, 250])
@pytest.mark.parametrize("width", [1, 8, 20, 31, 64, 89, 300])
def test_the_nearest_size_is_supported_and_near(height: int, width: int) -> None:
    nearest = DCGANConfig.nearest_size(height, width)
    config = DCGANConfig.tiny(size=nearest)
    shorter = min(nearest)
    assert shorter >= 8
    assert math.log2(shorter / 4).is_integer()
    assert all(side % (shorter // 4) == 0 for side in nearest)
    assert config.start == tuple(4 * side // shorter for side in nearest)
    assert DCGANConfig.nearest_size(*nearest) == nearest
    if min(height, width) >= 8:
        factor = shorter / min(height, width)
        assert 2**-0.51 <= factor <= 2**0.51, "twice or half the size would be nearer"
        assert max(nearest) / shorter == pytest.approx(max(height, width) / min(height, width), abs=0.126)


@pytest.mark.parametrize(
    ("size", "nearest"),
    [((28, 28), "32x32"), ((64, 65), "64x64"), ((109, 89), "64x80"), ((4, 4), "8x8"), ((30, 100), "104x32")],
)
def test_an_unsupported_size_is_refused_with_the_rule_and_the_nearest_size(size: tuple[int, int], nearest: str) -> None:
    with pytest.raises(ConfigError, match=f"^dcgan: size {size[1]}x{size[0]}: .*power of two.*--size {nearest}$"):
        configs.build(DCGANConfig, {"size": size, "channels": 3}, "dcgan")


def test_pictures_of_an_unsupported_size_are_resized_with_a_note_unless_the_size_was_given(tmp_path: Path) -> None:
    messages = Messages()
    pictures = simple_pictures(12, (15, 17))
    run = train_tiny("dcgan", pictures, tmp_path / "run", steps=1, reporter=messages)
    assert run.record["config"]["size"] == [16, 20]
    assert any(re.search(r"dcgan .*17x15.*20x16.*--size", text) for text in messages.texts)
    assert iw.sample(run, 2).shape == (2, 3, 16, 20)
    with pytest.raises(ConfigError, match=r"size 17x15.*--size 20x16"):
        train_tiny("dcgan", iw.open_images(pictures, size=(15, 17)), tmp_path / "other", steps=1)
    assert not (tmp_path / "other").exists()


def test_latents_decode_to_the_same_pictures_one_by_one_and_together() -> None:
    model = tiny_model("dcgan").eval()
    latents = torch.randn(5, 8)
    together = iw.decode(model, latents)
    for row in range(5):
        assert (iw.decode(model, latents[row : row + 1]).int() - together[row].int()).abs().max() <= 1
