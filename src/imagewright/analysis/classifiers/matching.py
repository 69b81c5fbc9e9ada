"""ClassMatching of classes that a model found without labels, such as InfoGAN's category code, with labels of pictures.

The numbers of such classes mean nothing. As in the literature (Chen et al. 2016, arXiv:1606.03657, section 7.2, "assign
each category to a digit"), each is matched with the label that gives the most pictures right, one class a label: the
assignment problem, Kuhn 1955.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagewright.capabilities import Decodes, answers, latent_parts_of
from imagewright.model import Model


@dataclass(frozen=True)
class ClassMatching:
    """Codes of a model (K of them) matched with labels (L of them).

    class_names: the labels, then a name for each code without a label, such as "code 7".
    place: int64 (K,), the place of each code in `class_names`.
    labels: the label of each matched code, by its number.
    pictures: how many labelled pictures it was found from.
    """

    class_names: tuple[str, ...]
    place: np.ndarray
    labels: dict[int, str]
    pictures: int

    def rearranged(self, probabilities: np.ndarray) -> np.ndarray:
        """Probabilities of codes (N, K) as those of `class_names`; 0 for a label without a code."""
        found = np.zeros((len(probabilities), len(self.class_names)), probabilities.dtype)
        found[:, self.place] = probabilities
        return found

    def line(self) -> str:
        """What was matched, as a sentence."""
        pairs = ", ".join(f"{code} is {label}" for code, label in sorted(self.labels.items(), key=lambda each: each[1]))
        rest = sorted(set(range(len(self.place))) - self.labels.keys())
        left = f"; without a label: {', '.join(map(str, rest))}" if rest else ""
        return (
            "The model found its classes without labels, so their numbers mean nothing: each was matched with the "
            f"label that it agrees with most, on these {self.pictures:,} pictures ({pairs}{left})."
        )


def finds_own_classes(model: Model) -> bool:
    """Whether the classes of a model are a code that training gave a meaning without labels."""
    return answers(model, Decodes) and any(part.kind == "category" and part.code for part in latent_parts_of(model))


def match_codes(codes: np.ndarray, labels: np.ndarray, count: int, names: tuple[str, ...]) -> ClassMatching:
    """Match codes with labels so that most pictures are right.

    codes: int64 (N,), the code of each labelled picture.
    labels: int64 (N,), numbers of `names`.
    count: of codes.
    """
    from scipy.optimize import linear_sum_assignment

    counts = np.zeros((count, len(names)), np.int64)
    np.add.at(counts, (codes, labels), 1)
    matched, own = linear_sum_assignment(counts, maximize=True)
    # A code and a label that share no picture are paired because they were left over: that is no match.
    pairs = {int(code): int(label) for code, label in zip(matched, own, strict=True) if counts[code, label]}
    rest = [code for code in range(count) if code not in pairs]
    place = np.array([pairs[code] if code in pairs else len(names) + rest.index(code) for code in range(count)])
    return ClassMatching(
        (*names, *(f"code {code}" for code in rest)),
        place,
        {code: names[label] for code, label in pairs.items()},
        len(codes),
    )
