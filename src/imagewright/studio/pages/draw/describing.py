"""What a run that translates takes: its controls, its colours, and examples of its inputs."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imagewright.errors import UserError
from imagewright.images.label_names import find_label_names
from imagewright.images.pair_inputs import RANGES
from imagewright.images.palettes import common_colours
from imagewright.pairs import ALL_INPUTS
from imagewright.pixels import label_colours, to_uint8
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.models import Loaded
from imagewright.studio.serving.page import Picture
from imagewright.studio.serving.studio import Studio
from imagewright.verbs.training_inputs import TrainingInputs, label_folders, training_inputs
from imagewright.verbs.translation_abilities import TranslationAbilities, translation_abilities

KEPT = "draw"  # the name of a description beside its loaded model
ITSELF = "picture"  # the input that is the picture as it is
PLAIN = np.array([[255, 255, 255], [0, 0, 0]], np.uint8)  # the palette where nothing is known of the inputs


@dataclass(frozen=True)
class Described:
    """A loaded model as this page needs it.

    palette: uint8 (K, 3): a colour a class of a label map, or the common colours of the inputs.
    class_names: of a label map, by number, as far as they are known.
    """

    abilities: TranslationAbilities
    palette: np.ndarray
    inputs: TrainingInputs
    class_names: dict[int, str] = dataclasses.field(default_factory=dict)

    @property
    def is_labelled(self) -> bool:
        """Whether label maps are drawn."""
        return self.abilities.classes is not None

    @property
    def ground(self) -> int:
        """The place in the palette of what a blank sheet shows: the commonest class or colour."""
        if not self.is_labelled or not self.inputs.pictures:
            return 0
        classes = np.concatenate([each.flatten().numpy() for each in self.inputs.pictures])
        return int(np.bincount(classes, minlength=1)[: len(self.palette)].argmax())


def describe(studio: Studio, asked: Asked) -> dict[str, Any]:
    """The model of a run in JSON values."""
    return studio.models.call(asked.text("run"), _to_json)


def example(studio: Studio, asked: Asked) -> Picture:
    """Example `index` of the inputs of a run, as a small picture."""
    index = asked.whole("index", 0)

    return studio.models.call(asked.text("run"), lambda loaded: example_picture(described(loaded), index))


def described(loaded: Loaded) -> Described:
    """The description of a loaded model, made once."""
    if KEPT not in loaded.kept:
        abilities = translation_abilities(loaded.model)
        inputs = training_inputs(loaded.model, loaded.run)
        names = find_label_names(label_folders(loaded.run), abilities.classes) if abilities.classes else {}
        loaded.kept[KEPT] = Described(abilities, _palette(abilities, inputs), inputs, names)
    found: Described = loaded.kept[KEPT]
    return found


def example_picture(found: Described, index: int) -> Picture:
    """An example of the inputs in colours. Raises `UserError` if there is none of this number."""
    if not 0 <= index < len(found.inputs.pictures):
        raise UserError(f"There are {len(found.inputs.pictures)} examples, and none of number {index}.")
    picture = found.inputs.pictures[index]
    if found.is_labelled:
        pixels = found.palette[picture[0].numpy()]
    else:
        channels = picture.permute(1, 2, 0).numpy()[..., :3]
        pixels = np.ascontiguousarray(np.repeat(channels, 3, 2) if channels.shape[2] == 1 else channels)
    return Picture(pixels, None, Path(found.inputs.names[index]).stem)


def _palette(abilities: TranslationAbilities, inputs: TrainingInputs) -> np.ndarray:
    if abilities.classes is not None:
        colours = to_uint8(label_colours(torch.arange(abilities.classes).view(1, 1, -1)))
        return colours[0, :, 0].T.contiguous().numpy()
    if not inputs.pictures:
        return PLAIN
    found = common_colours([each.permute(1, 2, 0).numpy() for each in inputs.pictures])
    return found if len(found) > 1 else np.concatenate([found, 255 - found])


def _to_json(loaded: Loaded) -> dict[str, Any]:
    found = described(loaded)
    size, usual = found.abilities.size, _usual_maker(found)
    makes_inputs = not found.is_labelled and (found.abilities.paired or usual["input"] != ITSELF)
    return found.abilities.to_dict() | {
        "height": size[0],
        "width": size[1],
        "labelled": found.is_labelled,
        "grey": found.abilities.channels == 1,
        "palette": found.palette.tolist(),
        "class_names": found.class_names,
        "ground": found.ground,
        "examples": found.inputs.names,
        "makers": _makers() if makes_inputs else [],
        "made_by": usual,
    }


def _makers() -> list[dict[str, Any]]:
    """The inputs that can be made of a photo, each with its options as numbers in a range."""
    makers: list[dict[str, Any]] = [{"name": ITSELF, "about": "The photo as it is.", "options": []}]
    for name, kind in ALL_INPUTS.items():
        text = kind.__doc__ or ""
        options = [_option(each, text) for each in dataclasses.fields(kind) if each.name in RANGES.keys() - {"seed"}]
        makers.append({"name": name, "about": text.strip().splitlines()[0], "options": options})
    return makers


def _option(field: Any, text: str) -> dict[str, Any]:
    """A number of an input, its range, and what the docstring says of it."""
    low, high, _ = RANGES[field.name]
    found = re.search(rf"^ *{field.name}: (.*?)(?=\n *\w+: |\n\s*\n|\Z)", text, re.MULTILINE | re.DOTALL)
    about = " ".join(found[1].split()) if found else ""
    is_whole = isinstance(field.default, int)
    return {"name": field.name, "about": about, "low": low, "high": high, "whole": is_whole, "value": field.default}


def _usual_maker(found: Described) -> dict[str, Any]:
    """What the inputs of the training were made by: as their files say, else edges if they have two colours."""
    recorded = found.inputs.made_by
    if recorded.get("input") in ALL_INPUTS:
        return {name: value for name, value in recorded.items() if isinstance(value, str | int | float)}
    if found.abilities.paired and found.inputs.pictures and len(found.palette) == 2:
        return {"input": "edges"}
    return {"input": ITSELF}
