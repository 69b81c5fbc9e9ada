"""The pictures that `translate` takes: one or several sources at their own sizes, and the references of styles.

Several sources are a list of names, such as ["horse.jpg", "horses/"]; every source stays as it is, and the names of all
pictures follow each other. Shape letters: C channels, H W image, R references.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from imagewright.errors import DataError, UserError, count_text, none_readable
from imagewright.images import Images, notices, open_images
from imagewright.images.notices import tell_skipped
from imagewright.images.one_by_one import read_one_by_one
from imagewright.images.opening_layers import find_layer_folders
from imagewright.images.selection import select_evenly
from imagewright.images.single import as_source, read_picture
from imagewright.images.sources.listing import is_picture_name
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.verbs.apply import ImagesLike, images_for

if TYPE_CHECKING:
    from typing_extensions import TypeIs

READ_AT_ONCE = 16  # pictures


@dataclass(frozen=True)
class Inputs:
    """Pictures to translate, of one or several sources, and the name of each.

    Attributes:
        parts: the sources.
        names: of all pictures.
        layer: the one that is read of pictures with several layers.
        left_out: how many pictures of the sources were not chosen.
    """

    parts: list[Images]
    names: list[str]
    layer: str | None = None
    left_out: int = 0

    def each(self, channels: int | None, size: tuple[int, int] | None = None) -> Iterator[tuple[int, Tensor]]:
        """The number and the pixels, uint8 (C, H, W), of each picture that can be read.

        channels: as for `read_one_by_one`: None for the classes of label maps.
        size: likewise: None for each picture's own.
        Raises `DataError` if none can be read.
        """
        first, read = 0, 0
        for part in self.parts:
            layer = self.layer if len(part.layers) > 1 else None
            for number, picture in read_one_by_one(part, channels, size, layer):
                yield first + number, picture
                read += 1
            first += len(part)
        if not read:
            sources = " and ".join(part.source for part in self.parts)
            raise DataError(f"{none_readable(len(self.names), f'chosen of {sources}')}.")

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the first source: its commonest."""
        return self.parts[0].size

    @property
    def source(self) -> str:
        """The sources, or the picture if there is one, for a record."""
        if len(self.names) == 1:
            return Path(self.names[0]).name
        return ", ".join(Path(part.source).name for part in self.parts)

    def notes(self) -> list[str]:
        """A sentence on the pictures that were not chosen, and on those of each source that could not be read."""
        total = len(self.names) + self.left_out
        verb = "is" if len(self.names) == 1 else "are"
        which = f"{len(self.names):,} of {total:,} pictures {verb} translated, spread evenly (--count N for more)."
        chosen = [which] if self.left_out else []
        return chosen + [tell_skipped(part.skipped, "left out", part.source) for part in self.parts if part.skipped]


def source_channels(model: Model) -> int | None:
    """The channels of the pictures that a model translates; None for label maps, whose classes are read.

    A model may declare `source_channels`, if its inputs are others than its pictures.
    """
    channels: int | None = getattr(model, "source_channels", model.config.channels)
    return channels


def open_inputs(model: Model, images: ImagesLike, count: int | None = None, split: str | None = None) -> Inputs:
    """Open a source, one picture, or a list of sources and pictures. Of pairs the inputs are taken.

    count: pictures, chosen at even distances over all sources; None for all.
    split: a part of each source, such as "test".
    Raises `UserError` for a count below 1, `DataError` for a source that cannot be opened.
    """
    if count is not None and count < 1:
        raise UserError(f"count={count}, but there must be one picture at least.")
    channels = source_channels(model)
    if is_picture(images) and channels is not None:
        return Inputs([open_at_own_size(images, channels)], [Path(images).name])
    parts = [
        source
        if isinstance(source, Images)
        else open_inputs_of_pairs(model, source, split) or open_images(as_source(source, channels or 1), split=split)
        for source in several_sources([images] if is_picture(images) else images)
    ]
    total = sum(len(part) for part in parts)
    if count is not None and count < total:
        chosen = np.linspace(0, total - 1, count).round().astype(np.int64)
        starts = np.cumsum([0, *map(len, parts)])
        within = [chosen[(chosen >= start) & (chosen < end)] - start for start, end in pairwise(starts)]
        parts = [part.subset(places) for part, places in zip(parts, within, strict=True) if len(places)]
    names = [name for part in parts for name in part.names()]
    return Inputs(parts, names, _input_layer(model), left_out=total - len(names))


def _input_layer(model: Model) -> str | None:
    """The layer that a model of pairs translates; None for a model of plain pictures."""
    layers = model.config.input_layers
    return layers[0] if len(layers) > 1 else None


def open_inputs_of_pairs(model: Model, source: Any, split: str | None = None) -> Images | None:
    """The inputs of pairs in a source that is arranged as for a training; None if it holds none.

    A folder or zip may have a sub-folder for each layer, or pictures of twice the model's width with the layers side
    by side. The run's layers are in the order that `--direction` gave them: the first is A, or the left half.
    """
    name = _input_layer(model)
    if name is None or not isinstance(source, (str, Path)) or is_picture(source):
        return None
    layers = _layer_order(model)
    folders, _ = find_layer_folders(source, layers, split, needed=False)
    if folders:
        path = Path(source).expanduser()
        notices.add_notes([f"{source} holds pairs: the pictures of {folders[name]}, the inputs, are translated."])
        if path.is_file():
            return open_images(path, split=folders[name])
        return open_images(path / folders[name])
    height, width = model.config.size
    if len(layers) != 2 or height != width or source_channels(model) is None:
        return None
    plain = open_images(source, split=split)
    if len(plain.layers) > 1 or plain.width != 2 * plain.height:
        return plain
    half = "left" if layers[0] == name else "right"
    notices.add_notes(
        [
            f"The pictures of {source} are twice as wide as high, as pairs side by side: their {half} halves, the "
            "inputs, are translated. Name the files themselves to translate them whole."
        ]
    )
    return open_images(source, split=split, layers=layers)


def several_sources(images: ImagesLike) -> list[Any]:
    """A list of names of sources and pictures as sources; anything else is one source.

    All picture files are one source, in the place of the first, so that an unreadable one is left out and named.

    >>> several_sources("horses/"), several_sources(["horses/", "ponies.zip"])
    (['horses/'], ['horses/', 'ponies.zip'])
    """
    if not isinstance(images, (list, tuple)) or not images or not all(isinstance(each, (str, Path)) for each in images):
        return [images]
    files = [each for each in images if is_picture(each)]
    sources: list[Any] = []
    for each in images:
        if not is_picture(each):
            sources.append(each)
        elif files not in sources:
            sources.append(files)
    return sources


def open_at_own_size(images: ImagesLike, channels: int) -> Images:
    """Any source at its own (commonest) size and the given channels; also one picture file."""
    if is_picture(images):
        images = read_picture(images, channels)[None]
    if isinstance(images, Images) and images.channels == channels:
        return images
    return open_images(as_source(images, channels), channels=channels)


def _layer_order(model: Model) -> tuple[str, ...]:
    """The layers in the order of the run's record; a weights file alone does not tell it."""
    origin, layers = model.origin, model.config.input_layers
    if origin is None or not origin.path.is_dir():
        return layers
    recorded = Run(origin.path).record["config"].get("layer_channels", {})
    return tuple(recorded) or layers


def pictures_at_one_size(model: Model, images: ImagesLike) -> Iterator[Tensor]:
    """Each picture of any source, uint8 (C, H, W), at the commonest size of the source. Of pairs the inputs are taken.

    Label maps: files are read as classes, and arrays (N, C, H, W) are taken as they are.
    Raises `DataError` if none can be read.
    """
    channels, layer = source_channels(model), _input_layer(model)
    images = open_inputs_of_pairs(model, images) or images
    if layer is not None and isinstance(images, Images) and len(images.layers) > 1:
        inputs = open_inputs(model, images)
        yield from (picture for _, picture in inputs.each(channels, inputs.size))
        return
    if channels is None:
        if not isinstance(images, (Tensor, np.ndarray, Images)):
            inputs = open_inputs(model, images)
            yield from (picture for _, picture in inputs.each(None, inputs.size))
            return
        channels = images.channels if isinstance(images, Images) else images.shape[1] if images.ndim == 4 else 1
    opened, read = open_at_own_size(images, channels), 0
    for batch in opened.stream(READ_AT_ONCE):
        yield from batch.images
        read += len(batch.images)
    if not read:
        raise DataError(f"{none_readable(len(opened), f'of {opened.source}')}.")


def is_picture(source: object) -> TypeIs[str | Path]:
    """Whether a source names one picture file."""
    return isinstance(source, (str, Path)) and is_picture_name(str(source)) and Path(source).is_file()


@dataclass(frozen=True)
class StyleReferences:
    """Pictures whose style is taken: uint8 (R, C, H, W) at the model's size, their names, and that of their source.

    count: how many were asked for, which may be more than there are; None for all.
    """

    pictures: Tensor
    names: list[str]
    source: str
    count: int | None = None

    def notes(self) -> list[str]:
        """Sentences on fewer pictures than were asked for, and on pictures without content."""
        if (self.count or 0) <= len(self.names):
            return self._blank_notes()
        fewer = f"{count_text(self.count or 0, 'style')} were asked for, and {self.source} has {len(self.names)}."
        return [fewer, *self._blank_notes()]

    def _blank_notes(self) -> list[str]:
        """A sentence on each picture without content."""
        blank = [name for name, each in zip(self.names, self.pictures, strict=True) if _is_blank(each)]
        if not blank:
            return []
        named = ", ".join(blank[:3]) + (f" and {len(blank) - 3} more" if len(blank) > 3 else "")
        whose = "has no content: it is" if len(blank) == 1 else "have no content: they are"
        return [f"The reference {named} {whose} of one colour, so the style is that colour at most. Give another one."]


def read_references(
    model: Model, like: ImagesLike, count: int | None = None, of_source: int | None = None
) -> StyleReferences:
    """The references of a source, of one picture, or of a list of sources and pictures.

    count: how many, spread evenly over them; by default all.
    of_source: how many of each source that is no list of pictures, if there is no count; by default all.
    Notes on them are told to whoever gathers notices. Raises `DataError` if none can be read.
    """
    channels = model.config.channels
    if is_picture(like):
        pictures = next(images_for(model, open_at_own_size(like, channels)).stream(1)).images
        return _told(StyleReferences(pictures, [Path(like).stem], Path(like).stem, count))
    pictures_of, names, sources = [], [], []
    for source in several_sources(like):
        opened = images_for(model, source)
        limit = None if isinstance(source, list) else of_source if count is None else count
        chosen = select_evenly(opened, len(opened) if limit is None else limit)
        pictures_of.append(chosen.images)
        names += [Path(name).stem for name in chosen.names]
        sources += names[-len(chosen.names) :] if isinstance(source, list) else [Path(opened.source).stem]
    pictures = torch.cat(pictures_of)
    if count is not None and count < len(pictures):
        places = torch.linspace(0, len(pictures) - 1, count).round().long()
        pictures, names = pictures[places], [names[place] for place in places.tolist()]
    return _told(StyleReferences(pictures, names, ", ".join(sources), count))


def _told(references: StyleReferences) -> StyleReferences:
    notices.add_notes(references.notes())
    return references


def _is_blank(picture: Tensor) -> bool:
    """Whether all pixels have one colour."""
    flat = picture.flatten(1)
    return bool((flat == flat[:, :1]).all())
