"""Test a model for memorised training pictures: its samples beside the nearest training pictures.

Training pictures are streamed once for each space, and only the nearest are held in memory. Pictures that are in the
training set more than once count once: the nearest picture and the next fifty are different pictures, and the control
is not made of duplicates.
Shape letters: S samples, K nearest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from imagewright.errors import DataError, UserError, count_text
from imagewright.images import Images
from imagewright.images.checks.repeats import Repeats, describe_repeats, find_repeats, find_shared
from imagewright.latent.neighbours.spaces import FeatureSpace, NetworkSpace, PixelSpace, has_features, names_network
from imagewright.latent.neighbours.verdict import CONTROL_SHARE, SpaceComparison, compare_distances, state_verdict
from imagewright.model import Model
from imagewright.notebooks import NotebookDisplay
from imagewright.progress import Progress
from imagewright.reprs import MORE, SHOWS, short_repr
from imagewright.runs.loading import training_notes
from imagewright.shared_work import sharing_ranks
from imagewright.statistics.nearest_neighbours import nearest_in_blocks
from imagewright.verbs.apply import ImagesLike, RunLike, images_for, resolve_model, sample

if TYPE_CHECKING:
    from imagewright.output.sheets import Sheet

NEAREST = 51  # the nearest one, and fifty others that its distance is divided by
FEWEST = 3  # training pictures: one left out, its nearest, and another to compare with
COARSE = 100  # pictures of the control; of fewer, 1% is less than one picture
BATCH = 1024
Space = PixelSpace | FeatureSpace | NetworkSpace


@dataclass(frozen=True)
class Neighbours(NotebookDisplay):
    """Samples and their nearest training pictures.

    samples: uint8 (S, C, H, W).
    training: the training pictures.
    spaces: the comparison in each space.
    control: the pictures that samples are compared with: "held-out pictures" or "training pictures, each left out,".
    verdict: one sentence.
    notes: for the user.
    model: of the samples.
    settings: of the comparison, for a record; with the `seed` of the samples.
    samples_given: whether the samples were given, and are none of the seed.
    """

    samples: Tensor
    training: Images
    spaces: tuple[SpaceComparison, ...]
    control: str
    verdict: str
    notes: tuple[str, ...]
    model: Model = field(repr=False)
    settings: dict[str, Any]
    seed: int
    samples_given: bool = False

    def __repr__(self) -> str:
        return short_repr(self, self.verdict.rstrip("."), SHOWS, MORE)

    @property
    def memorised(self) -> bool:
        """Whether there are significantly many copies of training pictures among the samples, in any space."""
        return any(space.has_copies for space in self.spaces)

    def suspects(self) -> Tensor:
        """The samples, most like a copy first, int64 (S,)."""
        return torch.stack([space.relative / max(space.threshold, 1e-12) for space in self.spaces]).amin(0).argsort()

    def lines(self) -> list[str]:
        """A table with a line for each space, and the verdict."""
        return [
            f"{'space':<24}{'samples below':>14}{'control':>9}{'p-value':>11}{'C_T':>8}",
            *(
                f"{space.space:<24}{space.share:>14.1%}{CONTROL_SHARE:>9.1%}{space.p_value:>11.2g}"
                f"{space.statistic:>+8.1f}"
                for space in self.spaces
            ),
            self.verdict,
        ]

    def to_dict(self) -> dict[str, Any]:
        """The verdict and the numbers of each space, as JSON values."""
        numbers = ("threshold", "share", "p_value", "statistic", "relatively_nearer", "far_below", "control_far_below")
        return {
            "memorised": self.memorised,
            "verdict": self.verdict,
            "control": self.control.rstrip(","),
            "spaces": {space.space: {name: getattr(space, name) for name in numbers} for space in self.spaces},
            **self.settings,
            "seed": self.seed,
        }

    def sheet(self) -> Sheet:
        """The eight samples most like a copy beside their nearest training pictures, over all distances."""
        from imagewright.latent.neighbours.sheet import neighbours_sheet

        return neighbours_sheet(self)


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
    """Compare samples of a run with the pictures that it was trained on.

    run: a run, its directory, a weights file or a model.
    training: the pictures that it was trained on, three or more.
    held_out: similar pictures that it was not trained on: the control. Without them, the control is as many training
        pictures, each compared with the others.
    count: samples, and at most as many pictures of the control.
    features: another run, or a fixed network by name (`open_network`), whose features are used instead of the model's
        own.
    samples: pictures to compare instead of samples of the run.
    seed: of the samples.
    progress: called with (training pictures compared, all comparisons).
    Raises `DataError` for fewer than three training pictures or absent weights, and `UserError` for a `features` run
    without features.
    """
    if count < 1:
        raise UserError(f"count={count}, but there must be at least one sample.")
    model = resolve_model(run)
    opened = images_for(model, training).prepare()
    if len(opened) < FEWEST:
        raise DataError(f"{len(opened)} training pictures are too few to be near to: {FEWEST} or more are needed.")
    spaces = _choose_spaces(model, features)
    compared = sample(model, count, seed=seed) if samples is None else _read_all(images_for(model, samples))
    distinct = _Distinct.of(opened)
    control = _Control(model, distinct, held_out, count)
    comparisons = []
    for number, space in enumerate(spaces):
        done = (number * len(distinct.images), len(spaces) * len(distinct.images))
        found = _compare(space, compared, control, distinct.images, progress, done)
        comparisons.append(replace(found, indices=distinct.places(found.indices)))
    settings = {"source": Path(opened.source).name, "count": count}
    settings |= {} if control.source is None else {"held_out": control.source}
    return Neighbours(
        compared,
        opened,
        tuple(comparisons),
        control.name,
        state_verdict(comparisons, control.name, held_out=control.held_out),
        (*training_notes(model), *distinct.notes(), *control.notes()),
        model,
        settings,
        seed,
        samples is not None,
    )


def _choose_spaces(model: Model, features: RunLike | None) -> list[Space]:
    spaces: list[Space] = [PixelSpace(model)]
    if names_network(features):
        spaces.append(NetworkSpace(model, features))
    elif features is not None:
        spaces.append(FeatureSpace(resolve_model(features), "the other run's"))
    elif has_features(model):
        spaces.append(FeatureSpace(model, "the model's"))
    return spaces


@dataclass(frozen=True)
class _Distinct:
    """The training pictures without repeats: `images`, the pictures `rows` of `training`."""

    training: Images
    images: Images
    rows: np.ndarray
    repeats: Repeats

    @classmethod
    def of(cls, training: Images) -> _Distinct:
        repeats = find_repeats(training)
        rows = repeats.distinct
        if len(rows) < FEWEST <= len(training) - repeats.equal:
            # Frames of a video are nearly equal one after another, up to a single group: then only copies go.
            repeats = replace(repeats, first=repeats.first_equal, near=0)
            rows = repeats.distinct
        if len(rows) < FEWEST:
            which = "All training pictures are equal" if len(rows) == 1 else "There are only two different pictures"
            raise DataError(f"{which}, so near and far cannot be told apart: {FEWEST} different ones are needed.")
        return cls(training, training.subset(rows) if repeats.count else training, rows, repeats)

    def places(self, indices: Tensor) -> Tensor:
        """Places among all training pictures, of places among the distinct ones; -1 stays."""
        return torch.where(indices < 0, -1, torch.from_numpy(self.rows)[indices])

    def notes(self) -> list[str]:
        if not self.repeats.count:
            return []
        return [
            f"{self.repeats.count:,} of {len(self.training):,} training pictures repeat another "
            f"({self.repeats.described()}): each picture counts once."
        ]


class _Control:
    """The pictures that samples are compared with: held-out pictures, or training pictures, each without itself."""

    def __init__(self, model: Model, training: _Distinct, held_out: ImagesLike | None, count: int) -> None:
        self.held_out = held_out is not None
        self.name = "held-out pictures" if self.held_out else "training pictures, each left out,"
        images = images_for(model, held_out).prepare() if held_out is not None else training.images
        self.source = Path(images.source).name if self.held_out else None
        indices = np.linspace(0, len(images) - 1, min(count, len(images))).astype(np.int64)
        self.own_index = torch.from_numpy(indices)
        self.seen = self.equal = 0
        self.of = len(indices)
        if self.held_out:
            chosen = images.subset(indices)
            shared = find_shared(chosen, training.images, training.repeats.hashes.of(training.rows))
            self.equal, self.seen = len(shared.equal), len(shared.equal) + len(shared.near)
            indices = np.delete(indices, np.concatenate([shared.equal[:, 0], shared.near[:, 0]]))
            if not len(indices):
                raise DataError(
                    "All held-out pictures are training pictures, so near and far cannot be told apart: give others."
                )
            self.own_index = torch.full((len(indices),), -1)
        self.images = images.batch(indices).images

    def notes(self) -> list[str]:
        notes = []
        if not self.held_out:
            notes.append(
                "No held-out pictures were given, so the control is how near training pictures are to one another. "
                "Pictures that the model has not seen tell more (--held-out SOURCE)."
            )
        if self.seen:
            notes.append(
                f"{self.seen:,} of {self.of:,} held-out pictures are among the training pictures "
                f"({describe_repeats(self.equal, self.seen - self.equal)}): they are left out of the control."
            )
        if len(self.images) < COARSE:
            notes.append(
                f"The control has only {count_text(len(self.images), 'picture')}: its 1% is no more than its "
                "nearest one."
            )
        return notes


def _compare(
    space: Space,
    samples: Tensor,
    control: _Control,
    training: Images,
    progress: Progress | None,
    done: tuple[int, int],
) -> SpaceComparison:
    """Compare samples and control with the training pictures, in one pass over these."""
    sample_rows, control_rows = (space.rows(_read_all(space.open(each))) for each in (samples, control.images))
    centre = control_rows.mean(0)
    queries = _normalise(torch.cat([sample_rows, control_rows]) - centre)
    leave_out = torch.cat([torch.full((len(samples),), -1), control.own_index])

    opened, ranks = space.open(training), sharing_ranks()
    blocks = -(-len(training) // BATCH)

    def rows(number: int) -> Tensor:
        found = _normalise(space.rows(next(opened.batches(BATCH, number, blocks)).images) - centre)
        if progress is not None:
            progress(done[0] + min((number + ranks) * BATCH, len(training)), done[1])
        return found

    wanted = min(NEAREST, len(training))
    distances, indices = nearest_in_blocks(queries, rows, blocks, BATCH, wanted, leave_out=leave_out)
    if not float(distances[len(samples) :, 0].max()) > 0:
        which = "All held-out pictures are training pictures" if control.held_out else "All training pictures are equal"
        raise DataError(f"{which} in {space.name}, so near and far cannot be told apart: give others.")
    return compare_distances(space.name, distances[: len(samples)], indices[: len(samples)], distances[len(samples) :])


def _normalise(rows: Tensor) -> Tensor:
    """Centred rows at length 1, so that distances compare patterns and not contrast.

    A pale or blurred sample lies near the mean, and therefore near the palest training pictures without being a copy.
    """
    return rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-6)


def _read_all(images: Images) -> Tensor:
    return torch.cat([batch.images for batch in images.batches(BATCH)])
