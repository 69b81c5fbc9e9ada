"""Every adapter of the catalogue: its networks are the model's, its names go both ways, its shapes tell the options."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from tiny import tiny_model

import imagewright as iw
from imagewright import catalogue
from imagewright.checkpoints import export_state, find_adapter

SYSTEMS = [entry.name for entry in catalogue.list_models() if entry.adapter]
NETWORKS = [(system, network) for system in SYSTEMS for network in find_adapter(system).networks]


@pytest.mark.parametrize(("system", "network"), NETWORKS)
def test_an_exported_network_loads_again(system: str, network: str) -> None:
    model, declared = tiny_model(system), find_adapter(system).networks[network]
    if network not in dict(model.named_modules()):
        pytest.skip("left out by the tiny options; the model's own tests have it")
    module = model.get_submodule(network)
    own = module.state_dict()
    names = declared.names(own)
    assert set(names.values()) == set(own) or all(
        "num_batches_tracked" in name for name in set(own) - {*names.values()}
    )
    assert len(set(names.values())) == len(names)
    state = export_state(module, declared)
    assert list(state) == list(names)
    config = {field.name: getattr(model.config, field.name) for field in dataclasses.fields(model.config)}
    found = declared.options({name: tuple(tensor.shape) for name, tensor in state.items()})
    assert found == {name: config[name] for name in found}
    loaded = iw.load_network(system, network, state, **config)
    for published, ours in names.items():
        assert torch.equal(loaded.network.state_dict()[ours], state[published]), published


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_licence_is_stated(system: str) -> None:
    assert find_adapter(system).licence
