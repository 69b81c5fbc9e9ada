"""A published file that is imported as another system's: the message says which one it looks like, and what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import tiny_model
from torch import Tensor

import imagewright as iw
from imagewright import catalogue, configs
from imagewright.checkpoints import load_network
from imagewright.checkpoints.adapter import export_state
from imagewright.checkpoints.importing import find_adapter
from imagewright.errors import RunError
from imagewright.layers.residual import ResidualGenerator

OPTIONS: dict[str, dict[str, Any]] = {
    "dcgan": {"size": (64, 64), "channels": 3, "width": 8, "latent_dim": 16},
    "cyclegan": {"size": (64, 64), "channels": 3, "width": 4, "blocks": 2},
}

SYSTEMS = [entry.name for entry in catalogue.list_models() if entry.adapter]


def state_of(system: str, network: str) -> dict[str, Tensor]:
    adapter = find_adapter(system)
    config_class = catalogue.model_class(system).Config
    declared = adapter.networks[adapter.aliases.get(network, network)]
    return export_state(declared.build(configs.build(config_class, OPTIONS[system], system)), declared)


@pytest.mark.parametrize("network", ["generator", "discriminator"])
@pytest.mark.parametrize(("system", "other"), [("dcgan", "cyclegan"), ("cyclegan", "dcgan")])
def test_the_system_of_a_file_is_named(system: str, other: str, network: str, tmp_path: Path) -> None:
    state = state_of(system, network)
    torch.save(state, tmp_path / "net.pth")
    said = rf"net\.pth: .*looks like a {network}.* of {system}.*--as {system}"
    with pytest.raises(RunError, match=said):
        iw.import_checkpoint(tmp_path / "net.pth", other, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(RunError, match=f"looks like a {network}.* of {system}"):
        load_network(other, network, state)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_takes_a_file_of_another_or_names_it_once(system: str) -> None:
    adapter, model = find_adapter(system), tiny_model(system, (32, 32))
    network, declared = next((name, each) for name, each in adapter.networks.items() if hasattr(model, name))
    state = export_state(model.get_submodule(network), declared)
    for other in SYSTEMS:
        said = refusal(other, state)
        assert not said or (said.count("looks like") == 1 and f"--as {system}" in said and other != system), said


def refusal(system: str, state: dict[str, Tensor]) -> str:
    """The message for a state dict of another system; "" if it is taken, as some systems share a network."""
    try:
        load_network(system, next(iter(find_adapter(system).networks)), state)
    except RunError as error:
        return str(error)
    return ""


def test_a_damaged_file_looks_like_nothing_else(tmp_path: Path) -> None:
    state = state_of("cyclegan", "generator")
    del state["model.4.weight"]
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(RunError) as raised:
        iw.import_checkpoint(tmp_path / "net.pth", "dcgan")
    assert "looks like" not in str(raised.value)


def test_missing_extra_and_misshapen_tensors_are_listed_in_short() -> None:
    state = ResidualGenerator(3, 3, width=4, blocks=2).state_dict()
    for name in ("model.4.bias", "model.7.bias", "model.10.conv_block.1.bias", "model.10.conv_block.5.bias"):
        del state[name]
    state |= {"model.1.style": torch.zeros(2), "model.1.code": torch.zeros(2), "model.1.bias": torch.zeros(5)}
    with pytest.raises(RunError) as raised:
        load_network("cyclegan", "generator", state)
    said = str(raised.value)
    for part in (
        "it has no tensor model.4.bias, model.7.bias, model.10.conv_block.1.bias and 1 more",
        "model.1.style, model.1.code are unknown",
        "model.1.bias is (5,), expected (4,)",
    ):
        assert part in said
    assert "\n" not in said
    assert len(said) < 400
