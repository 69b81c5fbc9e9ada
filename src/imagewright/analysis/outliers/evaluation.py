"""Evaluation of an outlier ranking against pictures that are known to be outliers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagewright.errors import DataError, UserError, nearest_name
from imagewright.images import Images


@dataclass(frozen=True, kw_only=True)
class RankingMetrics:
    """How well scores separate known outliers from ordinary pictures."""

    auroc: float  # P(score of an outlier > score of an ordinary picture); 0.5 is chance
    average_precision: float  # area under the precision-recall curve, outliers being the positives
    strange: int  # number of outliers
    ordinary: int  # number of ordinary pictures


def ranking_metrics(is_outlier: np.ndarray, scores: np.ndarray) -> RankingMetrics:
    """AUROC and average precision (scikit-learn).

    is_outlier: bool (N,).
    scores: (N,), higher for outliers.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    return RankingMetrics(
        auroc=float(roc_auc_score(is_outlier, scores)),
        average_precision=float(average_precision_score(is_outlier, scores)),
        strange=int(is_outlier.sum()),
        ordinary=int((~is_outlier).sum()),
    )


def known_outliers(images: Images, normal: Sequence[str], strange: Sequence[str]) -> np.ndarray | None:
    """Which pictures are outliers according to their labels, bool (N,); None if no names are given.

    images: N pictures with labels or 0/1 attributes.
    normal: names of classes or attributes of ordinary pictures. If given alone, all other pictures are outliers.
    strange: names of classes or attributes of outliers. If given alone, all other pictures are ordinary. If both are
        given, they must cover the set without overlap.

    Raises `DataError` if the pictures have no labels, or if all are outliers or none is; `UserError` for unknown names.
    """
    if not normal and not strange:
        return None
    ordinary, outliers = _has_any(images, normal, "normal"), _has_any(images, strange, "strange")
    if normal and strange:
        both, neither = int((ordinary & outliers).sum()), int((~ordinary & ~outliers).sum())
        if both or neither:
            raise DataError(
                f"By normal= and strange= {both:,} pictures are both and {neither:,} are neither: name only one side."
            )
    is_outlier = outliers if strange else ~ordinary
    if is_outlier.all() or not is_outlier.any():
        which = "strange" if is_outlier.all() else "ordinary"
        raise DataError(f"All {len(is_outlier):,} pictures are {which} by their labels: there is nothing to compare.")
    return is_outlier


def _has_any(images: Images, names: Sequence[str], option: str) -> np.ndarray:
    found = np.zeros(len(images), bool)
    for name in names:
        found |= _has(images, name, option)
    return found


def _has(images: Images, name: str, option: str) -> np.ndarray:
    """Whether each picture has the class, or the attribute, of that name: bool (N,)."""
    if images.labels is not None and images.class_names is not None and name in images.class_names:
        return images.labels == images.class_names.index(name)
    if images.attributes is not None and images.attribute_names is not None and name in images.attribute_names:
        return images.attributes[:, images.attribute_names.index(name)] > 0
    known = [*(images.class_names or ()), *(images.attribute_names or ())]
    if not known:
        raise DataError(
            f"{images.source} has no labels, so {option}={name} cannot be found: put the pictures in a sub-folder a "
            "class, or name a label file with --labels."
        )
    shown = ", ".join(known[:12]) + (" ..." if len(known) > 12 else "")
    raise UserError(f"{option}={name} is no class or attribute.{nearest_name(name, known)} Known: {shown}.")
