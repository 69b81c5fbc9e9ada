"""Self-check: whether metrics change as expected on corrupted copies of the user's own pictures.

The pictures are split into two halves. One is the reference. The other is scored clean, which shows the variation by
chance, and then at five levels of each corruption (`corruptions.py`). `expectations.py` holds the expected direction of
each output.
Shape letters: N pictures of a half, F features.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imagewright.distributed import choose_device
from imagewright.errors import DataError
from imagewright.images import Images
from imagewright.metrics.features.run_features import open_features
from imagewright.metrics.metric import Metric, Pictures
from imagewright.metrics.plans import DEFAULT_FEATURES, parse_metric
from imagewright.metrics.registry import DEFAULT_METRICS
from imagewright.metrics.self_check.corrupted_sets import PictureSubset, corrupt_set, rows_repeated
from imagewright.metrics.self_check.corruptions import CORRUPTIONS, LEVELS, corruption_named
from imagewright.metrics.self_check.measuring import MetricSuite, PictureSet
from imagewright.metrics.self_check.results import SelfCheck
from imagewright.metrics.subjects import OpenedPictures, Source, open_source
from imagewright.pretrained.features.contract import FeatureNetwork
from imagewright.pretrained.resizing import resize_images
from imagewright.progress import StageProgress
from imagewright.seeds import derive_seed

DEFAULT_CORRUPTIONS = ("blur", "noise", "mode_dropping", "duplication")
DEFAULT_COUNT = 1_000  # pictures of each half
CLUSTERS = 12  # used as modes if the pictures have no classes
THUMBNAIL = 8  # pixels: what pictures are clustered by if no metric needs features
SHOWN = 16  # pictures shown of each corrupted set
UNAVAILABLE = {
    "model": "it needs a model, not only pictures",
    "training": "it needs the training pictures of a model",
}


def self_check(
    images: Source,
    metrics: Sequence[str | Metric] | None = None,
    features: str | FeatureNetwork | None = None,
    *,
    resize: str | None = None,
    corruptions: Sequence[str] = DEFAULT_CORRUPTIONS,
    others: Source | None = None,
    count: int | None = DEFAULT_COUNT,
    size: int | tuple[int, int] | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: StageProgress | None = None,
) -> SelfCheck:
    """Measure how metrics change as pictures are corrupted.

    images: any source of pictures.
    metrics: names, with options as in `kd:subsets=50`, or `Metric` objects; by default fd, kd, precision_recall and
        density_coverage.
    features: a name as for `evaluate` (`inception` by default, `random`, `classifier:RUN` ...), or an opened feature
        network; not used if no metric needs features.
    resize: the resize filter before the network, instead of the network's own.
    corruptions: names; blur, noise, mode_dropping and duplication by default.
    others: pictures of another kind, for the corruption `contamination`.
    count: pictures of each half at most; None for as many as there are.
    size: (height, width) or a side in pixels, at which the pictures are scored; None for their own size.
    seed: for the halves and for all random draws.
    device: for the feature network: auto, cpu, cuda or mps.
    progress: called with (stage, done, total).

    Raises `ConfigError` for an unknown metric, option, feature network or corruption; `DataError` for too few pictures,
    or if no metric can be computed from pictures alone.
    """
    for name in corruptions:
        corruption_named(name)
    asked = [_resolve_metric(metric) for metric in (DEFAULT_METRICS if metrics is None else metrics)]
    pictures = open_source(images, (size, size) if isinstance(size, int) else size).prepare().with_classes()
    usable, left_out = _usable_metrics(asked, pictures)
    network = _open_network(usable, features, resize, device)
    usable = _without_logits(usable, network, left_out)
    if not usable:
        reasons = "; ".join(f"{name}: {why}" for name, why in left_out.items())
        raise DataError(f"None of these metrics can be checked on pictures alone ({reasons}): name others, such as fd.")
    half = _half_count(pictures, usable, count)
    rows = np.random.default_rng(derive_seed(seed, "halves")).permutation(len(pictures))[: 2 * half]
    suite = MetricSuite(usable, network, seed, progress, total=1 + len(corruptions) * (LEVELS - 1))
    whole = suite.load(pictures, rows, "clean pictures")
    clean = suite.measure_clean(whole)
    modes, groups = _find_modes(whole, half)
    if "mode_dropping" in corruptions and len(np.unique(groups)) < 2:
        corruptions = [name for name in corruptions if name != "mode_dropping"]
        left_out["mode_dropping"] = "the pictures are of one class or cluster"
    mixed = None
    if others is not None:
        mixed = OpenedPictures(open_source(others).with_size(pictures.size, pictures.channels).prepare())
    measurements = suite.measure(whole, half, corruptions, groups, mixed, clean)
    shown = {name: _example_pictures(whole.pictures, half, name, groups, mixed, seed) for name in corruptions}
    return SelfCheck(
        source=pictures.source,
        count=half,
        features=None if network is None else network.about.name,
        modes=modes,
        corruptions=tuple(corruptions),
        clean=clean,
        measurements=tuple(measurements),
        left_out=left_out,
        shown=shown,
    )


def _resolve_metric(metric: str | Metric) -> Metric:
    """A metric by its name with options, or as it was given."""
    if isinstance(metric, Metric):
        return metric
    parsed = parse_metric(metric)
    return parsed.metric.with_options(parsed.options)


def _usable_metrics(metrics: Sequence[Metric], images: Images) -> tuple[list[Metric], dict[str, str]]:
    """The metrics that can be computed from pictures alone, and the reasons why the others are left out."""
    usable: list[Metric] = []
    left_out: dict[str, str] = {}
    for metric in metrics:
        reasons = [why for need, why in UNAVAILABLE.items() if need in metric.needs]
        if {"labels", "reference labels"} & metric.needs and images.labels is None:
            reasons.append("the pictures have no classes")
        if reasons:
            left_out[metric.name] = reasons[0]
        else:
            usable.append(metric)
    return usable, left_out


def _open_network(
    metrics: Sequence[Metric], features: str | FeatureNetwork | None, resize: str | None, device: str
) -> FeatureNetwork | None:
    """The feature network; None if no metric needs one."""
    if not any({"features", "logits"} & metric.needs for metric in metrics):
        return None
    if features is None or isinstance(features, str):
        return open_features(features or DEFAULT_FEATURES, resize=resize, device=str(choose_device(device)))
    return features


def _without_logits(metrics: list[Metric], network: FeatureNetwork | None, left_out: dict[str, str]) -> list[Metric]:
    """The metrics that the network suffices for; the others are added to `left_out`."""
    if network is None or network.about.classes is not None:
        return metrics
    without = [metric for metric in metrics if "logits" in metric.needs]
    left_out.update({metric.name: f"the features {network.about.name} have no logits" for metric in without})
    return [metric for metric in metrics if metric not in without]


def _half_count(images: Images, metrics: Sequence[Metric], count: int | None) -> int:
    """How many pictures each half has. Raises `DataError` if a metric needs more."""
    half = min(len(images) // 2, count or len(images))
    largest = max(metrics, key=lambda metric: metric.least)
    if half < max(2, largest.least):
        raise DataError(
            f"The self-check splits {images.source} into two halves of {half:,}, and {largest.name} needs "
            f"{max(2, largest.least):,}: give it more pictures."
        )
    return half


def _find_modes(whole: PictureSet, count: int) -> tuple[str, np.ndarray]:
    """What counts as a mode, in words; and the mode of each of the first `count` pictures, int64 (count,)."""
    if whole.labels is not None and len(np.unique(whole.labels[:count])) > 1:
        return "classes", whole.labels[:count]
    from sklearn.cluster import KMeans

    if whole.features is not None:
        values, of = whole.features[:count], "features"
    else:
        small = [
            resize_images(whole.pictures.pictures(rows), (THUMBNAIL, THUMBNAIL), "box").flatten(1).numpy()
            for rows in np.array_split(np.arange(count), -(-count // 256))
        ]
        values, of = np.concatenate(small).astype(np.float32), "small pictures"
    distinct = len(np.unique(values, axis=0))
    found = KMeans(min(CLUSTERS, distinct), n_init=1, random_state=0).fit_predict(values)
    return f"{len(np.unique(found))} clusters of {of}", found.astype(np.int64)


def _example_pictures(
    pictures: Pictures, count: int, name: str, groups: np.ndarray, others: Pictures | None, seed: int
) -> np.ndarray:
    """A few pictures of each level of a corruption, uint8 (6, P, C, H, W)."""
    several = CORRUPTIONS[name].of == "set"
    rows = np.arange(min(SHOWN if several else 1, count))
    if name == "duplication":
        # Repeated within the rows shown, by the shares of the whole set: a few rows out of many would show no repeat.
        found = [pictures.pictures(rows_repeated(len(rows), level, seed)) for level in range(LEVELS)]
    else:
        half = PictureSubset(pictures, np.arange(count))
        copies = (
            corrupt_set(half, name, level, seed=seed, groups=groups, others=others) if level else half
            for level in range(LEVELS)
        )
        found = [copy.pictures(rows) for copy in copies]
    return np.stack([each.numpy() for each in found])
