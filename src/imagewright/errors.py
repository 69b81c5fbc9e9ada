"""Errors for a user's mistake, a bad file or a full disk: each says what was wrong, what was expected, what to do."""

from __future__ import annotations

from collections.abc import Iterable

from imagewright.wording import for_caller

LONGEST_MESSAGE = 1500  # characters
LONGEST_REASON = 160  # of another library's message
PREEMPTED = 75  # exit code, EX_TEMPFAIL of sysexits.h: the same command may do it later


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
    """A number and what is counted, in the singular or the plural.

    >>> count_text(1, "picture"), count_text(1200, "picture")
    ('1 picture', '1,200 pictures')
    """
    return f"{number:,} {what}{'s' * (number != 1)}"


def none_readable(number: int, where: str) -> str:
    """That no picture could be read, without a dot.

    >>> none_readable(1, "of photos"), none_readable(20, "of photos")
    ('The one picture of photos cannot be read', 'None of the 20 pictures of photos can be read')
    """
    if number == 1:
        return f"The one picture {where} cannot be read"
    return f"None of the {count_text(number, 'picture')} {where} can be read"


def an(what: str) -> str:
    """A name with its article, at the start of a sentence.

    >>> an("int"), an("dict")
    ('An int', 'A dict')
    """
    return f"{'An' if what[:1].lower() in 'aeiou' else 'A'} {what}"


def short_reason(error: Exception) -> str:
    """The message of another library's error on one line, without its last dot; its kind if it has none."""
    text = str(error).strip()
    if isinstance(error, KeyError) or not text:  # the message of a KeyError is the key alone
        text = f"{type(error).__name__} {text}"
    return one_line(text, LONGEST_REASON).rstrip(".")


def number_text(number: float) -> str:
    """A number with all its digits, whole ones without a fraction: two numbers never have the same text.

    >>> number_text(4095.0), number_text(1000001), number_text(100000.5)
    ('4095', '1000001', '100000.5')
    """
    return str(int(number)) if number == int(number) else repr(float(number))


def nearest_name(wrong: str, known: Iterable[str]) -> str:
    """`" Did you mean 'vae'?"`, or "" if no known name is near: to append to a message."""
    found = nearest(wrong, known)
    return "" if found is None else f" Did you mean {found!r}?"


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant: with a slip in every four letters at most, or one begins the other.

    >>> nearest("vea", ["gmm", "vae"]), nearest("smil", ["age", "smile"]), nearest("condition", ["precision"])
    ('vae', 'smile', None)
    >>> nearest("Strip", ["stripe", "Stripe"])
    'Stripe'
    """
    if len(wrong) > LONGEST_REASON:
        return None
    import difflib

    names, typed = list(known), _plain(wrong)
    close = set(difflib.get_close_matches(typed, [_plain(name) for name in names], 5, 0.5))
    near = [name for name in names if _plain(name) in close and _is_near(typed, _plain(name))]
    return min(near, key=lambda name: (_slips(typed, _plain(name)), _slips(wrong, name)), default=None)


def _plain(name: str) -> str:
    """A name without differences that are no slips: of case, and of - and _."""
    return name.casefold().replace("-", "_")


def _is_near(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) >= 3 and longer.startswith(shorter):
        return True
    return _slips(one, other) <= max(len(longer) >= 3, round(len(longer) / 4))


def _slips(one: str, other: str) -> int:
    """Letters that are wrong, missing, too many or exchanged with the next: the optimal string alignment distance."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        current = [row]
        for column, wanted in enumerate(other, 1):
            cost = min(last[column] + 1, current[-1] + 1, last[column - 1] + (letter != wanted))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == wanted:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        before, last = last, current
    return last[-1]
