"""Run parity cases of published networks: what we compute from their state dicts against what they computed.

    python tests/parity/cases.py FOLDER [SYSTEM ...]

FOLDER holds `parity.py` and a folder a system with a folder a case. A line a case is printed, with its largest error
relative to the case's scale, and the count at the end; the exit code is 1 if a case fails. Network, mode and options of
a case follow from its stem, its shapes, and its `constructor` and `note`.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
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
SIDE = 1024  # pixels that no shape tells: so many that the depth of every network is possible
NORMS = {"none": "none", "in": "instance", "ln": "layer", "bn": "batch"}
ACTIVATIONS = {"lrelu": "leaky_relu"}  # others have the same names
OTHER_NAMES = {"stylegan2_ada": "stylegan2"}  # folders of systems that have another name here


@dataclass
class Loading:
    """How a case is loaded: the network of `load_network`, and options that no shape tells.

    system: whose adapter reads it; the case's own if it is empty.
    """

    network: str
    options: dict[str, Any] = field(default_factory=dict)
    system: str = ""


def loading_of(system: str, stem: str, constructor: str, note: str) -> Loading:
    """The network and the options of a case."""
    rule = {
        "cyclegan": of_images_to_images,
        "pix2pix": of_images_to_images,
        "pix2pixhd": of_label_maps,
        "stargan": of_stargan,
        "stargan_v2": of_stargan_v2,
        "munit": of_content_and_style,
        "unit": of_content_and_style,
        "funit": of_few_shot,
        "drit": of_drit,
        "stylegan2_ada": of_stylegan2,
        "stylegan3": of_stylegan3,
        "r3gan": of_r3gan,
    }.get(system, of_its_stem)
    return rule(stem, constructor, note)


def of_its_stem(stem: str, constructor: str, note: str) -> Loading:
    """A case whose shapes tell everything else."""
    return Loading("discriminator" if "disc" in stem or "dis" in stem.split("_") else stem.partition("_")[0])


def of_images_to_images(stem: str, constructor: str, note: str) -> Loading:
    """Of define_G(in, out, ..., norm='batch', ...) or define_D(in, ...) of CycleGAN and pix2pix."""
    options: dict[str, Any] = {"statistics": "running", "size": (SIDE, SIDE)}
    if norm := re.search(r"norm='(\w+)'", constructor):
        options["norm"] = norm[1]
    if class_of(constructor).endswith(("_D", "Discriminator")):
        return Loading("discriminator", options)
    # CycleGAN's sets have equal channels here, so that its generators of others are read as those of pix2pix.
    channels = [word.strip() for word in constructor.partition("(")[2].split(",")[:2]]
    return Loading("generator", options, "pix2pix" if len(set(channels)) == 2 or "unet" in stem else "")


def of_label_maps(stem: str, constructor: str, note: str) -> Loading:
    """Of define_G(in, out, width, network, ...) or define_D(in, width, layers, norm, sigmoid, ...) of pix2pixHD."""
    options: dict[str, Any] = {"statistics": "running", "size": (SIDE, SIDE)}
    words = [word.strip(" '") for word in constructor.partition("(")[2].rstrip(")").split(",")]
    if class_of(constructor).endswith(("_D", "Discriminator")):
        sigmoid = "use_sigmoid=True" in words or (len(words) > 4 and words[4] == "True")
        return Loading("discriminator", options | {"loss": "non_saturating" if sigmoid else "least_squares"})
    encodes = "encoder" in words or class_of(constructor) == "Encoder"
    return Loading("encoder" if encodes else "generator", options)


def of_stargan(stem: str, constructor: str, note: str) -> Loading:
    network = class_of(constructor).lower()
    running = "eval mode" in note and network == "generator"
    return Loading(network, {"statistics": "running" if running else "image"})


def of_stargan_v2(stem: str, constructor: str, note: str) -> Loading:
    networks = {"MappingNetwork": "mapping_network", "StyleEncoder": "style_encoder"}
    network = class_of(constructor)
    return Loading(networks.get(network, network.lower()))


def of_content_and_style(stem: str, constructor: str, note: str) -> Loading:
    """Of a configuration of MUNIT or UNIT: padding, activation and norm, which no shape tells."""
    given = ast.literal_eval("{" + constructor.partition("{")[2].rpartition("}")[0] + "}")
    options: dict[str, Any] = {"padding": given.get("pad_type", "reflect"), "size": (SIDE, SIDE)}
    if class_of(constructor) == "MsImageDis":
        name = given.get("activ", "lrelu")
        norm = NORMS[given.get("norm", "none")]
        options |= {"discriminator_norm": norm, "discriminator_activation": ACTIVATIONS.get(name, name)}
        return Loading("discriminator", options)
    name = given.get("activ", "relu")
    return Loading("generator", options | {"activation": ACTIVATIONS.get(name, name)})


def of_few_shot(stem: str, constructor: str, note: str) -> Loading:
    judges = class_of(constructor) == "GPPatchMcResDis"
    return Loading("discriminator" if judges else "generator", {"size": (SIDE, SIDE)})


def of_drit(stem: str, constructor: str, note: str) -> Loading:
    networks = {
        "E_content": "content_encoder",
        "E_attr": "attribute_encoder",
        "E_attr_concat": "attribute_encoder",
        "G": "generator",
        "G_concat": "generator",
        "Dis_content": "content_discriminator",
    }
    return Loading(networks.get(class_of(constructor), "discriminator"), {"size": (SIDE, SIDE)})


def of_stylegan2(stem: str, constructor: str, note: str) -> Loading:
    """Limits of maps, rates and groups, which no shape tells; the published defaults if the constructor has none."""
    found = {name: number(constructor, name) for name in ("conv_clamp", "lr_multiplier", "mbstd_group_size", "num_ws")}
    options: dict[str, Any] = {
        "clamp": found["conv_clamp"] or 0.0,
        "mapping_rate": found["lr_multiplier"] or 0.01,
        "group": 4096 if "mbstd_group_size=None" in constructor else int(found["mbstd_group_size"] or 4),
    }
    if found["num_ws"]:  # two layers a resolution
        options["size"] = (2 ** (1 + int(found["num_ws"]) // 2),) * 2
    return Loading(stem.partition("_")[0], options)


def of_stylegan3(stem: str, constructor: str, note: str) -> Loading:
    """Limits of maps and rates, which no shape tells; and the layers that a mapping network by itself maps for."""
    options: dict[str, Any] = {
        "clamp": 256.0 if (limit := number(constructor, "conv_clamp")) is None else limit,
        "mapping_rate": number(constructor, "lr_multiplier") or 0.01,
    }
    if count := number(constructor, "num_ws"):
        options["layers"] = int(count) - 2
    return Loading(stem.partition("_")[0], options)


def number(text: str, name: str) -> float | None:
    """The number after `name=` or `name `; None without one."""
    found = re.search(rf"{name}(?:=| )([0-9.e+-]+)", text)
    return float(found[1].rstrip(".")) if found else None


def of_r3gan(stem: str, constructor: str, note: str) -> Loading:
    """Of Generator(...) or Discriminator(...), or of both with a gamma, whose losses are the outputs."""
    if gamma := re.search(r"gamma ([\d.e+-]+)", constructor):
        return Loading("losses", {"gamma": float(gamma[1].rstrip("."))})
    return Loading(class_of(constructor).lower())


def class_of(constructor: str) -> str:
    """The name of the published class or function."""
    return constructor.partition("(")[0].strip()


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
    network = load_network(
        loading.system or OTHER_NAMES.get(system, system), loading.network, case.state_dict(), **loading.options
    )
    if "TRAIN mode" in case.spec["note"]:  # batch norms take the statistics of the batch
        network.train()
        for module in network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.eval()
    with torch.no_grad():
        return relative_error(case, network(**case.inputs()))


def take_recorded_kernels() -> None:
    """Let oneDNN use AVX2 alone, as the machine did that recorded the cases, before its first convolution.

    Sums of other widths round differently. In the deepest networks that is as much as the tolerance: pix2pixHD's
    `local_enhancer` is equal to the bit with AVX2, and 1.05e-4 off with AVX-512 (1.02e-4 computed in float64).
    """
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")


def main(arguments: list[str]) -> int:
    take_recorded_kernels()
    folder, *wanted = arguments
    root = Path(folder).resolve()
    parity = parity_module(root)
    readable = {entry.name for entry in catalogue.list_models() if entry.adapter} | OTHER_NAMES.keys()
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
