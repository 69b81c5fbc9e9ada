"""StyleGAN2's published files: pickles of PyTorch and of TensorFlow, hostile ones, and what the shapes tell."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nvidia_pickles import Call, EasyDict, Network, Persistent, write_pickle
from tiny import simple_pictures, tiny_model, train_tiny
from torch import Tensor, nn

import imagewright as iw
from imagewright.checkpoints import export_state, find_adapter, load_network
from imagewright.errors import RunError, UserError

ADAPTER = find_adapter("stylegan2")
PARTS = ("generator", "discriminator")


def module_of(state: dict[str, Tensor]) -> nn.Module:
    """Modules in each other that hold a state dict."""
    module = nn.Module()
    inner: dict[str, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        head, _, rest = name.partition(".")
        if rest:
            inner.setdefault(head, {})[rest] = tensor
        elif head in ("noise_const", "w_avg", "resample_filter"):
            module.register_buffer(head, tensor)
        else:
            module.register_parameter(head, nn.Parameter(tensor))
    for name, states in inner.items():
        module.add_module(name, module_of(states))
    return module


def published(model: Any, network: str) -> dict[str, Tensor]:
    state = export_state(model.get_submodule(network), ADAPTER.networks[network])
    return state | ({"b8.resample_filter": torch.ones(4, 4) / 16} if network == "discriminator" else {})


def pickled(path: Path, model: Any) -> Path:
    """As NVIDIA's code writes it: G is another one than its moving average G_ema."""
    sizes = {"c_dim": 0, "img_resolution": 16, "img_channels": 3}
    synthesis = EasyDict(channel_base=64, channel_max=16, conv_clamp=64)
    generator = {"z_dim": 8, "w_dim": 8, "mapping_kwargs": EasyDict(num_layers=2), "synthesis_kwargs": synthesis}
    zeros = {name: torch.zeros_like(each) for name, each in published(model, "generator").items()}
    held = {
        "G": Persistent(module_of(zeros), **sizes, **generator),
        "D": Persistent(
            module_of(published(model, "discriminator")),
            **sizes,
            conv_clamp=64,
            epilogue_kwargs=EasyDict(mbstd_group_size=2),
        ),
        "G_ema": Persistent(module_of(published(model, "generator")), **sizes, **generator),
        "training_set_kwargs": EasyDict(path="ffhq.zip", resolution=16),
    }
    return write_pickle(path, held)


@pytest.mark.learning
def test_a_pickle_of_the_authors_becomes_a_run(tmp_path: Path) -> None:
    model = tiny_model("stylegan2", clamp=64.0).eval()
    loaded = iw.import_checkpoint(pickled(tmp_path / "ffhq.pkl", model), "stylegan2", tmp_path / "run")
    assert (loaded.config.clamp, loaded.config.group, loaded.config.size) == (64.0, 2, (16, 16))
    latents = model.sample_latents(2, torch.Generator().manual_seed(0))
    assert torch.equal(loaded.decode(latents), model.decode(latents))
    assert iw.sample(iw.load(tmp_path / "run", truncation=0.7), 2).shape == (2, 3, 16, 16)
    assert "NVIDIA" in iw.Run(tmp_path / "run").record["licence"]
    assert train_tiny("stylegan2", out=tmp_path / "more", steps=1, start=str(tmp_path / "run"), frozen_layers=1)


def test_a_verb_that_needs_a_network_that_no_file_held_says_so(tmp_path: Path) -> None:
    torch.save(published(tiny_model("stylegan2"), "generator"), tmp_path / "g.pth")
    iw.import_checkpoint(tmp_path / "g.pth", "stylegan2", tmp_path / "run")
    with pytest.raises(UserError, match="holds no discriminator: it was imported without one"):
        iw.score(tmp_path / "run", simple_pictures(2))


def test_a_hostile_pickle_is_refused_by_the_name_of_what_it_calls(tmp_path: Path) -> None:
    path = write_pickle(tmp_path / "hostile.pkl", {"G_ema": Call(os.system, f"touch {tmp_path / 'ran'}")})
    with pytest.raises(RunError, match=r"hostile\.pkl.*posix\.system"):
        iw.import_checkpoint(path, "stylegan2")
    assert not (tmp_path / "ran").exists()


def of_tensorflow(state: dict[str, Tensor], names: dict[str, str]) -> list[tuple[str, np.ndarray[Any, Any]]]:
    """Variables of TensorFlow from a state dict, by hand: names, layouts and flips of the facts."""
    variables = []
    for name, tensor in state.items():
        array = tensor.numpy()
        leaf = name.rpartition(".")[2]
        if leaf == "noise_const":
            array = array[None, None]
        elif name == "synthesis.b4.const":
            array = array[None]
        elif array.ndim == 4:
            array = np.transpose(array, (2, 3, 1, 0))
            array = array[::-1, ::-1] if ".conv0." in name and name.startswith("synthesis") else array
        elif array.ndim == 2:
            array = array.T
        variables.append((names[name], array - 1 if name.endswith("affine.bias") else array))
    return variables


def tensorflow_name(name: str, generates: bool) -> str:
    parts = name.split(".")
    if not generates:
        layers = {"fromrgb": "FromRGB", "conv0": "Conv0", "conv1": "Conv1_down", "skip": "Skip", "conv": "Conv"}
        layers["fc"] = "Dense0"
        return (
            f"Output/{parts[2]}"
            if parts[1] == "out"
            else f"{parts[0][1:]}x{parts[0][1:]}/{layers[parts[1]]}/{parts[2]}"
        )
    if parts[0] == "mapping":
        return "dlatent_avg" if parts[1] == "w_avg" else f"Dense{parts[1][2:]}/{parts[2]}"
    side = int(parts[1][1:])
    if parts[2] == "const":
        return "4x4/Const/const"
    if parts[-1] == "noise_const":
        return f"noise{2 * (side.bit_length() - 1) - (5 if parts[2] == 'conv0' else 4)}"
    layer = {"conv0": "Conv0_up", "conv1": "Conv" if side == 4 else "Conv1", "torgb": "ToRGB"}[parts[2]]
    leaf = {"affine.weight": "mod_weight", "affine.bias": "mod_bias"}.get(".".join(parts[3:]), parts[3])
    return f"{side}x{side}/{layer}/{leaf}"


def test_a_pickle_of_tensorflow_is_converted(tmp_path: Path) -> None:
    model = tiny_model("stylegan2").eval()
    generator, discriminator = (export_state(getattr(model, name), ADAPTER.networks[name]) for name in PARTS)
    names = {name: tensorflow_name(name, True) for name in generator}
    variables = dict(of_tensorflow(generator, names))
    inner = {
        part: Network(
            version=5,
            variables=[
                (names[name], variables[names[name]])
                for name in generator
                if name.startswith(part) and name != "mapping.w_avg"
            ],
        )
        for part in ("mapping", "synthesis")
    }
    outer = Network(version=5, variables=[("dlatent_avg", variables["dlatent_avg"])], components=inner)
    judged = Network(
        version=5,
        variables=of_tensorflow(discriminator, {name: tensorflow_name(name, False) for name in discriminator}),
    )
    path = write_pickle(tmp_path / "stylegan2-ffhq.pkl", (outer, judged, outer))
    loaded = iw.import_checkpoint(path, "stylegan2", tmp_path / "run")
    latents = model.sample_latents(2, torch.Generator().manual_seed(0))
    torch.testing.assert_close(loaded.decode(latents), model.decode(latents))
    pictures = torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(loaded.discriminator(pictures), model.discriminator(pictures))


@pytest.mark.parametrize(
    "options",
    [
        {"channel_base": 77, "channel_max": 19, "style_dim": 6, "latent_dim": 5},
        {"architecture": "resnet", "discriminator_architecture": "skip", "mapping_layers": 3, "mapping_width": 7},
        {"architecture": "orig", "discriminator_architecture": "orig", "condition": "labels", "condition_layers": 2},
        {"noise": False, "mapping_layers": 1, "deviation_maps": 2, "condition": "labels", "condition_dim": 3},
    ],
)
def test_the_shapes_tell_the_options(options: dict[str, Any]) -> None:
    model = tiny_model("stylegan2", (32, 32), channels=1, **options).eval()
    latents = model.sample_latents(2, torch.Generator().manual_seed(0))
    noise, conditions = latents.split((model.config.latent_dim, model.config.conditions), 1)
    given = {"label": conditions} if model.config.conditions else {}
    made = load_network("stylegan2", "generator", published(model, "generator"))(z=noise, **given)
    torch.testing.assert_close(made["image"].clamp(-1, 1), model.decode(latents))
    torch.testing.assert_close(made["image_psi07"].clamp(-1, 1), model.truncated(0.7).decode(latents))
    state = published(model, "discriminator")
    pictures = torch.rand(2, 1, 32, 32)
    logits = load_network("stylegan2", "discriminator", state)(image=pictures, **given)["logits"]
    torch.testing.assert_close(logits[:, 0], model.discriminator(pictures, *given.values()))
