"""Files that a source passes over: of which kind each is, how many there are, and the sentence that says so."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from imagewright.images.decoding.admitted import HEIF_SUFFIXES, looks_like_picture

NAMED = 3
"""So many names of passed-over files are in a sentence."""
NO_SUFFIX = "without a suffix"
DEAD_LINK, LINK_ABOVE, NO_FILE = "dead links", "links to folders that hold the source", "no regular files"
AGAIN = "links to pictures listed already"
FOLDER_AGAIN = "links to folders listed already"
HEIC_EXTRA = "HEIC is read after pip install 'imagewright[heic]'"

# Files that lie beside pictures and are none: `check` counts them, other commands do not mention them.
_SUFFIXES = """
txt text csv tsv json jsonl ndjson geojson xml yaml yml toml md rst html htm css js py ipynb sh bat m r log ini cfg conf
db sqlite lst list cls names url lnk lock md5 sha1 sha256 aae xmp pkl pickle npy npz mat h5 hdf5 pt pth safetensors
parquet feather arrow doc docx xls xlsx bib license gitattributes crdownload nfo pbtxt tfrecord xz gz bz2 zip tar tgz
"""
COMPANIONS = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())
_NAMES = "license licence readme changelog makefile dockerfile notice authors copying checksums sha256sums md5sums"
COMPANION_NAMES = frozenset((*_NAMES.split(), "thumbs.db", "desktop.ini"))


def kind_of(name: str) -> str:
    """The kind of a file that is no picture to be read, as it is counted: its suffix in lower case."""
    base = name.rpartition("/")[2]
    return os.path.splitext(base)[1].lower() or NO_SUFFIX


def is_companion(name: str) -> bool:
    """Whether a file is of a kind that lies beside pictures and is none itself: a table, a text, an archive."""
    base = name.rpartition("/")[2].lower()
    return base in COMPANION_NAMES or os.path.splitext(base)[1] in COMPANIONS


class PassedOver:
    """Counts of the files that a source passed over, by kind, with the first names of each kind."""

    def __init__(self) -> None:
        self.companions: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self._names: dict[str, list[str]] = {}

    def add_file(self, name: str) -> None:
        """Count one file by its name: a companion of pictures, or a file that may have been meant as a picture."""
        self.add(kind_of(name), name, companion=is_companion(name))

    def add(self, kind: str, name: str, *, companion: bool = False) -> None:
        """Count one file of a kind."""
        if companion:
            self.companions[kind] += 1
            return
        self.others[kind] += 1
        names = self._names.setdefault(kind, [])
        if len(names) < NAMED:
            names.append(name)

    def notes(self, where: str, root: Path | None = None) -> list[str]:
        """A sentence that counts the files that may have been meant as pictures, by kind; none if there are none.

        where: the source, as the user named it.
        root: the folder of the files, in which the first ones without a suffix are looked at; None for archives.
        """
        return [f"Passed over in {where}: {self._counted()}.{self._advice(root)}"] if self.others else []

    def companion_notes(self, where: str) -> list[str]:
        """The same of tables, texts and archives that lie beside the pictures."""
        parts = [f"{count:,} {kind}" for kind, count in self.companions.most_common()]
        return [f"Beside the pictures in {where}, not read as such: {', '.join(parts)}."] if parts else []

    def sentence(self, root: Path | None = None) -> str:
        """What was passed over, as the end of a message that there are no pictures."""
        kinds = [f"{count:,} {kind}" for kind, count in self.companions.most_common()]
        parts = [part for part in (self._counted(), ", ".join(kinds)) if part]
        count = self.companions.total() + self.others.total()
        files = "1 other file" if count == 1 else f"{count:,} other files"
        return f", only {files}: {', '.join(parts)}.{self._advice(root)}" if parts else " and nothing else."

    def _counted(self) -> str:
        return ", ".join(f"{count:,} {kind} ({self._first(kind, count)})" for kind, count in self.others.most_common())

    def _first(self, kind: str, count: int) -> str:
        names = self._names[kind]
        return ", ".join(names) + (", ..." if count > len(names) else "")

    def _advice(self, root: Path | None) -> str:
        advice = []
        if self.others.keys() & HEIF_SUFFIXES:
            advice.append(HEIC_EXTRA)
        if root is not None and any(looks_like_picture(root / name) for name in self._names.get(NO_SUFFIX, ())):
            advice.append("files without a suffix that are pictures need theirs, such as .png")
        return "".join(f" {text[0].upper()}{text[1:]}." for text in advice)
