"""Consent of the people whose faces a model learns: who, given by whom, when, and what says so.

A model whose configuration has `needs_consent` is trained with a consent record alone. `run.json` keeps the records,
and the provenance record of each picture that the run makes has them too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from imagewright.downloads import file_checksum
from imagewright.errors import ConfigError, one_line
from imagewright.regular_files import check_regular, read_regular

SELF = "self"
EXAMPLE = "Ann Lee; Ann Lee; 2026-11-20"
FORM = f'--consent "WHO; GIVEN BY; DATE", such as "{EXAMPLE}"'
FILE_FORM = "a text with the lines `who: ...`, `given by: ...` and `when: ...`"
LONGEST = 500  # characters of the people's names
LARGEST_FILE = 1 << 20  # bytes of a text file with the three lines
ENTRY = re.compile(r"(who|given by|when)[ \t]*:(.*)", re.IGNORECASE)


@dataclass(frozen=True)
class Consent:
    """That people agreed to a model being trained on their faces.

    who: the people, as the user named them; "self" for the user.
    given_by: who gave the consent: the people themselves, or who may speak for them.
    when: the day, in ISO form (2026-11-20).
    text: as it was given on the command line or in the call.
    file: the name of the document that says so.
    sha256: of that document.
    """

    who: str
    given_by: str
    when: str
    text: str | None = None
    file: str | None = None
    sha256: str | None = None

    def to_dict(self) -> dict[str, str]:
        """As JSON values, without what is None."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def refusal(model: str) -> str:
    """The sentence that says that a model asks for consent, and how to give it."""
    return (
        f"{model} learns the faces of people, and asks for a record of their consent: {FORM}, once for each person; or "
        f"--consent FILE, {FILE_FORM}; or --self (consent='{SELF}') if the faces are yours."
    )


def read_consents(given: Any) -> list[Consent]:
    """What the user gave as consent: a text, a file, "self", a mapping of the fields, or a list of these.

    Raises `ConfigError` for what does not say who, given by whom and when.
    """
    if isinstance(given, list | tuple):
        return [consent for each in given for consent in read_consents(each)]
    return [] if given is None else [_read_consent(given)]


def _read_consent(given: Any) -> Consent:
    if isinstance(given, Mapping):
        return _from_mapping(given)
    if not isinstance(given, str | Path):
        raise ConfigError(f"consent={one_line(given, 60)}, but it must be a text, a file, or {SELF!r}: {FORM}.")
    if str(given).strip().lower() == SELF:
        return Consent(SELF, SELF, date.today().isoformat())
    if isinstance(given, Path) or ";" not in given:
        return _from_file(given)
    return _from_text(given)


def merge_consents(kept: Iterable[Mapping[str, Any]], added: Iterable[Consent]) -> list[dict[str, Any]]:
    """The records of a run with further ones. One that is given again, as on resuming, keeps its first date."""
    merged = [dict(each) for each in kept]
    known = {_identity(each) for each in merged}
    for each in added:
        if (identity := _identity(each.to_dict())) not in known:
            merged.append(each.to_dict())
            known.add(identity)
    return merged


def in_outputs(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The records as pictures and videos have them: without names of files, and without the text that says it twice."""
    return [{name: value for name, value in each.items() if name not in ("text", "file")} for each in records]


def _identity(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """By what two records are the same."""
    return tuple(record.get(name) for name in ("who", "given_by", "text", "sha256"))


def _from_text(text: str) -> Consent:
    """`WHO; GIVEN BY`, with the date and the document that says so after them."""
    parts = [part.strip() for part in text.split(";")]
    if not 2 <= len(parts) <= 4:
        raise ConfigError(f"The consent {one_line(text, 80)!r} has {len(parts)} parts. Give {FORM}.")
    when = parts[2] if len(parts) > 2 else date.today().isoformat()
    file = Path(parts[3]) if len(parts) > 3 and parts[3] else None
    given = {"who": parts[0], "given_by": parts[1], "when": when, "text": text.strip()}
    return _checked(given, f"The consent {one_line(text, 80)!r}", file)


def _from_file(given: str | Path) -> Consent:
    """A text file with the three lines; anything else may stand in it too."""
    path = Path(given)
    if not os.path.lexists(path):
        raise ConfigError(
            f"The consent {one_line(given, 80)!r} is no file, and does not say who, given by whom, and when. "
            f"Give {FORM}; or {FILE_FORM}."
        )
    check_regular(path)
    # A larger file is a scan: the lines cannot be in it.
    content = read_regular(path, LARGEST_FILE) if path.stat().st_size <= LARGEST_FILE else b""
    lines = content.decode("utf-8-sig", "replace").splitlines()
    entries = [match for line in lines if (match := ENTRY.fullmatch(line.strip()))]
    found = {match[1].lower().replace(" ", "_"): match[2].strip() for match in entries}
    if missing := [name for name in ("who", "given_by", "when") if not found.get(name)]:
        asked = ", ".join(f"`{name.replace('_', ' ')}: ...`" for name in missing)
        raise ConfigError(
            f"{path} has no line {asked}. Add it, or say it beside the name of the file: "
            f'--consent "{EXAMPLE}; {path.name}".'
        )
    return _checked(found, str(path), path)


def _from_mapping(given: Mapping[Any, Any]) -> Consent:
    known = ("who", "given_by", "when", "text", "file")
    if wrong := [name for name in given if name not in known]:
        raise ConfigError(f"A consent has no entry {one_line(wrong[0], 60)!r}. Its entries: {', '.join(known)}.")
    values = {name: str(value) for name, value in given.items() if value is not None and name != "file"}
    file = given.get("file")
    return _checked({"when": date.today().isoformat()} | values, "The consent", None if file is None else Path(file))


def _checked(given: Mapping[str, str], what: str, file: Path | None) -> Consent:
    """A consent of these values. Raises `ConfigError` for an empty one, no date, or a document that is not there."""
    values = {name: one_line(given.get(name, ""), LONGEST) for name in ("who", "given_by")}
    for name, meaning in (("who", "whose faces they are"), ("given_by", "who gave it")):
        if not values[name]:
            raise ConfigError(f"{what} does not say {meaning}. Give {FORM}.")
    try:
        when = date.fromisoformat(given.get("when", ""))
    except ValueError:
        raise ConfigError(
            f"{what} has no date: {one_line(given.get('when', ''), 60)!r} is no day such as 2026-11-20. Give {FORM}."
        ) from None
    if when > date.today() + timedelta(days=1):  # a day ahead, as in another time zone
        raise ConfigError(f"{what} is of {when.isoformat()}, which lies ahead: give the day on which it was given.")
    digest = None
    if file is not None:
        if not os.path.lexists(file):
            raise ConfigError(f"{what} names the document {file}, which is not there.")
        check_regular(file)
        digest = file_checksum(file)
    document = None if file is None else file.name
    return Consent(**values, when=when.isoformat(), text=given.get("text"), file=document, sha256=digest)
