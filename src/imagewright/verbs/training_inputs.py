"""Some pictures that a model of translation learned from, as it was given them: examples, and starts for drawings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from imagewright.errors import ImagewrightError
from imagewright.images import Images, open_images
from imagewright.images.decoding.opening import open_picture
from imagewright.images.decoding.unreadable import Unreadable
from imagewright.images.descriptions import opening_options
from imagewright.images.one_by_one import read_one_by_one
from imagewright.images.selection import subset_evenly
from imagewright.model import Model
from imagewright.output.inspecting_pictures import find_packet
from imagewright.output.provenance import from_xmp
from imagewright.runs.places import RECORD
from imagewright.runs.run import Run
from imagewright.verbs.translation_inputs import source_channels


@dataclass(frozen=True)
class TrainingInputs:
    """Inputs that a model learned from.

    Attributes:
        pictures: uint8 (C, H, W) each, at the size of the training; of label maps the classes (1, H, W).
        names: of their files.
        made_by: the settings by which `make_pairs` made the inputs, such as {"input": "edges", "sigma": 2.0}; empty if
            their files do not say.
        own_size: (height, width) of the first file; None if there is none.
    """

    pictures: list[Tensor]
    names: list[str]
    made_by: dict[str, Any]
    own_size: tuple[int, int] | None


def training_inputs(model: Model, run: Run, count: int = 8) -> TrainingInputs:
    """Some inputs of the training, spread evenly over all its sources; none if they are no longer where they were.

    count: of all sources together, but one of each at least.
    """
    pictures: list[Tensor] = []
    names: list[str] = []
    made_by: dict[str, Any] = {}
    own_size = None
    recorded = run.record.get("sources")
    sources = list(recorded.values()) if isinstance(recorded, dict) else []
    for each in sources:
        try:
            opened = open_recorded(each, run)
            chosen = subset_evenly(opened, max(1, count // len(sources)))
            for number, picture in read_one_by_one(chosen, source_channels(model), model.config.size, _layer(model)):
                pictures.append(picture)
                names.append(chosen.name(number))
            made_by = made_by or _settings_of(opened, _layer(model))
            own_size = own_size or _own_size(model, opened)
        except (ImagewrightError, OSError, KeyError, TypeError):  # gone, changed, or a record of another version
            continue
    return TrainingInputs(pictures, names, made_by, own_size)


def open_recorded(recorded: dict[str, Any], run: Run) -> Images:
    """A source as it was opened for the training of a run, with its layers.

    recorded: its description in the run's record.
    Raises `DataError` if it is no longer there.
    """
    options = opening_options(recorded)
    parts = {layer["name"]: layer["source"] for layer in recorded.get("layers", []) if "source" in layer}
    if len(set(parts.values())) > 1:
        del options["layers"]
        return open_images({name: _place(source, run) for name, source in parts.items()}, **options)
    return open_images(_place(next(iter(parts.values()), recorded["source"]), run), **options)


def _place(source: str, run: Run) -> str | Path:
    """A recorded source: relative to where the training was started, which a folder above the run may be."""
    if Path(source).is_absolute():
        return source
    places = [Path(source), *(folder / source for folder in run.path.resolve().parents)]
    # `runs/facades` may be a run on the pictures of `facades`.
    return next((place for place in places if place.exists() and not (place / RECORD).exists()), source)


def label_folders(run: Run) -> list[Path]:
    """The folders of a run's sources, and those around them, in which a file may name the classes of label maps."""
    recorded = run.record.get("sources")
    sources = [each for each in recorded.values() if isinstance(each, dict)] if isinstance(recorded, dict) else []
    texts = [part.get("source") for each in sources for part in (*each.get("layers", []), each)]
    places = [Path(_place(text, run)) for text in texts if isinstance(text, str)]
    return list(dict.fromkeys(folder for place in places if place.exists() for folder in (place, place.parent)))


def _own_size(model: Model, opened: Images) -> tuple[int, int] | None:
    first = subset_evenly(opened, 1)
    for _, picture in read_one_by_one(first, source_channels(model), None, _layer(model)):
        return picture.shape[1], picture.shape[2]
    return None


def _layer(model: Model) -> str | None:
    layers = model.config.input_layers
    return layers[0] if len(layers) > 1 else None


def _settings_of(opened: Images, layer: str | None) -> dict[str, Any]:
    """What `make_pairs` wrote into the file of the first input."""
    content = opened.original(0)
    if isinstance(content, tuple):
        names = [each.name for each in opened.layers]
        content = content[names.index(layer)] if layer in names else None
    if not isinstance(content, bytes):
        return {}
    try:
        with open_picture(content) as picture:
            packet = find_packet(picture, content)
    except Unreadable:
        return {}
    record = from_xmp(packet) if packet else None
    settings = record.get("settings") if record and record.get("verb") == "pairs" else None
    return dict(settings) if isinstance(settings, dict) else {}
