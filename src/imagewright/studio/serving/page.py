"""`Page`: what a page of the studio asks of the package, by name."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from imagewright.studio.serving.asked import Asked

if TYPE_CHECKING:
    import numpy as np

    from imagewright.output.provenance import Record
    from imagewright.studio.serving.studio import Studio

Answer: TypeAlias = "Callable[[Studio, Asked], Any]"
"""Answers a request with JSON values, a `Picture` or a Starlette response. Runs in a thread, so that it may wait."""
Feed: TypeAlias = "Callable[[Studio, Asked], AsyncGenerator[dict[str, Any], None]]"
"""Yields JSON values for as long as a page listens."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as an answer.

    pixels: uint8 (H, W, C), C 1, 3 or 4.
    record: the provenance that a saved file holds; None of a picture that no model made.
    name: of a saved file, without its ending.
    about: values for the page that go with it, such as notes, as in an answer without a picture.
    """

    pixels: np.ndarray
    record: Record | None = None
    name: str = "picture"
    about: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """What a page asks for.

    name: of the page in addresses.
    reads: answers to GET /api/NAME/READ; they change nothing.
    actions: answers to POST /api/NAME/ACTION, whose body is a JSON object.
    wishes: answers over the socket, for what is asked many times a second; a page waits for one before the next.
    feeds: what a page follows over the socket.
    """

    name: str
    reads: Mapping[str, Answer] = field(default_factory=dict)
    actions: Mapping[str, Answer] = field(default_factory=dict)
    wishes: Mapping[str, Answer] = field(default_factory=dict)
    feeds: Mapping[str, Feed] = field(default_factory=dict)


def later(module: str, name: str) -> Answer:
    """An answer whose module is imported at its first call: one that needs the networks takes seconds to import."""

    def answer(studio: Studio, asked: Asked) -> Any:
        return getattr(import_module(module), name)(studio, asked)

    return answer
