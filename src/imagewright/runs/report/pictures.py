"""The pictures on a run's page: training pictures, the newest grid of samples, and earlier ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from imagewright.images.decoding.opening import open_picture, read_encoded
from imagewright.images.decoding.unreadable import Unreadable
from imagewright.output.grids import plain_grid
from imagewright.output.inspecting_pictures import find_packet
from imagewright.output.writing import to_png
from imagewright.runs.places import PRIOR_SAMPLES
from imagewright.runs.report.html import picture, text
from imagewright.runs.run import Run
from imagewright.runs.training_pictures import read_training_pictures

MOST_SAMPLES = 8  # sample grids, besides the newest
THUMBNAIL = 360  # longest side of these, in pixels
TRAINING_CAPTION = "training pictures"


def pictures(run: Run) -> str:
    """The section: training pictures in a row, and under them, in cells of the same size, the samples."""
    real, samples = _training_row(run), _samples(run.path)
    return f"<h2>{'Samples' if samples else 'Training pictures'}</h2>{real}{samples}" if real or samples else ""


def _training_row(run: Run) -> str:
    rows = read_training_pictures(run)
    if not rows:
        return ""
    grid = to_png(plain_grid(np.concatenate(rows), columns=len(rows[0])))
    caption = TRAINING_CAPTION
    if len(rows) > 1:
        caption += f", a row for each source: {', '.join(run.record.get('sources') or {})}"
    shown = picture(grid, caption, sharp=True)
    return f"<figure>{shown}<figcaption>{text(caption)}</figcaption></figure>"


def _samples(run_path: Path) -> str:
    """The newest sample grid at full size, and earlier ones at even intervals of the training."""
    paths = sorted(path for path in (run_path / "samples").glob("*.png") if path.name[0] != "." and path.is_file())
    if not paths:
        return ""
    *earlier, newest = paths
    prior = max((run_path / PRIOR_SAMPLES).glob("[0-9]*.png"), default=None)
    beside = (
        "" if prior is None else _figure(prior, None, ", from the prior instead of the density fitted to the latents")
    )
    last = len(earlier) - 1
    chosen = sorted({round(index * last / (MOST_SAMPLES - 1)) for index in range(MOST_SAMPLES)}) if earlier else []
    figures = "".join(_figure(earlier[index], THUMBNAIL) for index in chosen)
    return f'{_figure(newest, None)}{beside}<div class="samples">{figures}</div>'


def _figure(path: Path, side: int | None, note: str = "") -> str:
    try:
        data, width = _embedded(path, side)
    except (OSError, Unreadable):
        return ""  # half written, or not a picture: left out
    seen = (f"{int(path.stem):,} images seen" if path.stem.isdigit() else path.stem) + note
    shown = picture(data, f"samples at {seen}", sharp=width < THUMBNAIL)
    return f"<figure>{shown}<figcaption>{text(seen)}</figcaption></figure>"


def _embedded(path: Path, side: int | None) -> tuple[bytes, int]:
    """The bytes of a PNG with its provenance, and its width, scaled down to the longest side `side` if it is given."""
    payload = read_encoded(path)
    with open_picture(payload) as grid:
        grid.load()
        if grid.format == "PNG" and (side is None or max(grid.size) <= side):
            return payload, grid.width
        packet = find_packet(grid, payload)
        if side is not None:
            grid.thumbnail((side, side), Image.Resampling.LANCZOS)
        # Of smoothed pictures a higher level makes files no smaller, and takes twice as long.
        return to_png(grid, packet, level=4), grid.width
