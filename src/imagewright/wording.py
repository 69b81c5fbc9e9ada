"""Options in the words of the caller: `--batch-size 16` on the command line, `batch_size=16` in Python.

Messages are written in the words of the command line. `in_python` translates them for callers from Python,
`in_page` for pages of the studio.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

_words: ContextVar[Literal["python", "command line", "page"]] = ContextVar("_words", default="python")

# Options that are named otherwise in Python, and options without a value.
PYTHON_NAMES = {
    "from": "start",
    "at": "images_seen",
    "between": "ends",
    "move": "moves",
    "set": "sets",
    "protocol": "protocols",
    "test-source": "test",
    "not": "not_person",
}
PAGE_NAMES = {"from": "start from", "flip": "mirror images"}
FLAGS = (
    *("force", "resume", "flip", "strict", "capture", "compile", "tensorboard", "each-class", "keep-detail"),
    *("add-noise", "codes", "public", "people", "with-training-state", "with-report", "with-training-pictures"),
)
WORDS = (
    *("auto", "cosine", "constant", "cpu", "cuda", "fp16", "bf16", "fp32", "fitted", "inception", "linear", "none"),
    *("pixels", "prior", "published", "random", "recipe", "relativistic", "wasserstein", "hinge", "diffaugment"),
    *("labels", "jpeg", "pca", "latents", "activations"),
)
# Patterns are compiled when a message needs them: most commands end without one.
VALUE = r"\d[\d.,_]*(?:e-?\d+|x\d+|[kMG])?\b|[A-Z]{2,}[A-Z_=:]*\b|'[^']*'|\"[^\"]*\"|(?:" + "|".join(WORDS) + r")\b"
OPTION = rf"(?<![\w-])--(no-)?([a-z][a-z0-9-]*[a-z0-9])(?:[ =]({VALUE}))?"
SAID_TWICE = r"\b(\w+)((?:=[^\s(),]*)?),?((?: out)?) \((?:or )?\1(?:=|\2)?\)"
OTHER_NAME = rf"--[a-z][a-z0-9-]*(?:[ =](?:{VALUE}))?(,? out)? \((?:or )?([a-z_]+=[^\s(),]+)\)"
PYTHON_NAME = rf"(--[a-z][a-z0-9-]*(?:[ =](?:{VALUE}))?(?:,? out)?) \((?:or )?[a-z_]+=[^\s(),]*\)"
COMMAND = r"(`(?:imagewright|python|npm) [^`]*`)"
MULTIPLES = {"k": "_000", "M": "_000_000", "G": "_000_000_000"}


@contextmanager
def command_line_words() -> Iterator[None]:
    """Within it, messages name options as the command line does."""
    token = _words.set("command line")
    try:
        yield
    finally:
        _words.reset(token)


@contextmanager
def page_words() -> Iterator[None]:
    """Within it, messages name options as the forms of the studio's pages do."""
    token = _words.set("page")
    try:
        yield
    finally:
        _words.reset(token)


def for_caller(message: str) -> str:
    """The message in the words of the caller: the command line's, Python's, or those of a page."""
    words = _words.get()
    return message if words == "command line" else in_page(message) if words == "page" else in_python(message)


def in_python(message: str) -> str:
    """The message with options as Python's keyword arguments; commands in backticks stay.

    >>> in_python("Try --clip 1, --warmup 10k, --size 96x64, --no-cache or --force.")
    'Try clip=1, warmup=10_000, size=(64, 96), cache=False or force=True.'
    >>> in_python("Leave --no-cache out (cache=False), or give --labels FILE (labels=).")
    'Leave cache=False out, or give labels=FILE.'
    >>> in_python("Give some with --source SOURCE (images=SOURCE).")
    'Give some with images=SOURCE.'
    """
    parts = re.split(COMMAND, re.sub(OTHER_NAME, r"\2\1", message))
    translated = [part if re.fullmatch(COMMAND, part) else re.sub(OPTION, _keyword, part) for part in parts]
    return re.sub(SAID_TWICE, r"\1\2\3", "".join(translated))


def in_page(message: str) -> str:
    """The message with options as the fields of a form are called; commands in backticks stay.

    >>> in_page("Try --batch-size 16, --from RUN (start=RUN), --no-flip or `imagewright train vae --size 32`.")
    'Try batch size 16, start from RUN, no mirror images or `imagewright train vae --size 32`.'
    """
    parts = re.split(COMMAND, re.sub(PYTHON_NAME, r"\1", message))
    translated = [part if re.fullmatch(COMMAND, part) else re.sub(OPTION, _field, part) for part in parts]
    return "".join(translated)


def _field(found: re.Match[str]) -> str:
    negative, option, value = found[1], found[2], found[3]
    name = PAGE_NAMES.get(option, option.replace("-", " "))
    return f"{'no ' if negative else ''}{name}{'' if value is None else f' {value}'}"


def _keyword(found: re.Match[str]) -> str:
    negative, option, value = found[1], found[2], found[3]
    name = PYTHON_NAMES.get(option, option.replace("-", "_"))
    if negative and value is None:
        return f"{name}=False"
    if value is None:
        return f"{name}=True" if option in FLAGS else name
    size = re.fullmatch(r"(\d+)x(\d+)", value)
    if size:
        return f"{name}=({size[2]}, {size[1]})"
    if value[-1] in MULTIPLES and value[:-1].isdigit():
        return f"{name}={value[:-1]}{MULTIPLES[value[-1]]}"
    ending = value[len(value.rstrip(".,")) :]
    value = value.rstrip(".,")
    return f"{name}={value!r}{ending}" if value in WORDS else f"{name}={value}{ending}"
