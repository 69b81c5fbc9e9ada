"""What of a run's records stays on this machine when it is published or exported: paths, files' names, consents' words.

A pure walk over JSON values, which counts what it takes out.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from imagewright.consent import in_outputs
from imagewright.errors import count_text
from imagewright.images.sources.finding import NAMES
from imagewright.runs.run import LAUNCH

OWN = "own pictures"  # in place of the path of a set
TAKEN_OUT = "(taken out)"
# Which the weights need as they are; "T-shirt/top" is one.
NOT_PATHS = ("class_names", "attribute_names", "domain_names", "unseen_classes")
REST = r"[^\s'\"`,;()<>|]*"  # of a path, up to a space
PART = r"[^\s'\"`,;:()<>|/\\]"
ENDING = r"(?:(?<=\.[A-Za-z]\w\w)|(?<=\.[A-Za-z]\w\w\w))(?!\w)"  # such as .png
# A path goes on after spaces up to a word with a slash or the ending of a file: "/home/anna/my pictures/x 1.png".
# It ends with such an ending, a colon or a full stop.
AFTER_SPACES = (
    rf"(?:(?<![:.])(?<!\.\w\w)(?<!\.\w\w\w)(?<!\.\w\w\w\w)"
    rf"(?: (?![~.]){PART}+){{0,3}}? (?![~.]){PART}+(?:[/\\]{REST}|{ENDING}))*"
)
# A path in a text: from the root, the home folder, a drive, or the working folder. No URL, no "and/or".
PATH = re.compile(rf"(?<![\w:/.~\\-])(?:~[\w-]*/|/(?=[\w.~-])|[A-Za-z]:[\\/]|\\\\|\.{{1,2}}/){REST}{AFTER_SPACES}")
RELATIVE = re.compile(r"(?!https?://)\S*[/\\]\S*")  # as a whole value
FILE = re.compile(r".+\.[A-Za-z]\w{1,11}")
NAMED_BY_OPTIONS = ("evaluate_against", "start")  # sets and runs
LEFT_OUT_AFTER = ("--consent",)  # names of people
MODEL_AT = 2  # `imagewright train MODEL`: the words up to it name no files, also where a folder has such a name


def is_public(source: str) -> bool:
    """Whether a source is a set that everybody has by that name, such as "digits"; not a path."""
    return source in NAMES or (source.partition(":")[0] in NAMES and not re.search(r"[/\\]", source))


class Cleaner:
    """Cleans the records of one run.

    record: the content of its run.json, whose sources and sub-models are then known in the other records too.
    """

    def __init__(self, record: Mapping[str, Any]) -> None:
        self.counted: Counter[str] = Counter()
        self._record = record
        described = [record.get("source"), *(record.get("sources") or {}).values()]
        layers = [layer for each in described if isinstance(each, dict) for layer in each.get("layers") or ()]
        named = {str(each["source"]) for each in [*described, *layers] if isinstance(each, dict) and each.get("source")}
        if "imported" in record:  # the names of published files, which are no sets
            named = set()
        self._private: list[str] = []
        options, started = record.get("options") or {}, record.get("started_from") or {}
        self.know([*named, *(options.get(name) for name in NAMED_BY_OPTIONS), started.get("source")])
        self._submodels = {
            name: str(inner["model"])
            for name, inner in ((record.get("config") or {}).get("submodels") or {}).items()
            if isinstance(inner, dict) and "model" in inner
        }

    def know(self, names: Iterable[Any]) -> None:
        """Names and paths that are replaced wherever they stand, also those with spaces in them."""
        given = {str(each) for each in names if each and not is_public(str(each))}
        added = given | {each.rstrip("/\\") for each in given if each.strip("/\\.")}
        self._private = sorted({*self._private, *added}, key=len, reverse=True)

    def run_record(self) -> dict[str, Any]:
        """The content of run.json as it is published."""
        record = dict(self._record)
        consent = record.pop("consent", None)
        record.pop(LAUNCH, None)
        command = str(record.pop("command", ""))
        for key in ("source", "sources"):
            if key in record:
                record[key] = self._described(record[key]) if key == "source" else self._all_described(record[key])
        if "config" in record:
            record["config"] = self.config(record["config"])
        cleaned: dict[str, Any] = self.value(record)
        if consent:
            worded = sum(bool(each.get("text") or each.get("file")) for each in consent)
            self.counted["wordings and documents of consents"] += worded
            cleaned["consent"] = in_outputs(consent)
        return cleaned | {"command": self.command(command)}

    def config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration of a model: a run that an option names becomes the model that was copied from it."""
        cleaned = dict(config)
        for option, model in self._submodels.items():
            if isinstance(cleaned.get(option), str) and cleaned[option] != model:
                self.counted["paths and names of files"] += 1
                cleaned[option] = model
        result: dict[str, Any] = self.value(cleaned)
        return result

    def value(self, value: Any) -> Any:
        """Any JSON value. A text that is a path as a whole is taken out, and paths inside a text."""
        if isinstance(value, dict):
            return {
                self.text(str(name)): each if name in NOT_PATHS else self.value(each) for name, each in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.value(each) for each in value]
        if not isinstance(value, str):
            return value
        if value in self._private:
            return self._count(OWN)
        is_path = RELATIVE.fullmatch(value) or PATH.match(value)
        return self._count(TAKEN_OUT) if is_path else self.text(value)

    def text(self, text: str) -> str:
        """A text without paths, and without the names of the user's own sets."""
        for name in self._private:
            pattern = rf"(?<![\w/\\]){re.escape(name)}(?:[/\\]{REST}{AFTER_SPACES}|(?!\w))"
            text = re.sub(pattern, lambda _: self._count(OWN), text)
        return PATH.sub(lambda _: self._count(TAKEN_OUT), text)

    def command(self, command: str) -> str:
        """A command line in which words that name files and folders are replaced."""
        try:
            words = shlex.split(command)
        except ValueError:  # edited by hand
            return self._count(TAKEN_OUT)
        cleaned = []
        for place, word in enumerate(words):
            option, is_assigned, value = word.partition("=") if word.startswith("--") else ("", "", word)
            follows = words[place - 1] if place else ""
            own = option in LEFT_OUT_AFTER or follows in LEFT_OUT_AFTER or self._names_a_file(value, place)
            cleaned.append(option + is_assigned + (self._count("...") if value and own else value))
        return " ".join(each if each == "..." else shlex.quote(each) for each in cleaned)

    def notes(self) -> list[str]:
        """A sentence with the counts of what was taken out; none if nothing was."""
        parts = [f"{what} ({count:,})" for what, count in self.counted.items() if count]
        return [f"Taken out of the records: {', '.join(parts)}."] if parts else []

    def _described(self, described: Any) -> Any:
        """The description of a set: of a user's own, the notes and the names of files are left out."""
        if not isinstance(described, dict) or is_public(str(described.get("source", ""))):
            return described
        lists = {name: described[name] for name in ("notes", "only", "exclude") if described.get(name)}
        if lists:
            self.counted["notes and patterns of names"] += sum(map(len, lists.values()))
        return described | {name: [] for name in lists}

    def _all_described(self, described: Any) -> Any:
        if not isinstance(described, dict):
            return described
        return {name: self._described(each) for name, each in described.items()}

    def _names_a_file(self, word: str, place: int) -> bool:
        if is_public(word):
            return False
        if word in self._private or FILE.fullmatch(word) or RELATIVE.fullmatch(word):
            return True
        return place > MODEL_AT and bool(word) and not word.startswith("-") and _exists(word)

    def _count(self, replacement: str) -> str:
        self.counted["paths and names of files"] += 1
        return replacement


def _exists(word: str) -> bool:
    try:
        return Path(word).exists()
    except (OSError, ValueError):
        return False


def described_sets(record: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The descriptions of all sets of a run by name, from its published record; those of old runs have one."""
    found = record.get("sources") or {"images": record.get("source")}
    return {str(name): each for name, each in found.items() if isinstance(each, dict)}


def counted_pictures(described: Mapping[str, Any]) -> str:
    """How many pictures a set has, in words."""
    return count_text(int(described.get("count") or 0), "picture")
