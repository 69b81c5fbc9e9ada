"""DCGAN networks against small reference outputs in the repository, which `make_dcgan_tiny.py` computes."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from make_dcgan_tiny import CHANNELS, DISCRIMINATOR, GENERATOR, LATENTS, make_state, waves

from imagewright.checkpoints import load_network

HERE = Path(__file__).resolve().parent


def golden(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    values = json.loads((HERE / "dcgan_tiny.json").read_text())[name]
    return torch.tensor(values).reshape(shape)


def floats(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.float() for name, tensor in state.items()}


def test_the_generator_of_8x8_pictures() -> None:
    network = load_network("dcgan", "generator", floats(make_state(GENERATOR)))
    latents = waves((2, LATENTS), 0.5).float()
    with torch.no_grad():
        for given in (latents, latents[..., None, None]):
            pictures = network(z=given)
            torch.testing.assert_close(pictures, golden("pictures", (2, CHANNELS, 8, 8)), atol=1e-6, rtol=0)


def test_the_discriminator_of_16x16_pictures() -> None:
    network = load_network("dcgan", "discriminator", floats(make_state(DISCRIMINATOR)))
    with torch.no_grad():
        outputs = network(image=waves((4, CHANNELS, 16, 16), 0.1).float())
    torch.testing.assert_close(outputs["logit"], golden("logits", (4,)), atol=1e-5, rtol=0)
    torch.testing.assert_close(outputs["probability"], golden("logits", (4,)).sigmoid(), atol=1e-6, rtol=0)
