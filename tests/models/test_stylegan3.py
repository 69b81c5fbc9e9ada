"""StyleGAN3: what each phase moves, the published schedules, and that T and R move, and R turns, its images."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tiny import BATCH, batches_of, tiny_model, train_tiny

import imagewright as iw
from imagewright.errors import ConfigError, UserError
from imagewright.metrics.models.equivariance import measure_errors, signal_to_noise
from imagewright.models.adversarial.stylegan3 import StyleGAN3, StyleGAN3Config
from imagewright.training.engine import Engine
from imagewright.training.plan import Plan


def stylegan3(**options: object) -> StyleGAN3:
    torch.manual_seed(0)
    small = StyleGAN3Config.tiny_options | {"size": (32, 32), "channels": 3, "channel_max": 32, "channel_base": 512}
    return StyleGAN3(StyleGAN3Config(**{**small, **options})).eval()


def test_the_published_numbers() -> None:
    t = StyleGAN3Config(size=(256, 256), channels=3)
    r = StyleGAN3Config(size=(1024, 1024), channels=3, variant="r")
    assert (t.gamma, r.gamma) == (2.0, 32.0)
    assert [plan.channels for plan in t.plans][:3] == [512, 512, 512]
    assert [plan.channels for plan in r.plans][:3] == [1024, 1024, 1024]
    recipe = tiny_model("stylegan3").recipe()
    assert (recipe.optimizer_for("generator").learning_rate, recipe.optimizer_for("discriminator").learning_rate) == (
        2.5e-3,
        2e-3,
    )
    assert [phase.name for phase in tiny_model("stylegan3").phases()] == ["generator", "discriminator", "r1"]


@pytest.mark.parametrize(("variant", "turns"), [pytest.param("t", False, marks=pytest.mark.learning), ("r", True)])
def test_an_untrained_network_moves_its_images_and_r_turns_them(variant: str, turns: bool) -> None:
    model = stylegan3(variant=variant)
    latents = model.sample_latents(8, torch.Generator().manual_seed(0))
    still = model.decode_moved(latents, torch.eye(3).expand(8, 3, 3)).detach()
    contrast = 20 * math.log10(2 / float(still.std()))
    moved, turned = (signal_to_noise(measure_errors(model, kind, 8)) - contrast for kind in ("eq_t", "eq_r"))
    assert moved > 30
    assert (turned > 30) == turns


def test_means_follow_in_the_discriminators_phase_alone() -> None:
    model = tiny_model("stylegan3").train()
    engine = Engine(model, Plan(images_seen=800, batch_size=BATCH, micro_batch=BATCH, learning_rate=1e-9), model.device)
    magnitudes: list[float] = []
    first = next(iter(model.generator.synthesis.blocks.values()))
    handle = first.register_forward_pre_hook(
        lambda layer, given: magnitudes.append(float(given[0].detach().square().mean()))
    )
    engine.step(batches_of("stylegan3"), 0, 0)
    handle.remove()
    share = 1 - 0.5 ** (BATCH / 20_000)
    assert len(magnitudes) == 2  # of both networks' phases
    assert float(first.magnitude.value) == pytest.approx(1 + share * (magnitudes[1] - 1), rel=1e-5)
    assert bool(model.mapping.mean.any())


def test_the_blur_of_r_falls_to_none() -> None:
    model = tiny_model("stylegan3", variant="r")
    deviations = []
    for seen in (0, 100_000, 200_000, 300_000):
        model.advance(seen)
        assert float(model.blur.sum()) == pytest.approx(1)
        places = torch.arange(len(model.blur)) - len(model.blur) // 2
        deviations.append(float((model.blur * places.square()).sum().sqrt()))
    # exp2(-(i / sigma)^2) has the deviation sigma / sqrt(2 ln 2).
    assert deviations == pytest.approx(
        [10 / math.sqrt(2 * math.log(2)), 5 / math.sqrt(2 * math.log(2)), 0, 0], rel=1e-2
    )
    assert not hasattr(tiny_model("stylegan3"), "blur")


def test_the_first_layers_of_the_discriminator_may_be_frozen() -> None:
    model = tiny_model("stylegan3", frozen_layers=2)
    before = {name: value.clone() for name, value in model.discriminator.named_parameters()}
    engine = Engine(model, Plan(images_seen=800, batch_size=BATCH, micro_batch=BATCH, learning_rate=1e-3), model.device)
    engine.step(batches_of("stylegan3"), 0, 0)
    still = {name for name, value in model.discriminator.named_parameters() if torch.equal(value, before[name])}
    assert still == {name for name in before if name.startswith(("blocks.0.from_image", "blocks.0.first"))}
    with pytest.raises(ConfigError, match=r"frozen_layers=99, but the discriminator has \d+"):
        tiny_model("stylegan3", frozen_layers=99)


def test_sizes_are_windows_of_the_next_larger_square() -> None:
    model = stylegan3(size=(24, 32))
    assert model.generator(torch.randn(2, 8)).shape == (2, 3, 24, 32)
    with pytest.raises(ConfigError, match=r"size 89x109: .*multiples of 16.*--size 96x112"):
        tiny_model("stylegan3", size=(109, 89))
    assert StyleGAN3Config.nearest_size(7, 300) == StyleGAN3Config.nearest_size(*StyleGAN3Config.nearest_size(7, 300))


@pytest.mark.learning
def test_spaces_and_truncation(tmp_path: Path) -> None:
    run = train_tiny("stylegan3", out=tmp_path / "run", steps=2)
    plain = iw.load(run)
    latents = plain.sample_latents(2, torch.Generator().manual_seed(0))
    with torch.no_grad():
        styles = plain.map_latents(latents)
        assert torch.equal(iw.load(run, space="w").decode(styles), plain.decode(latents))
        each = styles[:, None].expand(-1, *plain.style_shape)
        assert torch.equal(iw.load(run, space="w+").decode(each), plain.decode(latents))
        average = iw.load(run, truncation=0.0).decode(latents)
    assert torch.equal(average[0], average[1])
    with pytest.raises(UserError, match="truncation=3"):
        iw.load(run, truncation=3.0)
