"""Whether measures move the way they should on a user's own pictures: real against real, and against damaged copies.

The pictures are cut into two halves. One is the reference; the other is judged as it is, which shows what chance alone
does, and then damaged in rising levels (`corruptions.py`). `expectations.py` says which way each number should go.
Shape letters: N pictures of a half, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from imagewright.errors import DataError
from imagewright.images import Images
from imagewright.metrics.corrupted_sets import ChosenPictures, corrupted, rows_repeated, rows_without_modes
from imagewright.metrics.corruptions import CORRUPTIONS, LEVELS, corruption_named
from imagewright.metrics.expectations import CONSTANT, Expected, Verdict, expected_of, verdict_of
from imagewright.metrics.extraction import features_of
from imagewright.metrics.metric import Metric, Output, Pictures, Sample, Setting
from imagewright.metrics.moments import Moments
from imagewright.metrics.subjects import OpenedPictures
from imagewright.pretrained.features import FeatureNetwork
from imagewright.pretrained.resizing import resized
from imagewright.seeds import derive_seed

USUAL = ("blur", "noise", "mode_dropping", "duplication")
SPLITS = 4  # pairs of clean halves, from which chance is known
CLUSTERS = 12  # stand in for classes where there are none
THUMBNAIL = 8
SHOWN = 16
IN_NO_NEED = {"model": "it asks a model, not pictures", "training": "it asks what a model was trained on"}

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Reading:
    """One number under one corruption: `values` of levels 1 to 5, what was expected, and what it did.

    failed: why the number could not be computed, where it could not; values are then NaN from that level on.
    """

    output: Output
    corruption: str
    values: tuple[float, ...]
    expected: Expected
    verdict: Verdict
    failed: str = ""


@dataclass(frozen=True)
class SelfCheck:
    """What a self-check found. count: pictures of each half. clean: of each output, its values for clean halves.

    left_out: metrics that cannot be checked so, each with the reason. modes: what was dropped as a mode. shown: of each
    corruption, pictures uint8 (6, P, C, H, W) by level: one, or sixteen where it is a set that changes.
    """

    source: str
    count: int
    features: str | None
    modes: str
    corruptions: tuple[str, ...]
    clean: Mapping[str, tuple[float, ...]]
    readings: tuple[Reading, ...]
    left_out: Mapping[str, str]
    shown: Mapping[str, np.ndarray] = field(compare=False, repr=False, default_factory=dict)

    @property
    def outputs(self) -> list[Output]:
        """The numbers that were looked at."""
        return list({reading.output.name: reading.output for reading in self.readings}.values())

    @property
    def suspicious(self) -> list[Reading]:
        """Those that did not do what they should."""
        return [each for each in self.readings if each.verdict.judgement not in ("as it should", "open")]

    def lines(self) -> list[str]:
        """A sentence on each reading, those that are not as they should be first."""
        first = self.suspicious
        return [said(each) for each in [*first, *(each for each in self.readings if each not in first)]]

    def record(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            "source": self.source,
            "count": self.count,
            "features": self.features,
            "modes": self.modes,
            "clean": {name: list(values) for name, values in self.clean.items()},
            "readings": [
                {
                    "output": each.output.name,
                    "corruption": each.corruption,
                    "values": [value if np.isfinite(value) else None for value in each.values],
                    "expected": each.expected.way,
                    "judgement": each.verdict.judgement,
                    "why": each.failed or each.verdict.why,
                    "from_level": each.verdict.from_level,
                }
                for each in self.readings
            ],
            "left_out": dict(self.left_out),
        }


def said(reading: Reading) -> str:
    """A sentence: `fd and blurred pictures: as it should, from level 1 on`."""
    verdict = reading.verdict
    start = f"{reading.output.name}, {CORRUPTIONS[reading.corruption].title}"
    if reading.failed:
        return f"{start}: not defined: {reading.failed}"
    seen = "" if verdict.from_level is None else f", beyond chance from level {verdict.from_level}"
    why = f" ({verdict.why})" if verdict.why else ""
    words = {
        "as it should": "holds still, as it should" if reading.expected.way == "holds" else "moves as it should",
        "unevenly": "moves the right way, but not further at each level",
        "did not move": "does not move, though it should",
        "wrong way": "moves the wrong way",
        "moved": "moves, though it should hold still",
        "open": "nothing is promised",
        "not defined": "is no finite number",
    }[verdict.judgement]
    return f"{start}: {words}{seen}{why}"


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


def self_check(
    images: Images,
    metrics: Sequence[Metric],
    network: FeatureNetwork | None,
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    corruptions: Sequence[str] = USUAL,
    others: Images | None = None,
    count: int | None = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> SelfCheck:
    """Look how metrics answer to damage of these pictures.

    network: gives features where a metric needs them. options: by metric's name, over its defaults. others: pictures of
    another kind, for `contamination`. count: pictures of each half at most. progress: what, done, total.
    Raises `DataError` where there are too few pictures for two halves, `ConfigError` for an unknown corruption.
    """
    for name in corruptions:
        corruption_named(name)
    able, left_out = _able(metrics, images)
    if not able:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise DataError(f"None of these metrics can be checked on pictures alone ({reasons}): name others, such as fd.")
    half = min(len(images) // 2, count or len(images))
    least = max(2, *(metric.least for metric in able))
    if half < least:
        raise DataError(
            f"The self-check cuts {images.source} into two halves of {half:,}, and "
            f"{max(able, key=lambda metric: metric.least).name} needs {least:,}: give it more pictures."
        )
    rows = np.random.default_rng(derive_seed(seed, "halves")).permutation(len(images))[: 2 * half]
    check = _Checking(able, network, options or {}, seed, progress, total=1 + len(corruptions) * (LEVELS - 1))
    whole = check.seen(OpenedPictures(images.subset(rows)), images, rows, "clean pictures")
    clean = check.clean(whole)
    modes, groups = _modes(whole, half)
    if "mode_dropping" in corruptions and len(np.unique(groups)) < 2:
        corruptions = [name for name in corruptions if name != "mode_dropping"]
        left_out["mode_dropping"] = "the pictures are of one class or cluster"
    mixed = None if others is None else OpenedPictures(others.with_size(images.size, images.channels).prepare())
    readings = check.readings(whole, half, corruptions, groups, mixed, clean)
    about = None if network is None or not check.of_features else network.about.name
    shown = {name: _shown(whole.pictures, half, name, groups, mixed, seed) for name in corruptions}
    return SelfCheck(images.source, half, about, modes, tuple(corruptions), clean, tuple(readings), left_out, shown)


def _shown(
    pictures: Pictures, count: int, name: str, groups: np.ndarray, others: Pictures | None, seed: int
) -> np.ndarray:
    """A few of the damaged pictures, uint8 (6, P, C, H, W)."""
    several = CORRUPTIONS[name].of == "set"
    rows = np.arange(min(SHOWN if several else 1, count))
    if name == "duplication":  # in small, by the same shares: of a few out of many none would be seen twice
        found = [pictures.pictures(rows_repeated(len(rows), level, seed)) for level in range(LEVELS)]
    else:
        half = ChosenPictures(pictures, np.arange(count))
        copies = (
            corrupted(half, name, level, seed=seed, groups=groups, others=others) if level else half
            for level in range(LEVELS)
        )
        found = [copy.pictures(rows) for copy in copies]
    return np.stack([each.numpy() for each in found])


def _able(metrics: Sequence[Metric], images: Images) -> tuple[list[Metric], dict[str, str]]:
    """Metrics that pictures alone suffice for, and why the others are left out."""
    able, left_out = [], {}
    for metric in metrics:
        reasons = [why for need, why in IN_NO_NEED.items() if need in metric.needs]
        if {"labels", "reference labels"} & metric.needs and images.labels is None:
            reasons.append("the pictures have no classes")
        if reasons:
            left_out[metric.name] = reasons[0]
        else:
            able.append(metric)
    return able, left_out


def _modes(whole: Half, count: int) -> tuple[str, np.ndarray]:
    """What stands for a mode, in words, and that of each of the first `count` pictures, int64."""
    if whole.labels is not None and len(np.unique(whole.labels[:count])) > 1:
        return "classes", whole.labels[:count]
    from sklearn.cluster import KMeans

    if whole.features is not None:
        values, of = whole.features[:count], "features"
    else:
        small = [
            resized(whole.pictures.pictures(rows), (THUMBNAIL, THUMBNAIL), "box").flatten(1).numpy()
            for rows in np.array_split(np.arange(count), -(-count // 256))
        ]
        values, of = np.concatenate(small).astype(np.float32), "small pictures"
    distinct = len(np.unique(values, axis=0))
    found = KMeans(min(CLUSTERS, distinct), n_init=1, random_state=0).fit_predict(values)
    return f"{len(np.unique(found))} clusters of {of}", found.astype(np.int64)


class _Checking:
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
