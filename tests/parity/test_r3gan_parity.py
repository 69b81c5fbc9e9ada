"""R3GAN from published state dicts and pickles, in the recorded configurations and in others."""

from __future__ import annotations

import collections
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from cases import TOLERANCE, parity_module, run_case
from torch import nn

import imagewright as iw
from imagewright.checkpoints import import_checkpoint
from imagewright.errors import ConfigError, RunError

CASES = ("discriminator_16_cond", "generator_16_cond", "losses_tiny")
LARGE = ("generator_ffhq64",)


@pytest.mark.parametrize("stem", [*CASES, *(pytest.param(stem, marks=pytest.mark.learning) for stem in LARGE)])
def test_the_published_outputs(stem: str, shared_parity: Path) -> None:
    assert run_case(parity_module(shared_parity), shared_parity, "r3gan", stem) < TOLERANCE


# The published modules, as far as a file shows them.

HOMES = {
    "Generator": "R3GAN.Networks",
    "Discriminator": "R3GAN.Networks",
    "GeneratorStage": "R3GAN.Networks",
    "DiscriminatorStage": "R3GAN.Networks",
    "ResidualBlock": "R3GAN.Networks",
    "Convolution": "R3GAN.Networks",
    "UpsampleLayer": "R3GAN.Networks",
    "DownsampleLayer": "R3GAN.Networks",
    "GenerativeBasis": "R3GAN.Networks",
    "DiscriminativeBasis": "R3GAN.Networks",
    "InterpolativeUpsamplerCUDA": "R3GAN.Resamplers",
    "InterpolativeDownsamplerCUDA": "R3GAN.Resamplers",
    "BiasedActivationCUDA": "R3GAN.FusedOperators",
    "Wrapper": "training.networks",
}


def _refuse(self: Any, state: Any) -> None:
    raise AssertionError("a reader restored an object")


CLASSES = {name: type(name, (nn.Module,), {}) for name in HOMES}


def made(kind: str, **parts: Any) -> nn.Module:
    """A module of a published class with these parts, parameters and attributes."""
    module = CLASSES[kind]()
    for name, part in parts.items():
        setattr(module, name, part)
    return module


def through(maps: torch.Tensor, layers: nn.ModuleList) -> torch.Tensor:
    """The layers of a published stage, written out."""
    activate = nn.LeakyReLU(0.2)
    for part in layers:
        linear = getattr(part, "LinearLayer", None)
        if hasattr(part, "LinearLayer1"):
            inner = part.LinearLayer1.Layer(maps) + part.NonLinearity1.Bias[:, None, None]
            inner = part.LinearLayer2.Layer(activate(inner)) + part.NonLinearity2.Bias[:, None, None]
            maps = maps + part.LinearLayer3.Layer(activate(inner))
        elif isinstance(part, CLASSES["UpsampleLayer"]):
            maps = maps if linear is None else linear.Layer(maps)
            kernel = 4 * part.Resampler.Kernel.expand(maps.shape[1], 1, 4, 4)
            maps = nn.functional.conv_transpose2d(maps, kernel, stride=2, padding=1, groups=maps.shape[1])
        elif isinstance(part, CLASSES["DownsampleLayer"]):
            kernel = part.Resampler.Kernel.expand(maps.shape[1], 1, 4, 4)
            maps = nn.functional.conv2d(maps, kernel, stride=2, padding=1, groups=maps.shape[1])
            maps = maps if linear is None else linear.Layer(maps)
        elif isinstance(part, CLASSES["GenerativeBasis"]):
            maps = part.Basis * linear(maps)[:, :, None, None]
        else:
            maps = linear(part.Basis(maps).flatten(1))
    return maps


@contextmanager
def published_modules() -> Iterator[None]:
    """The classes have their published names while a file is written; a reader that looked one up would fail."""
    names = {".".join(home.split(".")[: k + 1]) for home in HOMES.values() for k in range(home.count(".") + 1)}
    sys.modules.update({name: ModuleType(name) for name in sorted(names)})
    for name, kind in CLASSES.items():
        kind.__module__ = HOMES[name]
        setattr(sys.modules[HOMES[name]], name, kind)
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


def convolution(inputs: int, outputs: int, kernel: int = 1, groups: int = 1) -> nn.Module:
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
    return made("Convolution", Layer=layer, DataType=torch.bfloat16)


def block(width: int, groups: int, expansion: int) -> nn.Module:
    inner = width * expansion
    return made(
        "ResidualBlock",
        LinearLayer1=convolution(width, inner),
        LinearLayer2=convolution(inner, inner, 3, groups),
        LinearLayer3=convolution(inner, width),
        NonLinearity1=made("BiasedActivationCUDA", Bias=nn.Parameter(torch.randn(inner))),
        NonLinearity2=made("BiasedActivationCUDA", Bias=nn.Parameter(torch.randn(inner))),
    )


def resampler(kind: str, inputs: int, outputs: int) -> nn.Module:
    kernel = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64
    inner = CLASSES[f"Interpolative{kind}samplerCUDA"]()
    inner.register_buffer("Kernel", kernel)
    parts = {} if inputs == outputs else {"LinearLayer": convolution(inputs, outputs)}
    return made(f"{kind}sampleLayer", Resampler=inner, **parts)


def published_generator(widths: list[int], groups: list[int], blocks: list[int], expansion: int, z: int) -> nn.Module:
    stages: list[nn.Module] = []
    for place, width in enumerate(widths):
        if place:
            first = resampler("Up", widths[place - 1], width)
        else:
            basis, linear = nn.Parameter(torch.randn(width, 4, 4)), nn.Linear(z, width, bias=False)
            first = made("GenerativeBasis", Basis=basis, LinearLayer=linear)
        layers = [first, *(block(width, groups[place], expansion) for _ in range(blocks[place]))]
        stages.append(made("GeneratorStage", Layers=nn.ModuleList(layers), DataType=torch.bfloat16))
    inner = made("Generator", MainLayers=nn.ModuleList(stages), AggregationLayer=convolution(widths[-1], 3))
    return made("Wrapper", Model=inner, z_dim=z, c_dim=0, img_resolution=4 << (len(widths) - 1))


def published_discriminator(widths: list[int], groups: list[int], blocks: list[int], expansion: int) -> nn.Module:
    """widths: from the largest maps on."""
    stages: list[nn.Module] = []
    for place, width in enumerate(widths):
        if place + 1 < len(widths):
            last = resampler("Down", width, widths[place + 1])
        else:
            basis, linear = nn.Conv2d(width, width, 4, groups=width, bias=False), nn.Linear(width, 1, bias=False)
            last = made("DiscriminativeBasis", Basis=basis, LinearLayer=linear)
        layers = [*(block(width, groups[place], expansion) for _ in range(blocks[place])), last]
        stages.append(made("DiscriminatorStage", Layers=nn.ModuleList(layers)))
    inner = made("Discriminator", MainLayers=nn.ModuleList(stages), ExtractionLayer=convolution(3, widths[0]))
    return made("Wrapper", Model=inner, c_dim=0, img_resolution=4 << (len(widths) - 1))


def write(path: Path, **networks: nn.Module) -> Path:
    held: dict[str, Any] = {**networks, "training_set_kwargs": None, "cur_nimg": 1000}
    held["G_opt_state"] = {"state": {0: {"step": 1}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}
    with published_modules():
        path.write_bytes(pickle.dumps(held, 4))
    return path


def restored() -> Iterator[None]:
    for kind in CLASSES.values():
        kind.__setstate__ = _refuse  # type: ignore[attr-defined]
    yield
    for kind in CLASSES.values():
        del kind.__setstate__  # type: ignore[attr-defined]


refusing = pytest.fixture(restored)


@pytest.mark.usefixtures("refusing")
def test_a_pickle_of_whole_networks_makes_a_run(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = ([24, 16, 16], [6, 4, 8], [1, 3, 2], 3)
    averaged = published_generator(*sizes, z=5)
    judge = published_discriminator([16, 16, 24], [8, 4, 6], [2, 3, 1], 3)
    path = write(tmp_path / "net.pkl", G=published_generator(*sizes, z=5), D=judge, G_ema=averaged)
    import_checkpoint(path, "r3gan", tmp_path / "run")
    model = iw.load(tmp_path / "run")
    assert (model.config.size, model.config.latent_dim, model.config.expansion) == ((16, 16), 5, 3)
    assert model.config.stage_groups == "6,4,8"
    state = collections.OrderedDict(averaged.state_dict())
    assert torch.equal(model.generator.to_image.weight, state["Model.AggregationLayer.Layer.weight"])
    assert iw.sample(tmp_path / "run", 2).shape == (2, 3, 16, 16)
    assert model.score(torch.zeros(2, 3, 16, 16), torch.Generator(), 1).isfinite().all()


@pytest.mark.parametrize(
    ("widths", "groups", "blocks", "expansion"),
    [([12, 10, 6, 6], [4, 1, 12, 2], [2, 1, 3, 1], 2), ([6, 9], [3, 9], [1, 2], 4), ([16, 8], [4, 2], [1, 1], 1)],
)
def test_other_configurations_compute_what_the_published_modules_would(
    widths: list[int], groups: list[int], blocks: list[int], expansion: int
) -> None:
    torch.manual_seed(0)
    published = published_generator(widths, groups, blocks, expansion, z=7)
    z = torch.randn(3, 7)
    image = z
    for stage in published.Model.MainLayers:
        image = through(image, stage.Layers)
    image = published.Model.AggregationLayer.Layer(image)
    loaded = iw.load_network("r3gan", "generator", published.state_dict())
    torch.testing.assert_close(loaded(z=z), image, rtol=1e-4, atol=1e-5)
    judge = published_discriminator(widths[::-1], groups[::-1], blocks[::-1], expansion)
    image = image.detach().requires_grad_()
    logits = judge.Model.ExtractionLayer.Layer(image)
    for stage in judge.Model.MainLayers:
        logits = through(logits, stage.Layers)
    (gradient,) = torch.autograd.grad(logits.sum(), image)
    found = iw.load_network("r3gan", "discriminator", judge.state_dict())(image=image.detach())
    torch.testing.assert_close(found["logits"], logits.flatten(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found["r1_penalty"], gradient.square().sum((1, 2, 3)), rtol=1e-3, atol=1e-6)


def test_a_generator_without_its_last_layer_is_refused(tmp_path: Path) -> None:
    state = published_generator([8, 8], [2, 2], [1, 1], 2, z=4).state_dict()
    del state["Model.AggregationLayer.Layer.weight"]
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(RunError, match=r"net\.pth.*no state dict of a R3GAN"):
        import_checkpoint(tmp_path / "net.pth", "r3gan")


def test_missing_tensors_are_named_and_other_options_are_refused(tmp_path: Path) -> None:
    state = published_generator([8, 8], [2, 2], [1, 1], 2, z=4).state_dict()
    with pytest.raises(ConfigError, match="stage_widths"):
        iw.load_network("r3gan", "generator", state, stage_widths="8")
    del state["Model.MainLayers.1.Layers.1.NonLinearity2.Bias"]
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(RunError, match=r"no tensor Model\.MainLayers\.1\.Layers\.1\.NonLinearity2\.Bias"):
        import_checkpoint(tmp_path / "net.pth", "r3gan")
