"""The page Draw. What needs the networks is imported at its first call, so that the studio starts at once."""

from __future__ import annotations

from typing import Any

from imagewright import catalogue
from imagewright.errors import ImagewrightError
from imagewright.images.layers import TARGET
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.page import Page, later
from imagewright.studio.serving.studio import Studio

DESCRIBING, STARTING, TRANSLATING, FULL_SIZE = (
    f"{__package__}.{name}" for name in ("describing", "starting", "translating", "full_size")
)


def runs(studio: Studio, _: Asked) -> dict[str, Any]:
    """The runs that translate, each with whether it learned from pairs. No model is loaded for it."""
    found: dict[str, dict[str, bool]] = {}
    for each in studio.library.runs():
        try:
            run = studio.library.run(each.id)
        except ImagewrightError:
            continue
        entry = catalogue.entries().get(run.model)
        if entry is not None and "translate" in entry.verbs:
            found[each.id] = {"paired": TARGET in (run.record["config"].get("layer_channels") or ())}
    return {"runs": found}


PAGE = Page(
    "draw",
    reads={"runs": runs, "model": later(DESCRIBING, "describe"), "example": later(DESCRIBING, "example")},
    actions={"full_size": later(FULL_SIZE, "begin"), "finished": later(FULL_SIZE, "finished")},
    wishes={
        "start": later(STARTING, "start"),
        "translate": later(TRANSLATING, "translate"),
        "styles": later(TRANSLATING, "styles"),
    },
)
