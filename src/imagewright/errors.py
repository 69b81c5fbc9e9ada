"""The errors that a user's mistake, a bad file or a full disk raises: each says what, what was expected, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ImagewrightError(Exception):
    """Anything the package stops for on purpose. The command line prints its text, without a traceback."""

    exit_code = 1


class UserError(ImagewrightError, ValueError):
    """Something the user asked for cannot be done as asked: a wrong name, number, file or place."""

    exit_code = 2


class DataError(UserError):
    """A source of images, or one picture of it, that cannot be used."""


class ConfigError(UserError):
    """An option that is unknown, out of its bounds, or at odds with another one."""


class RunError(UserError):
    """A run directory or a checkpoint that cannot be read, written, or gone on with."""


class TrainingError(ImagewrightError):
    """Training that cannot go on: losses that are no numbers, memory that ran out, a rank that was lost."""


def nearest_name(wrong: str, known: Iterable[str]) -> str:
    """`" Did you mean 'vae'?"`, or nothing where no known name is close: to append to a message."""
    matches = difflib.get_close_matches(wrong, list(known), n=1, cutoff=0.5)
    return f" Did you mean {matches[0]!r}?" if matches else ""
