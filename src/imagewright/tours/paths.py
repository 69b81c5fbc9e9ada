"""What a page says of paths: it may be sent on, and where a set lies on this machine is nobody's concern.

A path that was typed from the working folder is shown as it is. An absolute one is shown from the working folder if it
lies in it or beside it, or from the home folder `~`, so that commands still work; of any other the name alone is shown.
"""

from __future__ import annotations

import os
import re
import shlex
from copy import deepcopy
from pathlib import Path, PureWindowsPath

from imagewright.runs.cleaning import PATH
from imagewright.tours.record import TourRecord

HOME = "~/"
PATTERNS = ("--only", "--exclude")  # whose values are patterns of names within a set, also such as /sub/*.png
ABSOLUTE = re.compile(r"/|~|[A-Za-z]:[\\/]|\\\\")


def shown_path(path: str) -> str:
    """A path as a page shows it.

    >>> shown_path("photos/cats"), shown_path("/elsewhere/photos")
    ('photos/cats', 'photos')
    """
    if not ABSOLUTE.match(path):
        return path
    whole, here, home = Path(path).expanduser(), Path.cwd(), Path.home()
    if here.parent != here and whole.is_relative_to(here):  # from the root it would be the whole path
        return whole.relative_to(here).as_posix()
    if whole != home and whole.is_relative_to(home):
        return HOME + whole.relative_to(home).as_posix()
    if whole.drive == here.drive and Path(os.path.commonpath([whole, here])) != Path(whole.anchor):
        return Path(os.path.relpath(whole, here)).as_posix()
    return set_name(path)


def is_name_alone(path: str) -> bool:
    """Whether a page shows the name alone of a path, so that its commands need the path."""
    shown = shown_path(path)
    return shown != path and not shown.startswith(HOME) and Path(shown).absolute() != Path(path).expanduser().absolute()


def set_name(source: str) -> str:
    """The name of a set: the last folder of its path, or the file without its ending."""
    path = PureWindowsPath(source) if "\\" in source else Path(source)
    name = path.name if path.name not in ("", "..") else Path(source).expanduser().resolve().name
    return name or "pictures"


def shown_command(command: str) -> str:
    """A command line whose paths are shown as `shown_path` has them; patterns of names stay as they are.

    >>> shown_command("imagewright tour photos --exclude '/sub/*.png'")
    "imagewright tour photos --exclude '/sub/*.png'"
    """
    try:
        words = shlex.split(command)
    except ValueError:  # edited by hand
        return shown_text(command, ())
    shown, latest = [], ""
    for word in words:
        latest = word if word.startswith("--") else latest
        is_pattern = latest.partition("=")[0] in PATTERNS
        shown.append(shlex.quote(word) if is_pattern else _shown_word(word))
    return " ".join(shown)


def _shown_word(word: str) -> str:
    option, is_assigned, value = word.partition("=") if word.startswith("--") else ("", "", word)
    shown = shown_path(value)
    if shown.startswith(HOME):  # which a shell does not expand within quotes
        return option + is_assigned + HOME + shlex.quote(shown.removeprefix(HOME))
    return shlex.quote(option + is_assigned + shown)


def shown_text(text: str, known: tuple[str, ...]) -> str:
    """A sentence that names no folder above a set or file.

    known: paths that may have spaces in them; others are found by their form.
    """
    for path in sorted(filter(ABSOLUTE.match, known), key=len, reverse=True):
        text = text.replace(path, set_name(path))
    return PATH.sub(lambda found: set_name(found.group()) if ABSOLUTE.match(found.group()) else found.group(), text)


def shown_record(record: TourRecord) -> TourRecord:
    """A copy of the record in which texts and commands show paths as the page has them."""
    shown = deepcopy(record)
    known = tuple(each for source in (record.source, record.other) if source for each in _ways_to_write(source))

    def cleaned(texts: list[str]) -> list[str]:
        return [shown_text(each, known) for each in texts]

    shown.source = shown_path(record.source)
    shown.other = None if record.other is None else shown_path(record.other)
    shown.notes = cleaned(record.notes)
    for part in shown.parts:
        part.facts, part.doctor = cleaned(part.facts), cleaned(part.doctor)
        part.command = None if part.command is None else shown_command(part.command)
        part.error = None if part.error is None else shown_text(part.error, known)
        for figure in part.figures:
            figure.caption = shown_text(figure.caption, known)
    return shown


def _ways_to_write(source: str) -> set[str]:
    path = Path(source).expanduser()
    return {source, str(path), str(path.absolute()), str(path.resolve())}
