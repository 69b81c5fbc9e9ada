"""Buffers that a model sets by its training images before the first step (`Model.initialise_from`)."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch

from imagewright import agreement, distributed
from imagewright.images import Images
from imagewright.images.float_stream import FloatStream
from imagewright.images.selection import even_places
from imagewright.images.shard_places import without_absent
from imagewright.model import Model
from imagewright.seeds import derive_seed
from imagewright.training import device as devices
from imagewright.training.reporting import Say, tell_if_slow

MOST = 10_000  # images that a model sees then, spread evenly over the set


@dataclass(frozen=True)
class Initialised:
    """What the look at the images took.

    seconds: on the main rank, told to all; 0 if the model read no image.
    memory: bytes of this process at its peak; 0 if the model read no image.
    """

    seconds: float = 0.0
    memory: int = 0


def initialise_from_images(model: Model, images: Images, held_out: np.ndarray, seed: int, say: Say) -> Initialised:
    """Let a model see training images on the main rank, and send its buffers to all.

    Done before the length of the training is planned, so that the plan has its time and memory, and refuses what it
    refuses.

    model: on the CPU.
    images: of the first source, prepared.
    held_out: indices that training never uses. Left out too are images of shards that the main rank's machine lacks.
    seed: of the training.
    say: called with a note on what was found.
    """
    if type(model).initialise_from is Model.initialise_from:
        return Initialised()
    rows = without_absent(images, np.setdiff1d(np.arange(len(images)), held_out))
    chosen = rows[even_places(len(rows), MOST)]
    notes: list[str] = []
    read = torch.zeros(1, dtype=torch.int64)

    def watch(seen: int) -> None:
        read.fill_(seen)

    def initialise() -> None:
        waiting = "looking at the training images before the first step ..."
        with torch.no_grad(), tell_if_slow(say, waiting):
            stream = FloatStream(images.subset(chosen), watch)
            notes.extend(model.initialise_from(stream, derive_seed(seed, "initialise")))

    devices.forget_peak(devices.CPU)
    began = time.monotonic()
    agreement.first_on_main(initialise)
    if distributed.world_size() > 1:
        for buffer in model.buffers():
            buffer.copy_(distributed.broadcast_from_main(buffer))
    for note in notes:
        say(note)
    if not distributed.broadcast_from_main(read):
        return Initialised()
    seconds = torch.tensor([time.monotonic() - began], dtype=torch.float64)
    return Initialised(float(distributed.broadcast_from_main(seconds)), devices.peak_memory(devices.CPU))
