"""Buffers that a model sets by its training images before the first step (`Model.initialise_from`)."""

from __future__ import annotations

import numpy as np
import torch

from imagewright import agreement, distributed
from imagewright.images.float_stream import FloatStream
from imagewright.images.selection import even_places
from imagewright.images.shard_places import without_absent
from imagewright.model import Model
from imagewright.seeds import derive_seed
from imagewright.training.observers import Training
from imagewright.training.reporting import tell_if_slow

MOST = 10_000  # images that a model sees then, spread evenly over the set


def initialise_from_images(training: Training) -> None:
    """Let the model see training images on the main rank, and send its buffers to all.

    Left out are held-out images, and those of shards that the main rank's machine does not have.
    """
    model, images = training.model, training.images
    if type(model).initialise_from is Model.initialise_from:
        return
    rows = without_absent(images, np.setdiff1d(np.arange(len(images)), training.held_out))
    chosen = rows[even_places(len(rows), MOST)]
    notes: list[str] = []

    def initialise() -> None:
        waiting = "looking at the training images before the first step ..."
        with torch.no_grad(), tell_if_slow(training.reporter.message, waiting):
            stream = FloatStream(images.subset(chosen))
            notes.extend(model.initialise_from(stream, derive_seed(training.plan.seed, "initialise")))

    agreement.first_on_main(initialise)
    if distributed.world_size() > 1:
        for buffer in model.buffers():
            buffer.copy_(distributed.broadcast_from_main(buffer))
    for note in notes:
        training.reporter.message(note)
