"""Whether measures move the way they should on a user's own pictures: real against real, and against damaged copies.

The pictures are cut into two halves. One is the reference; the other is judged as it is, which shows what chance alone
does, and then damaged in rising levels (`corruptions.py`). `expectations.py` says which way each number should go.
Shape letters: N pictures of a half, F features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imagewright.errors import DataError
from imagewright.images import Images
from imagewright.metrics.metric import Metric, Pictures
from imagewright.metrics.self_check.corrupted_sets import ChosenPictures, corrupted, rows_repeated
from imagewright.metrics.self_check.corruptions import CORRUPTIONS, LEVELS, corruption_named
from imagewright.metrics.self_check.readings import Checking, Half, Progress
from imagewright.metrics.self_check.results import SelfCheck
from imagewright.metrics.subjects import OpenedPictures
from imagewright.pretrained.features.contract import FeatureNetwork
from imagewright.pretrained.resizing import resize_images
from imagewright.seeds import derive_seed

USUAL = ("blur", "noise", "mode_dropping", "duplication")
CLUSTERS = 12  # stand in for classes where there are none
THUMBNAIL = 8
SHOWN = 16
IN_NO_NEED = {"model": "it asks a model, not pictures", "training": "it asks what a model was trained on"}


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
    check = Checking(able, network, options or {}, seed, progress, total=1 + len(corruptions) * (LEVELS - 1))
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
            resize_images(whole.pictures.pictures(rows), (THUMBNAIL, THUMBNAIL), "box").flatten(1).numpy()
            for rows in np.array_split(np.arange(count), -(-count // 256))
        ]
        values, of = np.concatenate(small).astype(np.float32), "small pictures"
    distinct = len(np.unique(values, axis=0))
    found = KMeans(min(CLUSTERS, distinct), n_init=1, random_state=0).fit_predict(values)
    return f"{len(np.unique(found))} clusters of {of}", found.astype(np.int64)
