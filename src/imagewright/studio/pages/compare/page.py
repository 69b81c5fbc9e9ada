"""What the page Compare asks for. What needs the networks is imported at its first call."""

from __future__ import annotations

from imagewright.studio.serving.page import Page, later

_HERE = __package__

PAGE = Page(
    "compare",
    reads={
        "abilities": later(f"{_HERE}.figures", "abilities"),
        "scores": later(f"{_HERE}.figures", "scores"),
        "curves": later(f"{_HERE}.figures", "curves"),
        "photo_facts": later(f"{_HERE}.pictures", "photo_facts"),
        "evaluation_choices": later(f"{_HERE}.evaluations", "evaluation_choices"),
        "evaluation_start": later(f"{_HERE}.evaluations", "evaluation_start"),
    },
    actions={
        "evaluate": later(f"{_HERE}.evaluations", "evaluate"),
        "save_page": later(f"{_HERE}.evaluations", "save_page"),
    },
    wishes={"samples": later(f"{_HERE}.pictures", "samples"), "photo": later(f"{_HERE}.pictures", "photo")},
)
