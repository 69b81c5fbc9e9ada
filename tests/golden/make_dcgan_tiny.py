"""Writes dcgan_tiny.json: what a DCGAN of 8x8 pictures computes, by functional operations in double precision.

Independent of the package: layers, paddings and norms are written here as in Radford et al. 2015 and the PyTorch
example. Run from the repository: `python tests/golden/make_dcgan_tiny.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

HERE = Path(__file__).resolve().parent
LATENTS, WIDTH, CHANNELS = 3, 2, 3
GENERATOR = {"main.0.weight": (LATENTS, WIDTH, 4, 4), "main.1": (WIDTH,), "main.3.weight": (WIDTH, CHANNELS, 4, 4)}
DISCRIMINATOR = {
    "main.0.weight": (WIDTH, CHANNELS, 4, 4),
    "main.2.weight": (2 * WIDTH, WIDTH, 4, 4),
    "main.3": (2 * WIDTH,),
    "main.5.weight": (1, 2 * WIDTH, 4, 4),
}


def waves(shape: tuple[int, ...], phase: float) -> Tensor:
    """Values in [-1, 1] that need no file: sines of their positions."""
    count = torch.tensor(shape).prod().item()
    return torch.sin(torch.arange(count, dtype=torch.float64) * 1.7 + phase).reshape(shape)


def make_state(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """A state dict of waves. A name without `.weight` stands for the four tensors of a batch norm."""
    state: dict[str, Tensor] = {}
    for place, (name, shape) in enumerate(shapes.items()):
        if name.endswith("weight"):
            state[name] = 0.3 * waves(shape, place)
        else:
            state[f"{name}.weight"] = 1 + 0.2 * waves(shape, place)
            state[f"{name}.bias"] = 0.2 * waves(shape, place + 0.3)
            state[f"{name}.running_mean"] = 0.1 * waves(shape, place + 0.6)
            state[f"{name}.running_var"] = 1 + 0.5 * waves(shape, place + 0.9)
    return state


def norm(values: Tensor, state: dict[str, Tensor], name: str) -> Tensor:
    mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    return functional.batch_norm(values, mean, variance, state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-5)


def generate(state: dict[str, Tensor], latents: Tensor) -> Tensor:
    hidden = functional.conv_transpose2d(latents[..., None, None], state["main.0.weight"])
    hidden = functional.relu(norm(hidden, state, "main.1"))
    return torch.tanh(functional.conv_transpose2d(hidden, state["main.3.weight"], stride=2, padding=1))


def discriminate(state: dict[str, Tensor], images: Tensor) -> Tensor:
    """Logits of 16x16 pictures: two convolutions of stride 2, then one 4x4 kernel."""
    hidden = functional.leaky_relu(functional.conv2d(images, state["main.0.weight"], stride=2, padding=1), 0.2)
    hidden = functional.conv2d(hidden, state["main.2.weight"], stride=2, padding=1)
    hidden = functional.leaky_relu(norm(hidden, state, "main.3"), 0.2)
    return functional.conv2d(hidden, state["main.5.weight"]).flatten()


def main() -> None:
    pictures = generate(make_state(GENERATOR), waves((2, LATENTS), 0.5))
    logits = discriminate(make_state(DISCRIMINATOR), waves((4, CHANNELS, 16, 16), 0.1))
    values = {
        "pictures": [round(value, 8) for value in pictures.flatten().tolist()],
        "logits": [round(value, 8) for value in logits.tolist()],
    }
    (HERE / "dcgan_tiny.json").write_text(json.dumps(values) + "\n")


if __name__ == "__main__":
    main()
