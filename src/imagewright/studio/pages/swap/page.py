"""The page of swapping faces. What needs the networks is imported at its first call."""

from __future__ import annotations

from imagewright.studio.serving.page import Page, later

_HERE = __package__

PAGE = Page(
    "swap",
    reads={
        "networks": later(f"{_HERE}.faces", "networks"),
        "people": later(f"{_HERE}.faces", "people"),
        "face_set_notes": later(f"{_HERE}.faces", "face_set_notes"),
        "face": later(f"{_HERE}.faces", "face"),
        "models": later(f"{_HERE}.training", "models"),
        "results": later(f"{_HERE}.converting", "results"),
        "figures": later(f"{_HERE}.converting", "figures"),
    },
    actions={
        "extract": later(f"{_HERE}.faces", "extract"),
        "keep_person": later(f"{_HERE}.faces", "keep_person"),
        "train": later(f"{_HERE}.training", "train"),
        "convert": later(f"{_HERE}.converting", "convert"),
        "check": later(f"{_HERE}.converting", "check"),
    },
    wishes={"try": later(f"{_HERE}.trying", "try_swap")},
    feeds={
        "training": later(f"{_HERE}.training", "follow_training"),
        "reading": later(f"{_HERE}.faces", "follow_reading"),
    },
)
