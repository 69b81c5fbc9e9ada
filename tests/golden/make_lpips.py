"""Writes lpips.json: the distances of the authors' package lpips 0.1.4 for weights from `filling.py`.

Needs `lpips` and torchvision's `vgg16`, `alexnet` and `squeezenet1_1`; imagewright and its tests do not depend on
either. Run from the repository: `python tests/golden/make_lpips.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from filling import fill_state, fill_tensor
from torch import Tensor

HERE = Path(__file__).resolve().parent
SIZES = ((32, 32), (64, 48))
SLICES = {"vgg": 5, "alex": 5, "squeeze": 7}


def linear_names(trunk: str) -> list[str]:
    return [f"lin{number}.model.1.weight" for number in range(SLICES[trunk])]


def make_pairs(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Four pairs of pictures as two float (4, 3, H, W) in [-1, 1]. The second pair is nearly equal, the third equal."""
    random = np.random.default_rng(3)
    first, second = (torch.from_numpy(random.uniform(-1, 1, (4, 3, *size)).astype(np.float32)) for _ in range(2))
    second[1] = first[1] + 0.05 * second[1]
    second[2] = first[2]
    return first, second


def main() -> None:
    import lpips  # type: ignore[import-not-found]

    found = {}
    for trunk in SLICES:
        network = lpips.LPIPS(net=trunk, pnet_rand=True, pretrained=False, verbose=False).eval()
        for part in (module for name, module in network.net.named_children() if name.startswith("slice")):
            names = {f"features.{name}": tuple(tensor.shape) for name, tensor in part.state_dict().items()}
            part.load_state_dict({name.removeprefix("features."): row for name, row in fill_state(names).items()})
        for name, layer in zip(linear_names(trunk), network.lins, strict=True):
            layer.model[1].weight.data = fill_tensor(name, tuple(layer.model[1].weight.shape)).abs()
        with torch.no_grad():
            for size in SIZES:
                found[f"{trunk} {size[0]}x{size[1]}"] = network(*make_pairs(size)).flatten().tolist()
    (HERE / "lpips.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
