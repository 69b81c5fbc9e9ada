"""Has a model memorised? Its samples beside the nearest training pictures, in pixels and in features.

Everything is streamed: the training pictures are read once for each space, and only the nearest are kept.
Shape letters: S samples, K nearest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagewright.errors import DataError, UserError
from imagewright.images import Images
from imagewright.latent.neighbours.spaces import Features, Pixels, has_features
from imagewright.latent.neighbours.verdict import Compared, compare, verdict_of
from imagewright.model import Model
from imagewright.statistics.nearest_neighbours import nearest
from imagewright.verbs.apply import ImagesLike, RunLike, images_for, resolve_model, sample

NEAREST = 51  # the nearest, and the fifty that say how near is near around it
FEWEST = 3  # training pictures: one left out, its nearest, and another to compare with
COARSE = 100  # pictures of the control, below which 1 % of it is none
BATCH = 1024

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Neighbours:
    """Samples (S, C, H, W) uint8, and how near they are to the training pictures in each space.

    `control`: what they are held against, "held-out pictures" or "training pictures, each left out". `verdict`: a
    sentence. `memorised`: whether there are copies, in any space. `said`: other sentences for the user.
    """

    samples: Tensor
    training: Images
    spaces: tuple[Compared, ...]
    control: str
    verdict: str
    said: tuple[str, ...]

    @property
    def memorised(self) -> bool:
        """Whether copies of training pictures are among the samples, beyond chance."""
        return any(space.repeats for space in self.spaces)

    def suspects(self) -> Tensor:
        """The samples from the most like a copy on, int64 (S,)."""
        return torch.stack([space.relative / max(space.threshold, 1e-12) for space in self.spaces]).amin(0).argsort()


def neighbours(
    run: RunLike,
    training: ImagesLike,
    held_out: ImagesLike | None = None,
    *,
    count: int = 1000,
    features: RunLike | None = None,
    samples: ImagesLike | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Neighbours:
    """Compare `count` samples of a run with the pictures that it was trained on.

    `held_out`: pictures like those, not trained on: how near new pictures come. Without any, each of as many training
    pictures is held against the others. `features`: a run whose discriminator or encoder sees, unless the model's own.
    `samples`: pictures to judge instead of drawing any. Raises `DataError` for fewer than three training pictures.
    """
    if count < 1:
        raise UserError(f"count={count}, but there must be at least one sample.")
    model = resolve_model(run)
    opened = images_for(model, training).prepare()
    if len(opened) < FEWEST:
        raise DataError(f"{len(opened)} training pictures are too few to be near to: {FEWEST} or more are needed.")
    spaces: list[Pixels | Features] = [Pixels(model)]
    if features is not None:
        spaces.append(Features(resolve_model(features), "the other run's"))
    elif has_features(model):
        spaces.append(Features(model, "the model's"))
    judged = sample(model, count, seed=seed) if samples is None else _all(images_for(model, samples))
    control = _Control(model, opened, held_out, count)
    compared = []
    for number, space in enumerate(spaces):
        done = (number * len(opened), len(spaces) * len(opened))
        compared.append(_compared(space, judged, control, opened, progress, done))
    return Neighbours(
        judged,
        opened,
        tuple(compared),
        control.name,
        verdict_of(compared, control.name, held_out=control.held_out),
        _said(control, compared),
    )


class _Control:
    """The pictures that samples are held against: held-out ones, or training pictures, each without itself."""

    def __init__(self, model: Model, training: Images, held_out: ImagesLike | None, count: int) -> None:
        self.held_out = held_out is not None
        self.name = "held-out pictures" if self.held_out else "training pictures, each left out,"
        source = images_for(model, held_out).prepare() if held_out is not None else training
        places = np.linspace(0, len(source) - 1, min(count, len(source))).astype(np.int64)
        self.images = source.batch(places).images
        self.places = torch.full((len(places),), -1) if self.held_out else torch.from_numpy(places)


def _compared(
    space: Pixels | Features,
    samples: Tensor,
    control: _Control,
    training: Images,
    progress: Progress | None,
    done: tuple[int, int],
) -> Compared:
    """Samples and control go through the training pictures together: one pass."""
    judged, held = (space.rows(_all(space.opened(each))) for each in (samples, control.images))
    centre = held.mean(0)
    queries = _unit(torch.cat([judged, held]) - centre)
    leave_out = torch.cat([torch.full((len(samples),), -1), control.places])

    def blocks() -> Iterator[Tensor]:
        seen = done[0]
        for batch in space.opened(training).batches(BATCH):
            yield _unit(space.rows(batch.images) - centre)
            seen += len(batch.images)
            if progress is not None:
                progress(seen, done[1])

    distances, places = nearest(queries, blocks(), min(NEAREST, len(training)), leave_out=leave_out)
    if not float(distances[len(samples) :, 0].max()) > 0:
        which = "All held-out pictures are training pictures" if control.held_out else "All training pictures are equal"
        raise DataError(f"{which} in {space.name}, so near and far cannot be told apart: give others.")
    return compare(space.name, distances[: len(samples)], places[: len(samples)], distances[len(samples) :])


def _unit(rows: Tensor) -> Tensor:
    """Rows around the mean at length 1, so that their distance is that of their patterns.

    A pale or blurred sample lies near the mean, and so near to the palest training pictures: it is no copy of them.
    """
    return rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-6)


def _all(images: Images) -> Tensor:
    return torch.cat([batch.images for batch in images.batches(BATCH)])


def _said(control: _Control, spaces: list[Compared]) -> tuple[str, ...]:
    said = []
    if not control.held_out:
        said.append(
            "No held-out pictures were given, so the control is how near training pictures are to one another. "
            "Pictures that the model has not seen tell more: held_out=SOURCE (--held-out)."
        )
    doubles = int((spaces[0].control_distances == 0).sum())
    if doubles:
        share = f"{doubles:,} of {len(control.images):,}"
        said.append(
            f"{share} held-out pictures are among the training pictures: they are not held out."
            if control.held_out
            else f"{share} training pictures have an exact double among them."
        )
    if len(control.images) < COARSE:
        said.append(f"The control is of {len(control.images)} pictures only: its 1% is no more than its nearest one.")
    return tuple(said)
