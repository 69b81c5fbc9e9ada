"""The GAN laboratory of an open page: a feed of what there is to see, and wishes that change and step it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, get_args

import numpy as np
from anyio import to_thread

from imagewright.errors import UserError
from imagewright.lessons.gan.data import DATA, DataName, Mixture, drawn_mixture
from imagewright.lessons.laboratory.cases import collapse_and_cures
from imagewright.lessons.laboratory.laboratory import Laboratory, PartName
from imagewright.lessons.laboratory.settings import FRESH, LaboratorySettings, build_settings, describe_settings
from imagewright.studio.pages.learn.sessions import MOST_OPEN, Session
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.studio import Studio

DRAWN = ("drawn", "drawn_line")  # by hand, on the plane and on a line
TITLES = {
    "ring": "ring of 8", "grid": "grid of 25", "moons": "two moons", "moon": "one moon", "spiral": "spiral",
    "line": "line, two modes", "comb": "line, five modes", "drawn": "drawn by hand, on the plane",
    "drawn_line": "drawn by hand, on a line",
}  # fmt: skip
MOST_DRAWN = 20_000  # numbers of drawn points that a page sends
MOST_STEPS = 400  # a second
_open: dict[str, Session] = {}


def describe(_: Studio, __: Asked) -> dict[str, Any]:
    """The data sets, the settings for a form, and the cases."""
    names = [*TITLES, *(name for name in DATA if name not in TITLES)]
    return {
        "data": [{"name": name, "title": TITLES.get(name, name), "dimensions": _dimensions(name)} for name in names],
        "settings": describe_settings(),
        "cases": [vars(case) for case in collapse_and_cures()],
    }


async def follow(_: Studio, asked: Asked) -> AsyncGenerator[dict[str, Any], None]:
    """A new laboratory of this page, until it stops listening: everything to see, whenever that changes."""
    if len(_open) >= MOST_OPEN:
        raise UserError(f"{MOST_OPEN} laboratories are open: close the page of one, and open this page again.")
    session = Session(await to_thread.run_sync(_build, asked))
    _open[session.number] = session
    try:
        while True:
            yield await to_thread.run_sync(session.advance)
            await session.pause()
    finally:
        del _open[session.number]


def change(_: Studio, asked: Asked) -> dict[str, Any]:
    """Other settings, another pace, or a start anew (`fresh`)."""
    session, settings = _session(asked), _settings(asked)
    kept = session.laboratory.settings
    fresh = asked.flag("fresh") or any(getattr(settings, name) != getattr(kept, name) for name in FRESH)
    built = _build(asked) if fresh else None
    pace = asked.number("steps_per_second", 30, low=0.1, high=MOST_STEPS)
    session.change(built, settings, asked.flag("running"), pace)
    return {"fresh": fresh}


def step(_: Studio, asked: Asked) -> dict[str, Any]:
    """One step, or one move of one network."""
    part: PartName | None = asked.choice("part", get_args(PartName)) if "part" in asked else None
    _session(asked).step(part)
    return {}


def _session(asked: Asked) -> Session:
    found = _open.get(asked.text("id"))
    if found is None:
        raise UserError("This laboratory has ended: open the page again.")
    return found


def _settings(asked: Asked) -> LaboratorySettings:
    part = asked.part("settings")
    return build_settings({name: part.raw(name) for name in part.names()})


def _build(asked: Asked) -> Laboratory:
    return Laboratory(_data(asked), _settings(asked))


def _dimensions(name: str) -> int:
    if name in DRAWN:
        return 1 if name == "drawn_line" else 2
    return DATA[name]().dimensions  # type: ignore[index]


def _data(asked: Asked) -> Mixture:
    name = asked.choice("data", [*get_args(DataName), *DRAWN], "ring")
    if name not in DRAWN:
        return DATA[name]()
    numbers = asked.numbers("points", most=MOST_DRAWN, limit=1.0)
    points = np.array(numbers[: len(numbers) // 2 * 2]).reshape(-1, 2)
    if not len(points):
        raise UserError("Draw where the data lie first: press and move on the white square.")
    return drawn_mixture(points[:, :1] if name == "drawn_line" else points)
