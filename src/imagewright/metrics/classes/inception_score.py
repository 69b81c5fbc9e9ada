"""The Inception score: how sure a classifier is of each picture, and how many classes it sees in all.

Salimans et al. 2016 (arXiv:1606.03498), section 4: exp of the mean over pictures of KL(p(y | x) || p(y)), from 1 to the
number of classes; its mean and deviation over 10 splits of the pictures, each with a p(y) of its own.

Which pictures share a split: the authors' code takes them as they come, which is right for samples in no order, and
wrong for a folder that is sorted by class, where each split would hold few classes. So pictures are shuffled first, by
the seed, as torch-fidelity does (by a generator of its own); `shuffled=false` takes them as they come.
Shape letters: N pictures, K classes, S splits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.intervals import parts_interval
from imagewright.metrics.metric import Metric, Output, Sample, Setting, Value
from imagewright.seeds import derive_seed

BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Predictions:
    """Of each split: `counts` (S,), `probabilities` (S, K) summed over its pictures, and `sureness` (S,), the sum of
    sum_y p log p. All float64 but the counts; sums of parts are merged by adding."""

    counts: np.ndarray
    probabilities: np.ndarray
    sureness: np.ndarray

    @classmethod
    def of(cls, logits: np.ndarray, split_of: np.ndarray, splits: int) -> Predictions:
        """Of logits (N, K), any constant added to a row, each of the split that `split_of` (N,) says.

        Raises `DataError` for logits that are not finite.
        """
        counts = np.bincount(split_of, minlength=splits)
        probabilities, sureness = np.zeros((splits, logits.shape[1])), np.zeros(splits)
        for start in range(0, len(logits), BLOCK):
            logs = np.asarray(logits[start : start + BLOCK], np.float64)
            if not np.isfinite(logs).all():
                raise DataError("Some logits are no finite numbers: there is no Inception score of them.")
            logs = logs - logs.max(1, keepdims=True)
            logs -= np.log(np.exp(logs).sum(1, keepdims=True))
            each, where = np.exp(logs), split_of[start : start + BLOCK]
            np.add.at(sureness, where, (each * logs).sum(1))
            for split in np.unique(where):
                probabilities[split] += each[where == split].sum(0)
        return cls(counts, probabilities, sureness)

    def merged(self, other: Predictions) -> Predictions:
        """Of both sets of pictures together, split by split."""
        return Predictions(
            self.counts + other.counts, self.probabilities + other.probabilities, self.sureness + other.sureness
        )

    def scores(self) -> np.ndarray:
        """The score of each split, (S,). Raises `DataError` for a split without pictures."""
        if not self.counts.all():
            raise DataError(f"{self.counts.sum():,} pictures do not fill {len(self.counts)} splits.")
        marginal = self.probabilities / self.counts[:, None]
        logs = np.log(marginal, out=np.zeros_like(marginal), where=marginal > 0)
        scores: np.ndarray = np.exp(self.sureness / self.counts - (marginal * logs).sum(1))
        return scores


def splits_of(count: int, splits: int = 10, seed: int | None = 0) -> np.ndarray:
    """The split (N,) of each of `count` pictures: S runs of nearly equal length, of the pictures shuffled by the seed.

    seed None: as they come. Raises `ConfigError` for fewer than 1 split, or more than pictures.
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
    """The mean over splits of logits (N, K), and their standard deviation (by S, as published scores have it)."""
    scores = Predictions.of(logits, splits_of(len(logits), splits, seed), splits).scores()
    return float(scores.mean()), float(scores.std())


def _compute(sample: Sample, reference: Sample | None, setting: Setting) -> dict[str, Value]:
    assert sample.logits is not None
    splits = setting.options["splits"]
    split_of = splits_of(len(sample.logits), splits, setting.seed if setting.options["shuffled"] else None)
    scores = Predictions.of(sample.logits, split_of, splits).scores()
    how = f"95 %, of the expected score of {len(sample.logits) // splits:,} pictures, from {splits} splits"
    return {"inception_score": parts_interval(scores, f"{how} with deviation {scores.std():.2g}")}


METRIC = Metric(
    name="inception_score",
    outputs=(Output("inception_score", "Inception score", "higher"),),
    needs=frozenset({"logits"}),
    compute=_compute,
    source="Salimans et al. 2016, arXiv:1606.03498",
    least=10,
    advised=50_000,
    why_advised="it grows with the pictures of a split, and published ones are of 5,000",
    options={"splits": 10, "shuffled": True},
)
