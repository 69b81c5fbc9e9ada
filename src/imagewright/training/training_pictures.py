"""Which training pictures a run shows beside its samples."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from imagewright.capabilities import sampled_classes, samples_classes
from imagewright.images import Images
from imagewright.images.shard_places import without_absent
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.runs.training_pictures import has_training_pictures, write_training_pictures
from imagewright.training.data.feeds import NO_IMAGES
from imagewright.training.observers import Observer, Training
from imagewright.training.previews import MOST_CLASSES, grid_shape
from imagewright.training_capabilities import finds_classes
from imagewright.verbs.found_classes import with_found_classes

MOST_LOOKED_AT = 100_000  # pictures of a set whose classes the model finds
FEWEST = 4  # pictures, also where a grid of samples has fewer columns


class TrainingPictures(Observer):
    """Writes some training pictures into a run that has none yet; on the main rank."""

    def begin(self, training: Training) -> None:
        training.save(lambda: save_training_pictures(training.model, training.sources, training.held_out, training.run))


def save_training_pictures(model: Model, sources: Mapping[str, Images], held_out: np.ndarray, run: Run) -> None:
    """Write some training pictures into a run that has none yet, so that they are decoded for this once.

    model: for its size and its classes.
    sources: images by the name of the source.
    held_out: indices in the first source that training never uses.
    run: on the main rank alone.
    Raises `RunError` if the file cannot be written.
    """
    if has_training_pictures(run):
        return
    rows = []
    for place, images in enumerate(sources.values()):
        rows.append(_choose(model, images, held_out if place == 0 else NO_IMAGES))
    write_training_pictures(run, rows)


def _choose(model: Model, images: Images, held_out: np.ndarray) -> Tensor:
    """Pictures of a source as training sees them, without random crops and flips: uint8 (N, C, H, W)."""
    trained = without_absent(images, np.delete(np.arange(len(images)), held_out))
    chosen = _one_a_class(model, images, trained)
    if chosen is None:
        count = min(max(FEWEST, grid_shape(model.config.size)[0]), len(trained))
        chosen = trained[np.linspace(0, len(trained) - 1, count).round().astype(np.int64)]
    return images.batch(chosen).images


def _one_a_class(model: Model, images: Images, trained: np.ndarray) -> np.ndarray | None:
    """A picture of each class that a grid of samples has a column for; None if the columns are no classes of the set.

    trained: int64, the pictures to choose from.
    """
    if not samples_classes(model):
        return None
    if finds_classes(model) and images.cached and len(images) <= MOST_LOOKED_AT:
        images = with_found_classes(model, images)
    if images.labels is None or images.class_names is None:
        return None
    chosen = []
    for name in sampled_classes(model)[:MOST_CLASSES]:
        number = images.class_names.index(name) if name in images.class_names else -1
        own = trained[images.labels[trained] == number]
        if number < 0 or len(own) == 0:
            return None
        chosen.append(own[len(own) // 2])
    return np.array(chosen, np.int64)
