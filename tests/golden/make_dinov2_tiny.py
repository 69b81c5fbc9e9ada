"""Writes dinov2_tiny.npz: the features of transformers' Dinov2Model for a small network with weights from `filling.py`.

Needs transformers 5 (`pip install transformers`), which the package and its tests do not. Run from the repository:
`python tests/golden/make_dinov2_tiny.py`. Pictures have the side of the training pictures: for other sides
transformers interpolates positions with another scale than DINOv2's own code.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from filling import fill_state, fill_tensor

HERE = Path(__file__).resolve().parent
DEPTH, WIDTH, HEADS, PATCH, SIDE = 3, 48, 4, 14, 70
SEED = 1
# Names of the parts of a block: DINOv2's and transformers'.
PARTS = {
    "norm1": "norm1",
    "attn.proj": "attention.o_proj",
    "ls1.gamma": "layer_scale1.lambda1",
    "norm2": "norm2",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
    "ls2.gamma": "layer_scale2.lambda1",
}


def shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published state dict, for this size of network."""
    found: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, WIDTH),
        "pos_embed": (1, 1 + (SIDE // PATCH) ** 2, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 3, PATCH, PATCH),
        "patch_embed.proj.bias": (WIDTH,),
        "norm.weight": (WIDTH,),
        "norm.bias": (WIDTH,),
    }
    layers = {"attn.qkv": (3 * WIDTH, WIDTH), "attn.proj": (WIDTH, WIDTH)}
    layers |= {"mlp.fc1": (4 * WIDTH, WIDTH), "mlp.fc2": (WIDTH, 4 * WIDTH)}
    for block in range(DEPTH):
        for part, (outputs, inputs) in layers.items():
            found[f"blocks.{block}.{part}.weight"] = (outputs, inputs)
            found[f"blocks.{block}.{part}.bias"] = (outputs,)
        for part in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias", "ls1.gamma", "ls2.gamma"):
            found[f"blocks.{block}.{part}"] = (WIDTH,)
    return found


def pictures() -> torch.Tensor:
    """Two normalised pictures."""
    return fill_tensor("pictures", (2, 3, SIDE, SIDE), SEED) * (3 * SIDE**2) ** 0.5


def translated(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights under transformers' names, with queries, keys and values in three matrices instead of one."""
    result = {
        "embeddings.cls_token": state["cls_token"],
        "embeddings.position_embeddings": state["pos_embed"],
        "embeddings.mask_token": torch.zeros(1, WIDTH),
    }
    for leaf in ("weight", "bias"):
        result[f"embeddings.patch_embeddings.projection.{leaf}"] = state[f"patch_embed.proj.{leaf}"]
        result[f"layernorm.{leaf}"] = state[f"norm.{leaf}"]
    for block in range(DEPTH):
        ours, theirs = f"blocks.{block}", f"encoder.layer.{block}"
        for leaf in ("weight", "bias"):
            thirds = state[f"{ours}.attn.qkv.{leaf}"].chunk(3)
            for name, third in zip("qkv", thirds, strict=True):
                result[f"{theirs}.attention.{name}_proj.{leaf}"] = third
        for name, tensor in state.items():
            for part, other in PARTS.items():
                if name.startswith(f"{ours}.{part}"):
                    result[f"{theirs}.{other}{name.removeprefix(f'{ours}.{part}')}"] = tensor
    return result


def main() -> None:
    from transformers import Dinov2Config, Dinov2Model

    config = Dinov2Config(
        hidden_size=WIDTH,
        num_hidden_layers=DEPTH,
        num_attention_heads=HEADS,
        mlp_ratio=4,
        image_size=SIDE,
        patch_size=PATCH,
    )
    network = Dinov2Model(config).eval()
    network.load_state_dict(translated(fill_state(shapes(), SEED)))
    with torch.no_grad():
        features = network(pictures()).last_hidden_state[:, 0]
    np.savez_compressed(HERE / "dinov2_tiny.npz", features=features.numpy())


if __name__ == "__main__":
    main()
