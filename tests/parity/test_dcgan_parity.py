"""Networks from published state dicts reproduce the recorded outputs of the published implementation."""

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
    sys.modules[spec.name] = module  # dataclasses look up their module there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_the_published_networks_at_64(network: str, shared_parity: Path) -> None:
    case = parity_module(shared_parity).load_case(f"dcgan/{network}_64", shared_parity)
    loaded = load_network("dcgan", network, case.state_dict())
    assert not loaded.training
    with torch.no_grad():
        outputs = loaded(**case.inputs())
    if not isinstance(outputs, dict):
        (name,) = case.spec["outputs"]
        outputs = {name: outputs}
    errors = case.errors(outputs)
    assert errors
    assert max(errors.values()) < 1e-5, errors
