"""The plain networks of published state dicts give what the published implementations gave."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from imagewright.checkpoints import load_network


def parity_module(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("shared_parity", folder / "parity.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_the_published_networks_at_64(network: str, shared_parity: Path) -> None:
    case = parity_module(shared_parity).load_case(f"dcgan/{network}_64", shared_parity)
    plain = load_network("dcgan", network, case.state_dict())
    assert not plain.training
    with torch.no_grad():
        outputs = plain(**case.inputs())
    if not isinstance(outputs, dict):
        (name,) = case.spec["outputs"]
        outputs = {name: outputs}
    errors = case.errors(outputs)
    assert errors
    assert max(errors.values()) < 1e-5, errors
