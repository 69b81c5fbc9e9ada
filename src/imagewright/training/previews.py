"""The picture of each report: the same latents, or the same images, as training goes on."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from imagewright.capabilities import samples_classes, verbs_of
from imagewright.images import Images
from imagewright.model import Model
from imagewright.output.grids import plain_grid
from imagewright.output.provenance import COMPOSITE, GENERATED, make_record
from imagewright.output.writing import write_image
from imagewright.runs.run import Run
from imagewright.verbs.apply import add_noise, decode, reconstruct, sample_latents

# A grid of about a screen: more pictures of small ones.
SCREEN = 768
MOST_CLASSES = 12


def fixed_inputs(model: Model, images: Images, seed: int) -> Tensor | None:
    """What every grid of a run shows the model: latents where it samples, else some of its images.

    A model that knows classes shows them in turn, by columns. None: this model makes no pictures.
    """
    height, width = model.config.size
    columns, rows = (max(2, min(8, SCREEN // max(side, 1))) for side in (width, height))
    if samples_classes(model):
        by_class = [
            sample_latents(model, rows, seed, label) for label in range(min(len(model.class_names), MOST_CLASSES))
        ]
        return torch.stack(by_class, dim=1).flatten(0, 1)
    if "sample" in verbs_of(model):
        return sample_latents(model, columns * rows, seed)
    if "reconstruct" not in verbs_of(model):
        return None
    chosen = np.linspace(0, len(images) - 1, min(columns * max(1, rows // 2), len(images))).astype(np.int64)
    return images.batch(chosen).images


def draw(model: Model, inputs: Tensor, run: Run, images_seen: int) -> None:
    """Write `samples/NNNNNNNNN.png`: samples, or images above what the model makes of them."""
    if inputs.dtype != torch.uint8:
        verb, source_type = "sample", GENERATED
        pictures, columns = decode(model, inputs), math.ceil(math.sqrt(len(inputs)))
        if samples_classes(model):
            columns = min(len(model.class_names), MOST_CLASSES)
    else:
        verb, source_type = "reconstruct", COMPOSITE
        damaged = add_noise(model, inputs)
        seen = inputs if damaged is None else damaged
        pictures, columns = _above(seen, reconstruct(model, seen))
    record = make_record(
        verb,
        model=run.model,
        run=run.path,
        seed=run.record["seed"],
        images_seen=images_seen,
        source_type=source_type,
    )
    path = run.path / "samples" / f"{images_seen:09d}.png"
    write_image(plain_grid(pictures, columns=columns), path, record, force=True)


def _above(first: Tensor, second: Tensor) -> tuple[Tensor, int]:
    """Two sets of images as rows of a grid, each image of the first above its partner of the second."""
    columns = min(8, len(first))
    rows: list[Tensor] = []
    for one, other in zip(first.split(columns), second.split(columns), strict=True):
        blank = one.new_full((columns - len(one), *one.shape[1:]), 255)
        rows += [one, blank, other, blank]
    return torch.cat(rows), columns
