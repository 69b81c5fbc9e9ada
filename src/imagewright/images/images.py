"""`Images`: pictures opened from a source, at one size, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np

from imagewright.errors import ConfigError, DataError, nearest_name
from imagewright.images import notices
from imagewright.images.annotations import Annotations, check_attributes, check_labels
from imagewright.images.batches import Batch, build_batch, stream_share
from imagewright.images.cache.prepared import Prepared
from imagewright.images.decoding.on_demand import Decoder
from imagewright.images.decoding.preprocessing import check_channels, parse_load, parse_size, take_views
from imagewright.images.descriptions import check_layers, describe
from imagewright.images.layers import image_layer
from imagewright.images.prepared_sequence import PreparedSequence
from imagewright.images.sources.base import digest
from imagewright.pixels import size_text
from imagewright.progress import Progress


class Images(PreparedSequence):
    """A set of pictures: a length, a size, layers, maybe labels or attributes, and a fingerprint. Never changed.

    `images[3]` is a picture, `images[:100]` a part; it is also a data set for torch's `DataLoader` (`sequence.py`).

    Made by `open_images`. Pixels are decoded once, by `prepare()` or by the first batch, into a file mapped into
    memory. Until then `len()` counts the listed pictures; `prepare()` leaves unreadable ones out and names them in
    `skipped`.

    Attributes:
        size_given: whether the user chose the size; if not, a model may take the nearest size that it supports.
        notes: sentences on what was chosen or left out.
    """

    def __init__(
        self,
        prepared: Prepared,
        *,
        flip: bool | None,
        size_given: bool = False,
        chosen: np.ndarray | None = None,
        annotations: Annotations | None = None,
        notes: Sequence[str] | None = None,
    ) -> None:
        """Use `open_images` instead.

        flip: None leaves it to the model that is trained.
        chosen: int64, the pictures of the source that the set has; None for all.
        annotations: of the pictures chosen; by default those of the source.
        notes: by default those of the source.
        """
        self._prepared = prepared
        self._chosen = chosen  # part of the fingerprint, which does not change when unreadable pictures leave
        self._selection = chosen  # the pictures of the source that are in the set now; None for all
        self._readable: np.ndarray | None = None  # places among the chosen ones, if prepare() left some out
        self._rows: np.ndarray | None = None  # rows of the store, once prepared
        self._decoder = (
            None
            if prepared.cached
            else Decoder(prepared.source, prepared.preprocessing, chosen, strict=prepared.strict)
        )
        self._flip = flip
        self.size_given = size_given
        self._skipped: list[tuple[str, str]] = []
        self.notes = list(prepared.source.notes if notes is None else notes)
        self._note_on_unreadable: str | None = None  # of `notes`, if prepare() left some out
        if annotations is None:
            of_source = prepared.source.annotations
            annotations = of_source if chosen is None else of_source.select(chosen)
        self._all_annotations = self._annotations = annotations

    @property
    def labels(self) -> np.ndarray | None:
        """The class of each picture, int64 (N,), -1 for a picture without one; None if no picture has a class."""
        return self._annotations.labels

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the classes, by number."""
        return self._annotations.class_names

    @property
    def attributes(self) -> np.ndarray | None:
        """float32 (N, A) of 0 and 1, NaN if it is not known; or None."""
        return self._annotations.attributes

    @property
    def attribute_names(self) -> tuple[str, ...] | None:
        """The names of the attributes, by column."""
        return self._annotations.attribute_names

    @property
    def factors(self) -> np.ndarray | None:
        """Numbers that say how each picture was made or measured, float64 (N, F), NaN if one is not known; or None."""
        return self._annotations.factors

    @property
    def factor_names(self) -> tuple[str, ...] | None:
        """The names of the factors, by column."""
        return self._annotations.factor_names

    @property
    def cached(self) -> bool:
        """Whether pictures are decoded once into a cache; with `open_images(cache=False)`, at each use."""
        return self._decoder is None

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """(name, reason) of each unreadable picture: left out, or without a cache replaced by the next one."""
        return self._skipped if self._decoder is None else self._decoder.skipped

    @property
    def fingerprint(self) -> str:
        """Hex digest that changes with the pictures and their layers, and with all that decides their pixels: the size,
        the load size, the channels, crop and filter, the value range, and whether large JPEGs are decoded at a reduced
        scale.

        It is a digest of pixels: `flip`, `with_labels` and `with_attributes` do not change it.
        """
        whole = self._prepared.fingerprint
        return whole if self._chosen is None else digest(whole, self._chosen)

    def __len__(self) -> int:
        return len(self._prepared.source) if self._selection is None else len(self._selection)

    def __repr__(self) -> str:
        shapes = [f"{size_text(self.size)}x{layer.channels}" for layer in self.layers]
        if len(shapes) > 1:
            shapes = [f"{layer.name} {shape}" for layer, shape in zip(self.layers, shapes, strict=True)]
        return f"<Images {self.source}: {len(self):,} of {', '.join(shapes)}>"

    def name(self, index: int) -> str:
        """The file name of picture `index`, for reports."""
        return self._prepared.source.name(index if self._selection is None else int(self._selection[index]))

    def class_name(self, index: int) -> str | None:
        """The name of the class of picture `index`; None if it has none."""
        if self.labels is None or self.class_names is None or self.labels[index] < 0:
            return None
        return self.class_names[self.labels[index]]

    def names(self) -> list[str]:
        """All file names in order, as a list: for a very large set, `name(index)` takes less memory."""
        return [self.name(index) for index in range(len(self))]

    def original(self, index: int) -> Any:
        """Picture `index` as the source has it, neither resized nor cropped: encoded bytes, uint8 (H, W, C), the reason
        why it cannot be read (`Unreadable`), or a tuple of these, one a layer.
        """
        return next(self.originals(np.array([index])))

    def originals(self, indices: np.ndarray) -> Iterator[Any]:
        """The same of several pictures, in rising order: a video is read once for all of them."""
        places = np.asarray(indices, np.int64)
        yield from self._prepared.source.read(places if self._selection is None else self._selection[places])

    @property
    def in_order(self) -> bool:
        """Whether each reading begins at the start, as that of a video does: several are best read together."""
        return self._prepared.source.in_order

    def check_layers(self, names: Sequence[str]) -> None:
        """Check that the set has the layers that a model needs (`Config.input_layers`).

        ("image",) alone needs no layer of that name: every set has `Batch.images`.
        Raises `DataError` that names the missing layers, and how to open a source with them.
        """
        check_layers(self, names)

    def prepare(self, progress: Progress | None = None, workers: int | None = None) -> Images:
        """Decode every picture once into the cache, or open the existing cache. Returns self.

        Images opened with `cache=False` have nothing to prepare. Two processes may prepare the same set at once: one
        decodes, the other waits.

        progress: called with (done, total) now and then.
        workers: how many threads or processes decode; by default one for each core.
        Raises `DataError` if the source vanishes, the disk is full, or no picture can be read.
        """
        if self._rows is not None or not self.cached:
            return self
        store = self._prepared.open(progress, workers)
        listed = np.arange(len(self._prepared.source)) if self._chosen is None else self._chosen
        if store.skipped:
            bad = np.array([each.place for each in store.skipped], np.int64)
            good = ~np.isin(listed, bad)
            left_out = set(listed[~good].tolist())
            self._skipped = [(each.name, each.reason) for each in store.skipped if each.place in left_out]
            notices.add_unreadable(self.source, self._skipped)
            if self._skipped:
                self._note_on_unreadable = notices.tell_skipped(self._skipped, "left out", self.source)
                self.notes.append(self._note_on_unreadable)
            self._readable = np.flatnonzero(good)
            self._annotations = self._all_annotations.select(self._readable)
            self._selection = listed = listed[good]
            self._rows = listed - np.searchsorted(bad, listed)
        else:
            self._rows = listed
        if len(listed) == 0:
            raise DataError(f"No picture chosen of {self.source} can be read.")
        return self

    def batch(self, indices: np.ndarray, views: np.ndarray | None = None, seed: int = 0) -> Batch:
        """Some pictures of the set, which is prepared first if need be.

        indices: int64 (n,), places in the set.
        views: int64 (n,), the place of each row in the endless stream of training. It and `seed` alone decide the
            random crop and flip of the row, in whatever batch it comes. None: the centre crop, not flipped, which
            previews, held-out images, scores and all verbs use.
        """
        indices = np.asarray(indices, dtype=np.int64)
        if self._decoder is None:
            self.prepare()
            assert self._rows is not None
            store, rows = self._prepared.open(None, None).pixels, self._rows[indices]
        else:
            store, indices = self._decoder.decode(indices)
            rows = np.arange(len(indices))
        pixels = take_views(store, rows, self._prepared.preprocessing, flip=self.flip, views=views, seed=seed)
        return build_batch(pixels, self.layers, self._annotations, indices)

    def batches(self, batch_size: int, first: int = 0, step: int = 1) -> Iterator[Batch]:
        """All pictures in order, once, `batch_size` at a time (the last batch may be smaller), in flat memory.

        first, step: only every `step`-th batch, from number `first` on.
        """
        if batch_size < 1:
            raise ConfigError(f"A batch of {batch_size} pictures cannot be made: 1 or more was expected.")
        self.prepare()
        for start in range(first * batch_size, len(self), step * batch_size):
            stop = min(start + batch_size, len(self))
            try:
                yield self.batch(np.arange(start, stop))
            finally:  # also if this batch alone was wanted
                if self._rows is not None:
                    store = self._prepared.open(None, None)
                    store.release(int(self._rows[start:stop].min()), int(self._rows[start:stop].max()) + 1)

    def release(self) -> None:
        """Take prepared pixels that are mapped from a file out of this process's memory until they are used again."""
        if self._rows is not None:
            self._prepared.open(None, None).release()

    def stream(
        self, batch_size: int, rank: int = 0, world: int = 1, worker: int = 0, workers: int = 1
    ) -> Iterator[Batch]:
        """One pass over this reader's share without a cache, decoding as it reads: for sets too large to prepare.

        The shards of a tar set (else blocks of pictures) are shared out over `world` ranks with `workers` readers each:
        exactly one reader reads each picture, and each shard is read from its start to its end. Unreadable pictures are
        left out and named in `skipped`.
        """
        place = (rank, world, worker, workers)
        yield from stream_share(self._prepared, self._selection, self._annotations, batch_size, place, self._skipped)

    def with_size(
        self,
        size: int | tuple[int, int] | None,
        channels: int | Mapping[str, int] | None = None,
        decode: str | None = None,
    ) -> Images:
        """The same pictures at another size or with other channels; None leaves them as they are.

        size: side, or (height, width), in pixels.
        channels: 1, 3 or 4, of `Batch.images`; or of the layers that a mapping names.
        decode: "exact" or "reduced", see `open_images`.
        """
        height, width = self.size if size is None else parse_size(size)
        preprocessing = replace(self._prepared.preprocessing, height=height, width=width)
        if channels is not None:
            named = channels if isinstance(channels, Mapping) else {image_layer(self.layers).name: channels}
            preprocessing = preprocessing.with_channels({name: check_channels(each) for name, each in named.items()})
        most_channels = self._prepared.most_channels if channels is None else 1
        source = self._prepared.source if size is None else self._prepared.source.drawn_at((height, width))
        changed = replace(
            self._prepared, source=source, preprocessing=preprocessing, store=None, most_channels=most_channels
        )
        size_given = self.size_given or size is not None
        return self._derived(changed.with_decode_chosen(decode), size_given=size_given)

    def with_load_size(self, load_size: int | tuple[int, int]) -> Images:
        """The same pictures scaled to another size, of which random views are windows of `size`.

        load_size: the shorter side, or (height, width), in pixels; the size itself for whole pictures.
        Raises `ConfigError` for one that is smaller than the size.
        """
        preprocessing = replace(self._prepared.preprocessing, load=parse_load(load_size))
        changed = replace(self._prepared, preprocessing=preprocessing, store=None)
        return self._derived(changed.with_decode_chosen())

    def with_flip(self, flip: bool) -> Images:
        """The same pictures, whose random views are mirrored at random or never."""
        return self._derived(flip=flip)

    def _derived(self, prepared: Prepared | None = None, **changes: Any) -> Images:
        """The same pictures with other arguments; which of them cannot be read is noted anew."""
        given: dict[str, Any] = {
            "flip": self._flip,
            "size_given": self.size_given,
            "chosen": self._chosen,
            "annotations": self._all_annotations,
            "notes": [note for note in self.notes if note != self._note_on_unreadable],
        }
        return Images(prepared or self._prepared, **(given | changes))

    def subset(self, indices: np.ndarray) -> Images:
        """The pictures `indices` of this set, in that order; they share its cache."""
        indices = np.asarray(indices)
        if indices.dtype == bool:
            indices = np.flatnonzero(indices)
        if len(indices) == 0 or indices.min() < 0 or indices.max() >= len(self):
            raise ConfigError(f"A subset needs indices from 0 to {len(self) - 1:,}, and at least one.")
        indices = indices.astype(np.int64)
        return self._derived(
            chosen=indices if self._selection is None else self._selection[indices],
            annotations=self._annotations.select(indices),
            notes=self.notes,
        )

    def with_classes(self, names: Sequence[str] | None = None) -> Images:
        """The pictures that have a class, and the classes that have pictures; the same set if that is all.

        names: of the classes that are taken; None for all.
        Raises `DataError` if no picture has a class, or none has one of those named.
        """
        if self.labels is None and names is None:
            return self
        if self.labels is None or not (self.labels >= 0).any():
            raise DataError(f"No picture of {self.source} has a class.")
        has_class = self.labels >= 0
        if names is not None:
            known = self.class_names or ()
            unknown = [name for name in names if name not in known]
            if unknown:
                raise DataError(
                    f"{self.source} has no class {unknown[0]!r}.{nearest_name(unknown[0], known)} "
                    f"Its classes: {', '.join(known)}."
                )
            has_class = np.isin(self.labels, [known.index(name) for name in names])
            if not has_class.any():
                raise DataError(f"No picture of {self.source} is of the class {' or '.join(names)}.")
        chosen = self if has_class.all() else self.subset(has_class)
        present = chosen._annotations.without_empty_classes()
        return chosen if present is chosen._annotations else chosen._with(present)

    def with_known_attributes(self) -> Images:
        """The pictures of which every attribute is known; the same set if that is all.

        Raises `DataError` if there is no such picture.
        """
        if self.attributes is None:
            return self
        known = ~np.isnan(self.attributes).any(1)
        if not known.any():
            raise DataError(f"No picture of {self.source} has a value for every attribute.")
        return self if known.all() else self.subset(known)

    def with_labels(self, labels: Any, names: Sequence[str]) -> Images:
        """The same pictures with other labels; they share the cache and the fingerprint of this set.

        labels: whole numbers (N,), one for each picture, from 0 to len(names) - 1; -1 for a picture without a class.
        names: of the classes, by number.
        `describe()` records a digest of all labels and attributes, since they change what a model learns.
        Raises `DataError` for another count or for numbers out of that range.
        """
        values, class_names = check_labels(labels, names, len(self))
        return self._with(replace(self._annotations, labels=values, class_names=class_names))

    def with_attributes(self, values: Any, names: Sequence[str]) -> Images:
        """The same pictures with other attributes; they share the cache and the fingerprint of this set.

        values: 0 or 1, (N, A), a row for each picture; NaN if it is not known.
        names: of the attributes, by column.
        `describe()` records a digest of all labels and attributes, since they change what a model learns.
        Raises `DataError` for another shape or other values.
        """
        attributes, attribute_names = check_attributes(values, names, len(self))
        return self._with(replace(self._annotations, attributes=attributes, attribute_names=attribute_names))

    def _with(self, annotations: Annotations) -> Images:
        changed = copy(self)
        changed.notes = list(self.notes)
        changed._annotations = annotations
        changed._all_annotations = annotations
        if self._readable is not None:
            listed = len(self._prepared.source) if self._chosen is None else len(self._chosen)
            changed._all_annotations = annotations.spread(self._readable, listed)
        return changed

    def describe(self) -> dict[str, Any]:
        """A record for run directories and reports, ready for JSON."""
        return describe(self)
