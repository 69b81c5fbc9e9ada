"""The Inception score: the confidence of a classifier on each picture, and the variety of its classes.

Salimans et al. 2016 (arXiv:1606.03498), section 4: exp of the mean over pictures of KL(p(y | x) || p(y)), from 1 to the
number of classes; mean and standard deviation over 10 splits of the pictures, each with its own p(y).

Assignment to splits: the authors' code splits pictures in their order, which is right for samples in random order and
wrong for a folder sorted by class, since each split would hold few classes. Here pictures are shuffled by the seed
first, as in torch-fidelity (whose generator is another one); `shuffled=false` keeps their order.
Shape letters: N pictures, K classes, S splits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.intervals import parts_interval
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Sample, Value
from imagewright.seeds import derive_seed

BLOCK = 4096


@dataclass(frozen=True, eq=False)
class SplitPredictions:
    """Sums over the pictures of each split.

    counts: pictures, int64 (S,).
    probabilities: sums of p(y | x), float64 (S, K).
    negative_entropies: sums of sum_y p log p, float64 (S,).
    """

    counts: np.ndarray
    probabilities: np.ndarray
    negative_entropies: np.ndarray

    @classmethod
    def from_logits(cls, logits: np.ndarray, split_of: np.ndarray, splits: int) -> SplitPredictions:
        """Sums over logits.

        logits: (N, K); a constant added to a row changes nothing.
        split_of: the split of each picture, int64 (N,).
        splits: S.

        Raises `DataError` for logits that are not finite.
        """
        counts = np.bincount(split_of, minlength=splits)
        probabilities, negative_entropies = np.zeros((splits, logits.shape[1])), np.zeros(splits)
        for start in range(0, len(logits), BLOCK):
            logs = np.asarray(logits[start : start + BLOCK], np.float64)
            if not np.isfinite(logs).all():
                raise DataError("Some logits are not finite numbers: the Inception score is undefined.")
            logs = logs - logs.max(1, keepdims=True)
            logs -= np.log(np.exp(logs).sum(1, keepdims=True))
            each, where = np.exp(logs), split_of[start : start + BLOCK]
            np.add.at(negative_entropies, where, (each * logs).sum(1))
            for split in np.unique(where):
                probabilities[split] += each[where == split].sum(0)
        return cls(counts, probabilities, negative_entropies)

    def merge(self, other: SplitPredictions) -> SplitPredictions:
        """The sums over both sets of pictures, split by split."""
        return SplitPredictions(
            self.counts + other.counts,
            self.probabilities + other.probabilities,
            self.negative_entropies + other.negative_entropies,
        )

    def scores(self) -> np.ndarray:
        """The score of each split, (S,). Raises `DataError` for a split without pictures."""
        if not self.counts.all():
            raise DataError(f"{self.counts.sum():,} pictures do not fill {len(self.counts)} splits.")
        marginal = self.probabilities / self.counts[:, None]
        logs = np.log(marginal, out=np.zeros_like(marginal), where=marginal > 0)
        scores: np.ndarray = np.exp(self.negative_entropies / self.counts - (marginal * logs).sum(1))
        return scores


def assign_splits(count: int, splits: int = 10, seed: int | None = 0) -> np.ndarray:
    """The split of each picture, int64 (N,): S splits of nearly equal size.

    count: pictures.
    splits: S.
    seed: of the shuffle before; None keeps the order of the pictures.

    Raises `ConfigError` for fewer than 1 split, or more splits than pictures.
    """
    if not 1 <= splits <= count:
        raise ConfigError(f"splits={splits}, but from 1 to the {count:,} pictures were expected.")
    bounds = np.arange(1, splits) * count // splits
    ordered = np.searchsorted(bounds, np.arange(count), side="right")
    if seed is None:
        return ordered
    found: np.ndarray = np.random.default_rng(derive_seed(seed, "splits")).permutation(ordered)
    return found


def inception_score(logits: np.ndarray, splits: int = 10, seed: int | None = 0) -> tuple[float, float]:
    """The mean over splits of logits (N, K), and their standard deviation (divided by S, as in published scores)."""
    scores = SplitPredictions.from_logits(logits, assign_splits(len(logits), splits, seed), splits).scores()
    return float(scores.mean()), float(scores.std())


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert sample.logits is not None
    splits = context.options["splits"]
    split_of = assign_splits(len(sample.logits), splits, context.seed if context.options["shuffled"] else None)
    scores = SplitPredictions.from_logits(sample.logits, split_of, splits).scores()
    how = f"95 %, of the expected score of {len(sample.logits) // splits:,} pictures, from {splits} splits"
    return {"inception_score": parts_interval(scores, f"{how} with deviation {scores.std():.2g}")}


METRIC = Metric(
    name="inception_score",
    outputs=(MetricOutput("inception_score", "Inception score", "higher"),),
    needs=frozenset({"logits"}),
    compute=_compute,
    source="Salimans et al. 2016, arXiv:1606.03498",
    summary="confidence and variety of a classifier's predictions, without real pictures",
    least=10,
    advised=50_000,
    why_advised="it grows with the size of a split, and published scores use splits of 5,000",
    options={"splits": 10, "shuffled": True},
)
