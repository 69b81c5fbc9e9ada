"""How well a ranking or a grouping agrees with what is known of the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagewright.errors import DataError, UserError, nearest_name
from imagewright.images import Images


@dataclass(frozen=True)
class Judgement:
    """`auroc`: chance that a strange picture scores above an ordinary one. `average_precision`: area under
    precision against recall, the strange ones being the positives. `strange`, `ordinary`: how many there are."""

    auroc: float
    average_precision: float
    strange: int
    ordinary: int


def judge(truth: np.ndarray, scores: np.ndarray) -> Judgement:
    """AUROC and average precision (scikit-learn) of scores (N,) against bool (N,), True for strange."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    return Judgement(
        float(roc_auc_score(truth, scores)),
        float(average_precision_score(truth, scores)),
        int(truth.sum()),
        int((~truth).sum()),
    )


def truth_of(images: Images, normal: Sequence[str], strange: Sequence[str]) -> np.ndarray | None:
    """Which pictures are known to be strange, bool (N,), from the names of classes or 0/1 attributes; None if none.

    `normal` alone makes all others strange, `strange` alone all others ordinary; with both, they must cover the set.
    """
    if not normal and not strange:
        return None
    ordinary, odd = _any_of(images, normal, "normal"), _any_of(images, strange, "strange")
    if normal and strange:
        both, neither = int((ordinary & odd).sum()), int((~ordinary & ~odd).sum())
        if both or neither:
            raise DataError(
                f"By normal= and strange= {both:,} pictures are both and {neither:,} are neither: name only one side."
            )
    truth = odd if strange else ~ordinary
    if truth.all() or not truth.any():
        which = "strange" if truth.all() else "ordinary"
        raise DataError(f"All {len(truth):,} pictures judged are {which} by their labels: there is nothing to compare.")
    return truth


def _any_of(images: Images, names: Sequence[str], option: str) -> np.ndarray:
    found = np.zeros(len(images), bool)
    for name in names:
        found |= _is(images, name, option)
    return found


def _is(images: Images, name: str, option: str) -> np.ndarray:
    """Which pictures have the class, or the attribute, of that name."""
    if images.labels is not None and images.class_names is not None and name in images.class_names:
        return images.labels == images.class_names.index(name)
    if images.attributes is not None and images.attribute_names is not None and name in images.attribute_names:
        return images.attributes[:, images.attribute_names.index(name)] > 0
    known = [*(images.class_names or ()), *(images.attribute_names or ())]
    if not known:
        raise DataError(
            f"{images.source} has no labels, so {option}={name} names nothing: put the pictures in a sub-folder a "
            "class, or name a label file with labels=."
        )
    shown = ", ".join(known[:12]) + (" ..." if len(known) > 12 else "")
    raise UserError(f"{option}={name} is no class or attribute.{nearest_name(name, known)} Known: {shown}.")
