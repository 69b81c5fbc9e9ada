"""Sheets of an interpolation, a row for each leg, and of a blend of four corners."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypedDict

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import verbs_of
from imagewright.errors import UserError
from imagewright.images import Images
from imagewright.images.selection import select_evenly
from imagewright.latent.inputs import Inputs, of_classes, resolve_inputs
from imagewright.latent.walks.blend import blend
from imagewright.latent.walks.interpolate import interpolate, interpolation_frames
from imagewright.model import Model
from imagewright.output.grids import FONT_SIZE, INK, MARGIN, TITLE_SIZE, draw_grid
from imagewright.output.names import visible
from imagewright.output.sheets import Results, Sheet
from imagewright.output.writing import write_animation
from imagewright.runs.loading import training_notes
from imagewright.runs.provenance import run_record
from imagewright.verbs.apply import RunLike, encode, images_for, resolve_model
from imagewright.verbs.paths import Interpolation, default_interpolation

REBUILT = "The ends that are pictures are shown as the model reconstructs them, not as they are."
CELL = 72  # pixels of an image's longer side in a blend; there are many, and adjacent ones differ little


def interpolation_sheet(
    run: RunLike,
    steps: int = 8,
    *,
    ends: Inputs | None = None,
    source: Images | str | Path | None = None,
    count: int = 2,
    labels: str | Sequence[str] = (),
    interpolation: Interpolation | None = None,
    loop: bool = False,
    pace: Literal["even", "smooth"] = "even",
    frames_per_second: float = 25.0,
    scale: int | None = None,
    model: Model | None = None,
) -> Sheet:
    """The sheet of `interpolate`: a row for each leg, with both of its ends. Its results are the images in their order.

    run: a run, its directory, a weights file or a model.
    steps: images of a leg, both ends included.
    ends: two or more seeds, pictures or names saved in the run, as for `interpolate`; seeds 0 and 1 by default.
    source: instead of `ends`, pictures to encode.
    count: how many pictures of the source, spread evenly over it.
    labels: classes of the ends, as for `imagewright interpolate --labels`: one seed (0 by default), or one for each.
    interpolation, loop, pace: as for `interpolate`.
    frames_per_second: of an animation.
    scale: each side of an image becomes so many times as long; by default about 112 pixels, in an animation 256.
    model: the run's model, if it is loaded already.
    Raises `UserError` as `interpolate` does, and for a model that cannot sample if neither ends nor source are given.
    """
    model = resolve_model(run) if model is None else model
    latents, names, notes = _ends(run, model, ends, source, count, labels)
    path = _path_options(model, steps, interpolation, pace, loop=loop)
    images = interpolate(model, latents=latents, **path)
    stops = [*names, names[0]] if loop else names
    cells = [(leg * (steps - 1) + step) % len(images) for leg in range(len(stops) - 1) for step in range(steps)]
    record = _path_record(model, path, names, source)
    return Sheet(
        images[cells],
        row_labels=[f"{start} to {end}" for start, end in pairwise(stops)],
        column_labels=[f"{step / (steps - 1):.0%}" for step in range(steps)],
        title=f"{record['model']}: {path['interpolation']} interpolation{_rebuilt(notes)}",
        record=record,
        results=Results(images, record),
        frames_per_second=frames_per_second,
        scale=scale,
        notes=notes,
    )


def write_interpolation(
    run: RunLike,
    path: str | Path,
    steps: int = 61,
    *,
    ends: Inputs | None = None,
    source: Images | str | Path | None = None,
    count: int = 2,
    labels: str | Sequence[str] = (),
    interpolation: Interpolation | None = None,
    loop: bool = True,
    pace: Literal["even", "smooth"] = "even",
    frames_per_second: float = 25.0,
    scale: int | None = None,
    model: Model | None = None,
    force: bool = False,
) -> list[str]:
    """Write the images of `interpolate` as an animation, decoded block by block. Returns notes for the user.

    path: .mp4, which needs one frame in memory at a time; or .webp or .gif, for which Pillow needs all frames.
    force: replace a file that exists.
    The other arguments are those of `interpolation_sheet`.
    Raises `UserError` as `interpolate` does, `RunError` if the file exists or cannot be written.
    """
    model = resolve_model(run) if model is None else model
    latents, names, notes = _ends(run, model, ends, source, count, labels)
    options = _path_options(model, steps, interpolation, pace, loop=loop)
    frames = interpolation_frames(model, latents=latents, **options)
    record = _path_record(model, options, names, source)
    write_animation(frames, path, record, frames_per_second=frames_per_second, scale=scale, force=force)
    return notes


class _PathOptions(TypedDict):
    """Arguments of `interpolate` that say how the path goes from end to end."""

    steps: int
    interpolation: Interpolation
    loop: bool
    pace: Literal["even", "smooth"]


def _path_options(
    model: Model, steps: int, interpolation: Interpolation | None, pace: Literal["even", "smooth"], *, loop: bool
) -> _PathOptions:
    chosen = interpolation or default_interpolation(model)
    return {"steps": steps, "interpolation": chosen, "loop": loop, "pace": pace}


def _path_record(
    model: Model, path: _PathOptions, names: list[str], source: Images | str | Path | None
) -> dict[str, Any]:
    """The provenance record of an interpolation."""
    settings = {"steps": path["steps"], "interpolation": path["interpolation"], "ends": names, **_source_name(source)}
    return run_record("interpolate", model, settings=settings | {"loop": path["loop"], "pace": path["pace"]})


class BlendSheet(Sheet):
    """A square of images (K * K, C, H, W) with the names of the four corners, `captions`, at the corners."""

    def draw(self) -> Image.Image:
        """The square as a picture, the captions in the order top left, top right, bottom left, bottom right."""
        names = [visible(caption) for caption in self.captions or [""] * 4]
        title = visible(self.title or "")
        grid = draw_grid(self.images, self.columns, scale=self.scale)
        font, title_font = ImageFont.load_default(FONT_SIZE), ImageFont.load_default(TITLE_SIZE)
        line, title_height = FONT_SIZE + 5, TITLE_SIZE + 10
        widest = max(font.getlength("    ".join(pair)) for pair in (names[:2], names[2:]))
        right = max(grid.width - MARGIN, MARGIN + round(widest))
        width = max(right, MARGIN + round(title_font.getlength(title))) + MARGIN
        grid_top = title_height + line
        sheet = Image.new(grid.mode, (width, grid_top + grid.height + line), grid.getpixel((0, 0)))
        sheet.paste(grid, (0, grid_top))
        ink = INK if grid.mode == "L" else (INK, INK, INK)
        pen = ImageDraw.Draw(sheet)
        pen.text((MARGIN, MARGIN), title, fill=ink, font=title_font)
        above, below = grid_top + MARGIN - 4, grid_top + grid.height + MARGIN
        corners = [(MARGIN, above), (right, above), (MARGIN, below), (right, below)]
        for name, corner in zip(names, corners, strict=True):
            pen.text(corner, name, fill=ink, font=font, anchor="ls" if corner[0] == MARGIN else "rs")
        return sheet


def blend_sheet(
    run: RunLike,
    corners: Inputs = (0, 1, 2, 3),
    steps: int = 7,
    *,
    labels: str | Sequence[str] = (),
    interpolation: Interpolation | None = None,
    scale: int | None = None,
    model: Model | None = None,
) -> Sheet:
    """The sheet of `blend`: a square of images with the name of each corner at that corner.

    run: a run, its directory, a weights file or a model.
    corners: top left, top right, bottom left, bottom right: seeds, pictures or names saved in the run.
    steps: images a side.
    labels: classes of the corners, in their order.
    interpolation: as for `interpolate`.
    scale: each side of an image becomes so many times as long; by default about 72 pixels.
    model: the run's model, if it is loaded already.
    """
    model = resolve_model(run) if model is None else model
    interpolation = interpolation or default_interpolation(model)
    latents, names, notes = _ends(run, model, corners, None, 0, labels)
    images = blend(model, steps=steps, latents=latents, interpolation=interpolation)
    record = run_record("interpolate", model, settings={"steps": steps, "interpolation": interpolation, "ends": names})
    return BlendSheet(
        images,
        columns=steps,
        captions=names,
        title=f"{record['model']}: {interpolation} blend of four corners{_rebuilt(notes)}",
        scale=max(1, round(CELL / max(images.shape[2:]))) if scale is None else scale,
        record=record,
        notes=notes,
    )


def _ends(
    run: RunLike,
    model: Model,
    given: Inputs | None,
    source: Images | str | Path | None,
    count: int,
    labels: str | Sequence[str] = (),
) -> tuple[Tensor, list[str], list[str]]:
    """Latents (E, *latent shape) to interpolate between, a name for each, and notes."""
    if labels:
        if source is not None:
            raise UserError("Pictures of a source are encoded as they are: give labels for seeds only.")
        given = of_classes(model, given, labels)
    if source is not None:
        if given is not None:
            raise UserError("An interpolation has ends or a source of pictures: give one of them.")
        chosen = select_evenly(images_for(model, source), count)
        stems = [Path(name).stem for name in chosen.names]
        return encode(model, chosen.images), stems, [*training_notes(model), REBUILT]
    if given is None and "sample" not in verbs_of(model):
        raise UserError(
            f"{catalogue.name_of(model)} cannot sample, so there are no seeds to interpolate between: name pictures by "
            "--between a.jpg b.jpg or --source FOLDER."
        )
    resolved = resolve_inputs(run, (0, 1) if given is None else given, model=model)
    rebuilt = [REBUILT] if resolved.has_pictures else []
    return resolved.latents, resolved.labels, [*training_notes(model), *resolved.notes, *rebuilt]


def _rebuilt(notes: list[str]) -> str:
    """What a title says of ends that are pictures."""
    return ", pictures as reconstructed" if REBUILT in notes else ""


def _source_name(source: Images | str | Path | None) -> dict[str, Any]:
    """The source as a record names it."""
    if source is None:
        return {}
    named = source.source if isinstance(source, Images) else source
    return {"source": Path(named).name if isinstance(named, str | Path) else "pictures"}
