"""The scores of one method, and the ensemble of several: how far a picture's scores lie from ordinary ones.

Each method's logarithms of scores are put in deviations from the median of ordinary pictures, so that scores in any
unit can be compared. Deviations are combined as P-values are by Fisher (1932, "Statistical methods for research
workers", section 21.1): the mean of their negative logarithms. Several methods that each find a picture a little
strange count, and a single one that finds it very strange is heard. What is far below the median does not count there:
it is a copy of an ordinary picture, or nearer to the mean than any. Alarms see the second (`picture_statistics.py`).
Shape letters: N pictures, M ordinary pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from imagewright.analysis.outliers.methods import OutlierMethod

LOW, HIGH = 0.16, 0.84  # quantiles one deviation from the median, for a Gaussian
LEAST_DEVIATION = 0.1  # of a logarithm: scores that differ by a tenth do not differ
ALARM = 4.5  # deviations from which an alarm is heard: ordinary pictures of real sets reach 4.6


@dataclass(frozen=True)
class MethodScores:
    """The scores of N pictures by one method, and what an ensemble compares."""

    scores: np.ndarray  # float64 (N,), higher for outliers
    logs: np.ndarray  # float64 (N,), logarithms of scores, or negative log densities
    ordinary: np.ndarray  # float64 (M,), the same of ordinary pictures, out of sample


def deviations(found: MethodScores) -> np.ndarray:
    """How many deviations of ordinary pictures each score is from their median, (N,), negative below it."""
    return semi_deviations(found.logs, found.ordinary, LEAST_DEVIATION)


def semi_deviations(values: np.ndarray, ordinary: np.ndarray, least: float) -> np.ndarray:
    """Values (N,) in deviations from the median of ordinary ones (M,), measured separately above and below it.

    least: the smallest deviation that is divided by.
    """
    low, middle, high = np.quantile(ordinary, (LOW, 0.5, HIGH))
    above = values - middle
    return np.where(above > 0, above / max(high - middle, least), above / max(middle - low, least))


def ensemble_scores(found: Mapping[str, MethodScores], methods: Sequence[OutlierMethod]) -> np.ndarray:
    """How strange each picture is by the members together, (N,), in deviations: about 0 for ordinary pictures.

    A picture that is z deviations from ordinary by every member has z. An alarm adds to that if it is more than `ALARM`
    deviations from ordinary. If no method is a member, all are.

    found: the scores of each method, by name.
    methods: their weights.
    """
    present = [each for each in methods if each.name in found]
    members = {each.name: each.weight for each in present if each.weight and not each.is_alarm}
    if not members:
        members = dict.fromkeys(found, 1.0)
    total = sum(members.values())
    surprise = sum(weight / total * _surprise(deviations(found[name])) for name, weight in members.items())
    for alarm in (each for each in present if each.is_alarm and each.name not in members):
        excess = _surprise(found[alarm.name].scores) - _surprise(np.array(ALARM))  # its scores are deviations
        surprise = surprise + alarm.weight * np.maximum(excess, 0)
    return _deviations_of(np.asarray(surprise))


def _surprise(deviation: np.ndarray) -> np.ndarray:
    """The negative logarithm of the P-value of a Gaussian."""
    from scipy.special import log_ndtr

    return -log_ndtr(-deviation)


def _deviations_of(surprise: np.ndarray) -> np.ndarray:
    """The deviation whose P-value has that negative logarithm: the inverse of `_surprise`."""
    from scipy.special import ndtri_exp

    return np.round(-ndtri_exp(-surprise), 9) + 0.0  # no negative zero


def tidy(scores: np.ndarray) -> np.ndarray:
    """Scores to be shown: what differs from 0 by rounding only is 0."""
    largest = float(np.abs(scores).max(initial=0.0))
    return np.where(np.abs(scores) <= 1e-6 * largest, 0.0, scores)
