"""The files of a run as they lie in a repository: their names, and how large each may be."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imagewright.runs.places import METRICS, PAGE, RECORD
from imagewright.runs.run import LARGEST_RECORD
from imagewright.runs.scores import LARGEST_RECORD as LARGEST_SCORES

CARD = "README.md"
PICTURES = "card"  # the folder of the card's pictures
_SAFETENSORS = 1 << 40


@dataclass(frozen=True)
class Kind:
    """A kind of file of a run. `pattern` matches its whole path in the repository; `most` bytes are allowed."""

    name: str
    pattern: re.Pattern[str]
    most: int


KINDS = (
    Kind("record", re.compile(re.escape(RECORD)), LARGEST_RECORD),
    Kind("reports", re.compile(re.escape(METRICS)), 4 << 30),
    Kind("scores", re.compile(r"scores\.(?:json|csv)"), LARGEST_SCORES),
    Kind("weights", re.compile(r"checkpoints/\d{9,15}\.safetensors"), _SAFETENSORS),
    Kind("training state", re.compile(r"checkpoints/\d{9,15}\.state\.safetensors"), _SAFETENSORS),
    Kind("direction", re.compile(r"latents/(?!\d+\.safetensors)\w[\w.-]{0,200}\.safetensors"), 16 << 30),
    Kind("card", re.compile(re.escape(CARD)), 16 << 20),
    Kind("picture", re.compile(rf"{PICTURES}/\w[\w-]{{0,60}}\.(?:png|webp|jpg)"), 256 << 20),
    Kind("report page", re.compile(re.escape(PAGE)), 1 << 30),
)


def kind_of(path: str) -> Kind | None:
    """The kind of a file by its path in the repository; None for a file that no run has.

    Only whole names match: a path with `..`, from the root or with a backslash is of no kind.

    >>> kind_of("checkpoints/000000800.safetensors").name, kind_of("../run.json"), kind_of("weights.pkl")
    ('weights', None, None)
    """
    return next((kind for kind in KINDS if path.isascii() and kind.pattern.fullmatch(path)), None)
