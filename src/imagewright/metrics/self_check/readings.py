"""The figures of a self-check: every metric on clean halves, and on each damaged copy of one of them.

Shape letters: N pictures of a half, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from imagewright.errors import DataError
from imagewright.images import Images
from imagewright.metrics.features.extraction import features_of
from imagewright.metrics.frechet.moments import Moments
from imagewright.metrics.metric import Metric, Output, Pictures, Sample, Setting
from imagewright.metrics.self_check.corrupted_sets import ChosenPictures, corrupted, rows_repeated, rows_without_modes
from imagewright.metrics.self_check.corruptions import CORRUPTIONS, LEVELS
from imagewright.metrics.self_check.expectations import CONSTANT, expected_of, verdict_of
from imagewright.metrics.self_check.results import Reading
from imagewright.pretrained.features.contract import FeatureNetwork
from imagewright.seeds import derive_seed

SPLITS = 4  # pairs of clean halves, from which chance is known

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Half:
    """Pictures with all that metrics may ask of them."""

    pictures: Pictures
    features: np.ndarray | None = None
    logits: np.ndarray | None = None
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None

    def chosen(self, rows: np.ndarray) -> Half:
        """Some rows of it, int64 (n,), each as often as it is named: nothing is extracted anew."""

        def part(values: np.ndarray | None) -> np.ndarray | None:
            return None if values is None else values[rows]

        return replace(
            self,
            pictures=ChosenPictures(self.pictures, rows),
            features=part(self.features),
            logits=part(self.logits),
            labels=part(self.labels),
        )

    def sample(self, source: str) -> Sample:
        """As metrics take it."""
        moments = None if self.features is None else Moments.of(self.features)
        return Sample(source, self.pictures, self.features, self.logits, moments, self.labels, self.class_names)


class Checking:
    """The metrics, and what they are computed with."""

    def __init__(
        self,
        metrics: list[Metric],
        network: FeatureNetwork | None,
        options: Mapping[str, Mapping[str, Any]],
        seed: int,
        progress: Progress | None,
        total: int,
    ) -> None:
        self.metrics, self.network, self.options, self.seed = metrics, network, options, seed
        self.progress, self.done, self.total = progress, 0, total
        self.of_features = any({"features", "logits"} & metric.needs for metric in metrics)

    def seen(self, pictures: Pictures, images: Images, rows: np.ndarray, what: str) -> Half:
        """Pictures with their features, where a metric needs any."""
        labels = None if images.labels is None else images.labels[rows]
        names = None if images.class_names is None else tuple(images.class_names)
        self._tell(what)
        return self._with_features(Half(pictures, labels=labels, class_names=names))

    def _tell(self, what: str) -> None:
        if self.progress is not None:
            self.progress(what, self.done, self.total)
        self.done += 1

    def _with_features(self, half: Half) -> Half:
        if not self.of_features or self.network is None:
            return half
        extracted = features_of(half.pictures, self.network, alone=True)
        return replace(half, features=np.asarray(extracted.features), logits=extracted.logits)

    def clean(self, whole: Half) -> dict[str, tuple[float, ...]]:
        """Each output for several pairs of halves; the first pair is the one that is damaged later."""
        count = len(whole.pictures) // 2
        found: dict[str, list[float]] = {}
        for split in range(SPLITS):
            rows = np.arange(2 * count)
            if split:
                rows = np.random.default_rng(derive_seed(self.seed, "split", split)).permutation(rows)
            values, failed = self._values(whole.chosen(rows[:count]), whole.chosen(rows[count:]))
            if failed:
                raise DataError(next(iter(failed.values())))
            for name, value in values.items():
                found.setdefault(name, []).append(value)
        return {name: tuple(values) for name, values in found.items() if name not in CONSTANT}

    def readings(
        self,
        whole: Half,
        count: int,
        corruptions: Sequence[str],
        groups: np.ndarray,
        others: Pictures | None,
        clean: Mapping[str, tuple[float, ...]],
    ) -> list[Reading]:
        """What each output does under each corruption."""
        judged, reference = whole.chosen(np.arange(count)), whole.chosen(np.arange(count, 2 * count))
        found: dict[str, list[dict[str, float]]] = {}
        failures: dict[tuple[str, str], str] = {}
        for name in corruptions:
            for level in range(1, LEVELS):
                copy = self._damaged(judged, name, level, groups, others)
                values, failed = self._values(copy, reference)
                found.setdefault(name, []).append(values)
                for output, why in failed.items():
                    failures.setdefault((output, name), why)
        outputs = [out for metric in self.metrics for out in metric.outputs if out.name in clean]
        damage = [name for name in corruptions if CORRUPTIONS[name].of == "pictures"]
        return [
            self._reading(output, name, found, damage, clean[output.name], failures)
            for output in outputs
            for name in corruptions
        ]

    def _damaged(self, half: Half, name: str, level: int, groups: np.ndarray, others: Pictures | None) -> Half:
        self._tell(f"{CORRUPTIONS[name].title}, level {level}")
        if name == "duplication":  # real pictures, whose features are known
            return half.chosen(rows_repeated(len(half.pictures), level, self.seed))
        if name == "mode_dropping":
            return half.chosen(rows_without_modes(groups, level, self.seed))
        copy = corrupted(half.pictures, name, level, seed=self.seed, others=others)
        return self._with_features(replace(half, pictures=copy))

    def _values(self, judged: Half, reference: Half) -> tuple[dict[str, float], dict[str, str]]:
        """Each output's value; and by output, why a metric could not be computed."""
        sample, real = judged.sample("the damaged copy"), reference.sample("the reference half")
        values: dict[str, float] = {}
        failed: dict[str, str] = {}
        for metric in self.metrics:
            setting = Setting({**metric.options, **self.options.get(metric.name, {})}, self.seed)
            try:
                found = metric.compute(sample, real, setting)
            except DataError as error:
                failed |= {output.name: str(error) for output in metric.outputs}
                continue
            values |= {name: value.value for name, value in found.items()}
        return values, failed

    def _reading(
        self,
        output: Output,
        name: str,
        found: dict[str, list[dict[str, float]]],
        damage: list[str],
        clean: tuple[float, ...],
        failures: dict[tuple[str, str], str],
    ) -> Reading:
        def values_of(corruption: str) -> tuple[float, ...]:
            return tuple(level.get(output.name, float("nan")) for level in found[corruption])

        changes = [abs(values_of(each)[-1] - np.mean(clean)) for each in damage]
        largest = float(np.nanmax(changes)) if changes else 0.0
        expected = expected_of(output, name)
        verdict = verdict_of(expected, clean, values_of(name), largest)
        return Reading(output, name, values_of(name), expected, verdict, failures.get((output.name, name), ""))
