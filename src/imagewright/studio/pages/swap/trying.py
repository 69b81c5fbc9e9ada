"""A swap tried on a photo or on a frame of footage: before and after, at once."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imagewright.studio.pages.swap.faces import picked_person
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.models import Loaded
from imagewright.studio.serving.page import Picture
from imagewright.studio.serving.sources import shown
from imagewright.studio.serving.studio import Studio

if TYPE_CHECKING:
    from imagewright.face_swap.convert.found_stills import FoundStill
    from imagewright.face_swap.convert.swapping import SwapOptions
    from imagewright.face_swap.people import Person

SIDE = 1280  # pixels of the longer side of what is tried: larger pictures answer too slowly
MOST_KEPT = 8  # stills whose faces are remembered
WHOM = ("known", "all", "picked")
CHOOSE = "choose whose face is replaced"  # where the command names an option


def try_swap(studio: Studio, asked: Asked) -> list[Picture]:
    """A still before and after. Notes and the number of swapped faces go with the second picture.

    ticket: of a photo; else source, and share: which picture or frame of it, from 0 to 1.
    whom: "known", the person that the run was trained to replace; "all"; or "picked", with `person`.
    """
    from imagewright.face_swap.convert.found_stills import swap_still
    from imagewright.face_swap.convert.swapping import FaceSwapper

    options = options_of(asked)
    whom = asked.choice("whom", WHOM, "known")
    picked = picked_person(studio, asked.part("person")) if whom == "picked" else None
    key = (*_place_of(asked), options.to, whom, picked.name if picked else None)

    def work(loaded: Loaded) -> list[Picture]:
        swapper = FaceSwapper(loaded.model, options)
        kept: OrderedDict[Any, FoundStill] = loaded.kept.setdefault("stills", OrderedDict())
        if key not in kept:
            kept[key] = _find(studio, asked, loaded, swapper.to, whom, picked)
            while len(kept) > MOST_KEPT:
                kept.popitem(last=False)
        kept.move_to_end(key)
        still = kept[key]
        made, record = swap_still(swapper, still)
        about = {"faces": len(still.faces), "others": still.others, "notes": still.notes}
        name = f"{still.name}-swapped" if still.faces else still.name
        return [Picture(still.picture, None, still.name), Picture(made, record if still.faces else None, name, about)]

    return studio.models.call(asked.text("run"), work)


def options_of(asked: Asked) -> SwapOptions:
    """The options of a swap that the page sets. Raises `ConfigError` for a value that is none."""
    from imagewright.face_swap.convert.swapping import SwapOptions

    chosen: dict[str, Any] = {name: asked.text(name) for name in ("to", "colour", "mask") if name in asked}
    chosen |= {name: asked.number(name) for name in ("strength", "blur") if name in asked}
    return SwapOptions.from_names(chosen)


def _place_of(asked: Asked) -> tuple[Any, ...]:
    if "ticket" in asked:
        return (asked.text("ticket"),)
    return asked.text("source"), round(asked.number("share", 0, low=0, high=1), 3)


def _find(studio: Studio, asked: Asked, loaded: Loaded, to: int, whom: str, picked: Person | None) -> FoundStill:
    from imagewright.face_swap.convert.choosing import person_in_footage
    from imagewright.face_swap.convert.found_stills import find_still
    from imagewright.pretrained.faces.finder import open_face_finder

    picture, name, moving = _still_of(studio, asked)
    if "finder" not in loaded.kept:  # a page fetches nothing by itself: without weights the cascade is used
        loaded.kept["finder"] = open_face_finder(None, lambda _: False)
    finder = loaded.kept["finder"]
    person = person_in_footage(loaded.model, to) if whom == "known" else picked
    if person is not None:
        person = replace(person, name=Path(person.name).name)
    if finder.name != "networks":
        person = None  # who a face is of is not known
    still = find_still(picture, name, finder, person, everyone=whom == "all", moving=moving, how=CHOOSE)
    still.notes.extend(finder.notes)
    return still


def _still_of(studio: Studio, asked: Asked) -> tuple[np.ndarray, str, bool]:
    """The pixels, the name, and whether they are a frame of a video."""
    from imagewright.face_swap.convert.found_stills import frame_of

    if "ticket" in asked:
        given = studio.shelf.get(asked.text("ticket"))
        return shown(given.pixels, SIDE), given.name, False
    key, share = asked.text("source"), asked.number("share", 0, low=0, high=1)
    source = studio.library.source(key)
    if source.kind == "video" and source.path is not None:
        return shown(frame_of(source.path, share), SIDE), source.path.stem, True
    place = round(share * (len(studio.sources.open(key)) - 1))
    return studio.sources.picture(key, place, SIDE), Path(studio.sources.open(key).name(place)).stem, False
