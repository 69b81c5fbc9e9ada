"""The direction in which an attribute grows, from latents with the attribute and latents without it.

Mean difference: Larsen et al. 2016, arXiv:1512.09300, section 4.2. Normal of a linear support vector machine: Shen et
al. 2020, "Interpreting the latent space of GANs" (arXiv:1907.10786), section 2.2; `orthogonalise` is its conditional
manipulation, section 2.3.

**Standardised latents.** The numbers of a latent may have very different variances: a dimension that a VAE does not use
hardly varies, the first of PCA varies most. All is computed in standardised latents u = (z - mean) / deviation, in
which every dimension has deviation 1. There the SVM's normal n is the direction to move in, and orthogonal directions
do not change with one another. A direction of u is `deviation * u` in z. (The normal found in z itself,
deviation^-1 n, would move latents most in the dimensions that vary least.) The mean difference is the same in both.
Shape letters: N latents, D dimensions, A attributes, K directions.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np

from imagewright.errors import UserError

Method = Literal["mean", "svm"]
PENALTY = 0.01  # of the SVM's errors against its squared normal: small, to average over few pictures in many dimensions
LEFT = 0.05  # share of a direction's length below which orthogonalising has left nothing
LARGEST_COVARIANCE = 2048  # dimensions; with more, latents are assumed to be uncorrelated


@dataclass(frozen=True)
class Standardisation:
    """The distribution of latents z: mean and deviation (D,), and shrunk correlations (D, D) or None."""

    mean: np.ndarray
    deviation: np.ndarray
    correlation: np.ndarray | None

    def standardise(self, latents: np.ndarray) -> np.ndarray:
        """Latents z (N, D) as u; 0 in dimensions that do not vary."""
        return (latents - self.mean) * self._inverse

    def standardise_direction(self, direction: np.ndarray) -> np.ndarray:
        """A direction of z (D,) as a direction of u."""
        return direction * self._inverse

    @property
    def _inverse(self) -> np.ndarray:
        varies = self.deviation > 1e-6 * max(float(self.deviation.max()), 1e-12)
        return np.where(varies, 1 / np.where(varies, self.deviation, 1), 0.0)

    def deviation_along(self, direction: np.ndarray) -> float:
        """The standard deviation of u along a direction of u (D,) of any length."""
        varied = direction if self.correlation is None else self.correlation @ direction
        return float(np.sqrt(direction @ varied) / np.linalg.norm(direction))


def fit_standardisation(latents: np.ndarray) -> Standardisation:
    """The standardisation of latents (N, D), with correlations shrunk for N as by Ledoit & Wolf 2004.

    Without the shrinkage, a direction found on ten pictures a side would seem to be one of the largest variance.
    """
    from sklearn.covariance import ledoit_wolf

    fitted = Standardisation(latents.mean(0), latents.std(0), None)
    if latents.shape[1] > LARGEST_COVARIANCE:
        return fitted
    correlation, _ = ledoit_wolf(fitted.standardise(latents), assume_centered=True)
    return Standardisation(fitted.mean, fitted.deviation, correlation)


def find_direction(
    latents: np.ndarray,
    side: np.ndarray,
    standardisation: Standardisation,
    method: Method,
    others: np.ndarray | None = None,
) -> np.ndarray:
    """The direction (D,) of u in which an attribute grows. Its length is arbitrary.

    latents: z, (N, D).
    side: bool (N,), which latents have the attribute.
    method: "mean" for the difference of means, "svm" for the normal of a linear support vector machine.
    others: bool (N, A), attributes that occur together with this one and are not meant. The mean difference is then the
        attribute's coefficient in a regression of the latents on all attributes, which compares pictures that are equal
        in the others. The SVM weighs pictures so that the others are equally common on both sides.
    """
    standard = standardisation.standardise(latents)
    if method == "svm":
        return _fit_normal(standard, side, _balancing_weights(side, others))
    if others is None or not others.shape[1]:
        return np.asarray(standard[side].mean(0) - standard[~side].mean(0))
    known = np.column_stack([side, others, np.ones(len(side))]).astype(np.float64)
    return np.asarray(np.linalg.lstsq(known, standard, rcond=None)[0][0])


def _fit_normal(standard: np.ndarray, side: np.ndarray, weights: np.ndarray) -> np.ndarray:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=PENALTY, class_weight="balanced", dual=len(standard) < standard.shape[1], random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a normal close to the optimum is good enough
        machine.fit(standard, side, sample_weight=weights)
    return np.asarray(machine.coef_[0], np.float64)


def _balancing_weights(side: np.ndarray, others: np.ndarray | None) -> np.ndarray:
    """(N,), inverse propensity weights: with them `others` are about as common with the attribute as without it."""
    if others is None or not others.shape[1]:
        return np.ones(len(side))
    from sklearn.linear_model import LogisticRegression

    chance = LogisticRegression(C=1.0, max_iter=1000).fit(others, side).predict_proba(others)[:, 1].clip(0.05, 0.95)
    weights = np.where(side, side.mean() / chance, (1 - side.mean()) / (1 - chance))
    return np.asarray(weights / weights.mean())


def orthogonalise(direction: np.ndarray, others: np.ndarray) -> np.ndarray:
    """A direction (D,) minus its projection on the span of `others` (K, D). Raises `UserError` if little is left."""
    spanned = np.linalg.lstsq(others.T, direction, rcond=None)[0] @ others
    left = direction - spanned
    share = np.linalg.norm(left) / max(float(np.linalg.norm(direction)), 1e-12)
    if share < LEFT:
        raise UserError(
            f"Orthogonal to the others, {share:.1%} of the direction is left, which is nothing: it lies in their span. "
            "Leave some of orthogonal_to out."
        )
    return np.asarray(left)


def to_latent_space(direction: np.ndarray, standardisation: Standardisation) -> tuple[np.ndarray, float]:
    """A direction of u (D,) as a direction of z of length 1, and one standard deviation along it.

    The deviation is that of u, so that direction * scale moves latents equally far in any units of z.
    Raises `UserError` for a direction of length 0.
    """
    moved = direction * standardisation.deviation
    length = float(np.linalg.norm(moved))
    if not np.isfinite(length) or length < 1e-12:
        raise UserError("The two sides have the same latents: no direction leads from one to the other.")
    scale = standardisation.deviation_along(direction) * length / float(np.linalg.norm(direction))
    return moved / length, scale
