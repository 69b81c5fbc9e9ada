"""BigGAN and BigGAN-deep: the recorded outputs, and other configurations written out as their authors build them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from cases import TOLERANCE, loading_of, parity_module, run_case
from published_biggan import discriminator_shapes, fill, generate, generator_shapes, judge
from tiny import tiny_model

import imagewright as iw
from imagewright.checkpoints import export_state, find_adapter, load_network
from imagewright.errors import RunError
from imagewright.models.adversarial.biggan_deep import BigGANDeepConfig

CASES = (
    pytest.param("biggan/discriminator_128", marks=pytest.mark.learning),
    pytest.param("biggan/generator_128", marks=pytest.mark.learning),  # trains nothing, but fills 70 million weights
    "biggan/regularisation",
    "biggan_deep/generator_128",
)


@pytest.mark.parametrize("name", CASES)
def test_the_published_outputs(name: str, shared_parity: Path) -> None:
    system, _, stem = name.partition("/")
    assert run_case(parity_module(shared_parity), shared_parity, system, stem) < TOLERANCE


Z = torch.randn(2, 12, generator=torch.Generator().manual_seed(3))
LABEL = torch.tensor([2, 0])


@pytest.mark.parametrize(
    ("multiples", "options"),
    [
        ((4, 4, 4, 4), {"shared": 5, "hier": True, "attn": 0, "channels": 3}),
        ((4, 4, 4, 4), {"shared": 0, "hier": False, "attn": 16, "channels": 1}),
        ((16, 16, 8, 4, 2), {"shared": 3, "hier": False, "attn": 64, "channels": 3}),
    ],
)
def test_generators_of_other_configurations(multiples: tuple[int, ...], options: dict[str, Any]) -> None:
    widths = [2 * each for each in multiples]
    if options["attn"] == 64:  # whose channels must have an eighth
        widths = [4 * each for each in multiples]
    state = fill(generator_shapes(widths, z=12, classes=3, **options))
    loaded = load_network("biggan", "generator", state)
    with torch.no_grad():
        found = loaded(z=Z, label=LABEL)["image"]
        torch.testing.assert_close(found, generate(state, Z, LABEL, hier=options["hier"]), atol=2e-5, rtol=1e-4)


def test_statistics_of_norms_over_ranks_have_other_names() -> None:
    state = fill(generator_shapes([8, 8, 8, 8], z=12, classes=3, shared=4, hier=True, attn=0, channels=3))
    renamed = {re.sub(r"stored_(mean|var)$", r"bn.running_\1", name): tensor for name, tensor in state.items()}
    renamed["blocks.0.0.bn1.bn.accumulation_counter"] = torch.ones(1)
    with torch.no_grad():
        found = load_network("biggan", "generator", renamed)(z=Z, label=LABEL)["image"]
        torch.testing.assert_close(found, generate(state, Z, LABEL, hier=True), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("widths", "halvings", "options"),
    [
        ([8, 8, 8, 8], 2, {"wide": True, "attn": 9, "channels": 3}),
        ([8, 8, 8, 8], 2, {"wide": False, "attn": 0, "channels": 1}),
        ([8, 16, 32, 64, 128], 4, {"wide": False, "attn": 1, "channels": 3}),
    ],
)
def test_discriminators_of_other_configurations(widths: list[int], halvings: int, options: dict[str, Any]) -> None:
    state = fill(discriminator_shapes(widths, halvings, classes=3, **options))
    side = 4 << (len(widths) - 1)
    image = torch.rand(2, options["channels"], side, side, generator=torch.Generator().manual_seed(4)) * 2 - 1
    found = load_network("biggan", "discriminator", state)(image=image, label=LABEL)
    with torch.no_grad():
        torch.testing.assert_close(found["logits"], judge(state, image, LABEL, halvings), atol=2e-4, rtol=1e-4)
    inside = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(judge(state, inside, LABEL, halvings).sum(), inside)
    torch.testing.assert_close(found["r1_penalty"], gradient.square().sum((1, 2, 3)), atol=1e-5, rtol=1e-3)


def test_a_published_generator_becomes_a_run(tmp_path: Path) -> None:
    state = fill(generator_shapes([8, 8, 8, 8], z=12, classes=3, shared=4, hier=True, attn=0, channels=3))
    torch.save(state, tmp_path / "G_ema.pth")
    iw.import_checkpoint(tmp_path / "G_ema.pth", "biggan", tmp_path / "run")
    model = iw.load(tmp_path / "run", truncation=0.5)
    assert model.class_names == ("0", "1", "2")
    assert iw.sample(model, 2, label=2).shape == (2, 3, 32, 32)
    assert iw.interpolate(model, 3, labels="0,2").shape == (3, 3, 32, 32)


@pytest.mark.parametrize(
    ("system", "names", "message"),
    [
        ("biggan", {"blocks.0.0.conv1.weight": (4, 4, 3, 3), "blocks.0.0.bn1.gain.weight": (3, 4)}, "no whole"),
        ("biggan", {"main.0.weight": (4, 4, 3, 3)}, "no state dict of a BigGAN: .*found main"),
        ("biggan_deep", {"blocks.0.0.conv1.weight": (4, 4, 3, 3)}, "no state dict of a BigGAN-deep"),
    ],
)
def test_files_of_something_else_are_refused(
    system: str, names: dict[str, tuple[int, ...]], message: str, tmp_path: Path
) -> None:
    torch.save({name: torch.zeros(shape) for name, shape in names.items()}, tmp_path / "G.pth")
    with pytest.raises(RunError, match=message):
        iw.import_checkpoint(tmp_path / "G.pth", system, tmp_path / "run")


@pytest.mark.parametrize(
    ("system", "constructor", "network", "options"),
    [
        ("biggan", "Generator(G_ch=64, resolution=32, SN_eps=1e-8)", "generator", {"spectral_eps": 1e-8}),
        (
            "biggan",
            "Discriminator(D_ch=64, resolution=256)",
            "discriminator",
            {"size": (256, 256)},
        ),
        ("biggan_deep", "BigGAN(BigGANConfig(channel_width=32, eps=1e-5))", "generator", {"norm_eps": 1e-5}),
    ],
)
def test_network_and_options_of_a_case(system: str, constructor: str, network: str, options: dict[str, Any]) -> None:
    loading = loading_of(system, "stem", constructor, "eval mode")
    assert loading.network == network
    assert options.items() <= loading.options.items()


@pytest.mark.parametrize(
    "doublings", [5, pytest.param(6, marks=pytest.mark.learning), pytest.param(7, marks=pytest.mark.learning)]
)
def test_the_shapes_of_biggan_deep_tell_its_options(doublings: int) -> None:
    config = BigGANDeepConfig(
        size=(4 << doublings, 4 << doublings), channels=3, class_names=("a", "b"), width=4, latent_dim=6, output_maps=4
    )
    network = find_adapter("biggan_deep").networks["generator"]
    with torch.device("meta"):
        state = export_state(network.build(config), network)
    found = network.options({name: tuple(tensor.shape) for name, tensor in state.items()})
    assert (found["size"], found["width"], found["attention"]) == (config.size, 4, "64")
    assert f"generator.layers.{8}.snconv1x1_o_conv.weight_orig" in state  # as published, whatever the size


@pytest.mark.learning
def test_a_published_biggan_deep_becomes_a_run(tmp_path: Path) -> None:
    network = find_adapter("biggan_deep").networks["generator"]
    torch.save(export_state(tiny_model("biggan_deep", (32, 32)).generator, network), tmp_path / "pytorch_model.bin")
    iw.import_checkpoint(tmp_path / "pytorch_model.bin", "biggan_deep", tmp_path / "run", norm_eps=1e-4)
    model = iw.load(tmp_path / "run", truncation=0.435)
    assert iw.sample(model, 1, label="1").shape == (1, 3, 32, 32)
    with pytest.raises(RunError, match=r"no state dict of a BigGAN: .*--as biggan_deep"):
        iw.import_checkpoint(tmp_path / "pytorch_model.bin", "biggan", tmp_path / "other")
