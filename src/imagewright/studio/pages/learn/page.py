"""What the page Learn asks for, by name. The lessons are imported at their first call."""

from __future__ import annotations

from imagewright.studio.serving.page import Page, later

_HERE = __package__

PAGE = Page(
    "learn",
    reads={"laboratory": later(f"{_HERE}.laboratory", "describe")},
    wishes={
        "laboratory_change": later(f"{_HERE}.laboratory", "change"),
        "laboratory_step": later(f"{_HERE}.laboratory", "step"),
        "components": later(f"{_HERE}.components", "rebuild"),
        "jpeg": later(f"{_HERE}.jpeg", "code"),
        "jpeg_block": later(f"{_HERE}.jpeg", "block"),
        "cover": later(f"{_HERE}.dimension", "cover"),
        "distances": later(f"{_HERE}.dimension", "distances"),
        "plane": later(f"{_HERE}.plane", "show"),
        "plane_point": later(f"{_HERE}.plane", "point"),
        "plane_photo": later(f"{_HERE}.plane", "place"),
    },
    feeds={"laboratory": later(f"{_HERE}.laboratory", "follow")},
)
