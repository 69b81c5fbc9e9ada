"""The picture of each report: the same latents, or the same images, as training continues."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from PIL.Image import Image as PictureImage
from torch import Tensor

from imagewright.capabilities import samples_classes, verbs_of
from imagewright.images import Batch, Images
from imagewright.model import Model
from imagewright.output.grids import draw_grid, plain_grid
from imagewright.output.provenance import COMPOSITE, GENERATED, make_record
from imagewright.output.writing import write_image
from imagewright.phases import Draws
from imagewright.pixels import to_uint8
from imagewright.runs.run import Run
from imagewright.seeds import derive_seed
from imagewright.training.data.feeds import build_readers
from imagewright.training.engine import as_rows
from imagewright.training.observers import Line, Observer, Training
from imagewright.training_capabilities import previews
from imagewright.verbs.apply import add_noise, decode, reconstruct, sample_latents
from imagewright.verbs.blocks import evaluating

# A grid of about a screen: more pictures of small ones.
SCREEN = 768
MOST_CLASSES = 12
PREVIEWED = 6  # rows of each feed that a model with a preview of its own is shown

Fixed = Tensor | dict[str, Batch]
"""What every preview of a run shows the model: latents, uint8 images, or rows of its feeds."""


class PreviewObserver(Observer):
    """Writes `samples/NNNNNNNNN.png` at the start and at each report; on the main rank."""

    def __init__(self, every: int) -> None:
        self.every = every

    def begin(self, training: Training) -> None:
        self.training = training
        self.inputs = fixed_inputs(training.model, training.sources, training.plan.seed, training.held_out)
        if training.images_seen == 0:
            self.at(0, None)

    def at(self, images_seen: int, line: Line | None) -> None:
        training, inputs = self.training, self.inputs
        if inputs is None:
            return
        with training.engine.averages.in_place(training.model):
            training.save(lambda: write_preview(training.model, inputs, training.run, images_seen))


def fixed_inputs(model: Model, sources: Mapping[str, Images], seed: int, held_out: np.ndarray) -> Fixed | None:
    """What every preview of a run shows the model: its own choice of rows, else latents, else some of its images.

    A model that knows classes shows them in turn, by columns. None: this model makes no pictures.
    """
    if previews(model):
        readers = build_readers(model, sources, derive_seed(seed, "previews"), held_out)
        return {name: reader.batch(np.arange(PREVIEWED)) for name, reader in readers.items()}
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
    images = next(iter(sources.values()))
    chosen = np.linspace(0, len(images) - 1, min(columns * max(1, rows // 2), len(images))).astype(np.int64)
    return images.batch(chosen).images


def write_preview(model: Model, inputs: Fixed, run: Run, images_seen: int) -> None:
    """Write `samples/NNNNNNNNN.png`: samples, or images above their reconstructions, or the model's own rows."""
    if isinstance(inputs, dict):
        verb, source_type, picture = "preview", COMPOSITE, _own_preview(model, inputs, run)
    elif inputs.dtype != torch.uint8:
        columns = math.ceil(math.sqrt(len(inputs)))
        if samples_classes(model):
            columns = min(len(model.class_names), MOST_CLASSES)
        verb, source_type, picture = "sample", GENERATED, plain_grid(decode(model, inputs), columns=columns)
    else:
        noisy = add_noise(model, inputs)
        seen = inputs if noisy is None else noisy
        pictures, columns = _above(seen, reconstruct(model, seen))
        verb, source_type, picture = "reconstruct", COMPOSITE, plain_grid(pictures, columns=columns)
    record = make_record(
        verb,
        model=run.model,
        run=run.path,
        seed=run.record["seed"],
        images_seen=images_seen,
        source_type=source_type,
    )
    write_image(picture, run.path / "samples" / f"{images_seen:09d}.png", record, force=True)


def _own_preview(model: Model, batches: dict[str, Batch], run: Run) -> PictureImage:
    """The rows of `Previews.preview`, one below the other with their titles."""
    assert previews(model)
    generator = torch.Generator(device=model.device).manual_seed(derive_seed(run.record["seed"], "preview"))
    count = len(next(iter(batches.values())).images) // next(iter(model.feeds.values())).repeats
    with evaluating(model), torch.inference_mode():
        rows = {name: as_rows(batch.map(lambda part: part.to(model.device))) for name, batch in batches.items()}
        made = model.preview(rows, Draws(generator, count, 0, count))
    columns = max(map(len, made.values()))
    padded = [_padded(to_uint8(pictures).cpu(), columns) for pictures in made.values()]
    channels = max(pictures.shape[1] for pictures in padded)
    sheet = torch.cat([p.expand(-1, channels, -1, -1) if p.shape[1] == 1 else p for p in padded])
    return draw_grid(sheet, row_labels=list(made), column_labels=[str(column) for column in range(columns)])


def _padded(pictures: Tensor, columns: int) -> Tensor:
    return torch.cat([pictures, pictures.new_full((columns - len(pictures), *pictures.shape[1:]), 255)])


def _above(first: Tensor, second: Tensor) -> tuple[Tensor, int]:
    """Two sets of images as rows of a grid, each image of the first above its partner of the second."""
    columns = min(8, len(first))
    rows: list[Tensor] = []
    for one, other in zip(first.split(columns), second.split(columns), strict=True):
        rows += [_padded(one, columns), _padded(other, columns)]
    return torch.cat(rows), columns
