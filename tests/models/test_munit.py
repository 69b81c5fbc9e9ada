"""MUNIT and UNIT: losses against numbers worked out by hand, which networks a translation goes through, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import engine_of, simple_pictures, tiny_model
from torch.nn.functional import interpolate

import imagewright as iw
from imagewright.capabilities import Target
from imagewright.checkpoints import export_state, find_adapter, import_checkpoint
from imagewright.errors import ConfigError, RunError, UserError
from imagewright.layers.conv_blocks import AdaptiveInstanceNorm, ConvBlock, ImageLayerNorm
from imagewright.model import Model
from imagewright.phases import Draws, Rows, Step

SYSTEMS = ("munit", "unit")


def step_of(count: int = 2, seed: int = 0) -> Step:
    generator = torch.Generator().manual_seed(seed)
    a, b = (2 * torch.rand(count, 3, 16, 16, generator=generator) - 1 for _ in range(2))
    draws = Draws(generator, count, 0, count)
    return Step(images=a, index=0, images_seen=0, draws=draws, feeds={"b": Rows(images=b)})


def pictures(seed: int = 0) -> torch.Tensor:
    return 2 * torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(seed)) - 1


# Layers


def test_the_layer_norm_takes_one_unbiased_deviation_of_an_image() -> None:
    maps = 3 * torch.randn(2, 4, 5, 6, generator=torch.Generator().manual_seed(0)) + 7
    norm = ImageLayerNorm(4)
    scale = norm.gamma.detach()[:, None, None]
    for image, ours in zip(maps, norm(maps), strict=True):
        wanted = scale * (image - image.mean()) / (image.flatten().std(correction=1) + 1e-5)
        torch.testing.assert_close(ours.detach(), wanted, atol=1e-5, rtol=1e-5)


def test_an_adaptive_norm_takes_the_shifts_before_the_scales() -> None:
    maps = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    modulation = torch.arange(12.0).reshape(2, 6)
    made = AdaptiveInstanceNorm()(maps, modulation)
    torch.testing.assert_close(made.mean((2, 3)), modulation[:, :3], atol=1e-5, rtol=1e-5)
    deviations = made.std((2, 3), correction=0)
    torch.testing.assert_close(deviations, modulation[:, 3:], atol=1e-2, rtol=1e-3)


@pytest.mark.parametrize("norm", ["instance", "layer", "adaptive", "none"])
def test_gradients_of_a_block_are_equal_in_both_memory_layouts(norm: Any) -> None:
    torch.manual_seed(0)
    block = ConvBlock(3, 4, 3, padding=1, norm=norm)
    modulation = (torch.randn(1, 8),) if norm == "adaptive" else ()
    image, weights = torch.randn(1, 3, 6, 6), torch.randn(1, 4, 6, 6)
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        given = image.clone().to(memory_format=layout).requires_grad_(True)
        (block(given, *modulation) * weights.to(memory_format=layout)).sum().backward()
        found.append(given.grad.contiguous())
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-4)


# Objective


def zeroed(model: Model, bias: float = 0.25) -> Model:
    """The model with discriminators whose every logit is `bias`."""
    with torch.no_grad():
        for network in (model.discriminator_a, model.discriminator_b):
            for scale in network.cnns:
                scale[-1].weight.zero_()
                scale[-1].bias.fill_(bias)
    return model


@pytest.mark.parametrize("system", SYSTEMS)
def test_adversarial_terms_are_summed_over_scales_and_not_halved(system: str) -> None:
    model = zeroed(tiny_model(system))
    scales = model.config.judged_scales
    terms = {phase.name: phase.loss(step_of()) for phase in model.phases()}
    for domain in "ab":
        assert terms["discriminators"][f"real_{domain}"].item() == pytest.approx(scales * 0.75**2)
        assert terms["discriminators"][f"fake_{domain}"].item() == pytest.approx(scales * 0.25**2)
        assert terms["generators"][f"adversarial_{domain}"].item() == pytest.approx(scales * 0.75**2)


def test_munit_finds_the_drawn_style_and_the_content_again() -> None:
    model = tiny_model("munit", cycle=2.0).eval()
    step = step_of()
    terms = model.generator_loss(step)
    a, b = model.generator_a, model.generator_b
    style, content = step.shared["style_b"], a.content_encoder(step.images)
    fake = b.decode(content, style)
    expected = {
        "style_b": (b.style_encoder(fake) - style).abs().mean(),
        "content_a": (b.content_encoder(fake) - content).abs().mean(),
        "reconstruction_a": 10 * (a.decode(content, a.style_encoder(step.images)) - step.images).abs().mean(),
        "cycle_a": 2 * (a.decode(b.content_encoder(fake), a.style_encoder(step.images)) - step.images).abs().mean(),
    }
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value, msg=name)
    assert "cycle_a" not in tiny_model("munit").generator_loss(step_of())


def test_unit_adds_the_drawn_noise_to_latents_and_penalises_their_mean_square() -> None:
    model = tiny_model("unit").eval()
    step = step_of()
    terms = model.generator_loss(step)
    a, b = model.generator_a, model.generator_b
    mean = a.encoder(step.images)
    fake = b.decoder(mean + step.shared["noise_a"])
    found = b.encoder(fake)
    again = a.decoder(found + step.shared["noise_again_a"])
    expected = {
        "divergence_a": 0.01 * mean.square().mean(),
        "reconstruction_a": 10 * (a.decoder(mean + step.shared["noise_a"]) - step.images).abs().mean(),
        "cycle_a": 10 * (again - step.images).abs().mean(),
        "cycle_divergence_a": 0.01 * found.square().mean(),
    }
    for name, value in expected.items():
        torch.testing.assert_close(terms[name], value, msg=name)


def test_the_rate_is_halved_ten_times() -> None:
    recipe = tiny_model("munit").recipe
    assert recipe(0).optimizer.learning_rate == recipe(99_999).optimizer.learning_rate == 1e-4
    assert recipe(100_000).optimizer.learning_rate == 5e-5
    assert recipe(950_000).optimizer.learning_rate == pytest.approx(1e-4 / 2**9)


@pytest.mark.parametrize("system", SYSTEMS)
def test_discriminators_move_before_the_generators_and_judge_their_fakes(system: str) -> None:
    model = tiny_model(system)
    assert [phase.name for phase in model.phases()] == ["discriminators", "generators"]
    engine = engine_of(model)
    assert set(engine.networks) == {"generator_a", "generator_b", "discriminator_a", "discriminator_b"}


# Verbs


def test_a_translation_takes_the_content_of_one_domain_and_the_style_of_the_other() -> None:
    model = tiny_model("munit").eval()
    images, references = pictures(), pictures(1)
    styles = model.encode_styles(references, 1)
    torch.testing.assert_close(styles, model.generator_b.style_encoder(references))
    made = model.translate(images, Target(domain=1, style=styles))
    torch.testing.assert_close(made, model.generator_b.decode(model.generator_a.content_encoder(images), styles))
    back = model.translate(images, Target(domain=0, style=styles))
    torch.testing.assert_close(back, model.generator_a.decode(model.generator_b.content_encoder(images), styles))


def test_unit_translates_in_one_way_and_without_noise() -> None:
    model = tiny_model("unit").eval()
    images = pictures()
    made = model.translate(images, Target(domain=1))
    torch.testing.assert_close(made, model.generator_b.decoder(model.generator_a.encoder(images)))
    with pytest.raises(UserError, match="one way only"):
        iw.translate(model, simple_pictures(2), to="b", styles=2)


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("channels", [1, 3])
def test_previews_show_every_kind_of_picture(system: str, channels: int) -> None:
    model = tiny_model(system, channels=channels).eval()
    a, b = (torch.zeros(count, channels, 16, 16) for count in (3, 3))
    draws = Draws(torch.Generator().manual_seed(0), 3, 0, 3)
    shown = model.preview({"a": Rows(images=a), "b": Rows(images=b)}, draws)
    assert all(images.shape == a.shape for images in shown.values())
    assert len(shown) == {"munit": 10, "unit": 8}[system]


# Sizes


def test_small_pictures_have_fewer_scales_and_impossible_ones_are_refused() -> None:
    config = iw.catalogue.model_class("munit").Config
    assert config(size=(64, 64), channels=3).judged_scales == 3
    assert config(size=(32, 32), channels=3).judged_scales == 2
    assert config(size=(16, 20), channels=3).judged_scales == 1
    with pytest.raises(ConfigError, match=r"scales 3.*32x32.*2 scales"):
        iw.configs.build(config, {"size": (32, 32), "channels": 3, "scales": 3}, "munit")
    with pytest.raises(ConfigError, match=r"downsamplings 3.*multiples of 8"):
        iw.configs.build(config, {"size": (36, 36), "channels": 3, "downsamplings": 3}, "munit")


# Published files


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_authors_dictionary_of_two_domains_becomes_a_run(system: str, tmp_path: Path) -> None:
    model = tiny_model(system, width=6, blocks=3, downsamplings=3).eval()
    declared = find_adapter(system).networks
    states = {}
    for domain in "ab":
        state = export_state(model.get_submodule(f"generator_{domain}"), declared[f"generator_{domain}"])
        states[domain] = {f"module.{name}": tensor for name, tensor in state.items()}
        states[domain]["module.dec.model.0.model.0.model.0.norm.running_mean"] = torch.zeros(48)
    torch.save(states, tmp_path / "gen_00000001.pt")
    judges = {d: export_state(model.get_submodule(f"discriminator_{d}"), declared["discriminator_a"]) for d in "ab"}
    torch.save(judges, tmp_path / "dis_00000001.pt")
    files = [tmp_path / "gen_00000001.pt", tmp_path / "dis_00000001.pt"]
    imported = import_checkpoint(files, system, tmp_path / "run")
    assert (imported.config.width, imported.config.blocks, imported.config.downsamplings) == (6, 3, 3)
    assert (imported.config.discriminator_layers, imported.config.scales) == (2, 2)
    images = interpolate(pictures(), 32)
    target = Target(domain=1, style=torch.ones(2, 3) if system == "munit" else None)
    torch.testing.assert_close(imported.translate(images, target), model.translate(images, target))
    assert iw.translate(tmp_path / "run", simple_pictures(1, (30, 41)), to="b").shape == (1, 3, 30, 41)


@pytest.mark.parametrize("norm", ["none", "instance", "layer", "batch"])
@pytest.mark.parametrize(("layers", "scales"), [(1, 1), (3, 2)])
def test_a_discriminator_of_other_depth_norm_and_channels(norm: str, layers: int, scales: int) -> None:
    model = tiny_model("munit", channels=1, discriminator_layers=layers, scales=scales, discriminator_norm=norm).eval()
    declared = find_adapter("munit").networks["discriminator_a"]
    state = export_state(model.discriminator_a, declared)
    network = iw.load_network("munit", "discriminator", state, discriminator_norm=norm)
    images = pictures()[:, :1]
    for name, logits in network(image=images).items():
        torch.testing.assert_close(logits, model.discriminator_a(images)[int(name[-1])])


@pytest.mark.parametrize(("system", "other"), [("munit", "unit"), ("unit", "munit"), ("munit", "funit")])
def test_a_file_of_another_system_is_told_with_what_it_looks_like(system: str, other: str, tmp_path: Path) -> None:
    network = "generator" if other == "funit" else "generator_a"
    state = export_state(tiny_model(other).get_submodule(network), find_adapter(other).networks[network])
    torch.save({"a": state, "b": state}, tmp_path / "gen.pt")
    with pytest.raises(RunError, match=rf"gen\.pt: This is no .*{system.upper()}.*looks like .*--as {other}"):
        import_checkpoint(tmp_path / "gen.pt", system)


def test_missing_and_unknown_tensors_are_named(tmp_path: Path) -> None:
    state = export_state(tiny_model("unit").generator_a, find_adapter("unit").networks["generator_a"])
    del state["dec.model.3.conv.bias"]
    state["dec.model.9.conv.bias"] = torch.zeros(3)
    torch.save({"a": state}, tmp_path / "gen.pt")
    with pytest.raises(RunError, match=r"no tensor dec\.model\.3\.conv\.bias; dec\.model\.9\.conv\.bias is unknown"):
        import_checkpoint(tmp_path / "gen.pt", "unit")
