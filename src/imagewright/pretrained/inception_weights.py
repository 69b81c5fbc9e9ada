"""The weights of FID's Inception network, from either of the two files in which they are distributed.

Both are translations of the TensorFlow graph of 2015-12-05: a state dict, which pytorch-fid and torch-fidelity load,
and NVIDIA's TorchScript archive, which StyleGAN2-ADA and clean-fid load. Neither is executed. Tensors of the archive
get the names of the state dict, so that equal numbers from either file have the same digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from imagewright.downloads import RemoteFile, check_file
from imagewright.errors import DataError
from imagewright.pretrained.features.contract import WITHOUT_WEIGHTS
from imagewright.pretrained.torchscript_archives import read_torchscript
from imagewright.pretrained.weights import find_weight_file, get_weight_file, read_weights

STATE_DICT = RemoteFile(
    "pt_inception-2015-12-05-6726825d.pth",
    95_628_359,
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    "sha256",
)
ALSO = ("weights-inception-2015-12-05-6726825d.pth",)  # torch-fidelity's name for the same bytes
MIRRORS = ("https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/",)
TORCHSCRIPT = RemoteFile(
    "inception-2015-12-05.pt",
    95_607_719,
    "f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4",
    "sha256",
)

# Names of the units in the state dict, and in TensorFlow and NVIDIA's archive, in the order of the network.
_STEM = {
    "Conv2d_1a_3x3": "conv",
    "Conv2d_2a_3x3": "conv_1",
    "Conv2d_2b_3x3": "conv_2",
    "Conv2d_3b_1x1": "conv_3",
    "Conv2d_4a_3x3": "conv_4",
}
_FACTORISED_5X5 = {
    "branch1x1": "conv",
    "branch5x5_1": "tower.conv",
    "branch5x5_2": "tower.conv_1",
    "branch3x3dbl_1": "tower_1.conv",
    "branch3x3dbl_2": "tower_1.conv_1",
    "branch3x3dbl_3": "tower_1.conv_2",
    "branch_pool": "tower_2.conv",
}
_TO_17 = {
    "branch3x3": "conv",
    "branch3x3dbl_1": "tower.conv",
    "branch3x3dbl_2": "tower.conv_1",
    "branch3x3dbl_3": "tower.conv_2",
}
_FACTORISED_7X7 = {
    "branch1x1": "conv",
    "branch7x7_1": "tower.conv",
    "branch7x7_2": "tower.conv_1",
    "branch7x7_3": "tower.conv_2",
    "branch7x7dbl_1": "tower_1.conv",
    "branch7x7dbl_2": "tower_1.conv_1",
    "branch7x7dbl_3": "tower_1.conv_2",
    "branch7x7dbl_4": "tower_1.conv_3",
    "branch7x7dbl_5": "tower_1.conv_4",
    "branch_pool": "tower_2.conv",
}
_TO_8 = {
    "branch3x3_1": "tower.conv",
    "branch3x3_2": "tower.conv_1",
    "branch7x7x3_1": "tower_1.conv",
    "branch7x7x3_2": "tower_1.conv_1",
    "branch7x7x3_3": "tower_1.conv_2",
    "branch7x7x3_4": "tower_1.conv_3",
}
_EXPANDED = {
    "branch1x1": "conv",
    "branch3x3_1": "tower_conv",
    "branch3x3_2a": "tower_mixed_conv",
    "branch3x3_2b": "tower_mixed_conv_1",
    "branch3x3dbl_1": "tower_1_conv",
    "branch3x3dbl_2": "tower_1_conv_1",
    "branch3x3dbl_3a": "tower_1_mixed_conv",
    "branch3x3dbl_3b": "tower_1_mixed_conv_1",
    "branch_pool": "tower_2_conv",
}
_BLOCKS = {
    "Mixed_5b": ("mixed", _FACTORISED_5X5),
    "Mixed_5c": ("mixed_1", _FACTORISED_5X5),
    "Mixed_5d": ("mixed_2", _FACTORISED_5X5),
    "Mixed_6a": ("mixed_3", _TO_17),
    "Mixed_6b": ("mixed_4", _FACTORISED_7X7),
    "Mixed_6c": ("mixed_5", _FACTORISED_7X7),
    "Mixed_6d": ("mixed_6", _FACTORISED_7X7),
    "Mixed_6e": ("mixed_7", _FACTORISED_7X7),
    "Mixed_7a": ("mixed_8", _TO_8),
    "Mixed_7b": ("mixed_9", _EXPANDED),
    "Mixed_7c": ("mixed_10", _EXPANDED),
}
# Names of a unit's tensors in the state dict and in NVIDIA's archive, which stores no factor of the norm (it is 1).
_PARTS = {"conv.weight": "weight", "bn.bias": "beta", "bn.running_mean": "mean", "bn.running_var": "var"}


def unit_names() -> Iterator[tuple[str, str]]:
    """The 94 convolutions in the order of the network: (name in the state dict, name in NVIDIA's archive)."""
    for ours, theirs in _STEM.items():
        yield ours, f"layers.{theirs}"
    for block, (other, units) in _BLOCKS.items():
        for ours, theirs in units.items():
            yield f"{block}.{ours}", f"layers.{other}.{theirs}"


def rename_torchscript(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """NVIDIA's tensors under the names of the state dict. Raises `DataError` if one is missing."""
    state: dict[str, Tensor] = {}
    try:
        for ours, theirs in unit_names():
            for part, other in _PARTS.items():
                state[f"{ours}.{part}"] = tensors[f"{theirs}.{other}"]
            state[f"{ours}.bn.weight"] = torch.ones_like(state[f"{ours}.bn.bias"])
        for part in ("weight", "bias"):
            state[f"fc.{part}"] = tensors[f"output.{part}"]
    except KeyError as missing:
        raise DataError(
            f"The TorchScript archive has no tensor {missing}: it is not FID's Inception as NVIDIA published it."
        ) from None
    return state


def load_published_weights() -> dict[str, Tensor]:
    """The weights with which published scores were computed: a file put there by hand, from the cache, or fetched.

    Raises `DataError` if neither file can be found or fetched, or if a file is not the published one.
    """
    by_hand = None if find_weight_file(STATE_DICT, ALSO) else find_weight_file(TORCHSCRIPT)
    if by_hand is not None:
        return read_inception_weights(check_file(by_hand, TORCHSCRIPT))
    return read_inception_weights(get_weight_file("inception", STATE_DICT, MIRRORS, ALSO, instead=WITHOUT_WEIGHTS))


def read_inception_weights(path: Path) -> dict[str, Tensor]:
    """The state dict of a `.pth`, `.safetensors` or TorchScript `.pt` file."""
    state = rename_torchscript(read_torchscript(path)) if path.suffix == ".pt" else read_weights(path)
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
