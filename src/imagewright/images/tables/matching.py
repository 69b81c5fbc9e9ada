"""Which row of a table belongs to which picture, by the longest common end of their paths.

Names are compared in Unicode's composed form, with `\\` as `/`. What finds no partner is compared again without percent
escapes, without regard to case, without suffix, and without zeros before a number. Of pictures or rows with equal base
names the folders decide; a pair that they do not decide is ambiguous, and is not matched.
"""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import unquote

import numpy as np

from imagewright.images.sources.listing import is_picture_name

PathParts = tuple[str, ...]
"""The parts of a path, the base name first."""


@dataclass
class Matching:
    """The rows of N pictures.

    Attributes:
        rows: int64 (N,), the first row of each picture; -1 for none.
        repeated: further rows of a picture, by its number.
        ambiguous: pictures whose row folders do not decide, with the names of the rows.
        loosely: how many pictures were matched by a rule that ignores something, by what it ignores.
    """

    rows: np.ndarray
    repeated: dict[int, list[int]] = field(default_factory=dict)
    ambiguous: dict[int, list[str]] = field(default_factory=dict)
    loosely: dict[str, int] = field(default_factory=dict)


def match_names(pictures: Sequence[str], rows: Sequence[str], root: str) -> Matching:
    """Match pictures with rows.

    pictures: their paths in the source.
    rows: the names in the table, of any form: relative, absolute on another machine, of Windows, a URL.
    root: the path of the source, which decides between rows whose ends in the source are equal.
    """
    exact = {name: row for row, name in enumerate(rows)}
    if len(exact) == len(rows) and all(name in exact for name in pictures):
        return Matching(np.array([exact[name] for name in pictures], np.int64))
    found = Matching(np.full(len(pictures), -1, np.int64))
    paths, names, above = [_parts(name) for name in pictures], [_parts(name) for name in rows], _parts(root)
    open_pictures = set(range(len(paths)))
    open_rows = {row for row, name in enumerate(names) if name}
    for rule in _RULES:
        if not open_pictures or not open_rows:
            break
        pairs = _Pairs(paths, names, above, rule)
        pairs.match(open_pictures, open_rows)
        for picture, matched in pairs.rows.items():
            found.rows[picture] = matched[0]
            if len(matched) > 1:
                found.repeated[picture] = matched[1:]
        found.ambiguous |= {picture: [rows[row] for row in several] for picture, several in pairs.ambiguous.items()}
        if rule.ignores and pairs.rows:
            found.loosely[rule.ignores] = len(pairs.rows)
        open_pictures -= pairs.rows.keys() | pairs.ambiguous.keys()
        open_rows -= {row for matched in pairs.rows.values() for row in matched}
    return found


def _parts(name: str) -> PathParts:
    """The parts of a path in Unicode's composed form, the base name first; () for an empty name."""
    if not name.isascii():
        name = unicodedata.normalize("NFC", _as_text(name))
    parts = name.strip().replace("\\", "/").split("/")
    return tuple(part for part in reversed(parts) if part not in {"", "."})


def _as_text(name: str) -> str:
    """A name whose bytes are no UTF-8 (surrogate escapes) as tables with such bytes are read: see `reading`."""
    try:
        name.encode()
    except UnicodeEncodeError:
        with suppress(UnicodeEncodeError):  # other surrogates stay
            return name.encode("utf-8", "surrogateescape").decode("cp1252", "surrogateescape")
    return name


def _same(part: str) -> str:
    return part


def _unescaped(part: str) -> str:
    return unicodedata.normalize("NFC", unquote(part.partition("?")[0])) if "%" in part or "?" in part else part


def _folded(part: str) -> str:
    return unicodedata.normalize("NFC", _unescaped(part).casefold())


def _stem(part: str) -> str:
    """The name without its suffix, if it is that of a picture: `22.01` has none."""
    folded = _folded(part)
    return os.path.splitext(folded)[0] if is_picture_name(folded) else folded


@dataclass(frozen=True)
class _Rule:
    """How names are changed before they are compared: base names and folders of pictures, and of rows."""

    ignores: str
    base: Callable[[str], str]
    folder: Callable[[str], str]
    base_of_row: Callable[[str], str]
    folder_of_row: Callable[[str], str]


def _number(part: str) -> str:
    """The stem without zeros before a number: programs that read `000007` as a number write `7`."""
    stem = _stem(part)
    return str(int(stem)) if stem.isascii() and stem.isdecimal() and len(stem) < 20 else stem


_RULES = (
    _Rule("", _same, _same, _same, _same),
    _Rule("percent escapes and what follows a question mark", _same, _same, _unescaped, _unescaped),
    _Rule("upper and lower case", _folded, _folded, _folded, _folded),
    _Rule("suffixes", _stem, _folded, _stem, _folded),
    _Rule("zeros before numbers", _number, _folded, _number, _folded),
)


class _Pairs:
    """The pairs of pictures and rows by one rule; `rows` and `ambiguous` by the number of the picture."""

    def __init__(self, paths: list[PathParts], names: list[PathParts], above: PathParts, rule: _Rule) -> None:
        self.pictures = [(rule.base(path[0]), *map(rule.folder, path[1:])) for path in paths]
        self.names = [(rule.base_of_row(path[0]), *map(rule.folder_of_row, path[1:])) if path else () for path in names]
        self.above = tuple(map(rule.folder, above))
        self.rows: dict[int, list[int]] = {}
        self.ambiguous: dict[int, list[int]] = {}

    def match(self, pictures: set[int], rows: set[int]) -> None:
        """Match the pictures and rows without a partner. The others count where base names must be unique."""
        groups: dict[str, tuple[list[int], list[int]]] = {}
        for picture in sorted(pictures):
            groups.setdefault(self.pictures[picture][0], ([], []))
        for picture, path in enumerate(self.pictures):
            if path[0] in groups:
                groups[path[0]][0].append(picture)
        for row, path in enumerate(self.names):
            if path and path[0] in groups:
                groups[path[0]][1].append(row)
        for members, candidates in groups.values():
            open_members = [picture for picture in members if picture in pictures]
            open_candidates = [row for row in candidates if row in rows]
            if not open_candidates:
                continue
            if len(members) == 1 and len({self.names[row] for row in candidates}) == 1:
                self.rows[members[0]] = candidates
            else:
                self._match_below(open_members, open_candidates, 1)

    def _match_below(self, pictures: list[int], rows: list[int], depth: int) -> tuple[list[int], list[int]]:
        """Match those whose last `depth` parts are equal; returns the ones without a partner."""
        groups: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        left: tuple[list[int], list[int]] = [], []
        for row in rows:
            path = self.names[row]
            (groups[path[depth]][1] if depth < len(path) else left[1]).append(row)
        for picture in pictures:
            path = self.pictures[picture] + self.above
            known = depth < len(path) and path[depth] in groups
            (groups[path[depth]][0] if known else left[0]).append(picture)
        for members, candidates in groups.values():
            rest = self._match_below(members, candidates, depth + 1) if members else (members, candidates)
            left[0].extend(rest[0])
            left[1].extend(rest[1])
        return self._match_rest(*left, depth)

    def _match_rest(self, pictures: list[int], rows: list[int], depth: int) -> tuple[list[int], list[int]]:
        """Match what has exactly `depth` parts in common, if one side ends there; folders that differ match nothing."""
        ended_rows = [row for row in rows if len(self.names[row]) == depth]
        ended_pictures = [picture for picture in pictures if len(self.pictures[picture]) <= depth]
        of_rows = pictures if ended_rows else ended_pictures
        of_pictures = rows if ended_pictures else ended_rows
        if not of_rows or not of_pictures:
            return pictures, rows
        different = {self.names[row] for row in of_pictures}
        if len(of_rows) == 1 and len(different) == 1:
            self.rows[of_rows[0]] = of_pictures
        else:
            self.ambiguous |= dict.fromkeys(of_rows, of_pictures)
        return [each for each in pictures if each not in of_rows], [each for each in rows if each not in of_pictures]
