"""StyleGAN2 as TensorFlow's code pickled it: its variables under the names, and in the layouts, of the PyTorch code.

NVlabs/stylegan2 and NVlabs/stylegan2-ada: a tuple of the networks (G, D, Gs), Gs the moving average. TensorFlow keeps
kernels as (height, width, inputs, outputs) and dense weights as (inputs, outputs); a transposed convolution's kernel is
flipped, and the bias of a modulation is kept less 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from imagewright.checkpoints.adapter import State
from imagewright.errors import RunError

GENERATOR = {"Conv0_up": "conv0", "Conv1": "conv1", "Conv": "conv1", "Skip": "skip", "ToRGB": "torgb"}
DISCRIMINATOR = {
    "FromRGB": "fromrgb",
    "Conv0": "conv0",
    "Conv1_down": "conv1",
    "Skip": "skip",
    "Conv": "conv",
    "Dense0": "fc",
}
TENSORS = {"mod_weight": "affine.weight", "mod_bias": "affine.bias"}
PLACE = re.compile(r"(\d+)x\1/(\w+)/(\w+)")
UNUSED = ("lod", "synthesis/lod", "mapping/lod")


def is_tensorflow(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict holds the variables of a StyleGAN2 of TensorFlow."""
    return "synthesis/4x4/Conv/mod_weight" in state or ("4x4/Dense0/weight" in state and "Output/weight" in state)


def with_present_names(found: Mapping[str, State]) -> dict[str, State]:
    """State dicts with those of TensorFlow converted; of G, D and Gs, which are numbered, Gs is called `G_ema`.

    Raises `RunError` for a variable that is of no StyleGAN2 of PyTorch, such as the classes of a conditional one.
    """
    numbered = {"0": "G", "1": "D", "2": "G_ema"}
    converted = {}
    for key, state in found.items():
        if is_tensorflow(state):
            converted[numbered.get(key, key)] = _converted(state)
        else:
            converted[key] = state
    return converted


def _converted(state: State) -> State:
    if "mapping/LabelConcat/weight" in state or "mapping/LabelEmbed/weight" in state or "LabelEmbed/weight" in state:
        raise RunError(
            "It is a conditional StyleGAN2 of TensorFlow, whose mapping of the class is another one than in PyTorch: "
            "unconditional ones can be read."
        )
    generates = "synthesis/4x4/Conv/mod_weight" in state
    renamed = _of_generator if generates else _of_discriminator
    pairs = (renamed(name, tensor) for name, tensor in state.items() if name not in UNUSED)
    return dict(pair for pair in pairs if pair is not None)


def _of_generator(name: str, tensor: Tensor) -> tuple[str, Tensor] | None:
    if name == "dlatent_avg":
        return "mapping.w_avg", tensor
    if match := re.fullmatch(r"mapping/Dense(\d+)/(weight|bias)", name):
        return f"mapping.fc{match[1]}.{match[2]}", _oriented(tensor)
    if match := re.fullmatch(r"synthesis/noise(\d+)", name):
        place = int(match[1]) + 5  # 2 log2(side) for the first convolution of a side, one more for the second
        return f"synthesis.b{2 ** (place // 2)}.conv{place % 2}.noise_const", tensor[0, 0]
    if name == "synthesis/4x4/Const/const":
        return "synthesis.b4.const", tensor[0]
    match = PLACE.fullmatch(name.removeprefix("synthesis/"))
    if match is None or match[2] not in GENERATOR:
        return None if name.endswith("_avg") else _unknown(name)
    side, layer, leaf = match.groups()
    oriented = _oriented(tensor.flip((0, 1)) if layer == "Conv0_up" and leaf == "weight" else tensor)
    target = TENSORS.get(leaf, leaf)
    return f"synthesis.b{side}.{GENERATOR[layer]}.{target}", oriented + 1 if leaf == "mod_bias" else oriented


def _of_discriminator(name: str, tensor: Tensor) -> tuple[str, Tensor]:
    if name in ("Output/weight", "Output/bias"):
        return f"b4.out.{name.removeprefix('Output/')}", _oriented(tensor)
    match = PLACE.fullmatch(name)
    if match is None or match[2] not in DISCRIMINATOR:
        return _unknown(name)
    side, layer, leaf = match.groups()
    return f"b{side}.{DISCRIMINATOR[layer]}.{leaf}", _oriented(tensor)


def _oriented(tensor: Tensor) -> Tensor:
    """(h, w, I, O) to (O, I, h, w), (I, O) to (O, I); others as they are."""
    if tensor.ndim == 4:
        return tensor.permute(3, 2, 0, 1).contiguous()
    return tensor.T.contiguous() if tensor.ndim == 2 else torch.clone(tensor)


def _unknown(name: str) -> tuple[str, Tensor]:
    raise RunError(f"It is a StyleGAN2 of TensorFlow with the variable {name}, which is in none that can be read.")
