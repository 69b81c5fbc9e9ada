"""DRIT: its terms in known cases, what each update moves, styles, sizes, and files as its authors save them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import BATCH, batch_of, batches_of, engine_of, simple_pictures, tiny_model, train_tiny
from torch import Tensor, nn

import imagewright as iw
from imagewright.checkpoints import export_state, find_adapter, import_checkpoint
from imagewright.errors import ConfigError, RunError, UserError
from imagewright.layers.content_attribute import ContentDiscriminator, most_content_layers
from imagewright.layers.pyramid_discriminator import (
    PyramidDiscriminator,
    SingleScaleDiscriminator,
    most_layers,
    most_scales,
)
from imagewright.losses.mode_seeking import mode_likeness
from imagewright.model import Model
from imagewright.models.translation.drit import DRITConfig
from imagewright.phases import Draws, Rows, Step
from imagewright.pixels import to_float
from imagewright.traits import Traits

KEYS = {
    "enc_c": "content_encoder",
    "enc_a": "attribute_encoder",
    "gen": "generator",
    "disA": "discriminator_a",
    "disB": "discriminator_b",
    "disA2": "discriminator_a2",
    "disB2": "discriminator_b2",
    "disContent": "content_discriminator",
}
INJECTIONS = ["concat", "transform"]


def step_of(size: tuple[int, int] = (16, 16), rows: int = 3) -> Step:
    a, b = (to_float(torch.from_numpy(simple_pictures(2 * rows, size, seed=seed))) for seed in (0, 1))
    draws = Draws(torch.Generator().manual_seed(0), rows, 0, rows)
    return Step(images=a, index=0, images_seen=0, draws=draws, feeds={"b": Rows(images=b)})


# Terms


def test_mode_likeness_is_the_mean_of_inverse_ratios() -> None:
    one, other = torch.zeros(2, 3, 4, 4), torch.tensor([0.5, 0.25]).reshape(2, 1, 1, 1).expand(2, 3, 4, 4)
    code, other_code = torch.zeros(2, 8), torch.ones(2, 8)
    assert mode_likeness(one, other, code, other_code, eps=0).item() == pytest.approx((1 / 0.5 + 1 / 0.25) / 2)
    assert mode_likeness(one, one, code, other_code).item() == pytest.approx(1e5)


@pytest.mark.parametrize("discriminator", ["multiscale", "single"])
@pytest.mark.parametrize("injection", INJECTIONS)
def test_undecided_discriminators_give_known_terms(injection: str, discriminator: str) -> None:
    model = tiny_model("drit", (32, 32), injection=injection, scales=2, discriminator=discriminator)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "discriminator" in name:
                parameter.zero_()
    step, scales = step_of((32, 32)), 2 if discriminator == "multiscale" else 1
    told, random = model.discriminator_loss(step), model.random_loss(step)
    swapped, content = model.swapped_loss(step), model.content_discriminator_loss(step)
    assert told["real_a"].item() == pytest.approx(scales * math.log(2))
    assert told["fake_b_random"].item() == pytest.approx(2 * scales * math.log(2))  # two fakes, for mode seeking
    assert random["adversarial_a"].item() == pytest.approx(2 * scales * math.log(2))
    assert swapped["adversarial_b"].item() == pytest.approx(scales * math.log(2))
    assert content["a"].item() == content["b"].item() == pytest.approx(math.log(2))
    assert swapped["content_a"].item() == pytest.approx(math.log(2))


class Colour(nn.Module):
    """Toy networks in which the attribute is the mean colour, content the rest; b has half of the contrast of a."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self.part = part

    def forward(self, values: Tensor, *others: Any) -> Any:
        domain = others[-1]
        contrast = (1.0, 0.5)[domain]
        if self.part == "generator":
            return (values + others[0][:, :, None, None]) * contrast
        mean = values.mean((2, 3), keepdim=True) / contrast
        if self.part == "content_encoder":
            return values / contrast - mean
        return mean.flatten(1), torch.full_like(mean.flatten(1), -90.0)  # without spread


class NoNoise(Draws):
    """Random attributes, but no noise on content."""

    def normal(self, *shape: int) -> Tensor:
        return super().normal(*shape) * (len(shape) < 3)


def test_networks_that_take_content_and_attribute_apart_have_no_error_in_any_swap() -> None:
    model = tiny_model("drit", style_dim=3, mode_seeking=0)
    model.content_discriminator = nn.Flatten()
    for part in ("content_encoder", "attribute_encoder", "generator"):
        setattr(model, part, Colour(part))
    step = step_of()
    step.draws = NoNoise(step.draws.generator, 3, 0, 3)
    terms = {**model.swapped_loss(step), **model.random_loss(step)}
    for name in ("cross_cycle", "reconstruction", "latent"):
        assert terms[f"{name}_a"].item() == pytest.approx(0, abs=1e-5)
        assert terms[f"{name}_b"].item() == pytest.approx(0, abs=1e-5)
    assert "mode_seeking_a" not in terms
    wanted = step.images[0::2].mean((2, 3))
    kl = 0.5 * (wanted.square() + 90 - 1).sum(1).mean()
    assert terms["attribute_a"].item() == pytest.approx(0.01 * kl.item(), rel=1e-4)
    # A generator that mixes up the domains is found.
    model.generator.forward = lambda content, attribute, domain: Colour("generator")(content, attribute, 0)
    assert model.swapped_loss(step_of())["cross_cycle_b"].item() > 0.1


# Updates


def moved(model: Model, before: dict[str, Tensor]) -> set[str]:
    return {name.partition(".")[0] for name, value in model.named_parameters() if not torch.equal(value, before[name])}


def weights_of(model: Model) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def test_two_of_three_steps_move_the_content_discriminator_alone() -> None:
    model = tiny_model("drit")
    engine = engine_of(model)
    for index, all_move in enumerate((True, False, False, True)):
        before = weights_of(model)
        engine.step(batches_of("drit", seed=index), index, index * BATCH)
        assert moved(model, before) == (set(KEYS.values()) if all_move else {"content_discriminator"})


def test_random_attributes_do_not_teach_the_attribute_encoder() -> None:
    model = tiny_model("drit")
    engine, before = engine_of(model), weights_of(model)
    (phase,) = (phase for phase in model.phases() if phase.name == "random")
    engine.run_phases([phase], [step_of()])
    assert moved(model, before) == {"content_encoder", "generator"}


def test_the_recipe_is_the_published_one() -> None:
    model = tiny_model("drit")
    start, late = model.recipe(), model.recipe(model.recipe().images_seen * 3 // 4)
    assert (start.batch_size, start.optimizer.learning_rate, start.optimizer.weight_decay) == (1, 1e-4, 1e-4)
    content = start.optimizer_for("content_discriminator")
    assert (content.learning_rate, content.clip) == (pytest.approx(4e-5), 5.0)
    assert late.optimizer.learning_rate == pytest.approx(5e-5)
    assert (start.load_ratio, start.flip) == (256 / 216, True)
    assert late.optimizer_for("content_discriminator").learning_rate == pytest.approx(2e-5)


@pytest.mark.parametrize("injection", INJECTIONS)
@pytest.mark.parametrize("size", [(16, 16), (20, 36), (64, 64)])
def test_every_network_trains_at_every_shape(size: tuple[int, int], injection: str) -> None:
    channels, kind = {(20, 36): 1}.get(size, 3), {(64, 64): "single"}.get(size, "multiscale")
    options = {"discriminator_layers": None, "scales": 3, "content_layers": 3, "discriminator": kind}
    model = tiny_model("drit", size, channels, injection=injection, **options)
    engine, before = engine_of(model), weights_of(model)
    batch = batch_of(2 * BATCH, size, channels)
    engine.step({"a": batch, "b": batch}, 0, 0)
    assert all(math.isfinite(value) for value in engine.losses().values())
    assert moved(model, before) == set(KEYS.values())


@pytest.mark.parametrize("side", [16, 20, 33, 50, 216])
def test_discriminators_have_as_many_layers_as_the_size_allows(side: int) -> None:
    images = torch.zeros(1, 1, side, side)
    for kernel, judge in ((4, PyramidDiscriminator), (3, SingleScaleDiscriminator)):
        most = most_layers(side, kernel)
        options = {"scales": 1} if kernel == 4 else {}
        judge(1, width=1, layers=most, **options)(images)
        with pytest.raises(RuntimeError):
            judge(1, width=1, layers=most + 1, **options)(images)
    scales = most_scales(side, layers=4)
    assert len(PyramidDiscriminator(1, width=1, scales=scales)(images)) == scales
    with pytest.raises(RuntimeError):
        PyramidDiscriminator(1, width=1, scales=scales + 1)(images)
    content = torch.zeros(1, 1, side // 4, side // 4)
    ContentDiscriminator(1, most_content_layers(side // 4))(content)
    with pytest.raises(RuntimeError):
        ContentDiscriminator(1, most_content_layers(side // 4) + 1)(content)


def test_a_size_that_cannot_be_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"size 18x30.*multiples of 4, 16 or more.*--size 16x32"):
        tiny_model("drit", (30, 18))


def test_narrow_networks_are_suggested_on_a_cpu_and_the_published_ones_on_a_gpu() -> None:
    cpu = Traits(images=100, height=32, width=32, channels=3)
    suggested = DRITConfig.suggest(cpu)
    assert suggested["width"] < DRITConfig(size=(32, 32), channels=3).width
    assert suggested["content_steps"] == 1
    assert DRITConfig.suggest(replace(cpu, accelerator=True)) == {}


# Verbs


def test_styles_are_random_or_of_references(tmp_path: Path) -> None:
    run = train_tiny("drit", out=tmp_path / "run", steps=1)
    pictures = simple_pictures(2, seed=5)
    styled = iw.translate(run, pictures, to="b", styles=3, seed=1)
    assert styled.shape == (2, 3, 3, 16, 16)
    assert torch.equal(iw.translate(run, pictures[1:], to="b", styles=2, seed=1)[0], styled[1, :2])
    model, references = iw.load(run), simple_pictures(2, seed=9)
    with torch.inference_mode():
        codes = model.encode_styles(to_float(torch.from_numpy(references)), 1)
    assert codes.shape == (2, *model.style_shape)
    assert not torch.equal(codes[0], codes[1])
    like = iw.translate(run, pictures, to="b", like=references)
    assert torch.equal(iw.translate(run, pictures, to="b", like=references[1:]), like[:, 1])
    with pytest.raises(UserError, match="no domain 'c'"):
        iw.translate(run, pictures, to="c")


# Published files


def container_of(model: Model) -> dict[str, Any]:
    """A file as the authors save it."""
    adapter = find_adapter("drit")
    states = {key: export_state(model.get_submodule(name), adapter.networks[name]) for key, name in KEYS.items()}
    optimisers = {f"{key}_opt": {"state": {}, "param_groups": [{"lr": 1e-4}]} for key in KEYS}
    return {**states, **optimisers, "ep": 1199, "total_it": 500_000}


@pytest.mark.parametrize(
    "options",
    [
        {"width": 3, "blocks": 2, "style_dim": 5, "attribute_width": 7, "discriminator_width": 3},
        {"injection": "transform", "width": 3, "style_dim": 4, "discriminator": "single", "discriminator_layers": 2},
        {"scales": 2, "discriminator_layers": 3, "content_layers": 1},
    ],
)
def test_a_published_file_of_any_widths_translates_as_the_model_does(options: dict[str, Any], tmp_path: Path) -> None:
    channels = 1 if "blocks" in options else 3
    model = tiny_model("drit", (64, 64), channels, **options).eval()
    torch.save(container_of(model), tmp_path / "example.pth")
    imported = import_checkpoint(tmp_path / "example.pth", "drit", tmp_path / "run")
    for name, value in model.state_dict().items():
        assert torch.equal(imported.state_dict()[name], value), name
    picture = simple_pictures(1, (64, 64), channels)
    target = iw.capabilities.Target(domain=1, style=torch.zeros(1, model.config.style_dim))
    with torch.inference_mode():
        ours = model.translate(to_float(torch.from_numpy(picture)), target)
        assert torch.equal(imported.translate(to_float(torch.from_numpy(picture)), target), ours)
    assert iw.translate(tmp_path / "run", picture, to="a", styles=2).shape == (1, 2, channels, 64, 64)


def test_discriminators_with_spectral_norm_and_old_instance_norms_load() -> None:
    model = tiny_model("drit", (64, 64))
    states = container_of(model)
    judge = {f"module.{name}": value for name, value in states["disA"].items()}
    extra = {name + suffix: value for name, value in judge.items() for suffix in ("_orig", "_u") if "weight" in name}
    assert iw.load_network("drit", "disA", judge | extra)(image=torch.zeros(1, 3, 64, 64))["scale0"].shape[1] == 1
    old = states["enc_c"] | {"convA.1.model.2.running_mean": torch.zeros(4)}
    assert iw.load_network("drit", "enc_c", old)(image_a=torch.zeros(1, 3, 16, 16))["content_a"].shape == (1, 8, 4, 4)


def test_domains_of_different_channels_load_as_networks_and_are_no_run(tmp_path: Path) -> None:
    from imagewright.layers.content_attribute import ConcatenatingDecoder, SharedContentEncoder

    networks = find_adapter("drit").networks
    encoder = export_state(SharedContentEncoder((1, 3), width=2, blocks=2), networks["content_encoder"])
    found = iw.load_network("drit", "content_encoder", encoder)(
        image_a=torch.zeros(1, 1, 16, 16), image_b=torch.zeros(1, 3, 16, 16)
    )
    assert found["content_a"].shape == found["content_b"].shape == (1, 8, 4, 4)
    decoder = export_state(ConcatenatingDecoder((3, 1), 3, 2), networks["generator"])
    images = iw.load_network("drit", "generator", decoder)(content=torch.zeros(1, 8, 4, 4), attribute=torch.ones(1, 3))
    assert (images["image_a"].shape[1], images["image_b"].shape[1]) == (3, 1)
    torch.save({"enc_c": encoder}, tmp_path / "net.pth")
    with pytest.raises(UserError, match="1 and 3 channels"):
        import_checkpoint(tmp_path / "net.pth", "drit")


@pytest.mark.parametrize("change", ["foreign", "missing", "unknown", "swapped"])
def test_files_that_are_not_of_drit_are_refused_in_a_sentence(change: str, tmp_path: Path) -> None:
    states = container_of(tiny_model("drit", (64, 64)))
    if change == "foreign":
        states = {"a": {"enc_style.model.0.conv.weight": torch.zeros(4, 3, 7, 7)}}
    elif change == "missing":
        states["enc_a"].pop("conv_A.1.weight")
    elif change == "unknown":
        states["gen"]["decA9.weight"] = torch.zeros(3)
    else:
        states["gen"] = states["enc_c"]
    torch.save(states, tmp_path / "example.pth")
    wanted = {"foreign": "DRIT", "missing": "conv_A.1.weight", "unknown": "decA9", "swapped": "generator"}[change]
    with pytest.raises(RunError, match=rf"example\.pth: .*{wanted}"):
        import_checkpoint(tmp_path / "example.pth", "drit")
