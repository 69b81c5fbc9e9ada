"""Choosing pictures of a source by their names: patterns of what is taken, and of what is left out."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.images.sources.listing import Listing

Patterns = str | Sequence[str] | None


@dataclass(frozen=True)
class NameFilter:
    """Which names are taken. A pattern has `*`, `?` and `[abc]`, and small and capital letters are the same.

    A pattern with a slash is compared with the path inside the source, where `*` also stands for slashes; one without
    a slash with the file name alone.

    Attributes:
        only: a picture is taken if one of these fits, or if there are none.
        exclude: it is left out if one of these fits.
    """

    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    @classmethod
    def parse(cls, only: Patterns, exclude: Patterns) -> NameFilter:
        """A filter from one pattern or several each. Raises `ConfigError` for an empty pattern or one that is no text.

        >>> NameFilter.parse("*.jpg", ["masks/*", "*_mask.*"]).takes("cats/7.JPG")
        True
        """
        return cls(_parse("only", only), _parse("exclude", exclude))

    def __bool__(self) -> bool:
        return bool(self.only or self.exclude)

    def takes(self, name: str) -> bool:
        """Whether the picture of that relative posix name is taken."""
        path = _plain(name)
        base = path.rpartition("/")[2]
        return (not self.only or _fits(path, base, self.only)) and not _fits(path, base, self.exclude)

    def apply(self, listing: Listing, where: str) -> tuple[Listing, list[str]]:
        """The pictures that are taken, and notes: how many are left out, and patterns that leave none out.

        where: the source, for messages.
        Raises `DataError` if none is taken.
        """
        if not self:
            return listing, []
        taken = np.fromiter((self.takes(name) for name in listing.names()), bool, len(listing))
        if not taken.any():
            raise DataError(
                f"No picture of {where} is left by {self}: its names are such as {listing.name(0)}. A pattern needs a "
                "star for any letters, as in '*.png' or 'photos/*'."
            )
        left_out = len(listing) - int(taken.sum())
        notes = [f"Left out of {where} by {self}: {left_out:,} of {len(listing):,} pictures."] if left_out else []
        for pattern in self.exclude:
            fits = NameFilter(only=(pattern,)).takes
            if not any(map(fits, listing.names())):
                notes.append(
                    f"exclude {pattern!r} fits no picture of {where}, whose names are such as {listing.name(0)}."
                )
        return (listing.select(np.flatnonzero(taken)) if left_out else listing), notes

    def __str__(self) -> str:
        parts = [("only", self.only), ("exclude", self.exclude)]
        return " and ".join(f"{name} {', '.join(map(repr, patterns))}" for name, patterns in parts if patterns)


ALL_NAMES = NameFilter()


def _parse(name: str, patterns: Patterns) -> tuple[str, ...]:
    found = (patterns,) if isinstance(patterns, str) else tuple(patterns or ())
    if not all(isinstance(pattern, str) and pattern.strip() for pattern in found):
        raise ConfigError(f"{name}={patterns!r}: expected a pattern of names such as '*.png', or several.")
    return tuple(pattern.removeprefix("./") for pattern in found)


def _fits(path: str, base: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path if "/" in pattern else base, _plain(pattern)) for pattern in patterns)


def _plain(text: str) -> str:
    """A name in one case and one form of Unicode, since file systems differ in both."""
    return unicodedata.normalize("NFC", text).casefold()
