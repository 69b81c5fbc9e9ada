"""What is put on the sheet before one draws: an example, a photo, its edges, or a label map from a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from imagewright.errors import UserError
from imagewright.images.pair_inputs import ColourRegions, MakeInput, build_input
from imagewright.images.palettes import nearest_colours
from imagewright.images.single import HeldPicture, read_pictures
from imagewright.pairs import ALL_INPUTS
from imagewright.pixels import size_text
from imagewright.studio.pages.draw.describing import ITSELF, Described, described, example_picture
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.models import Loaded
from imagewright.studio.serving.page import Picture
from imagewright.studio.serving.studio import Studio

MOST_AREA = 4  # times that of the training, for a photo that is kept whole
MADE_SIDE = 1024  # pixels of the longer side at most, at which an input is made


@dataclass(frozen=True)
class SheetStart:
    """A photo, and what is made of it for the sheet.

    whole: whether nothing is cut off, so that the sheet has the photo's shape.
    """

    photo: Picture
    made_by: str
    options: dict[str, Any]
    whole: bool


def start(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Put something on the sheet: its ticket, whose file has its very colours, its size, and what was changed."""
    run = asked.text("run")
    if "example" in asked:
        index = asked.whole("example")

        def work(loaded: Loaded) -> Picture:
            return example_picture(described(loaded), index)
    else:
        wanted = _read(studio, asked)

        def work(loaded: Loaded) -> Picture:
            return _make(described(loaded), wanted)

    picture = studio.models.call(run, work)
    height, width = picture.pixels.shape[:2]
    answer = {"ticket": studio.shelf.put(picture), "width": width, "height": height}
    return answer | {"name": picture.name, "said": picture.about.get("said", "")}


def _read(studio: Studio, asked: Asked) -> SheetStart:
    made_by = asked.choice("made_by", [ITSELF, *ALL_INPUTS], ITSELF)
    options = asked.part("options")
    values = {name: _number(options, name) for name in options.names()}
    return SheetStart(studio.shelf.get(asked.text("photo")), made_by, values, asked.flag("whole"))


def _number(options: Asked, name: str) -> float:
    """An option as the inputs take it: a whole number where it is one."""
    value = options.number(name)
    return int(value) if value == int(value) else value


def _make(found: Described, wanted: SheetStart) -> Picture:
    size = _sheet_size(found, wanted)
    own = wanted.photo.pixels.shape[:2]
    said = ""
    if own != size:
        how = "scaled to" if wanted.whole else "scaled, and cut where it sticks out, to"
        said = f"{wanted.photo.name} ({size_text(own)}) is {how} {size_text(size)}."
    if found.is_labelled:
        classes = _as_classes(found, wanted.photo.pixels)
        pixels = found.palette[_fitted_classes(classes, size)]
    elif wanted.made_by == ITSELF:
        pixels = _fitted(wanted.photo, size)
    else:
        pixels = _made(found, wanted, size)
    return Picture(pixels, None, wanted.photo.name, {"said": said})


def _sheet_size(found: Described, wanted: SheetStart) -> tuple[int, int]:
    """The size of the training, or with a whole photo its shape at the shorter side of the training."""
    if not wanted.whole:
        return found.abilities.size
    height, width = wanted.photo.pixels.shape[:2]
    trained = found.abilities.size
    factor = min(trained) / min(height, width)
    factor = min(factor, (MOST_AREA * trained[0] * trained[1] / (height * width)) ** 0.5)
    return max(1, round(height * factor)), max(1, round(width * factor))


def _made(found: Described, wanted: SheetStart, size: tuple[int, int]) -> np.ndarray:
    """The input of a photo, made at the scale of the files of the training, and brought to the sheet's size."""
    maker = _maker(found, wanted)
    trained = found.inputs.own_size or found.abilities.size
    factor = max(1.0, min(trained) / min(found.abilities.size))
    factor = min(factor, max(1.0, MADE_SIDE / max(size)))
    large = _fitted(wanted.photo, (round(size[0] * factor), round(size[1] * factor)))
    return _fitted(Picture(maker(large, 0)), size)


def _maker(found: Described, wanted: SheetStart) -> MakeInput:
    maker = build_input(wanted.made_by, wanted.options, ALL_INPUTS)
    if isinstance(maker, ColourRegions):  # in the colours that the model learned from
        return ColourRegions(maker.colours, palette=found.palette[: maker.colours])
    return maker


def _fitted(picture: Picture, size: tuple[int, int]) -> np.ndarray:
    """Scaled to cover a size, and cropped at the centre, as the pictures of a training are: uint8 (H, W, 3)."""
    pixels, _ = read_pictures([HeldPicture(picture.name, picture.pixels)], size, 3)
    return np.ascontiguousarray(pixels[0].permute(1, 2, 0).numpy())


def _as_classes(found: Described, pixels: np.ndarray) -> np.ndarray:
    """The classes of a label map, uint8 (H, W): grey levels that are classes, or else the nearest colours."""
    assert found.abilities.classes is not None
    is_grey = bool((pixels[..., :1] == pixels[..., :3]).all())
    if is_grey and int(pixels.max()) < found.abilities.classes:
        return pixels[..., 0]
    if is_grey and len(np.unique(pixels)) > found.abilities.classes:
        raise UserError(
            f"This grey picture is no label map of this run: its levels should be classes, 0 to "
            f"{found.abilities.classes - 1}."
        )
    return nearest_colours(pixels, found.palette)


def _fitted_classes(classes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """As `_fitted`, by nearest neighbour."""
    height, width = classes.shape
    factor = max(size[0] / height, size[1] / width)
    scaled = (max(size[1], round(width * factor)), max(size[0], round(height * factor)))
    whole = Image.fromarray(classes).resize(scaled, Image.Resampling.NEAREST)
    left, top = (scaled[0] - size[1]) // 2, (scaled[1] - size[0]) // 2
    return np.asarray(whole.crop((left, top, left + size[1], top + size[0])))
