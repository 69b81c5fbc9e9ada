"""The answer to a sheet: its translation, to a domain or to attributes, in a sampled style or in that of references."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch

from imagewright.capabilities import Target
from imagewright.errors import DataError, UserError
from imagewright.images.palettes import nearest_colours
from imagewright.images.single import HeldPicture, read_picture, read_pictures
from imagewright.output.provenance import COMPOSITE
from imagewright.runs.provenance import run_record
from imagewright.studio.pages.draw.describing import Described, described
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.library import NotThereError
from imagewright.studio.serving.models import Loaded
from imagewright.studio.serving.page import Picture
from imagewright.studio.serving.sources import shown
from imagewright.studio.serving.studio import Studio
from imagewright.verbs.translate import targets_for, translate_image
from imagewright.verbs.translation_inputs import StyleReferences

MOST_TEXT = 3_900_000  # characters of a sheet: a PNG of some 1200 x 1200 noisy pixels; the socket takes 4 MiB
MOST_SIDE = 2048
MOST_REFERENCES, MOST_SEEDS, MOST_KEPT = 8, 8, 16
To: TypeAlias = int | Mapping[str, float] | None
KEPT = "draw target"  # the latest target, beside the loaded model


@dataclass(frozen=True)
class Wanted:
    """What a page wants of the model.

    sheet: uint8 (H, W, 3).
    name: of what is on the sheet, for the record.
    to: a domain's number, values of attributes, or nothing.
    seed: of a sampled style; None for none.
    references: pictures whose style is taken, by their tickets.
    """

    sheet: np.ndarray
    name: str
    to: To
    seed: int | None = None
    references: Mapping[str, Picture] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The same for the same target."""
        return json.dumps([self.to, self.seed, list(self.references)])


def translate(studio: Studio, asked: Asked) -> Picture:
    """The sheet, translated."""
    wanted = _read(studio, asked, read_seed(asked))
    return studio.models.call(asked.text("run"), lambda loaded: _answer(loaded, wanted))


def styles(studio: Studio, asked: Asked) -> list[Picture]:
    """The sheet, translated in the style of each of some seeds."""
    seeds = [int(each) for each in asked.numbers("seeds", most=MOST_SEEDS, limit=2**31 - 1) if each >= 0]
    if not seeds:
        raise UserError("seeds are missing: numbers of 0 or more were expected.")
    wanted = [_read(studio, asked, seed) for seed in seeds]
    return studio.models.call(asked.text("run"), lambda loaded: [_answer(loaded, each) for each in wanted])


def read_seed(asked: Asked) -> int | None:
    """The seed of a sampled style; None for none."""
    return asked.whole("seed", high=2**31 - 1) if "seed" in asked else None


def read_target(studio: Studio, asked: Asked, seed: int | None) -> tuple[To, dict[str, Picture]]:
    """Where to translate to, and the references whose style is taken, by their tickets."""
    tickets = asked.texts("references", most=MOST_REFERENCES) if seed is None else []
    references = {ticket: studio.shelf.get(ticket) for ticket in tickets}
    if "domain" in asked:
        return asked.whole("domain"), references
    if "attributes" in asked:
        values = asked.part("attributes")
        return {name: values.number(name, low=0, high=1) for name in values.names()}, references
    return None, references


def _read(studio: Studio, asked: Asked, seed: int | None) -> Wanted:
    for ticket in asked.texts("kept", most=MOST_KEPT):  # what the page needs later: a stroke makes many pictures
        with suppress(NotThereError):
            studio.shelf.get(ticket)
    to, references = read_target(studio, asked, seed)
    return Wanted(_sheet(asked), asked.text("name", "drawing", most=200), to, seed, references)


def _sheet(asked: Asked) -> np.ndarray:
    """The pixels of the sheet, which a page sends as a PNG in base64."""
    try:
        content = base64.b64decode(asked.text("sheet", most=MOST_TEXT), validate=True)
    except (binascii.Error, ValueError):
        raise UserError("sheet: a picture in base64 was expected.") from None
    pixels = shown(content, MOST_SIDE + 1, "the sheet")
    if max(pixels.shape[:2]) > MOST_SIDE:
        raise DataError(f"The sheet is larger than {MOST_SIDE} pixels a side.")
    return pixels


def _answer(loaded: Loaded, wanted: Wanted) -> Picture:
    found = described(loaded)
    began = time.perf_counter()
    target, settings, notes = _target(loaded, wanted)
    image = _as_taken(found, wanted.sheet)
    made = translate_image(loaded.model, image, target).permute(1, 2, 0).contiguous().numpy()
    record = run_record(
        "translate",
        loaded.model,
        seed=wanted.seed,
        settings={"source": wanted.name, "count": 1, "size": list(wanted.sheet.shape[:2]), **settings},
        source_type=COMPOSITE,
    )
    seconds = time.perf_counter() - began
    about = {"seconds": seconds, "notes": notes, "seed": wanted.seed}
    return Picture(made, record, f"{wanted.name}-translated", about)


def _as_taken(found: Described, sheet: np.ndarray) -> torch.Tensor:
    """The sheet as the model takes it, uint8 (C, H, W): classes, grey, or colours."""
    if found.abilities.channels is None:
        return torch.from_numpy(nearest_colours(sheet, found.palette))[None]
    return read_picture(HeldPicture("the sheet", sheet), found.abilities.channels)


def _target(loaded: Loaded, wanted: Wanted) -> tuple[Target, dict[str, Any], list[str]]:
    """Where to translate, the settings of the record, and notes. That of the same wish before is used again."""
    kept = loaded.kept.get(KEPT)
    if kept is not None and kept[0] == wanted.key:
        return kept[1:]
    settings: dict[str, Any] = {"to": wanted.to if isinstance(wanted.to, Mapping) else _name(loaded, wanted.to)}
    notes: list[str] = []
    if wanted.references:
        references = _references(loaded, wanted)
        target = targets_for(loaded.model, to=wanted.to, like=references)[0]
        settings |= {"like": references.source, "references": references.names}
        notes = references.notes()
    else:
        styles = None if wanted.seed is None else 1
        target = targets_for(loaded.model, to=wanted.to, styles=styles, seed=wanted.seed or 0)[0]
        settings |= {} if wanted.seed is None else {"styles": 1}
    loaded.kept[KEPT] = (wanted.key, target, settings, notes)
    return target, settings, notes


def _name(loaded: Loaded, number: int | None) -> str | int | None:
    domains = described(loaded).abilities.domains
    return domains[number] if number is not None and number < len(domains) else number


def _references(loaded: Loaded, wanted: Wanted) -> StyleReferences:
    config = loaded.model.config
    held = [HeldPicture(picture.name, picture.pixels) for picture in wanted.references.values()]
    pixels, _ = read_pictures(held, config.size, config.channels)
    names = [each.name for each in held]
    return StyleReferences(pixels, names, ", ".join(names))
