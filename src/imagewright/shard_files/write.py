"""`write_shards`: a set of pictures as tar shards with an index."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import ConfigError, DataError, count_text, none_readable
from imagewright.images.decoding.decode_range import to_pixels
from imagewright.images.decoding.formats import Unreadable
from imagewright.images.decoding.parallel import map_ranges
from imagewright.images.decoding.value_range import DeepValues
from imagewright.images.headers import sample_headers
from imagewright.images.images import Images
from imagewright.images.label_arrays import LabelsLike
from imagewright.images.notices import tell_skipped
from imagewright.images.sources.base import PictureSource
from imagewright.images.sources.layered import LayeredSource
from imagewright.images.sources.listing import Listing
from imagewright.images.sources.shard_index import PictureFile, ShardIndex, write_index
from imagewright.progress import Progress, ProgressCounter
from imagewright.shard_files.folders import check_place, new_folder
from imagewright.shard_files.planning import MOST_SHARDS, Encoding, ShardPlan, open_sets, plan_shards
from imagewright.shard_files.samples import original_files, prepared_files, side_files
from imagewright.shard_files.shard_writer import ShardWriter, WrittenShard

READ_AT_ONCE = 16  # pictures


@dataclass(frozen=True)
class MadeShards:
    """What `write_shards` wrote.

    folder: of the shards and their index; of two sets, it holds a folder for each.
    count: pictures, or pairs, of all sets.
    shards: files of all sets.
    bytes: of all shards.
    skipped: (name, reason) of each picture that cannot be read and was left out.
    notes: sentences for the user.
    """

    folder: Path
    count: int
    shards: int
    bytes: int
    skipped: list[tuple[str, str]]
    notes: list[str]

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """What was written, and how to go on."""
        return [
            f"{self.folder}: {count_text(self.count, 'picture')} in {count_text(self.shards, 'shard')}, "
            f"{self.bytes / 2**20:,.1f} MiB",
            f"train on them: imagewright train MODEL {shlex.quote(str(self.folder))} --no-cache",
        ]


def write_shards(
    images: Any,
    out: str | Path,
    *,
    count: int | None = None,
    images_per_shard: int | None = None,
    size: int | tuple[int, int] | None = None,
    encoding: Encoding = "png",
    shuffle: bool = True,
    seed: int = 0,
    terms: str | None = None,
    split: str | None = None,
    layers: str | Sequence[str] | None = None,
    kinds: str | Mapping[str, str] | None = None,
    labels: LabelsLike | None = None,
    label_column: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
    workers: int | None = None,
) -> MadeShards:
    """Write a set as tar shards in WebDataset layout, with an index by which it is opened without reading them.

    `OUT/shard-00000.tar` and so on hold the files of each picture one after the other: `KEY.jpg` with the bytes of the
    source, `KEY.cls` with the number of its class, and `KEY.json` with the name of the class, attributes and factors;
    pairs have `KEY.input.jpg` and `KEY.target.jpg`. `open_images(OUT)` gives the same pictures, labels, attributes and
    layers. The folder is there only when it is whole.

    images: a source as for `open_images`, or opened images. A folder that holds the folders A and B, or trainA and
        trainB, becomes two sets, each in a folder of its name.
    out: a new folder.
    count: shards; by default a multiple of 8 (which 2, 4 and 8 ranks share evenly), of at most 256 MiB each.
    images_per_shard: pictures in a shard, in place of `count`.
    size: a side or (height, width) at which pictures are encoded anew; by default the bytes of the source are kept.
    encoding: of these: "png", or "jpg" (quality 95, which changes pixels). Label and instance maps are always PNG.
    shuffle: mix the pictures, so that each shard is a fair share of the set; else picture k goes to shard k % count.
    seed: of the order. The same pictures, seed and count give the same bytes.
    terms: of the set, such as its licence, kept in the index.
    split, layers, kinds, labels, label_column: as for `open_images`.
    force: replace a folder of shards.
    progress: called with (done, total).
    workers: threads; by default one for each core.

    Raises `UserError` for wrong options, a source that cannot be used, or an `out` that exists; `RunError` if it cannot
    be written.
    """
    _check_options(count, images_per_shard, encoding, size, seed)
    folder = Path(out).expanduser()
    check_place(folder, images, force=force)
    opening = {"size": size, "split": split, "layers": layers, "kinds": kinds, "labels": labels}
    sets = open_sets(images, opening | {"label_column": label_column})
    plans = {
        name: plan_shards(
            each,
            count,
            images_per_shard,
            None if size is None else encoding,
            shuffle=shuffle,
            seed=seed,
            terms=terms,
        )
        for name, each in sets.items()
    }
    counter = ProgressCounter(sum(len(plan.images) for plan in plans.values()), progress)
    try:
        made = []
        with new_folder(folder) as staged:
            for name, plan in plans.items():
                (staged / name).mkdir(parents=True, exist_ok=True)
                made.append(_write_set(plan, staged / name, counter, workers))
    except BaseException as error:
        error.add_note("Nothing was written.")
        raise
    skipped = [each for _, left_out in made for each in left_out]
    notes = [note for plan in plans.values() for note in plan.notes]
    if skipped:
        notes.append(tell_skipped(skipped, "left out", next(iter(sets.values())).source))
    entries = [shard for index, _ in made for shard in index.shards]
    total = sum(index.count for index, _ in made)
    return MadeShards(folder, total, len(entries), sum(each.bytes for each in entries), skipped, notes)


def _check_options(count: Any, images_per_shard: Any, encoding: Any, size: Any, seed: Any) -> None:
    if count is not None and images_per_shard is not None:
        raise ConfigError("count and images_per_shard both say how many shards there are: give one of them.")
    for name, value in (("count", count), ("images_per_shard", images_per_shard)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ConfigError(f"{name}={value}: a whole number from 1 was expected.")
    if count is not None and count > MOST_SHARDS:
        raise ConfigError(f"count={count:,}: at most {MOST_SHARDS:,} shards are written.")
    if encoding not in ("png", "jpg"):
        raise ConfigError(f"encoding={encoding!r}: expected png or jpg.")
    if encoding == "jpg" and size is None:
        raise ConfigError("encoding=jpg is of pictures that are resized: give a size too, or leave it out.")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ConfigError(f"seed={seed!r}: a whole number was expected.")


def _write_set(
    plan: ShardPlan, folder: Path, counter: ProgressCounter, workers: int | None
) -> tuple[ShardIndex, list[tuple[str, str]]]:
    """Write the shards of one set and their index. Returns the index, and (name, reason) of what was left out."""
    width = max(5, len(str(len(plan.parts) - 1)))
    paths = [folder / f"shard-{number:0{width}d}.tar" for number in range(len(plan.parts))]
    if plan.images.in_order:
        shards = _write_in_order(plan, paths, counter)
    else:

        def work(bounds: tuple[int, int], stop: threading.Event) -> tuple[int, WrittenShard]:
            number = bounds[0]
            with ShardWriter(paths[number], plan.file_names) as writer:
                for place, payload in _read(plan.images, plan.parts[number]):
                    if stop.is_set():
                        break
                    _add(plan, writer, place, payload)
                    counter.add()
                return number, writer.finish()

        numbers = ((number, number + 1) for number in range(len(paths)))
        found = dict(map_ranges(numbers, work, workers, counter.report))
        shards = [found[number] for number in range(len(paths))]
    counter.report()
    left_out = [(plan.images.name(place), reason) for shard in shards for place, reason in sorted(shard.left_out)]
    for path, shard in zip(paths, shards, strict=True):
        if not shard.places:
            path.unlink()
    shards = [shard for shard in shards if shard.places]
    if not shards:
        raise DataError(
            f"{none_readable(len(plan.images), f'of {plan.images.source}')}; the first is {left_out[0][1]}."
        )
    index = _index_of(plan, folder, shards)
    write_index(index)
    return index, left_out


def _read(images: Images, places: np.ndarray) -> Iterator[tuple[int, Any]]:
    """Pictures in any order, with their places, read a few at a time in the order of the source."""
    for start in range(0, len(places), READ_AT_ONCE):
        chosen = places[start : start + READ_AT_ONCE]
        in_source = chosen if images._selection is None else images._selection[chosen]
        order = np.argsort(in_source, kind="stable")
        payloads = dict(zip(chosen[order].tolist(), images.originals(chosen[order]), strict=True))
        yield from ((place, payloads.pop(place)) for place in chosen.tolist())


def _write_in_order(plan: ShardPlan, paths: list[Path], counter: ProgressCounter) -> list[WrittenShard]:
    """Write all shards at once in one pass over a source that is read from its start to its end."""
    shard_of = np.empty(len(plan.images), np.int64)
    for number, part in enumerate(plan.parts):
        shard_of[part] = number
    with ExitStack() as stack:
        writers = [stack.enter_context(ShardWriter(path, plan.file_names)) for path in paths]
        for place, payload in enumerate(plan.images.originals(np.arange(len(plan.images)))):
            _add(plan, writers[shard_of[place]], place, payload)
            counter.advance()
        return [writer.finish() for writer in writers]


def _add(plan: ShardPlan, writer: ShardWriter, place: int, payload: Any) -> None:
    """Add one picture, or note why it cannot be read: each is decoded, so that whoever reads the shards can, too."""
    prepared = plan.images._prepared
    try:
        row = to_pixels(payload, prepared.preprocessing)
        if plan.prepared is not None:
            files = prepared_files(row, plan.images.layers, plan.prepared)
        else:
            files = original_files(payload, plan.images.name(place))
    except Unreadable as reason:
        if prepared.strict:
            raise DataError(f"{plan.images.source}: {plan.images.name(place)} cannot be read: {reason}.") from None
        writer.left_out.append((place, str(reason)))
        return
    writer.add(place, plan.keys[place], files, side_files(plan.images._annotations, place))


def _index_of(plan: ShardPlan, folder: Path, shards: list[WrittenShard]) -> ShardIndex:
    images = plan.images
    listings, offsets, files = [], [], []
    for number in range(len(plan.file_names)):
        listing = Listing()
        for shard in shards:
            for name, size in zip(shard.names[number], shard.sizes[number], strict=True):
                listing.add(name, size)
        listing.finish(sort=False)
        listings.append(listing)
        offsets.append(np.concatenate([np.array(shard.offsets[number], np.int64) for shard in shards]))
        files.append(_common(plan, number, shards))
    places = np.concatenate([np.array(shard.places, np.int64) for shard in shards])
    index = ShardIndex(
        folder=folder,
        shards=tuple(shard.entry for shard in shards),
        layers=images.layers,
        side_by_side=plan.in_one_file and len(images.layers) > 1,
        size=images.size,
        files=tuple(files),
        listings=tuple(listings),
        offsets=tuple(offsets),
        annotations=images._annotations.select(places),
        made=plan.made,
        terms=plan.terms,
    )
    return replace(index, values=_deep_values(images)) if files[index.image_file].deep else index


def _deep_values(images: Images) -> DeepValues:
    """The numbers of the pictures with more than 8 bits, as they were looked at in the source."""
    source = images._prepared.source
    source = source.parts[source.image] if isinstance(source, LayeredSource) else source
    found = sample_headers(source) if isinstance(source, PictureSource) else None
    return replace(found.deep if found else DeepValues(), chosen=images.value_range)


def _common(plan: ShardPlan, number: int, shards: list[WrittenShard]) -> PictureFile:
    """What the files of one kind have in common; of the picture itself, what the source was opened with."""
    images = plan.images
    tallies = [shard.tallies[number] for shard in shards]
    first, *others = tallies
    for other in others:
        first.sizes += other.sizes
        first.channels += other.channels
        first.formats += other.formats
        first.deep += other.deep
    size, channels = first.sizes.most_common(1)[0][0], first.channels.most_common(1)[0][0]
    if len(images.layers) == 1:
        size, channels = images.size, images.channels
    differing = first.sizes.total() - first.sizes[size]
    most = max(first.channels)
    return PictureFile(size, channels, most, first.formats.most_common(1)[0][0], differing, first.deep)
