"""The plane of the latent space under the pointer: a sheet of the whole plane, and the picture at one point of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from imagewright.latent.walks.plane import Manifold, manifold
from imagewright.output.grids import plain_grid, to_picture
from imagewright.runs.provenance import run_record
from imagewright.studio.pages.learn.chosen import chosen_picture
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.models import Loaded
from imagewright.studio.serving.page import Picture
from imagewright.studio.serving.studio import Studio
from imagewright.verbs.apply import decode, encode

Result = TypeVar("Result")
SHEET_SIDE, LEAST_STEPS, MOST_STEPS = 768, 6, 15  # pixels of the sheet, and pictures a side
ENCODED = 300  # pictures of a source that are placed on the plane


def show(studio: Studio, asked: Asked) -> Picture:
    """The decoded plane as one picture; with it its axes, its notes, and where pictures of a source lie."""

    def work(found: Manifold, _: Loaded) -> Picture:
        sheet = np.asarray(plain_grid(found.images, found.side, scale=1))
        return Picture(_with_channels(sheet), found.record, "plane", _about(found))

    return _work(studio, asked, work)


def point(studio: Studio, asked: Asked) -> Picture:
    """The picture at a point of the plane: `right` and `up` from 0 to 1."""
    right, up = (asked.number(name, 0.5, low=0, high=1) for name in ("right", "up"))

    def work(found: Manifold, loaded: Loaded) -> Picture:
        latent = found.latent_at(right, up)
        pixels = _with_channels(np.asarray(to_picture(decode(loaded.model, latent)[0])))
        values = [float(axis.along(latent.flatten(1))) for axis in found.axes]
        record = run_record("latent grid", loaded.model, settings={"right": right, "up": up})
        return Picture(pixels, record, "point", {"values": values})

    return _work(studio, asked, work)


def place(studio: Studio, asked: Asked) -> dict[str, Any]:
    """Where a picture of the user lies on the plane."""

    def work(found: Manifold, loaded: Loaded) -> dict[str, Any]:
        pixels = chosen_picture(studio, asked, 1024).transpose(2, 0, 1)[None]
        latent = encode(loaded.model, pixels).flatten(1)
        return {
            name: float(axis.cdf(axis.along(latent))) for name, axis in zip(("right", "up"), found.axes, strict=True)
        }

    return _work(studio, asked, work)


def _work(studio: Studio, asked: Asked, work: Callable[[Manifold, Loaded], Result]) -> Result:
    """Work with the plane of a run in the thread of its model; the plane is made once."""
    source = asked.text("source", "")
    chosen = [int(each) for each in asked.numbers("dimensions", most=2, limit=1e6)] or None
    key = (source, *(chosen or ()))

    def in_thread(loaded: Loaded) -> Result:
        kept = loaded.kept.setdefault("learn/plane", {})
        if key not in kept:
            kept.clear()
            steps = max(LEAST_STEPS, min(MOST_STEPS, SHEET_SIDE // max(loaded.model.config.size)))
            images = studio.sources.open(source) if source else None
            kept[key] = manifold(loaded.model, steps, dimensions=chosen, images=images, most=ENCODED)
        return work(kept[key], loaded)

    return studio.models.call(asked.text("run"), in_thread)


def _about(found: Manifold) -> dict[str, Any]:
    placed = []
    if found.encoded is not None:
        columns = [axis.cdf(found.encoded[:, number]).tolist() for number, axis in enumerate(found.axes)]
        placed = [list(each) for each in zip(*columns, strict=True)]
    return {
        "axes": [axis.name for axis in found.axes],
        "dimensions": [axis.dimension for axis in found.axes],
        "latents": found.latents[0].numel(),
        "notes": [re.sub(r" (Others|Two latents of \d+): --dimensions\.$", "", note) for note in found.notes],
        "placed": placed,
        "labels": None if found.labels is None else found.labels.tolist(),
        "classes": None if found.class_names is None else list(found.class_names),
    }


def _with_channels(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.ndim == 3 else pixels[..., None]
