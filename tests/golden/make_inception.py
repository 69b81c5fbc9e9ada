"""Writes inception.npz: the features of torch-fidelity's Inception network for weights from `filling.py`.

Needs torch-fidelity 0.4.0 (`pip install torch-fidelity`), which the package and its tests do not. Run from the
repository: `python tests/golden/make_inception.py`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from filling import fill_state, noise_pictures

HERE = Path(__file__).resolve().parent
# With kernels of variance 1 / inputs, ReLU halves the signal in each of 47 layers, and all pictures get equal features.
SEED, GAIN, SIZE = 0, 1.5, (40, 56)


def main() -> None:
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Bare(FeatureExtractorInceptionV3):
        def load_state_dict(self, *_: object) -> None:
            """Load nothing: the weights come from `fill_state`."""

    with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        torch.save({}, file.name)
        network = Bare("filled", ["2048", "logits_unbiased"], feature_extractor_weights_path=file.name)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items() if value.is_floating_point()}
    torch.nn.Module.load_state_dict(network, fill_state(shapes, SEED, GAIN), strict=False)
    with torch.no_grad():
        pooled, logits = network(noise_pictures(2, SIZE, SEED))
    np.savez_compressed(HERE / "inception.npz", pooled=pooled.numpy(), logits=logits.numpy())


if __name__ == "__main__":
    main()
