"""What a fit in closed form holds in memory and computes, counted from sizes before anything is allocated."""

from __future__ import annotations

from dataclasses import dataclass

SINGLE, DOUBLE = 4, 8  # bytes of a number
LIBRARIES = 64 * 2**20  # bytes of scikit-learn and SciPy, for a stage that loads them


@dataclass(frozen=True)
class FitWork:
    """The work of a fit, or of one of its stages.

    peak: bytes of the arrays that are there together at the most, batches of pictures and the fitted model with them.
        What depends on the values of the pictures, such as the number of passes, is counted by what is usual, or by
        what the model found in a fit to some of them.
    kept: bytes of those that later stages still have.
    operations: additions and multiplications, about. What counts is how they grow with the number of pictures.
    """

    peak: float
    kept: float = 0.0
    operations: float = 0.0

    def then(self, later: FitWork) -> FitWork:
        """The work of this stage and of a later one, which has what this one keeps beside it."""
        return FitWork(
            peak=max(self.peak, self.kept + later.peak),
            kept=self.kept + later.kept,
            operations=self.operations + later.operations,
        )
