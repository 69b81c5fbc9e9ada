"""Sheets of walks between latents: an interpolation, a leg a row, and a blend of four corners."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import verbs_of
from imagewright.errors import UserError
from imagewright.images import Images
from imagewright.images.selection import select_evenly
from imagewright.latent.inputs import Point, points_of
from imagewright.latent.walks.blend import blend
from imagewright.latent.walks.interpolate import interpolate
from imagewright.model import Model
from imagewright.output.grids import FONT_SIZE, INK, MARGIN, TITLE_SIZE, draw_grid
from imagewright.output.sheets import Results, Sheet
from imagewright.runs.provenance import run_record
from imagewright.verbs.apply import RunLike, encode, images_for, model_of
from imagewright.verbs.paths import Way, usual_way

CELL = 72  # the longer side of an image of a blend, in pixels: many are on a sheet, and neighbours differ little


def interpolation_sheet(
    run: RunLike,
    steps: int = 8,
    *,
    ends: Sequence[Point] | None = None,
    source: Images | str | Path | None = None,
    count: int = 2,
    way: Way | None = None,
    loop: bool = False,
    pace: Literal["even", "smooth"] = "even",
    frames_per_second: float = 25.0,
    model: Model | None = None,
) -> Sheet:
    """The sheet of `interpolate`, a leg a row with both of its ends; its results are the images in their order.

    run: a run, its directory, a weights file or a model.
    steps: images of a leg, ends included.
    ends: seeds, picture files and names saved in the run, two or more; seeds 0 and 1 by default.
    source: instead of `ends`, `count` pictures of a source, chosen at even distances.
    way, loop, pace: as for `interpolate`.
    frames_per_second: of an animation.
    model: the run's model, if it is loaded already.
    Raises `UserError` as `interpolate` does, and if neither is given for a model that does not sample.
    """
    model = model_of(run) if model is None else model
    way = way or usual_way(model)
    latents, names, notes = _ends(run, model, ends, source, count)
    images = interpolate(model, steps, latents=latents, way=way, loop=loop, pace=pace)
    stops = [*names, names[0]] if loop else names
    places = [(leg * (steps - 1) + step) % len(images) for leg in range(len(stops) - 1) for step in range(steps)]
    settings = {"steps": steps, "way": way, "ends": names, **_named(source), "loop": loop, "pace": pace}
    record = run_record("interpolate", model, settings=settings)
    return Sheet(
        images[places],
        row_labels=[f"{start} to {end}" for start, end in pairwise(stops)],
        column_labels=[f"{step / (steps - 1):.0%}" for step in range(steps)],
        title=f"{record['model']}: {way} interpolation",
        record=record,
        results=Results(images, record),
        frames_per_second=frames_per_second,
        notes=notes,
    )


class BlendSheet(Sheet):
    """A square of images (K * K, C, H, W) with the names of the four corners, `captions`, at the corners."""

    def draw(self) -> Image.Image:
        """The square as a picture: top left, top right, bottom left, bottom right."""
        names = list(self.captions or [""] * 4)
        grid = draw_grid(self.images, self.columns, scale=self.scale)
        font, title_font = ImageFont.load_default(FONT_SIZE), ImageFont.load_default(TITLE_SIZE)
        line, title_height = FONT_SIZE + 5, TITLE_SIZE + 10
        words = max(font.getlength("    ".join(pair)) for pair in (names[:2], names[2:]))
        right = max(grid.width - MARGIN, MARGIN + round(words))
        width = max(right, MARGIN + round(title_font.getlength(self.title or ""))) + MARGIN
        grid_top = title_height + line
        sheet = Image.new(grid.mode, (width, grid_top + grid.height + line), grid.getpixel((0, 0)))
        sheet.paste(grid, (0, grid_top))
        ink = INK if grid.mode == "L" else (INK, INK, INK)
        pen = ImageDraw.Draw(sheet)
        pen.text((MARGIN, MARGIN), self.title or "", fill=ink, font=title_font)
        above, below = grid_top + MARGIN - 4, grid_top + grid.height + MARGIN
        for name, place in zip(names, [(MARGIN, above), (right, above), (MARGIN, below), (right, below)], strict=True):
            pen.text(place, name, fill=ink, font=font, anchor="ls" if place[0] == MARGIN else "rs")
        return sheet


def blend_sheet(
    run: RunLike,
    corners: Sequence[Point] = (0, 1, 2, 3),
    steps: int = 7,
    *,
    way: Way | None = None,
    model: Model | None = None,
) -> Sheet:
    """The sheet of `blend`: a square of `steps` images a side, the name of each corner at that corner.

    run: a run, its directory, a weights file or a model.
    corners: top left, top right, bottom left, bottom right: seeds, picture files or names saved in the run.
    way: as for `interpolate`.
    model: the run's model, if it is loaded already.
    """
    model = model_of(run) if model is None else model
    way = way or usual_way(model)
    latents, names, notes = _ends(run, model, corners, None, 0)
    images = blend(model, steps=steps, latents=latents, way=way)
    record = run_record("interpolate", model, settings={"steps": steps, "way": way, "ends": names})
    return BlendSheet(
        images,
        columns=steps,
        captions=names,
        title=f"{record['model']}: {way} blend of four corners",
        scale=max(1, round(CELL / max(images.shape[2:]))),
        record=record,
        notes=notes,
    )


def _ends(
    run: RunLike, model: Model, given: Sequence[Point] | None, source: Images | str | Path | None, count: int
) -> tuple[Tensor, list[str], list[str]]:
    """Latents to walk between, (E, *latent shape), a name for each, and notes for the user."""
    if source is not None:
        if given:
            raise UserError("An interpolation goes between `ends` or between pictures of a `source`: give one of them.")
        chosen = select_evenly(images_for(model, source), count)
        return encode(model, chosen.images), [Path(name).stem for name in chosen.names], []
    if not given and "sample" not in verbs_of(model):
        raise UserError(
            f"{catalogue.name_of(model)} does not sample, so there are no seeds to walk between: name pictures, by "
            "--between a.jpg b.jpg or --source FOLDER."
        )
    found = points_of(run, given or (0, 1), model=model)
    return found.latents, found.labels, list(found.said)


def _named(source: Images | str | Path | None) -> dict[str, Any]:
    """The source as a record names it."""
    if source is None:
        return {}
    return {"source": Path(source.source if isinstance(source, Images) else source).name}
