"""Build an attribute's direction from evidence: find it, orthogonalise it, bring it to latent space, and test it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from imagewright.capabilities import Decodes, latent_parts_of, require
from imagewright.errors import UserError, nearest_name
from imagewright.latent import store
from imagewright.latent.attributes.effect import Effect
from imagewright.latent.attributes.evidence import Evidence
from imagewright.latent.attributes.labels import LabelledLatents
from imagewright.latent.attributes.mathematics import (
    Method,
    find_direction,
    fit_standardisation,
    orthogonalise,
    to_latent_space,
)
from imagewright.metrics.intervals import NORMAL_QUANTILE, auc_error
from imagewright.model import Model
from imagewright.notebooks import NotebookDisplay
from imagewright.reprs import MORE, SHOWS, short_repr
from imagewright.runs.run import Run

if TYPE_CHECKING:
    from imagewright.output.sheets import Sheet

ALL_OTHERS = "all"
FOLDS = 5
UNEXPLAINED = 0.01  # share of an attribute's variance: below it, the other attributes determine it
HARDLY = 0.6  # area under the ROC curve; 0.5 is chance
METHODS = {"mean": "mean difference", "svm": "normal of a linear support vector machine"}


@dataclass(frozen=True)
class Attribute(NotebookDisplay):
    """A direction along which an attribute grows.

    name: of the attribute.
    direction: float32 (*latent shape), of length 1.
    scale: one standard deviation of the latents along it.
    method: "mean" or "svm".
    counts: pictures with the attribute, and without it.
    auc: area under the ROC curve on latents that the direction was not found on: the probability that a picture with
        the attribute lies farther along the direction than one without it. None if too few are labelled.
    balance: the attributes that it was balanced over.
    orthogonal_to: the attributes or directions that it is orthogonal to.
    source: the name of the source.
    examples: latents (E, *latent shape) to show it on.
    pictures: uint8 (E, C, H, W) of the examples; None if they are samples.
    effect: measured with a classifier, or None.
    notes: for the user.
    model: that the direction is of.
    saved: the file that it was saved in, or None.
    tested: pictures (or samples) with the attribute and without it that `auc` was measured on, or None.
    is_held_out: whether these were held out; else `auc` is of cross-validation.
    """

    name: str
    direction: Tensor
    scale: float
    method: Method
    counts: tuple[int, int]
    auc: float | None
    balance: tuple[str, ...]
    orthogonal_to: tuple[str, ...]
    source: str
    examples: Tensor
    pictures: Tensor | None
    effect: Effect | None
    notes: tuple[str, ...]
    model: Model = field(repr=False)
    saved: Path | None = None
    tested: tuple[int, int] | None = None
    is_held_out: bool = False

    def __repr__(self) -> str:
        quality = "" if self.auc is None else f", AUC {self.auc:.2f}"
        with_it, without = self.counts
        what = f"{self.name}, from {with_it:,} pictures with it and {without:,} without{quality}"
        return short_repr(self, what, ".direction, .scale", SHOWS, MORE)

    @property
    def step(self) -> Tensor:
        """The change of a latent for a strength of 1, (*latent shape)."""
        return self.direction * self.scale

    def summary(self) -> str:
        """How it was found, in a few words."""
        others = [("balanced over", self.balance), ("orthogonal to", self.orthogonal_to)]
        named = [f"{words} {', '.join(names)}" for words, names in others if names]
        counted = f"{self.counts[0]:,} with and {self.counts[1]:,} without"
        return ", ".join([f"{self.name} by {METHODS[self.method]}", counted, *named])

    def lines(self) -> list[str]:
        """How it was found, how well it separates, and its effect if measured, in sentences."""
        lines = [f"{self.summary()}; one standard deviation is {self.scale:.3g}."]
        if self.auc is not None:
            lines.append(
                f"Along it, a picture with it lies farther than one without in {self.auc:.0%} of pairs{self._tested()}."
            )
            if self.auc < HARDLY:
                lines.append(
                    "That is little more than chance: the model may not have learned it (train it longer, or try "
                    "another model, such as pca), or the labelled pictures are too few (give more)."
                )
        return lines if self.effect is None else [*lines, *self.effect.lines()]

    @property
    def auc_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of `auc`; None if it was not measured."""
        if self.auc is None or self.tested is None:
            return None
        error = auc_error(self.auc, *self.tested)
        return max(0.0, self.auc - NORMAL_QUANTILE * error), min(1.0, self.auc + NORMAL_QUANTILE * error)

    def _tested(self) -> str:
        """On what the area was measured, and its interval, in words."""
        interval = self.auc_interval
        if interval is None or self.tested is None:
            return ""
        how = "held-out" if self.is_held_out else "cross-validated"
        return (
            f" ({interval[0]:.0%} to {interval[1]:.0%} at 95 % confidence, by {self.tested[0]:,} {how} with it and "
            f"{self.tested[1]:,} without)"
        )

    def to_dict(self) -> dict[str, Any]:
        """How it was found and how well it separates, as JSON values; without the direction itself."""
        return {
            "found": self.summary(),
            "attribute": self.name,
            "source": self.source,
            "method": self.method,
            "counts": list(self.counts),
            "auc": self.auc,
            "auc_interval": None if self.auc_interval is None else list(self.auc_interval),
            "tested": None if self.tested is None else list(self.tested),
            "balance": list(self.balance),
            "orthogonal_to": list(self.orthogonal_to),
            "effect": None if self.effect is None else self.effect.to_dict(),
        }

    def save(self, run: Run, name: str, *, force: bool = False) -> Path:
        """Save the direction in a run under a name, and return the file. Raises as `store.new_path` does."""
        tensors = {"direction": self.direction, "scale": torch.tensor(self.scale)}
        return store.save(run, self.model, name, "direction", tensors, self.to_dict(), force=force)

    def sheet(self, strengths: Sequence[float] | None = None) -> Sheet:
        """The examples moved along the direction, from -3 to 3 standard deviations by default."""
        from imagewright.latent.attributes.sheet import STRENGTHS, attribute_sheet

        return attribute_sheet(self, STRENGTHS if strengths is None else strengths)


def build_attribute(
    model: Model,
    run: Run | None,
    evidence: Evidence,
    name: str,
    method: Method,
    balance: tuple[str, ...],
    orthogonal_to: tuple[str, ...],
) -> Attribute:
    """The direction of an attribute from evidence. `attributes.find.attribute` documents the arguments and errors.

    run: in which `orthogonal_to` looks up saved directions, or None.
    """
    search = _Search(model, run, evidence.labelled, method)
    side = evidence.labelled.side(name)
    others = _balanced_attributes(evidence.labelled, name, balance)
    direction = find_direction(search.latents, side, search.standardisation, method, others)
    if orthogonal_to:
        direction = orthogonalise(direction, np.stack([search.find_other(each) for each in orthogonal_to]))
    moved, scale = to_latent_space(direction, search.standardisation)
    auc, tested = _measure_auc(evidence, name, search, direction), None
    if auc is not None:
        tested = search.counts(side) if evidence.test is None else _sides(evidence.test.side(name))
    whole = np.zeros(search.numbers)
    whole[search.dimensions] = moved
    shape = require(model, Decodes).latent_shape
    return Attribute(
        name,
        torch.from_numpy(whole).float().reshape(shape),
        scale,
        method,
        search.counts(side),
        auc,
        balance,
        orthogonal_to,
        evidence.source,
        evidence.examples,
        evidence.pictures,
        None,
        (*evidence.notes, *search.notes),
        model,
        tested=tested,
        is_held_out=evidence.test is not None,
    )


def _sides(side: np.ndarray) -> tuple[int, int]:
    return int(side.sum()), int((~side).sum())


class _Search:
    """The movable dimensions of latents, (N, D) in float64, and their standardisation."""

    def __init__(self, model: Model, run: Run | None, labelled: LabelledLatents, method: Method) -> None:
        self.model, self.run, self.labelled, self.method = model, run, labelled, method
        self.dimensions = movable_dimensions(model)
        self.numbers = labelled.latents[0].numel()
        self.latents = self.select(labelled.latents)
        self.standardisation = fit_standardisation(self.latents)
        self.notes: list[str] = []

    def select(self, latents: Tensor) -> np.ndarray:
        """The movable dimensions of latents, (N, D)."""
        return latents.flatten(1).double().numpy()[:, self.dimensions]

    def counts(self, side: np.ndarray) -> tuple[int, int]:
        """Pictures with an attribute and without it; mirror images are not counted."""
        pictures = self.labelled.pictures
        if pictures is None:
            return _sides(side)
        return len(np.unique(pictures[side])), len(np.unique(pictures[~side]))

    def find_other(self, name: str) -> np.ndarray:
        """The standardised direction of another attribute of the same pictures, or of a direction saved in the run."""
        if name in self.labelled.names:
            side = self.labelled.side(name)
            if side.all() or not side.any():
                raise UserError(f"orthogonal_to={name}: all pictures or none have it, so it has no direction here.")
            return find_direction(self.latents, side, self.standardisation, self.method)
        known = [] if self.run is None else store.names_of(self.run, "direction")
        if name not in known and not name.endswith(store.SUFFIX):
            raise UserError(
                f"orthogonal_to={name} is no attribute of these pictures and no direction saved in the run."
                f"{nearest_name(name, [*self.labelled.names, *known])}"
            )
        saved = store.load(self.run, self.model, name, "direction")
        self.notes += saved.notes
        return self.standardisation.standardise_direction(self.select(saved.tensors["direction"][None])[0])


def movable_dimensions(model: Model) -> np.ndarray:
    """The dimensions of a flattened latent that a direction may change: all but categories and given attributes."""
    parts = latent_parts_of(model)
    free = [part for part in parts if part.kind in ("normal", "uniform")]
    return np.concatenate([np.arange(part.start, part.stop) for part in free])


def _balanced_attributes(labelled: LabelledLatents, name: str, balance: tuple[str, ...]) -> np.ndarray | None:
    """bool (N, A) of the attributes to balance over. Raises `UserError` if they determine the attribute itself."""
    if not balance:
        return None
    names = [each for each in labelled.names if each != name] if ALL_OTHERS in balance else list(balance)
    if name in names:
        raise UserError(f"balance={name} is the attribute itself: name others that occur together with it.")
    columns = np.column_stack([labelled.side(each) for each in names]).astype(np.float64)
    side = labelled.side(name).astype(np.float64)
    known = np.column_stack([columns, np.ones(len(side))])
    left = side - known @ np.linalg.lstsq(known, side, rcond=None)[0]
    if left.var() < UNEXPLAINED * side.var():
        raise UserError(
            f"{name} follows from {', '.join(names[:6])}{' ...' if len(names) > 6 else ''}, so that it cannot be "
            "balanced over them: name fewer. (Of classes, each follows from the others.)"
        )
    return columns > 0.5


def _measure_auc(evidence: Evidence, name: str, search: _Search, direction: np.ndarray) -> float | None:
    """The area under the ROC curve on held-out latents; without any, by cross-validation over pictures."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold

    if evidence.test is not None:
        side = evidence.test.side(name)
        if side.all() or not side.any():
            return None
        along = search.standardisation.standardise(search.select(evidence.test.latents)) @ direction
        return float(roc_auc_score(side, along))
    side, latents = evidence.labelled.side(name), search.latents
    pictures = np.arange(len(side)) if evidence.labelled.pictures is None else evidence.labelled.pictures
    if min(len(np.unique(pictures[side])), len(np.unique(pictures[~side]))) < FOLDS:
        return None
    areas = []
    for rows, tested in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(latents, side, pictures):
        if side[tested].all() or not side[tested].any():
            continue
        fitted = fit_standardisation(latents[rows])
        fold = find_direction(latents[rows], side[rows], fitted, search.method)
        areas.append(roc_auc_score(side[tested], fitted.standardise(latents[tested]) @ fold))
    return float(np.mean(areas)) if areas else None
