"""One direction found on evidence: balanced, orthogonalised, brought back to the model's latents, and tried out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imagewright.capabilities import Decodes, latent_parts_of, require
from imagewright.errors import UserError, nearest_name
from imagewright.latent import store as kept
from imagewright.latent.attributes.effect import Effect
from imagewright.latent.attributes.evidence import Evidence
from imagewright.latent.attributes.labels import Labelled
from imagewright.latent.attributes.mathematics import (
    Method,
    direction_of,
    in_latents,
    orthogonalised,
    spread_of,
)
from imagewright.model import Model
from imagewright.runs.run import Run

EVERY_OTHER = "all"
FOLDS = 5
SAME = 0.01  # of the variance of an attribute, left when others are known: below it they cannot be told apart


@dataclass(frozen=True)
class Attribute:
    """A direction in a model's latents, of length 1, and `scale`, one standard deviation of the latents along it.

    `counts`: pictures with it and without. `told_apart`: the chance that a picture with it lies farther along
    the direction than one without (the area under the ROC curve), on pictures that it was not found on; None where too
    few are known. `examples` (latents) and `pictures` (uint8, or None for samples) are a few to show it on. `said`:
    what the user should know.
    """

    name: str
    direction: Tensor
    scale: float
    method: Method
    counts: tuple[int, int]
    told_apart: float | None
    balance: tuple[str, ...]
    orthogonal_to: tuple[str, ...]
    source: str
    examples: Tensor
    pictures: Tensor | None
    effect: Effect | None
    said: tuple[str, ...]
    kept: Path | None = None

    @property
    def step(self) -> Tensor:
        """What is added to a latent to move it by a strength of 1."""
        return self.direction * self.scale

    def found(self) -> str:
        """How it was found, in a few words."""
        how = {"mean": "mean difference", "svm": "normal of a linear machine"}[self.method]
        others = [("balanced over", self.balance), ("orthogonal to", self.orthogonal_to)]
        said = [f"{words} {', '.join(names)}" for words, names in others if names]
        return ", ".join([f"{self.name} by {how}", f"{self.counts[0]:,} with and {self.counts[1]:,} without", *said])


def found_on(
    model: Model,
    home: Run | None,
    evidence: Evidence,
    name: str,
    method: Method,
    balance: tuple[str, ...],
    orthogonal_to: tuple[str, ...],
) -> Attribute:
    """The direction of an attribute; see `attributes.attribute`."""
    search = _Search(model, home, evidence.labelled, method)
    side = evidence.labelled.side(name)
    direction = direction_of(search.latents, side, search.spread, method, _others(evidence.labelled, name, balance))
    if orthogonal_to:
        direction = orthogonalised(direction, np.stack([search.other(each) for each in orthogonal_to]))
    moved, scale = in_latents(direction, search.spread)
    whole = np.zeros(search.numbers)
    whole[search.places] = moved
    shape = require(model, Decodes).latent_shape
    return Attribute(
        name,
        torch.from_numpy(whole).float().reshape(shape),
        scale,
        method,
        search.counts(side),
        _told_apart(evidence, name, search, direction),
        balance,
        orthogonal_to,
        evidence.source,
        evidence.examples,
        evidence.pictures,
        None,
        (*evidence.said, *search.said),
    )


class _Search:
    """Latents of the places that can be moved, (N, D) in float64, and what they are like."""

    def __init__(self, model: Model, home: Run | None, labelled: Labelled, method: Method) -> None:
        self.model, self.home, self.labelled, self.method = model, home, labelled, method
        self.places = movable_places(model)
        self.numbers = labelled.latents[0].numel()
        self.latents = self.movable(labelled.latents)
        self.spread = spread_of(self.latents)
        self.said: list[str] = []

    def movable(self, latents: Tensor) -> np.ndarray:
        return latents.flatten(1).double().numpy()[:, self.places]

    def counts(self, side: np.ndarray) -> tuple[int, int]:
        """Pictures with an attribute and without, mirror images not counted."""
        pictures = self.labelled.pictures
        if pictures is None:
            return int(side.sum()), int((~side).sum())
        return len(np.unique(pictures[side])), len(np.unique(pictures[~side]))

    def other(self, name: str) -> np.ndarray:
        """The direction of u of another attribute of the same pictures, or of a direction kept in the run."""
        if name in self.labelled.names:
            side = self.labelled.side(name)
            if side.all() or not side.any():
                raise UserError(f"orthogonal_to={name}: all pictures or none have it, so it has no direction here.")
            return direction_of(self.latents, side, self.spread, self.method)
        known = [] if self.home is None else kept.names_of(self.home, "direction")
        if name not in known and not name.endswith(kept.SUFFIX):
            raise UserError(
                f"orthogonal_to={name} is no attribute of these pictures and no direction kept in the run."
                f"{nearest_name(name, [*self.labelled.names, *known])}"
            )
        found = kept.find(self.home, self.model, name, "direction")
        self.said += found.said
        return self.spread.standardised_direction(self.movable(found.tensors["direction"][None])[0])


def movable_places(model: Model) -> np.ndarray:
    """The places of a flattened latent along which one can go: not those of a category or of given attributes."""
    parts = latent_parts_of(model)
    free = [part for part in parts if part.kind in ("normal", "uniform")]
    return np.concatenate([np.arange(part.start, part.stop) for part in free])


def _others(labelled: Labelled, name: str, balance: tuple[str, ...]) -> np.ndarray | None:
    """bool (N, A) of the attributes to balance over, those that vary."""
    if not balance:
        return None
    names = [each for each in labelled.names if each != name] if EVERY_OTHER in balance else list(balance)
    if name in names:
        raise UserError(f"balance={name} is the attribute itself: name others that come with it.")
    columns = np.column_stack([labelled.side(each) for each in names]).astype(np.float64)
    side = labelled.side(name).astype(np.float64)
    known = np.column_stack([columns, np.ones(len(side))])
    left = side - known @ np.linalg.lstsq(known, side, rcond=None)[0]
    if left.var() < SAME * side.var():
        raise UserError(
            f"{name} follows from {', '.join(names[:6])}{' ...' if len(names) > 6 else ''}, so that it cannot be "
            "balanced over them: name fewer. (Of classes, each follows from the others.)"
        )
    return columns > 0.5


def _told_apart(evidence: Evidence, name: str, search: _Search, direction: np.ndarray) -> float | None:
    """The area under the ROC curve on latents of held-out pictures; of few marked ones, by cross-validation."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold

    if evidence.test is not None:
        side = evidence.test.side(name)
        if side.all() or not side.any():
            return None
        along = search.spread.standardised(search.movable(evidence.test.latents)) @ direction
        return float(roc_auc_score(side, along))
    side, latents = evidence.labelled.side(name), search.latents
    pictures = np.arange(len(side)) if evidence.labelled.pictures is None else evidence.labelled.pictures
    if min(len(np.unique(pictures[side])), len(np.unique(pictures[~side]))) < FOLDS:
        return None
    areas = []
    for rows, tested in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(latents, side, pictures):
        if side[tested].all() or not side[tested].any():
            continue
        known = spread_of(latents[rows])
        along = known.standardised(latents[tested]) @ direction_of(latents[rows], side[rows], known, search.method)
        areas.append(roc_auc_score(side[tested], along))
    return float(np.mean(areas)) if areas else None
