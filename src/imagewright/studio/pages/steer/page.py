"""The page Steer: looks of a run's model, how photos and drags become latents, and what is kept of them."""

from __future__ import annotations

from imagewright.studio.serving.page import Page, later

_HERE = __package__

PAGE = Page(
    "steer",
    reads={"offers": later(f"{_HERE}.offers", "offers")},
    actions={
        "encode": later(f"{_HERE}.finding", "encode_photo"),
        "hold": later(f"{_HERE}.keeping", "hold_look"),
        "save": later(f"{_HERE}.keeping", "save_look"),
        "record": later(f"{_HERE}.keeping", "record_walk"),
        "find_directions": later(f"{_HERE}.keeping", "find_directions"),
        "stop": later(f"{_HERE}.background", "stop"),
    },
    wishes={"look": later(f"{_HERE}.looks", "show_look")},
    feeds={
        "project": later(f"{_HERE}.finding", "project_photo"),
        "drag": later(f"{_HERE}.finding", "drag_points"),
        "rank": later(f"{_HERE}.finding", "rank_latents"),
    },
)
