"""Translations beside their inputs on a sheet, or as files at full size, with their provenance records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import tee
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from imagewright.capabilities import Target, Translates, require
from imagewright.images import notices
from imagewright.model import Model
from imagewright.output.grids import PAPER
from imagewright.output.provenance import COMPOSITE
from imagewright.output.sheets import Results, Sheet
from imagewright.output.writing import picture_paths, refuse_existing, write_image
from imagewright.pixels import label_colours, size_text, to_uint8
from imagewright.progress import Progress
from imagewright.runs.loading import training_notes
from imagewright.runs.provenance import run_record
from imagewright.shared_work import is_helper, shared_map, written_meanwhile
from imagewright.verbs.apply import ImagesLike, RunLike, resolve_model
from imagewright.verbs.tiling import smallest_size
from imagewright.verbs.translate import To, target_without_style, targets_for, translate_image
from imagewright.verbs.translation_inputs import Inputs, open_inputs, read_references, source_channels

REFERENCES = 8  # of a source whose styles are taken, unless the number is given
UNNAMED = "translation"  # of a model without domains
Source: TypeAlias = ImagesLike
SizeName = Literal["own", "model"]


def translation_sheet(
    run: RunLike,
    images: Source,
    count: int | None = 8,
    *,
    to: To | None = None,
    like: Source | None = None,
    styles: int | None = None,
    seed: int = 0,
    size: SizeName = "model",
    split: str | None = None,
    progress: Progress | None = None,
) -> Sheet:
    """A sheet of pictures and their translations below them, one row for each style. Its results are the translations.

    If each style was taken from a reference picture, the row begins with that picture.

    run: a run, its directory, a weights file or a model.
    images: a source, opened images, one picture file, or a list of names of sources and picture files.
    count: pictures shown, chosen at even distances; None for all.
    to: as for `translate`.
    like: as for `translate`.
    styles: number of styles: sampled (by default as for `translate`), or pictures of `like` to use (by default all
        that are named, and 8 of any other source).
    seed: as for `translate`.
    size: "model" resizes the pictures to the size that the model was trained at, "own" to their commonest size.
    split: a part of the source, such as "test".
    progress: called with (done, total) in pictures.

    Raises `UserError` as `translate` does, `DataError` if no picture can be read.
    """
    model = resolve_model(run)
    style = choose_styles(model, to, like, styles, seed)
    inputs = open_inputs(model, images, count, split)
    side = model.config.size if size == "model" else inputs.size
    made = list(_translate_each(model, inputs, side, style.targets, progress))
    shown = torch.stack([picture for _, picture, _ in made])
    if source_channels(model) is None:
        shown = to_uint8(label_colours(shown[:, 0].long()))
    translations = torch.stack([torch.stack(each) for _, _, each in made])  # (N, S, C, H, W)
    names = [inputs.names[number] for number, _, _ in made]
    rows = [shown, *translations.unbind(1)]
    columns = [Path(name).stem for name in names]
    if style.references is not None:
        blank = torch.full_like(style.references[:1], PAPER)
        before = torch.cat([blank, style.references]).split(1)
        rows = [torch.cat([_resized(cell, row), row]) for cell, row in zip(before, rows, strict=True)]
        columns = ["style", *columns]
    record = _record(model, inputs, style, list(side), seed)
    files = [path.name for path in _paths(Path(), names, len(style.targets))]
    return Sheet(
        torch.cat([_resized(row, translations[0]) for row in rows]),
        row_labels=["input", *style.labels],
        column_labels=columns,
        title=_title(record, style),
        record=record,
        results=Results(translations.flatten(0, 1), record, files),
        notes=[*training_notes(model), *style.notes, *inputs.notes()],
    )


def write_translations(
    run: RunLike,
    images: Source,
    folder: str | Path,
    count: int | None = None,
    *,
    to: To | None = None,
    like: Source | None = None,
    styles: int | None = None,
    seed: int = 0,
    size: SizeName = "own",
    split: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> tuple[list[Path], list[str]]:
    """Write each translation as a .png under the picture's own name, as soon as it is made.

    Several styles are numbered: horse_0.png, horse_1.png. What is written stays if a later one fails; a note on the
    error counts it. Returns the paths, and notes, such as on
    unreadable pictures.
    Memory does not grow with the number of pictures.

    size: "own" leaves each picture at its own size, "model" brings all to the size that the model was trained at.
    count: pictures, chosen at even distances; None for all.
    force: replace files that exist.
    The other arguments are those of `translation_sheet`.

    Raises as `translation_sheet` does, and `RunError` if a file exists, before anything is translated.
    """
    model = resolve_model(run)
    style = choose_styles(model, to, like, styles, seed)
    inputs = open_inputs(model, images, count, split)
    paths = _paths(Path(folder), inputs.names, len(style.targets))
    refuse_existing(paths, force=force)
    side = model.config.size if size == "model" else None
    record = _record(model, inputs, style, "own" if side is None else list(side), seed)
    written: list[Path] = []
    try:
        with written_meanwhile():
            for number, _, translations in _translate_each(model, inputs, side, style.targets, progress):
                for index, translation in enumerate(() if is_helper() else translations):
                    path = paths[number * len(translations) + index]
                    facts = {**record, "index": number, "target": style.labels[index]}
                    written.append(write_image(translation, path, facts, force=force))
    except BaseException as error:  # Ctrl-C, or a full disk: hours of finished work stay
        error.add_note(f"{len(written):,} of {len(paths):,} translations are written in {folder}.")
        raise
    return written, [*training_notes(model), *style.notes, *inputs.notes()]


@dataclass(frozen=True)
class ChosenStyles:
    """A target for each style, a label for each, and the settings of a record.

    references: uint8 (S, C, H, W), the picture that each style was taken from; None if they were not taken one by one.
    """

    targets: list[Target]
    labels: list[str]
    references: Tensor | None
    settings: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def choose_styles(model: Model, to: To | None, like: Source | None, styles: int | None, seed: int) -> ChosenStyles:
    """The styles that were asked for. The arguments are those of `translation_sheet`."""
    if like is None:
        targets = targets_for(model, to=to, styles=styles, seed=seed)
        label, settings = _label(model, to, targets[0]), {"to": _plain(to)}
        if targets[0].style is not None:
            settings["styles"] = len(targets)
        labels = [f"{label}, style {index}" for index in range(len(targets))] if len(targets) > 1 else [label]
        return ChosenStyles(targets, labels, None, settings)
    target_without_style(model, to, styled=True, like=True)  # raises before any reference is read
    references = read_references(model, like, styles, of_source=REFERENCES)
    targets = targets_for(model, to=to, like=references)
    label, names, source = _label(model, to, targets[0]), references.names, references.source
    settings, notes = {"to": _plain(to), "like": source, "references": names}, references.notes()
    if len(targets) < len(names):  # few-shot: one style from all of them
        return ChosenStyles(targets, [f"{label}, like {source}"], None, settings, notes)
    return ChosenStyles(targets, [f"{label}, like {name}" for name in names], references.pictures, settings, notes)


def _title(record: Mapping[str, Any], style: ChosenStyles) -> str:
    """The run, or the model without one, and where it translated to."""
    who = f"{record['run']} ({record['model']})" if record["run"] else str(record["model"])
    targets = list(dict.fromkeys(label.partition(",")[0] for label in style.labels))
    return f"{who}: translations" if targets == [UNNAMED] else f"{who}: to {targets[0]}"


def _label(model: Model, to: To | None, target: Target) -> str:
    if isinstance(to, Mapping):
        return " ".join(f"{name}={value:g}" for name, value in to.items())
    return UNNAMED if target.domain is None else require(model, Translates).domains[target.domain]


def _plain(to: To | None) -> Any:
    """As a record holds it."""
    return dict(to) if isinstance(to, Mapping) else to


def _translate_each(
    model: Model,
    inputs: Inputs,
    size: tuple[int, int] | None,
    targets: list[Target],
    progress: Progress | None,
) -> Iterator[tuple[int, Tensor, list[Tensor]]]:
    """Number, pixels and translations of each picture that can be read; raises `DataError` if there is none.

    In a block of `sharing_work` all ranks read all pictures, and each translates some.

    Pictures that are smaller than the model can do are told to whoever gathers notices.
    """
    least, small, first = _least(model), 0, ""
    pictures, for_ranks = tee(inputs.each(source_channels(model), size))
    made = shared_map(lambda each: [translate_image(model, each[1], target) for target in targets], for_ranks)
    try:
        for done, ((number, picture), translations) in enumerate(zip(pictures, made, strict=True), 1):
            if _is_small(picture, least):
                first, small = first or _with_size(inputs.names[number], picture), small + 1
            yield number, picture, translations
            if progress is not None:
                progress(done, len(inputs.names))
    finally:
        if small:
            notices.add_notes([_padding_note(first, small, least)])


def tell_if_padded(model: Model, frame: Tensor, name: str) -> str | None:
    """A sentence on the frames (C, H, W) of a video if they are smaller than the model can do."""
    least = _least(model)
    return _padding_note(_with_size(name, frame), 1, least) if _is_small(frame, least) else None


def _least(model: Model) -> tuple[int, int]:
    """The smallest (height, width) that a model can do."""
    return smallest_size(type(model.config).nearest_size, 1, 1)


def _is_small(picture: Tensor, least: tuple[int, int]) -> bool:
    height, width = picture.shape[-2:]
    return height < least[0] or width < least[1]


def _with_size(name: str, picture: Tensor) -> str:
    height, width = picture.shape[-2:]
    return f"{name} ({size_text((height, width))})"


def _padding_note(first: str, count: int, least: tuple[int, int]) -> str:
    which = f"{first} is" if count == 1 else f"{first} and {count - 1:,} more are"
    how = "it is continued by its" if count == 1 else "they are continued by their"
    return (
        f"{which} smaller than the smallest picture that the network takes ({size_text(least)}): {how} mirror image, "
        "and cut again."
    )


def _paths(folder: Path, names: list[str], styles: int) -> list[Path]:
    """A path for each style of each picture."""
    ends = [f"_{index}" for index in range(styles)] if styles > 1 else [""]
    return [path.with_stem(f"{path.stem}{end}") for path in picture_paths(folder, names) for end in ends]


def _record(model: Model, inputs: Inputs, style: ChosenStyles, size: str | list[int], seed: int) -> dict[str, Any]:
    return run_record(
        "translate",
        model,
        seed=seed if "styles" in style.settings else None,
        settings={"source": inputs.source, "count": len(inputs.names), "size": size, **style.settings},
        # For single pictures too: "enhanced" would mean a minor correction.
        source_type=COMPOSITE,
    )


def _resized(pictures: Tensor, others: Tensor) -> Tensor:
    """Pictures (N, C, H, W) at the size and with the channels of others, to stand beside them on a sheet."""
    size, channels = others.shape[-2:], max(pictures.shape[1], others.shape[1])
    if pictures.shape[-2:] != size:
        pictures = functional.interpolate(pictures.float(), size, mode="bilinear", antialias=True).round().byte()
    return pictures.expand(-1, channels, -1, -1) if pictures.shape[1] == 1 else pictures
