"""The page of pictures as the server knows it."""

from __future__ import annotations

from typing import Any

from imagewright.studio.pages.pictures import contents, findings, marks, selection
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.page import Page
from imagewright.studio.serving.studio import Studio


def describe(studio: Studio, asked: Asked) -> dict[str, Any]:
    """A source in short, and what was moved aside from it."""
    key = asked.text("source")
    if asked.flag("anew"):
        studio.library.refresh()
        studio.sources.forget(key)
    return contents.describe(studio, key) | {"moves": selection.moves(studio, key)}


def refresh(studio: Studio, _: Asked) -> dict[str, Any]:
    """List the folder anew at the next question: a command has made something in it."""
    studio.library.refresh()
    return {}


PAGE = Page(
    "pictures",
    reads={
        "source": describe,
        "names": contents.names,
        "having": contents.having,
        "picture": contents.picture,
        "about": contents.about_picture,
        "found": findings.found,
        "table": findings.table,
        "list": selection.names_list,
        "marks": marks.marks,
        "sheet": marks.sheet,
    },
    actions={
        "refresh": refresh,
        "begin": findings.begin,
        "save_list": selection.save_list,
        "begin_set": selection.begin_set,
        "move_aside": selection.move_aside,
        "undo": selection.undo,
        "save_marks": marks.save_marks,
        "forget_marks": marks.forget_marks,
        "find_direction": marks.find_direction,
    },
)
