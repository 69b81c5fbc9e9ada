"""Tar shards in WebDataset layout: the members `k.jpg`, `k.cls`, `k.json`, `k.txt` are one sample with the key `k`.

Each shard is read from its start to its end. Plain shards are listed by their headers alone. Compressed shards
(`.tar.gz`, `.tgz`, `.tar.xz`, `.tar.bz2`) are decompressed once for the listing and once more to decode.
"""

from __future__ import annotations

import itertools
import os
import re
from array import array
from collections.abc import Iterator
from glob import glob
from pathlib import Path

import numpy as np

from imagewright.errors import DataError
from imagewright.images.annotations import Annotations, labels_from_texts
from imagewright.images.decoding.formats import Unreadable
from imagewright.images.folders import arrange_folders
from imagewright.images.sources.base import ListedSource, Picture, digest
from imagewright.images.sources.content import sample_file, sample_members
from imagewright.images.sources.listing import Listing
from imagewright.images.sources.name_filter import ALL_NAMES, NameFilter
from imagewright.images.sources.shard_samples import SIDE_FILES, LeftOut, ShardSamples, Side
from imagewright.images.sources.tar_members import members, shard_errors
from imagewright.images.tables.columns import why_no_classes

TAR_NAME = re.compile(r"\.(tar|tar\.(gz|xz|bz2)|tgz)$", re.IGNORECASE)
PATTERN_LIMIT = 1_000_000


def is_tar_name(name: str) -> bool:
    """Whether a name, or a pattern of names, has the suffix of tar files."""
    return TAR_NAME.search(name) is not None


def expand_pattern(pattern: str, *, needed: bool = True) -> list[Path]:
    """The files of `shards/{000..003}.tar`, `{a,b}.tar` or `shards/*.tar`, in order.

    needed: whether a file that is not there, or a pattern that fits none, raises `DataError`.
    """
    pieces: list[list[str]] = []
    for piece in re.split(r"(\{[^{}]*\})", pattern):
        span = re.fullmatch(r"\{(\d+)\.\.(\d+)\}", piece)
        if span:
            first, last = span.groups()
            width = len(first) if first.startswith("0") or len(first) == len(last) else 0
            if not 0 <= int(last) - int(first) < PATTERN_LIMIT:
                raise DataError(
                    f"The range {piece} of {pattern!r} is empty or too long: expected one such as {{000..003}}."
                )
            pieces.append([f"{number:0{width}d}" for number in range(int(first), int(last) + 1)])
        else:
            pieces.append(piece[1:-1].split(",") if piece.startswith("{") and piece.endswith("}") else [piece])
    names = [os.path.expanduser("".join(parts)) for parts in itertools.product(*pieces)]
    paths = [Path(found) for name in names for found in (sorted(glob(name)) if re.search(r"[*?\[]", name) else [name])]
    missing = [path for path in paths if not path.is_file()]
    if needed and (missing or not paths):
        what = (
            f"{len(missing)} of {len(paths)} shards are missing, the first is {missing[0]}"
            if missing
            else "no file fits"
        )
        raise DataError(f"{pattern!r}: {what}.")
    return paths


class _SampleAnnotations:
    """The labels and attributes of samples, collected without an object for each."""

    def __init__(self) -> None:
        self.count = 0
        self._texts: dict[str, int] = {}
        self._codes = {kind: array("i") for kind in SIDE_FILES}
        self._attributes: dict[str, array[int]] = {}

    def add(self, side: Side) -> None:
        """Add one sample."""
        for kind, codes in self._codes.items():
            text = side.labels.get(kind)
            codes.append(-1 if text is None else self._texts.setdefault(text, len(self._texts)))
        for name, value in side.attributes.items():
            values = self._attributes.setdefault(name, array("b"))
            if len(values) == self.count:  # else an earlier sample lacks it, so that it is no attribute of the set
                values.append(value)
        self.count += 1

    def finish(self) -> tuple[Annotations, list[str]]:
        """The annotations of all samples, and notes."""
        result, notes = Annotations(), []
        cls, json, txt = (np.array(self._codes[kind], np.int64) for kind in SIDE_FILES)
        codes, texts = np.where(cls >= 0, cls, json), list(self._texts)
        labelled = int((codes >= 0).sum())
        if not labelled and (txt >= 0).any():
            used = [texts[code] for code in np.unique(txt[txt >= 0])]
            why = why_no_classes("txt", used, int((txt >= 0).sum()), by_default=True)
            codes, labelled = (codes, 0) if why else (txt, int((txt >= 0).sum()))
            notes += [f"The .txt members hold {why}: no classes."] if why else []
        if labelled == self.count:
            result = labels_from_texts(codes, texts)
        elif labelled:
            notes.append(f"Only {labelled:,} of {self.count:,} samples have a label: labels are left out.")
        whole = {name: values for name, values in self._attributes.items() if len(values) == self.count}
        if whole:
            result.attributes = np.stack([np.array(values, np.float32) for values in whole.values()], axis=1)
            result.attribute_names = tuple(whole)
        return result, notes


class ShardSource(ListedSource):
    """The pictures of tar shards, in the order of the shards (see `shard_samples`)."""

    def __init__(self, typed: str, paths: list[Path], split: str | None, names: NameFilter = ALL_NAMES) -> None:
        self.paths = paths
        listing, samples, left_out = Listing(), _SampleAnnotations(), LeftOut()
        offsets, numbers = array("q"), array("i")
        for number, path in enumerate(paths):
            with shard_errors(path):  # side files are read here, and `members` sees no error of that
                for picture, side in _read_samples(path, left_out).pictures():
                    listing.add(picture.name, picture.size)
                    offsets.append(picture.offset)
                    numbers.append(number)
                    samples.add(side)
        listing.finish(sort=False)
        if len(listing) == 0:
            raise DataError(
                f"{typed} holds no pictures: expected members such as 000001.jpg with 000001.cls beside them."
            )
        annotations, notes = samples.finish()
        # A listing of shards has no times: their field carries the positions through the choice of a split.
        listing.times = np.arange(len(listing))
        chosen, by_folder, split_notes = arrange_folders(listing, split, typed, names)
        super().__init__(typed, paths[0], chosen)
        self.names_taken = names
        places = chosen.times
        annotations = annotations.select(places)
        if annotations.labels is None:
            annotations.labels, annotations.class_names = by_folder.labels, by_folder.class_names
        self.annotations, self.notes = annotations, [*split_notes, *left_out.notes(), *notes]
        self._offsets, self._numbers = np.array(offsets, np.int64)[places], np.array(numbers, np.int32)[places]
        self._states = [(status.st_size, status.st_mtime_ns) for status in (path.stat() for path in paths)]
        self.in_order = any(path.suffix != ".tar" for path in paths)
        self._samples = [self._sample(number) for number in range(len(paths))]
        self.identity = digest(chosen.digest(times=False), self._offsets, *self._samples)

    def _sample(self, number: int) -> bytes:
        """What tells a shard from another one of the same listing."""
        path, mine = self.paths[number], self._numbers == number
        with shard_errors(path):
            if path.suffix != ".tar":
                return sample_file(path)  # from the first other byte on, all of a packed file is another
            return sample_members(path, self._offsets[mine], self.listing.sizes[mine])

    def name(self, index: int) -> str:
        return f"{self.paths[self._numbers[index]].name}/{self.listing.name(index)}"

    def shards(self) -> list[tuple[int, int]]:
        bounds = np.searchsorted(self._numbers, np.arange(len(self.paths) + 1))
        return [(int(start), int(stop)) for start, stop in itertools.pairwise(bounds) if stop > start]

    def read(self, indices: np.ndarray) -> Iterator[Picture]:
        indices = np.asarray(indices)
        for number, group in itertools.groupby(indices.tolist(), key=lambda index: int(self._numbers[index])):
            path = self.paths[number]
            with shard_errors(path):
                status = path.stat()
                touched = (status.st_size, status.st_mtime_ns) != self._states[number]
                if touched and self._sample(number) != self._samples[number]:
                    raise DataError(f"{path} changed while its pictures were read: run again when it is whole.")
                read_shard = self._plain if path.suffix == ".tar" else self._packed
                yield from read_shard(path, group)

    def _plain(self, path: Path, indices: Iterator[int]) -> Iterator[Picture]:
        with open(path, "rb") as file:
            for index in indices:
                file.seek(int(self._offsets[index]))
                payload = file.read(int(self.listing.sizes[index]))
                whole = len(payload) == self.listing.sizes[index]
                yield payload if whole else Unreadable("the shard is cut short here")

    def _packed(self, path: Path, indices: Iterator[int]) -> Iterator[Picture]:
        wanted = next(indices, None)
        for shard, member in members(path):
            if wanted is None:
                return
            if member.name.removeprefix("./") == self.listing.name(wanted):
                content = shard.extractfile(member)
                yield content.read() if content is not None else Unreadable("the shard is damaged here")
                wanted = next(indices, None)
        while wanted is not None:
            yield Unreadable("the shard is damaged here")
            wanted = next(indices, None)


def _read_samples(path: Path, left_out: LeftOut) -> ShardSamples:
    """Read the samples of one shard."""
    samples = ShardSamples(left_out)
    for shard, member in members(path, left_out.ends):
        content = shard.extractfile(member) if samples.wants_content(member) else None
        samples.add(member, content.read() if content is not None else b"")
    return samples
