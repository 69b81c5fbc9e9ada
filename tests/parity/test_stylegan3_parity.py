"""StyleGAN3 from published state dicts: the recorded outputs, other configurations, and pickles in NVIDIA's form."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cases import TOLERANCE, loading_of, parity_module, run_case
from nvidia_pickles import Persistent, write_pickle
from tiny import tiny_model
from torch import nn

import imagewright as iw
from imagewright.checkpoints import export_state, find_adapter, import_checkpoint, load_network
from imagewright.errors import RunError
from imagewright.models.adversarial.stylegan3 import StyleGAN3

CASES = ("generator_r_64", "generator_t_64", "mapping_published_lr")
OTHERS: list[dict[str, Any]] = [
    {"size": (32, 32), "layers": 5, "channel_base": 200, "channel_max": 11, "channels": 1},
    {"size": (64, 64), "variant": "r", "layers": 9, "channel_base": 777, "channel_max": 40, "latent_dim": 5},
    {"size": (16, 16), "variant": "r", "radial": False, "channel_max": 6, "mapping_layers": 3},
    {"size": (128, 128), "layers": 4, "channel_base": 5, "condition": "labels", "channels": 4},
]


@pytest.mark.parametrize("stem", CASES)
def test_the_published_outputs(stem: str, shared_parity: Path) -> None:
    assert run_case(parity_module(shared_parity), shared_parity, "stylegan3", stem) < TOLERANCE


def published(model: StyleGAN3, network: str) -> dict[str, torch.Tensor]:
    return export_state(model.get_submodule(network), find_adapter("stylegan3").networks[network])


@pytest.mark.parametrize("options", OTHERS)
def test_the_shapes_tell_the_options(options: dict[str, Any]) -> None:
    model = tiny_model("stylegan3", **options).eval()
    assert isinstance(model, StyleGAN3)
    loaded = load_network("stylegan3", "generator", published(model, "generator"))
    z = torch.randn(2, model.config.latent_dim, generator=torch.Generator().manual_seed(0))
    given = {"label": torch.eye(2)} if model.config.conditions else {}
    with torch.no_grad():
        torch.testing.assert_close(loaded(z=z, **given)["image"], model.generator(z, given.get("label")))


class Published(nn.Module):
    """A network whose tensors have the published names, in modules of these names."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        super().__init__()
        for name, tensor in state.items():
            *path, leaf = name.split(".")
            place: nn.Module = self
            for part in path:
                if part not in place._modules:
                    place.add_module(part, nn.Module())
                place = place.get_submodule(part)
            place.register_buffer(leaf, tensor)


def test_a_pickle_becomes_a_run_that_samples(tmp_path: Path) -> None:
    model = tiny_model("stylegan3", variant="r")
    assert isinstance(model, StyleGAN3)
    generator, judge = (Published(published(model, name)) for name in ("generator", "discriminator"))
    generator.in_size = np.array([36, 36])  # type: ignore[assignment]
    wrapped = Persistent(generator, img_resolution=16, mapping_kwargs={"num_layers": 2}, conv_clamp=64)
    file = write_pickle(tmp_path / "network.pkl", {"G": None, "D": Persistent(judge), "G_ema": wrapped})
    import_checkpoint(file, "stylegan3", tmp_path / "run")
    loaded = iw.load(tmp_path / "run")
    assert loaded.config.variant == "r"
    assert loaded.config.clamp == 64
    latents = torch.randn(1, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(loaded.decode(latents), model.eval().decode(latents))
    assert iw.sample(tmp_path / "run", 2).shape == (2, 3, 16, 16)
    assert "NVIDIA" in iw.Run(tmp_path / "run").record["licence"]


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    stylegan2 = tiny_model("stylegan2")
    state = export_state(stylegan2.get_submodule("generator"), find_adapter("stylegan2").networks["generator"])
    torch.save(state, tmp_path / "other.pt")
    with pytest.raises(RunError, match=r"other\.pt: .*no state dict of a StyleGAN3.*--as stylegan2"):
        import_checkpoint(tmp_path / "other.pt", "stylegan3")
    model = tiny_model("stylegan3")
    assert isinstance(model, StyleGAN3)
    whole = published(model, "generator")
    missing = next(name for name in whole if name.startswith("synthesis.L1_") and name.endswith(".bias"))
    torch.save({name: each for name, each in whole.items() if name != missing}, tmp_path / "less.pt")
    with pytest.raises(RunError, match=f"it has no tensor {re.escape(missing)}"):
        import_checkpoint(tmp_path / "less.pt", "stylegan3")
    (tmp_path / "hostile.pkl").write_bytes(pickle.dumps({"G_ema": print}))
    with pytest.raises(RunError, match=r"hostile\.pkl"):
        import_checkpoint(tmp_path / "hostile.pkl", "stylegan3")


def test_rates_and_limits_of_a_case() -> None:
    constructor = "Generator(c_dim=0, mapping_kwargs=dict(num_layers=2, lr_multiplier=1), conv_clamp=16)"
    assert loading_of("stylegan3", "generator_x", constructor, "").options == {"clamp": 16.0, "mapping_rate": 1.0}
    mapping = loading_of("stylegan3", "mapping_x", "MappingNetwork(z_dim=4, c_dim=6, w_dim=4, num_ws=12)", "")
    assert mapping.options["layers"] == 10
