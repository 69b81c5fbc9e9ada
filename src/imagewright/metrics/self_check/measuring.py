"""The measurements of a self-check: every metric on clean halves, and on each corrupted copy of one half.

Shape letters: N pictures of a half, F features, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from imagewright.errors import DataError
from imagewright.images import Images
from imagewright.metrics.features.extraction import extract_features
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Pictures, Sample
from imagewright.metrics.self_check.corrupted_sets import PictureSubset, corrupt_set, rows_repeated, rows_without_modes
from imagewright.metrics.self_check.corruptions import CORRUPTIONS, LEVELS
from imagewright.metrics.self_check.expectations import CONSTANT, decide_verdict, expected_of
from imagewright.metrics.self_check.results import Measurement
from imagewright.metrics.subjects import OpenedPictures
from imagewright.pretrained.features.contract import FeatureNetwork
from imagewright.progress import StageProgress
from imagewright.seeds import derive_seed

SPLITS = 4  # pairs of clean halves that the variation by chance is estimated from

Values = dict[str, float]
"""A value for each output, by its name."""


@dataclass(frozen=True)
class PictureSet:
    """Pictures with everything that metrics may need of them.

    pictures: by number.
    features: float32 (N, F), None if no metric needs them.
    logits: float32 (N, K), None if the network has none.
    labels: int64 (N,), with class_names; None if the pictures have no classes.
    """

    pictures: Pictures
    features: np.ndarray | None = None
    logits: np.ndarray | None = None
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None

    def subset(self, rows: np.ndarray) -> PictureSet:
        """The rows int64 (n,), which may repeat; features are indexed, not extracted again."""

        def part(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else values[rows]

        return replace(
            self,
            pictures=PictureSubset(self.pictures, rows),
            features=part(self.features),
            logits=part(self.logits),
            labels=part(self.labels),
        )

    def to_sample(self, source: str) -> Sample:
        """The argument of a metric."""
        return Sample(
            source, self.pictures, self.features, self.logits, labels=self.labels, class_names=self.class_names
        )


class MetricSuite:
    """Several metrics computed on the same picture sets.

    network: extracts features, None if no metric needs any.
    total: how many sets will be measured, for `progress`.
    """

    def __init__(
        self,
        metrics: Sequence[Metric],
        network: FeatureNetwork | None,
        seed: int,
        progress: StageProgress | None,
        total: int,
    ) -> None:
        self.metrics, self.network, self.seed = metrics, network, seed
        self.progress, self.done, self.total = progress, 0, total

    def load(self, images: Images, rows: np.ndarray, stage: str) -> PictureSet:
        """The rows int64 (n,) of images, with their features and labels."""
        labels = None if images.labels is None else images.labels[rows]
        names = None if images.class_names is None else tuple(images.class_names)
        self._report(stage)
        return self._with_features(PictureSet(OpenedPictures(images.subset(rows)), labels=labels, class_names=names))

    def measure_clean(self, whole: PictureSet) -> dict[str, tuple[float, ...]]:
        """Each output for several pairs of clean halves. The first pair is the one whose first half is corrupted later.

        Raises `DataError` if a metric cannot be computed.
        """
        count = len(whole.pictures) // 2
        found: dict[str, list[float]] = {}
        for split in range(SPLITS):
            rows = np.arange(2 * count)
            if split:
                rows = np.random.default_rng(derive_seed(self.seed, "split", split)).permutation(rows)
            values, failed = self._compute(whole.subset(rows[:count]), whole.subset(rows[count:]))
            if failed:
                raise DataError(next(iter(failed.values())))
            for name, value in values.items():
                found.setdefault(name, []).append(value)
        return {name: tuple(values) for name, values in found.items() if name not in CONSTANT}

    def measure(
        self,
        whole: PictureSet,
        count: int,
        corruptions: Sequence[str],
        groups: np.ndarray,
        others: Pictures | None,
        clean: Mapping[str, tuple[float, ...]],
    ) -> list[Measurement]:
        """Each output under each corruption.

        whole: both halves, `count` pictures each; the first one is corrupted, the second one is the reference.
        groups: class or cluster of each picture of the first half, int64 (count,).
        others: pictures for `contamination`.
        clean: the values of clean halves, from `measure_clean`.
        """
        first, reference = whole.subset(np.arange(count)), whole.subset(np.arange(count, 2 * count))
        levels: dict[str, list[Values]] = {name: [] for name in corruptions}
        failures: dict[tuple[str, str], str] = {}
        for name in corruptions:
            for level in range(1, LEVELS):
                copy = self._corrupt(first, name, level, groups, others)
                values, failed = self._compute(copy, reference)
                levels[name].append(values)
                for output, why in failed.items():
                    failures.setdefault((output, name), why)
        outputs = [out for metric in self.metrics for out in metric.outputs if out.name in clean]
        return [
            _assess(output, name, levels, clean[output.name], failures.get((output.name, name), ""))
            for output in outputs
            for name in corruptions
        ]

    def _report(self, stage: str) -> None:
        if self.progress is not None:
            self.progress(stage, self.done, self.total)
        self.done += 1

    def _with_features(self, pictures: PictureSet) -> PictureSet:
        if self.network is None:
            return pictures
        extracted = extract_features(pictures.pictures, self.network, all_on_this_rank=True)
        return replace(pictures, features=np.asarray(extracted.features), logits=extracted.logits)

    def _corrupt(
        self, half: PictureSet, name: str, level: int, groups: np.ndarray, others: Pictures | None
    ) -> PictureSet:
        self._report(f"{CORRUPTIONS[name].title}, level {level}")
        if name == "duplication":  # real pictures, whose features are known
            return half.subset(rows_repeated(len(half.pictures), level, self.seed))
        if name == "mode_dropping":
            return half.subset(rows_without_modes(groups, level, self.seed))
        copy = corrupt_set(half.pictures, name, level, seed=self.seed, others=others)
        return self._with_features(replace(half, pictures=copy))

    def _compute(self, first: PictureSet, reference: PictureSet) -> tuple[Values, dict[str, str]]:
        """Each output's value; and for each output that could not be computed, the reason."""
        sample, real = first.to_sample("the corrupted copy"), reference.to_sample("the reference half")
        values: Values = {}
        failed: dict[str, str] = {}
        for metric in self.metrics:
            try:
                found = metric.compute(sample, real, MetricContext(metric.options, self.seed))
            except DataError as error:
                failed |= {output.name: str(error) for output in metric.outputs}
                continue
            values |= {name: value.value for name, value in found.items()}
        return values, failed


def _assess(
    output: MetricOutput, corruption: str, levels: Mapping[str, list[Values]], clean: tuple[float, ...], failed: str
) -> Measurement:
    """One output under one corruption, with its verdict. `levels`: the values of all levels, by corruption."""

    def values_of(name: str) -> tuple[float, ...]:
        return tuple(values.get(output.name, float("nan")) for values in levels[name])

    of_pictures = [name for name in levels if CORRUPTIONS[name].of == "pictures"]
    changes = [abs(values_of(name)[-1] - np.mean(clean)) for name in of_pictures]
    largest = float(np.nanmax(changes)) if changes else 0.0
    expected = expected_of(output, corruption)
    values = values_of(corruption)
    return Measurement(output, corruption, values, expected, decide_verdict(expected, clean, values, largest), failed)
