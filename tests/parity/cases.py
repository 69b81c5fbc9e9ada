"""Run parity cases of published networks: what we compute from their state dicts against what they computed.

    python tests/parity/cases.py FOLDER [SYSTEM ...]

FOLDER holds `parity.py` and a folder a system with a folder a case. A line a case is printed, with its largest error
relative to the case's scale, and the count at the end; the exit code is 1 if a case fails. Network, mode and options of
a case follow from its stem, its shapes, and its `constructor` and `note`.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

# The published outputs were computed by AVX2 convolutions. Others round differently, which deep untrained networks
# enlarge beyond the tolerance (StarGAN v2's generator without shortcuts: 2e-4 here by AVX-512, 1e-6 by AVX2).
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")

import torch

from imagewright import catalogue
from imagewright.checkpoints import load_network

TOLERANCE = 1e-4  # of the mean size of a published output


@dataclass
class Loading:
    """How a case is loaded: the network of `load_network`, and options that no shape tells."""

    network: str
    options: dict[str, Any] = field(default_factory=dict)


def loading_of(system: str, stem: str, constructor: str, note: str) -> Loading:
    """The network and the options of a case."""
    if system in {"cyclegan", "pix2pix"}:
        network = "generator" if constructor.startswith("define_G") else "discriminator"
        options = {"statistics": "image" if "TRAIN mode" in note else "running"}
        if "norm='batch'" in constructor or "norm='instance'" in constructor:
            options["norm"] = constructor.partition("norm='")[2].partition("'")[0]
        return Loading(network, options)
    if system == "stargan":
        network = constructor.partition("(")[0].lower()
        return Loading(
            network, {"statistics": "running" if "eval mode" in note and network == "generator" else "image"}
        )
    if system == "stargan_v2":
        networks = {"MappingNetwork": "mapping_network", "StyleEncoder": "style_encoder"}
        network = constructor.partition("(")[0]
        return Loading(networks.get(network, network.lower()))
    return Loading("discriminator" if "disc" in stem or "dis" in stem.split("_") else stem.partition("_")[0])


def parity_module(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("shared_parity", folder / "parity.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look up their module there
    spec.loader.exec_module(module)
    return module


def relative_error(case: Any, outputs: Any) -> float:
    """The largest error of all outputs, relative to the mean size of the published values of that output."""
    if not isinstance(outputs, dict):
        (name,) = case.spec["outputs"]
        outputs = {name: outputs}
    scales = case.spec["scale"]
    return max(error / max(scales[name], 1e-12) for name, error in case.errors(outputs).items())


def run_case(parity: ModuleType, folder: Path, system: str, stem: str) -> float:
    case = parity.load_case(f"{system}/{stem}", folder)
    loading = loading_of(system, stem, case.spec["constructor"], case.spec["note"])
    network = load_network(system, loading.network, case.state_dict(), **loading.options)
    with torch.inference_mode():
        return relative_error(case, network(**case.inputs()))


def main(arguments: list[str]) -> int:
    folder, *wanted = arguments
    root = Path(folder).resolve()
    parity = parity_module(root)
    readable = {entry.name for entry in catalogue.list_models() if entry.adapter}
    systems = wanted or sorted(path.name for path in root.iterdir() if path.is_dir() and path.name in readable)
    right = count = 0
    for system in systems:
        for path in sorted((root / system).iterdir()):
            count += 1
            try:
                error = run_case(parity, root, system, path.name)
                verdict = f"{error:.1e}"
            except Exception as failure:  # noqa: BLE001 (a case that fails must not hide the others)
                error, verdict = float("inf"), f"{type(failure).__name__}: {failure}"
            passed = error < TOLERANCE
            right += passed
            print(f"{'ok  ' if passed else 'FAIL'} {system}/{path.name}: {verdict}", flush=True)
    print(f"{right} of {count} cases within {TOLERANCE:g}")
    return int(right < count)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
