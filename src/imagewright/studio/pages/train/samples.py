"""Pictures of a training: its grids of samples, one latent through time, and what it learns from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from imagewright.images.decoding.opening import read_encoded
from imagewright.output.grid_cells import read_plain_grid
from imagewright.output.inspecting_pictures import inspect_picture
from imagewright.runs.places import SAMPLES, TRAINING_PICTURES
from imagewright.runs.run import Run
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.library import NotThereError
from imagewright.studio.serving.page import Picture
from imagewright.studio.serving.sources import LARGEST_SIDE, shown
from imagewright.studio.serving.studio import Studio

MOST_TIMES = 12  # at which one latent is shown


def sample(studio: Studio, asked: Asked) -> Picture:
    """The grid of samples at a point of the training, with its provenance and the number of its pictures."""
    run = studio.library.run(asked.text("run"))
    at = asked.whole("at")
    pixels, record = _read_grid(run, at)
    cells = _cells(run, pixels)
    return Picture(pixels, record, f"{run.path.name}-{at}", {"at": at, "cells": 0 if cells is None else len(cells)})


def latent(studio: Studio, asked: Asked) -> list[Picture]:
    """One picture of the grids at points all over the training: the same latent through time."""
    run, index = studio.library.run(asked.text("run")), asked.whole("index", high=10_000)
    points = sorted(int(path.stem) for path in (run.path / SAMPLES).glob("*.png") if path.stem.isdecimal())
    chosen = sorted({points[round(place)] for place in np.linspace(0, len(points) - 1, MOST_TIMES)}) if points else []
    found = []
    for at in chosen:
        pixels, record = _read_grid(run, at)
        cells = _cells(run, pixels)
        if cells is not None and index < len(cells):
            found.append(Picture(cells[index], record, f"{run.path.name}-{at}-{index + 1}", {"at": at}))
    if not found:
        raise NotThereError("The grids of this training have no such picture.")
    return found


def training_pictures(studio: Studio, asked: Asked) -> Picture:
    """Some pictures that a run learns from, as it sees them."""
    run = studio.library.path_of(asked.text("run"), "run")
    try:
        return Picture(shown(read_encoded(run / TRAINING_PICTURES)), None, run.name)
    except OSError:
        raise NotThereError("This run shows no training pictures yet.") from None


def _read_grid(run: Run, at: int) -> tuple[np.ndarray, Any]:
    path: Path = run.path / SAMPLES / f"{at:09d}.png"
    try:
        return shown(read_encoded(path), LARGEST_SIDE, f"the samples at {at:,} images"), inspect_picture(path)[
            "provenance"
        ]
    except OSError:
        raise NotThereError(f"There are no samples at {at:,} images any more.") from None


def _cells(run: Run, pixels: np.ndarray) -> np.ndarray | None:
    height, width = run.record["config"]["size"]
    grid = read_plain_grid(pixels, (height, width))
    return None if grid is None else grid[0]
