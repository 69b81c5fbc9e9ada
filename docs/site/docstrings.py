"""The docstrings of the package as Markdown, for mkdocstrings: arguments become lists.

The package writes an argument a line, `name: what it is.`, which Markdown would join into one paragraph.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

ARGUMENT = re.compile(r"^(\*{0,2}[a-zA-Z_]\w*(?:, \*{0,2}[a-zA-Z_]\w*)*): (\S.*)$")
USUAL_SECTIONS = ("Attributes:", "Raises:", "Returns:", "Examples:", "Note:")


class ArgumentLists(griffe.Extension):
    """Rewrites each docstring before it is parsed."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Called for every function, class and module."""
        if obj.docstring is not None:
            obj.docstring.value = with_lists(obj.docstring.value)


def with_lists(text: str) -> str:
    """The text with every line `name: words` at its left edge as an item of a list, with the lines that continue it."""
    lines, inside = [], False
    for line in text.splitlines():
        found = None if line.strip() in USUAL_SECTIONS else ARGUMENT.match(line)
        if found:
            if not inside and lines and lines[-1]:
                lines.append("")
            names = ", ".join(f"`{name}`" for name in found[1].split(", "))
            lines.append(f"- {names}: {found[2]}")
            inside = True
        elif inside and line.startswith(" "):
            lines.append(f"    {line.strip()}")
        else:
            if inside and line:
                lines.append("")
            inside = False
            lines.append(line)
    return "\n".join(lines)
