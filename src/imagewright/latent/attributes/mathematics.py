"""The direction in which an attribute grows, found from latents that have it and latents that have not.

Mean difference: Larsen et al. 2016, arXiv:1512.09300, section 4.2. The normal of a linear support vector machine: Shen
et al. 2020, "Interpreting the latent space of GANs" (arXiv:1907.10786), section 2.2; its conditional manipulation,
section 2.3, is the projection below.

**The metric.** Latents need not be alike in all places: a dimension that a VAE does not use hardly moves, the first of
PCA's moves most. All is done in standardised latents, u = (z - mean) / deviation in every place, where one unit is one
deviation whichever way: there the machine's normal n is the way to move, and to be orthogonal means that the one does
not change with the other. Moved back, u's direction is `deviation * u` in z. (A normal taken for a way to move in z
itself, deviation^-1 n, would move farthest where latents hardly move.) The mean difference is the same in any metric.
Shape letters: N latents, D numbers of one, A attributes, K directions.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np

from imagewright.errors import UserError

Method = Literal["mean", "svm"]
PENALTY = (
    0.01  # of errors against the squared normal: small, so that ten pictures a side in many dimensions are averaged
)
LEFT = 0.05  # of a direction, below which orthogonalising has left nothing of it
LARGEST_COVARIANCE = 2048  # dimensions; above it latents are taken for uncorrelated


@dataclass(frozen=True)
class Spread:
    """What latents are like: `mean` and `deviation` in every place (D,), and their correlations, shrunk (D, D)."""

    mean: np.ndarray
    deviation: np.ndarray
    correlation: np.ndarray | None

    def standardised(self, latents: np.ndarray) -> np.ndarray:
        """u of z, (N, D); 0 in places where no latent moves."""
        return (latents - self.mean) * self._inverse

    def standardised_direction(self, direction: np.ndarray) -> np.ndarray:
        """The direction of z (D,) as one of u."""
        return direction * self._inverse

    @property
    def _inverse(self) -> np.ndarray:
        moving = self.deviation > 1e-6 * max(float(self.deviation.max()), 1e-12)
        return np.where(moving, 1 / np.where(moving, self.deviation, 1), 0.0)

    def length_of(self, direction: np.ndarray) -> float:
        """One standard deviation of u along a direction of u (D,), over the direction's length."""
        varied = direction if self.correlation is None else self.correlation @ direction
        return float(np.sqrt(direction @ varied) / np.linalg.norm(direction))


def spread_of(latents: np.ndarray) -> Spread:
    """The spread of latents (N, D). Correlations are shrunk as far as N calls for (Ledoit & Wolf 2004).

    Without the shrinking, a direction found on ten pictures a side would seem to be one along which latents vary most.
    """
    from sklearn.covariance import ledoit_wolf

    found = Spread(latents.mean(0), latents.std(0), None)
    if latents.shape[1] > LARGEST_COVARIANCE:
        return found
    correlation, _ = ledoit_wolf(found.standardised(latents), assume_centered=True)
    return Spread(found.mean, found.deviation, correlation)


def direction_of(
    latents: np.ndarray, side: np.ndarray, spread: Spread, method: Method, others: np.ndarray | None = None
) -> np.ndarray:
    """The direction (D,) of u in which the attribute of `side`, bool (N,), grows. Of no set length.

    `others`, bool (N, A): attributes that come with it in these pictures and are not meant. The mean difference is then
    the attribute's coefficient in a regression of the latents on all at once, which is the difference between pictures
    equal in the others; the machine weighs each picture so that the others are as common on both sides.
    """
    standard = spread.standardised(latents)
    if method == "svm":
        return _normal(standard, side, _balancing(side, others))
    if others is None or not others.shape[1]:
        return np.asarray(standard[side].mean(0) - standard[~side].mean(0))
    known = np.column_stack([side, others, np.ones(len(side))]).astype(np.float64)
    return np.asarray(np.linalg.lstsq(known, standard, rcond=None)[0][0])


def _normal(standard: np.ndarray, side: np.ndarray, weights: np.ndarray) -> np.ndarray:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=PENALTY, class_weight="balanced", dual=len(standard) < standard.shape[1], random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a normal a hair off the best is the same direction
        machine.fit(standard, side, sample_weight=weights)
    return np.asarray(machine.coef_[0], np.float64)


def _balancing(side: np.ndarray, others: np.ndarray | None) -> np.ndarray:
    """(N,) weights under which `others` are about as common with the attribute as without: odds of a logistic model."""
    if others is None or not others.shape[1]:
        return np.ones(len(side))
    from sklearn.linear_model import LogisticRegression

    chance = LogisticRegression(C=1.0, max_iter=1000).fit(others, side).predict_proba(others)[:, 1].clip(0.05, 0.95)
    weights = np.where(side, side.mean() / chance, (1 - side.mean()) / (1 - chance))
    return np.asarray(weights / weights.mean())


def orthogonalised(direction: np.ndarray, others: np.ndarray) -> np.ndarray:
    """A direction (D,) less its part in the span of `others` (K, D). Raises `UserError` where hardly any is left."""
    spanned = np.linalg.lstsq(others.T, direction, rcond=None)[0] @ others
    left = direction - spanned
    share = np.linalg.norm(left) / max(float(np.linalg.norm(direction)), 1e-12)
    if share < LEFT:
        raise UserError(
            f"Orthogonal to the others, {share:.1%} of the direction is left, which is nothing: it lies in their span. "
            "Leave some of orthogonal_to out."
        )
    return np.asarray(left)


def in_latents(direction: np.ndarray, spread: Spread) -> tuple[np.ndarray, float]:
    """A direction of u (D,) as one of z, of length 1, and how far along it one standard deviation is.

    That deviation is of u: added to z, direction * scale moves as far in any units of z.
    """
    moved = direction * spread.deviation
    length = float(np.linalg.norm(moved))
    if not np.isfinite(length) or length < 1e-12:
        raise UserError("The two sides have the same latents: no direction leads from the one to the other.")
    return moved / length, spread.length_of(direction) * length / float(np.linalg.norm(direction))
