"""Previews: a grid of pictures at each report, from the same latents or the same images each time."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from PIL.Image import Image as PictureImage
from torch import Tensor

from imagewright.capabilities import sampled_classes, samples_classes, samples_from, verbs_of
from imagewright.images import Batch, Images
from imagewright.images.shard_places import without_absent
from imagewright.model import Model
from imagewright.output.grids import draw_grid, plain_grid
from imagewright.output.provenance import COMPOSITE, GENERATED, make_record
from imagewright.output.writing import write_image
from imagewright.phases import Draws
from imagewright.pixels import to_uint8
from imagewright.runs.consents import recorded_consents
from imagewright.runs.places import PRIOR_SAMPLES, SAMPLES
from imagewright.runs.run import Run
from imagewright.seeds import derive_seed
from imagewright.training.data.feeds import build_readers
from imagewright.training.engine import as_rows
from imagewright.training.observers import Observer, Report, Training
from imagewright.training_capabilities import previews
from imagewright.verbs.apply import add_noise, decode, reconstruct, sample_latents
from imagewright.verbs.blocks import evaluating
from imagewright.views import source_settings

SCREEN = 768  # pixels: the side of a square that a grid should fill, with more pictures if they are small
MOST_CLASSES = 12  # in a grid of samples by class
LIKENESS = "likeness/"  # before the names of derived metrics that the preview of a face swap shows
PREVIEWED = 6  # rows of each feed, for a model that implements `Previews`

PreviewInputs = Tensor | dict[str, Batch]
"""The inputs of every preview of a run: latents (float32), images (uint8), or rows of the model's feeds."""


class PreviewObserver(Observer):
    """Writes `samples/IMAGES_SEEN.png` (nine digits) at the start and at each report; on the main rank."""

    paced = "reports"

    def __init__(self, every: int | None) -> None:
        self.every = every

    def begin(self, training: Training) -> None:
        self.training = training
        self.inputs = self._choose_inputs(training.model)
        if training.images_seen == 0:
            self.at(0, None)

    def at(self, images_seen: int, report: Report | None) -> None:
        training = self.training
        training.prepare_verbs()
        if samples_from(training.model):  # the same noise, but the density has changed
            self.inputs = self._choose_inputs(training.model)
        self._write(training.model, self.inputs, images_seen, SAMPLES, _likeness_title(report))

    def end(self, images_seen: int) -> None:
        """Write what the prior decodes to as well, if samples come from a fitted density."""
        training = self.training
        training.prepare_verbs(ended=True)
        if samples_from(training.model) and len(training.model.latent_sources) > 1:
            model = training.model.sampling_from("prior")
            self._write(model, self._choose_inputs(model), images_seen, PRIOR_SAMPLES)

    def _choose_inputs(self, model: Model) -> PreviewInputs | None:
        training = self.training
        return choose_inputs(model, training.sources, training.plan.seed, training.held_out)

    def _write(
        self, model: Model, inputs: PreviewInputs | None, images_seen: int, folder: str, title: str | None = None
    ) -> None:
        training = self.training
        if inputs is None:
            return
        with training.engine.averages.in_place(training.model):
            training.save(lambda: write_preview(model, inputs, training.run, images_seen, folder, title))


def _likeness_title(report: Report | None) -> str | None:
    """The identity distances of swapped faces, which the doctor measured before, as the title of their preview."""
    measured = {} if report is None else report.get("derived_metrics", {})
    found = [f"{name.removeprefix(LIKENESS)} {value:.2f}" for name, value in measured.items() if LIKENESS in name]
    return f"swapped faces: {', '.join(found)} (below 0.6: one person)" if found else None


def choose_inputs(model: Model, sources: Mapping[str, Images], seed: int, held_out: np.ndarray) -> PreviewInputs | None:
    """The inputs of every preview of a run, which depend on its seed alone.

    A model that implements `Previews` gets rows of its feeds; a model that samples gets latents, with a class a column
    if it samples classes; a model that reconstructs gets images spread evenly over the first source. None for a model
    that does none of these.

    model: for its verbs and configuration.
    sources: images by the name of the source.
    seed: of the run.
    held_out: indices in the first source that training never uses.
    """
    if previews(model):
        readers = build_readers(model, sources, derive_seed(seed, "previews"), held_out)
        return {name: reader.batch(np.arange(PREVIEWED)) for name, reader in readers.items()}
    columns, rows = grid_shape(model.config.size)
    if samples_classes(model):
        by_class = [sample_latents(model, rows, seed, label) for label in sampled_classes(model)[:MOST_CLASSES]]
        return torch.stack(by_class, dim=1).flatten(0, 1)
    if "sample" in verbs_of(model):
        return sample_latents(model, columns * rows, seed)
    if "reconstruct" not in verbs_of(model):
        return None
    images = next(iter(sources.values()))
    here = without_absent(images, np.arange(len(images)))
    chosen = np.linspace(0, len(here) - 1, min(columns * max(1, rows // 2), len(here))).astype(np.int64)
    return images.batch(here[chosen]).images


def grid_shape(size: tuple[int, int]) -> tuple[int, int]:
    """(columns, rows) of a grid of samples of a size (height, width)."""
    height, width = size
    columns, rows = (max(2, min(8, SCREEN // max(side, 1))) for side in (width, height))
    return columns, rows


def write_preview(
    model: Model,
    inputs: PreviewInputs,
    run: Run,
    images_seen: int,
    folder: str = SAMPLES,
    title: str | None = None,
) -> None:
    """Write `FOLDER/IMAGES_SEEN.png`: samples, or images above their reconstructions, or the model's own preview.

    title: above the model's own preview.
    """
    if isinstance(inputs, dict):
        verb, source_type, picture = "preview", COMPOSITE, _draw_own_preview(model, inputs, run, title)
    elif inputs.dtype != torch.uint8:
        columns = math.ceil(math.sqrt(len(inputs)))
        if samples_classes(model):
            columns = min(len(sampled_classes(model)), MOST_CLASSES)
        verb, source_type, picture = "sample", GENERATED, plain_grid(decode(model, inputs), columns=columns)
    else:
        noisy = add_noise(model, inputs)  # None if the model was not trained to remove noise
        encoded = inputs if noisy is None else noisy
        pictures, columns = _interleave_rows(encoded, reconstruct(model, encoded))
        verb, source_type, picture = "reconstruct", COMPOSITE, plain_grid(pictures, columns=columns)
    record = make_record(
        verb,
        model=run.model,
        run=run.path,
        seed=run.record["seed"],
        images_seen=images_seen,
        settings=source_settings(model),
        source_type=source_type,
        consent=recorded_consents(run),
    )
    write_image(picture, run.path / folder / f"{images_seen:09d}.png", record, force=True)


def _draw_own_preview(model: Model, batches: dict[str, Batch], run: Run, title: str | None) -> PictureImage:
    """The rows of `Previews.preview`, each labelled with its title."""
    assert previews(model)
    generator = torch.Generator(device=model.device).manual_seed(derive_seed(run.record["seed"], "preview"))
    count = len(next(iter(batches.values())).images) // next(iter(model.feeds.values())).repeats
    with evaluating(model), torch.inference_mode():
        rows = {name: as_rows(batch.map(lambda part: part.to(model.device))) for name, batch in batches.items()}
        by_title = model.preview(rows, Draws(generator, count, 0, count))
    columns = max(map(len, by_title.values()))
    padded = [_pad_row(to_uint8(pictures).cpu(), columns) for pictures in by_title.values()]
    channels = max(pictures.shape[1] for pictures in padded)
    grid = torch.cat([p.expand(-1, channels, -1, -1) if p.shape[1] == 1 else p for p in padded])
    numbers = [str(column) for column in range(columns)]
    return draw_grid(grid, row_labels=list(by_title), column_labels=numbers, title=title)


def _pad_row(pictures: Tensor, columns: int) -> Tensor:
    """The pictures (N, C, H, W) with white ones after them, up to `columns`."""
    return torch.cat([pictures, pictures.new_full((columns - len(pictures), *pictures.shape[1:]), 255)])


def _interleave_rows(first: Tensor, second: Tensor) -> tuple[Tensor, int]:
    """The pictures of a grid whose rows are of `first` and `second` in turn, and its number of columns."""
    columns = min(8, len(first))
    rows: list[Tensor] = []
    for one, other in zip(first.split(columns), second.split(columns), strict=True):
        rows += [_pad_row(one, columns), _pad_row(other, columns)]
    return torch.cat(rows), columns
