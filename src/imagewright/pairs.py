"""`make_pairs`: pairs of an input and a target from plain pictures, as files that a model of pairs is trained on."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch.nn.functional import interpolate

from imagewright.errors import ConfigError, DataError, RunError, count_text, none_readable
from imagewright.files import written_together
from imagewright.images.images import Images
from imagewright.images.layers import image_layer
from imagewright.images.notices import SizesNote, tell_skipped
from imagewright.images.one_by_one import read_one_by_one
from imagewright.images.open import open_images
from imagewright.images.pair_inputs import INPUTS, ColourRegions, MakeInput, build_input, fit_palette
from imagewright.output.provenance import ENHANCED, make_record
from imagewright.output.sheets import Sheet
from imagewright.output.writing import picture_paths, refuse_existing, write_image
from imagewright.pixels import label_colours, size_text, to_uint8
from imagewright.pretrained.hed_edges import HedEdges
from imagewright.progress import Progress, ProgressCounter

Layout = Literal["folders", "side"]
LAYERS = ("input", "target")
ALL_INPUTS = INPUTS | {"hed": HedEdges}
SHOWN, SHOWN_SIDE = 8, 128  # pairs on the sheet, and the longest side of their pictures there


@dataclass(frozen=True)
class MadePairs:
    """What `make_pairs` wrote.

    folder: holds input/ and target/, or pictures side by side.
    sheet: a picture of some pairs, to look at before a training.
    count: pairs written.
    skipped: (name, reason) of each picture that cannot be read.
    notes: sentences for the user.
    """

    folder: Path
    sheet: Path
    count: int
    skipped: list[tuple[str, str]]
    notes: list[str]

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """What was written, and how to go on."""
        return [
            f"{self.folder}: {count_text(self.count, 'pair')}; {self.sheet} shows some of them",
            f"train on them: imagewright train pix2pix {shlex.quote(str(self.folder))}",
        ]


def make_pairs(
    source: Any,
    input: str | Callable[[np.ndarray, int], np.ndarray],
    out: str | Path,
    *,
    size: int | tuple[int, int] | None = None,
    layout: Layout = "folders",
    count: int | None = None,
    split: str | None = None,
    layers: str | Sequence[str] | None = None,
    kinds: str | Mapping[str, str] | None = None,
    force: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> MadePairs:
    """Make pairs of an input, computed from a picture, and the picture itself, its target.

    `OUT/input` and `OUT/target` hold a PNG of the same name for each picture, or OUT a PNG with the input on the left
    and the target on the right; `OUT.png` is a sheet of some. `train("pix2pix", OUT)` reads both. A pair is written as
    soon as it is made, both files or none, and memory does not grow with their number.

    source: as for `open_images`.
    input: "edges" (Canny: dark on white), "hed" (edges of things by the network HED, if its weights are there), "grey",
        "lowres" (reduced and enlarged again), "mask" (with a grey hole), "labels" (the label maps of the source in
        colours; of a source without any, regions in the colours of one palette), or a function of a picture,
        uint8 (H, W, C), and its number that returns uint8 (H, W, 1 or 3).
    out: the folder.
    size: a side or (height, width) that pictures are scaled to cover and cropped to; by default each has its own.
    layout: "folders", or "side" for side by side.
    count: pictures, chosen at even distances; None for all.
    split: a part of the source, such as "train".
    layers, kinds: of a source whose pictures have several layers, as for `open_images`.
    force: replace files that exist.
    progress: called with (done, total).
    options: of the input: `sigma=2` pixels of edges, `level=0.5` of hed, `factor=4` of lowres, `hole=0.4` of the sides
        of mask, `colours=8` of labels, `seed=0` of mask and labels.

    Raises `UserError` for a wrong option, or if no picture can be read, `RunError` if files exist already.
    """
    if layout not in ("folders", "side"):
        raise ConfigError(f"layout={layout!r}: expected folders or side.")
    made = _choose_input(input, options)
    opened = open_images(source, size, split=split, layers=layers, kinds=kinds)
    labels = _label_layer(opened) if input == "labels" else None
    if labels is not None and options:
        raise ConfigError(
            f"{', '.join(options)}: options of regions that are found in plain pictures, and {opened.source} has label "
            f"maps (the layer {labels}): leave them out."
        )
    images = _choose(opened, count)
    folder = Path(out)
    paths = _pair_paths(folder, images.names(), layout)
    sheet = folder.with_name(f"{folder.name}.png")
    refuse_existing([*(path for pair in paths for path in pair), sheet], force=force)
    _refuse_place(folder, source, paths)
    if isinstance(made, ColourRegions) and labels is None:
        made = fit_palette(made, opened)
    writer = _Writer(paths, layout, _record(input, made if labels is None else None), force)
    counter = ProgressCounter(len(images), progress)
    shown = set(np.linspace(0, len(images) - 1, min(SHOWN, len(images))).round().astype(int).tolist())
    examples: list[tuple[torch.Tensor, torch.Tensor]] = []
    written = 0
    try:
        for number, given, target in _each_pair(images, made, labels, None if size is None else opened.size):
            writer.write(number, given, target)
            written += 1
            if number in shown:
                examples.append((_shown(given), _shown(target)))
            counter.advance()
    except BaseException as error:  # Ctrl-C, or a full disk: finished pairs stay
        error.add_note(f"{written:,} of {len(paths):,} pairs are written in {folder}.")
        raise
    if not written:
        raise DataError(f"{none_readable(len(images), f'of {images.source}')}.")
    _draw(examples, _title(input, images)).write(sheet, force=force)
    notes = [note for note in opened.notes if not isinstance(note, SizesNote)]
    notes += [tell_skipped(images.skipped, "left out", images.source)] if images.skipped else []
    return MadePairs(folder, sheet, written, list(images.skipped), notes)


def _choose_input(name: Any, options: dict[str, Any]) -> MakeInput:
    if isinstance(name, str):
        return build_input(name, options, ALL_INPUTS)
    if not callable(name):
        raise ConfigError(f"input={name!r}: expected {', '.join(ALL_INPUTS)}, or a function of a picture.")
    if options:
        raise ConfigError(f"{', '.join(options)}: options of the inputs by name, and a function was given.")
    made: MakeInput = name
    return made


def _label_layer(images: Images) -> str | None:
    """The name of the first layer of label maps; None if there is none."""
    return next((layer.name for layer in images.layers if layer.kind == "labels"), None)


def _choose(images: Images, count: int | None) -> Images:
    if count is None or count >= len(images):
        return images
    if count < 1:
        raise ConfigError(f"count={count}, but there must be one picture at least.")
    return images.subset(np.linspace(0, len(images) - 1, count).round().astype(np.int64))


def _pair_paths(folder: Path, names: list[str], layout: str) -> list[tuple[Path, ...]]:
    """The files of each pair: two in two folders, or one."""
    folders = [folder / layer for layer in LAYERS] if layout == "folders" else [folder]
    return list(zip(*(picture_paths(each, names) for each in folders), strict=True))


def _refuse_place(folder: Path, source: Any, paths: list[tuple[Path, ...]]) -> None:
    """Refuse a folder inside the source, and one with other files, which a training would read as pairs, too."""
    if isinstance(source, str | Path) and folder.resolve().is_relative_to(Path(source).expanduser().resolve()):
        raise RunError(f"{folder} is in {source}, whose pictures are read: give another folder by --out (out=).")
    written = {path for pair in paths for path in pair}
    allowed = written | {path.parent for path in written}
    for place in {folder, *(path.parent for path in written)}:
        others = [path for path in place.iterdir() if path not in allowed] if place.is_dir() else []
        if others:
            raise RunError(
                f"{place} holds other files, such as {others[0].name}, which a training would read too: give a new or "
                "empty folder."
            )


def _record(name: Any, made: MakeInput | None) -> dict[str, Any]:
    """The provenance record of the inputs. The targets are the pictures themselves, and have none."""
    settings: dict[str, Any] = {"input": name if isinstance(name, str) else "function"}
    if dataclasses.is_dataclass(made):
        fields = (field.name for field in dataclasses.fields(made))
        settings |= {field: getattr(made, field) for field in fields if field != "palette"}
    return make_record("pairs", model="none", seed=settings.pop("seed", None), settings=settings, source_type=ENHANCED)


def _each_pair(
    images: Images, made: MakeInput, labels: str | None, size: tuple[int, int] | None
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """The number of each readable picture, its input and itself: uint8 (H, W, C).

    labels: the layer whose classes are the input, in place of `made`.
    """
    layer = image_layer(images.layers)
    for number, picture in read_one_by_one(images, 1 if layer.channels == 1 else 3, size, layer.name):
        target = picture.permute(1, 2, 0).numpy()
        given = np.asarray(made(target, number)) if labels is None else _label_colours(images, number, labels, size)
        if given is None:
            continue
        if labels is not None and given.shape[:2] != target.shape[:2]:
            raise DataError(
                f"The label map of {images.name(number)} is {size_text(given.shape[:2])}, and its picture "
                f"{size_text(target.shape[:2])}: bring both to one size by --size (size=)."
            )
        if given.dtype != np.uint8 or given.ndim != 3 or given.shape[:2] != target.shape[:2]:
            raise ConfigError(
                f"The input of {images.name(number)} is {given.dtype} {given.shape}: expected uint8 of "
                f"{(*target.shape[:2], 1)} or {(*target.shape[:2], 3)}."
            )
        yield number, given, target


def _label_colours(images: Images, number: int, layer: str, size: tuple[int, int] | None) -> np.ndarray | None:
    """A colour for each class of a label map, uint8 (H, W, 3), the same in all; None if the map cannot be read."""
    alone = images.subset(np.array([number]))
    for _, classes in read_one_by_one(alone, None, size, layer):
        return to_uint8(label_colours(classes.long()))[0].permute(1, 2, 0).numpy()
    images.skipped.extend(alone.skipped)
    return None


@dataclass(frozen=True)
class _Writer:
    paths: list[tuple[Path, ...]]
    layout: str
    record: dict[str, Any]
    force: bool

    def write(self, number: int, given: np.ndarray, target: np.ndarray) -> None:
        """Write the files of one pair, all or none."""
        facts = {**self.record, "index": number}
        if self.layout == "side":
            both = np.concatenate([_as_colour(given), _as_colour(target)], axis=1)
            write_image(both.transpose(2, 0, 1), self.paths[number][0], facts, force=self.force)
            return
        with written_together():
            write_image(given.transpose(2, 0, 1), self.paths[number][0], facts, force=self.force)
            write_image(target.transpose(2, 0, 1), self.paths[number][1], force=self.force)


def _as_colour(picture: np.ndarray) -> np.ndarray:
    return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture


def _shown(picture: np.ndarray) -> torch.Tensor:
    """A square of the picture for the sheet: float (3, S, S), 0 to 255, padded with white."""
    pixels = torch.tensor(_as_colour(picture)).permute(2, 0, 1).float()
    factor = SHOWN_SIDE / max(pixels.shape[1:])
    height, width = (max(1, round(side * factor)) for side in pixels.shape[1:])
    small = interpolate(pixels[None], (height, width), mode="bilinear", antialias=True)[0]
    square = torch.full((3, SHOWN_SIDE, SHOWN_SIDE), 255.0)
    top, left = (SHOWN_SIDE - height) // 2, (SHOWN_SIDE - width) // 2
    square[:, top : top + height, left : left + width] = small
    return square


def _draw(examples: list[tuple[torch.Tensor, torch.Tensor]], title: str) -> Sheet:
    rows = torch.cat([torch.stack(row) for row in zip(*examples, strict=True)])
    return Sheet(
        rows.round().clamp(0, 255).to(torch.uint8), row_labels=list(LAYERS), columns=len(examples), title=title
    )


def _title(name: Any, images: Images) -> str:
    return f"{Path(images.source).name}: {name if isinstance(name, str) else 'input'} and picture"
