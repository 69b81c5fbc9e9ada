"""What the files of ProGAN and StyleGAN share: names, shapes that tell options, and their TensorFlow pickles.

genforce saves `.pth` files with `generator`, `discriminator` and `generator_smooth`, the moving average; files of runs
trained there have the same under `models`. The authors' TensorFlow code pickles the tuple (G, D, Gs) of its own network
objects, whose variables are converted to genforce's names here. Facts only; neither code is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from imagewright.checkpoints.adapter import Shapes, State, count_numbered
from imagewright.checkpoints.containers import state_dicts
from imagewright.checkpoints.records import Record
from imagewright.errors import RunError
from imagewright.layers.growing import ChannelBlur, GrowingDiscriminator, LevelOfDetail

TRIPLE = ("generator", "discriminator", "generator_smooth")  # the networks of the authors' tuple, in order
SMALLEST = 4
DISCRIMINATOR_NAMES = (("level.lod", "lod"), (r"inputs\.(\d+)", r"input\1"), (r"layers\.(\d+)", r"layer\1"))
BLUR = "layer1.blur.kernel"


def renamed(own: Iterable[str], rules: Sequence[tuple[str, str]]) -> dict[str, str]:
    """{published name: our name}: the first rule whose pattern matches the beginning of our name changes it."""
    found = {}
    for name in own:
        for pattern, replacement in rules:
            changed, count = re.subn(f"^{pattern}", replacement, name)
            if count:
                break
        found[changed] = name
    return found


def discriminator_names(own: Iterable[str]) -> dict[str, str]:
    return renamed(own, DISCRIMINATOR_NAMES)


def options_of_widths(widths: Sequence[int], first_map: tuple[int, ...]) -> dict[str, Any]:
    """Size, `channel_base` and `channel_max` from the channels at each size, the smallest first."""
    doublings = len(widths) - 1
    return {
        "size": (first_map[0] << doublings, first_map[1] << doublings),
        "channel_base": max(width * (SMALLEST << number) for number, width in enumerate(widths)),
        "channel_max": max(widths),
    }


def discriminator_options(shapes: Shapes) -> dict[str, Any]:
    """Size, channels and widths; the smallest map is taken as square. Without what its last layer tells of classes."""
    sizes = count_numbered(shapes, r"input#\.weight")
    widths = [shapes[f"input{number}.weight"][0] for number in reversed(range(sizes))]
    places = shapes[f"layer{2 * sizes - 1}.weight"][1] // widths[0]
    side = round(places**0.5)
    first_map = (side, side) if side * side == places else (SMALLEST, places // SMALLEST)
    return {"channels": shapes["input0.weight"][1], **options_of_widths(widths, first_map)}


def outputs_of_discriminator(shapes: Shapes) -> int:
    """The numbers that a discriminator returns for each image."""
    return shapes[f"layer{2 * count_numbered(shapes, r'input#.weight')}.weight"][0]


def numbered_classes(count: int) -> tuple[str, ...]:
    """Names of classes that no file tells."""
    return tuple(f"class_{number}" for number in range(count))


def at_levels(level: LevelOfDetail, lods: Iterable[float]) -> Iterator[float]:
    """Each level of detail in turn, set while it is the turn of it; afterwards the one there was."""
    before = level.value
    try:
        for lod in lods:
            level.set(lod)
            yield lod
    finally:
        level.set(before)


def judge_at_levels(
    network: GrowingDiscriminator, image: Tensor, scores: Any, lods: Iterable[float]
) -> dict[str, Tensor]:
    """`logits` and `r1_penalty`, the squared gradient of their sum at each image, at full size and at other levels.

    scores: from the discriminator's numbers (N, K) to logits.
    """
    results: dict[str, Tensor] = {}
    with torch.enable_grad():
        for lod in at_levels(network.level, (network.level.value, *lods)):
            suffix = f"_lod{lod:g}" if results else ""
            leaf = image.detach().clone().requires_grad_(True)
            logits = scores(network(leaf))
            (gradient,) = torch.autograd.grad(logits.sum(), leaf)
            results[f"logits{suffix}"] = logits.detach()
            results[f"r1_penalty{suffix}"] = gradient.square().sum((1, 2, 3))
    return results


# The authors' pickles


def networks_in(held: Any, oldest: str) -> dict[str, State]:
    """Every state dict in a file by its key, in genforce's names; those of the authors' tuple are converted.

    oldest: what a message says of files of the authors that nothing here can read.
    """
    if isinstance(held, list | tuple) and len(held) == len(TRIPLE):
        for record in held:
            if isinstance(record, Record) and "param_values" in record.attributes:
                raise RunError(oldest)
        held = dict(zip(TRIPLE, held, strict=True))
    states = state_dicts(held)
    styled = any(name.startswith("synthesis/") for state in states.values() for name in state)
    return {key: convert_variables(state, styled=styled) for key, state in states.items()}


def is_from_tensorflow(state: State) -> bool:
    """Whether a state dict has the names of the authors' TensorFlow code."""
    return any(re.search(r"(To|From)RGB_lod0/weight$", name) for name in state)


def static_arguments(held: Any) -> dict[str, Any]:
    """The arguments that the authors' tuple records of its discriminator; {} for other files."""
    if not (isinstance(held, list | tuple) and len(held) == len(TRIPLE) and isinstance(held[1], Record)):
        return {}
    found = held[1].attributes.get("static_kwargs")
    return found if isinstance(found, dict) else {}


def convert_variables(state: State, *, styled: bool) -> State:
    """The variables of the authors' code under genforce's names and in its layouts; other state dicts unchanged.

    styled: whether they are StyleGAN's. Its discriminator gets the constant kernel that genforce saves, by which it
        differs from ProGAN's.
    """
    if not is_from_tensorflow(state):
        return state
    sizes = sum(bool(re.search(r"(To|From)RGB_lod\d+/weight$", name)) for name in state)
    judges = any("FromRGB" in name for name in state)
    converted: State = {}
    for name, tensor in state.items():
        published = _name_of(name, sizes, judges=judges)
        if published is not None:
            converted[published] = _in_order(name, tensor, styled=styled)
    if judges and styled and "layer1.weight" in converted:
        converted[BLUR] = ChannelBlur(converted["layer1.weight"].shape[1]).kernel
    return converted


def _name_of(name: str, sizes: int, *, judges: bool) -> str | None:
    """genforce's name of a variable; None if it has none.

    sizes: from the smallest map to the full size.
    judges: whether it is of a discriminator.
    """
    prefix, _, inner = name.rpartition("synthesis/")
    where = "synthesis." if inner != name else ""
    simple = {"lod": f"{where}lod", "dlatent_avg": "truncation.w_avg", "mapping/LabelConcat/weight": LABELS}
    if inner in simple and not prefix:
        return simple[inner]
    if found := re.fullmatch(r"mapping/Dense(\d+)/(weight|bias)", name):
        return f"mapping.dense{found[1]}.{found[2]}"
    if found := re.fullmatch(r"noise(\d+)", inner):
        return f"{where}layer{found[1]}.apply_noise.noise"
    if found := re.fullmatch(r"(To|From)RGB_lod(\d+)/(weight|bias)", inner):
        place = int(found[2]) if judges else sizes - 1 - int(found[2])
        return f"{where}{'input' if judges else 'output'}{place}.{found[3]}"
    found = re.fullmatch(r"(\d+)x\d+/([A-Za-z]+\d?)(?:_up|_down)?/(.+)", inner)
    if found is None:
        return None
    size = int(found[1]).bit_length() - 3  # 0 at the smallest
    place = 2 * (sizes - 1 - size if judges else size) + _place_in_block(found[2], judges=judges)
    leaf = {"Noise/weight": "apply_noise.weight", "StyleMod/weight": "style.weight", "StyleMod/bias": "style.bias"}
    return f"{where}layer{place}.{leaf.get(found[3], found[3])}"


LABELS = "mapping.label_weight"


def _place_in_block(layer: str, *, judges: bool) -> int:
    """The number of a layer among those of its size."""
    if judges:
        return {"Conv0": 0, "Conv1": 1, "Conv": 0, "Dense0": 1, "Dense1": 2}.get(layer, 0)
    return {"Const": 0, "Dense": 0, "Conv": 1, "Conv0": 0, "Conv1": 1}.get(layer, 0)


def _in_order(name: str, tensor: Tensor, *, styled: bool) -> Tensor:
    """A variable with the axes of PyTorch."""
    if name.endswith("/weight") and tensor.ndim == 4:
        # ProGAN's fused layer is stored as a transposed convolution.
        transposed = name.endswith("Conv0_up/weight") and not styled
        return tensor.permute(*((2, 3, 0, 1) if transposed else (3, 2, 0, 1))).contiguous()
    if name == "4x4/Dense/weight":  # of ProGAN's generator, (Z, 16 C): a mirrored kernel
        return tensor.view(len(tensor), -1, SMALLEST, SMALLEST).transpose(0, 1).flip(2, 3).contiguous()
    if name.endswith("/weight") and tensor.ndim == 2 and "LabelConcat" not in name:
        return tensor.T.contiguous()
    return tensor


def with_lod(state: State) -> State:
    """With `lod`: a network without it is whole."""
    name = "synthesis.lod" if any(each.startswith("synthesis.") for each in state) else "lod"
    return state if name in state else state | {name: torch.zeros(())}
