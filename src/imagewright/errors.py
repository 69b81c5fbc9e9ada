"""Errors for a user's mistake, a bad file or a full disk: each says what was wrong, what was expected, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from imagewright.wording import for_caller

LONGEST_MESSAGE = 1500  # characters


class ImagewrightError(Exception):
    """Base of all errors that the package raises on purpose. The command line prints the text, without a traceback."""

    exit_code = 1

    def __str__(self) -> str:
        """The message, with options in the words of the caller (`wording.py`); cut, since names in it may be long."""
        message = for_caller(super().__str__())
        return message if len(message) <= LONGEST_MESSAGE else f"{message[: LONGEST_MESSAGE - 4]} ..."


class UserError(ImagewrightError, ValueError):
    """A request that cannot be carried out: a wrong name, number, file or place."""

    exit_code = 2


class DataError(UserError):
    """A source of images, or one of its pictures, that cannot be used."""


class ConfigError(UserError):
    """An option that is unknown, out of its bounds, or in conflict with another one."""


class RunError(UserError):
    """A run directory or a checkpoint that cannot be read, written, or resumed."""


class TrainingError(ImagewrightError):
    """Training that cannot go on: non-finite losses, memory that ran out, a lost rank."""


def one_line(text: object, most: int = 300) -> str:
    """A text that the package did not write, as a part of a message: one line of at most so many characters.

    What does not print, such as a line break or a terminal's escape, becomes a space or "?".
    """
    plain = "".join(character if character.isprintable() else "?" for character in " ".join(str(text).split()))
    return plain if len(plain) <= most else f"{plain[: most - 4].rstrip()} ..."


def count_text(number: int, what: str) -> str:
    """
    >>> count_text(1, "picture"), count_text(1200, "picture")
    ('1 picture', '1,200 pictures')
    """
    return f"{number:,} {what}{'s' * (number != 1)}"


def number_text(number: float) -> str:
    """A number with all its digits, whole ones without a fraction: two numbers never have the same text.

    >>> number_text(4095.0), number_text(1000001), number_text(100000.5)
    ('4095', '1000001', '100000.5')
    """
    return str(int(number)) if number == int(number) else repr(float(number))


def nearest_name(wrong: str, known: Iterable[str]) -> str:
    """`" Did you mean 'vae'?"`, or "" if no known name is close: to append to a message."""
    matches = difflib.get_close_matches(wrong, list(known), n=1, cutoff=0.5)
    return f" Did you mean {matches[0]!r}?" if matches else ""
