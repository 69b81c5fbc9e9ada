"""The Frechet distance class by class: the classes' own distances, matched by name, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from feature_samples import computed, sample_of

from imagewright.errors import DataError
from imagewright.metrics.frechet.distance import frechet_distance
from imagewright.metrics.frechet.moments import Moments

NAMES = ("cat", "dog", "horse")
CENTRES = np.random.default_rng(99).standard_normal((3, 6)) * 4


def of_classes(labels: np.ndarray, seed: int, width: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (CENTRES[labels] + width * random.standard_normal((len(labels), 6))).astype(np.float32)


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 3, 600)


def test_each_class_has_its_own_distance_and_the_mean_is_theirs(labels: np.ndarray) -> None:
    real, generated = of_classes(labels, 1), of_classes(labels, 2, 1.5)
    found = computed("class_fd", sample_of(generated, "g", labels, NAMES), sample_of(real, "r", labels, NAMES))
    each = {
        name: frechet_distance(Moments.of(generated[labels == number]), Moments.of(real[labels == number]))
        for number, name in enumerate(NAMES)
    }
    assert set(found) == {"class_fd", *(f"class_fd/{name}" for name in NAMES)}
    for name, distance in each.items():
        value = found[f"class_fd/{name}"]
        assert value.value == pytest.approx(distance, rel=1e-9)
        assert value.low is not None
        assert value.low < value.value
    assert found["class_fd"].value == pytest.approx(np.mean(list(each.values())), rel=1e-9)


def test_classes_are_matched_by_name_and_not_by_number(labels: np.ndarray) -> None:
    real, generated = of_classes(labels, 1), of_classes(labels, 2)
    straight = computed("class_fd", sample_of(generated, "g", labels, NAMES), sample_of(real, "r", labels, NAMES))
    turned = sample_of(generated, "g", 2 - labels, NAMES[::-1])
    reference = sample_of(real, "r", labels + 1, ("absent", *NAMES))  # a name that no picture has
    again = computed("class_fd", turned, reference)
    assert {name: value.value for name, value in again.items()} == {
        name: value.value for name, value in straight.items()
    }


def test_mixed_up_classes_show_here_and_not_in_the_whole(labels: np.ndarray) -> None:
    real, generated = of_classes(labels, 1), of_classes(labels, 2)
    reference = sample_of(real, "r", labels, NAMES)
    right = computed("class_fd", sample_of(generated, "g", labels, NAMES), reference)["class_fd"].value
    wrong = computed("class_fd", sample_of(generated, "g", (labels + 1) % 3, NAMES), reference)["class_fd"].value
    assert wrong > 50 * right


def test_the_interval_holds_what_other_draws_give(labels: np.ndarray) -> None:
    reference = sample_of(of_classes(labels, 1), "r", labels, NAMES)
    found = computed("class_fd", sample_of(of_classes(labels, 2, 1.4), "g", labels, NAMES), reference)["class_fd"]
    others = [
        computed("class_fd", sample_of(of_classes(labels, seed, 1.4), "g", labels, NAMES), reference, interval=False)[
            "class_fd"
        ].value
        for seed in range(10, 30)
    ]
    assert found.low is not None
    assert found.high is not None
    half = (found.high - found.low) / 2
    assert half == pytest.approx(1.96 * np.std(others, ddof=1), rel=0.6)


def test_few_pictures_of_a_class_are_said(labels: np.ndarray) -> None:
    found = computed(
        "class_fd",
        sample_of(of_classes(labels, 1), "g", labels, NAMES),
        sample_of(of_classes(labels, 2), "r", labels, NAMES),
    )
    assert "3 of 3 classes" in found["class_fd"].notes[0]
    assert f"cat ({(labels == 0).sum()})" in found["class_fd"].notes[0]


def test_what_cannot_be_matched_is_refused(labels: np.ndarray) -> None:
    features = of_classes(labels, 1)
    sample, reference = sample_of(features, "g", labels, NAMES), sample_of(features, "r", labels, NAMES)
    with pytest.raises(DataError, match=r"'hrose'.*Did you mean 'horse'"):
        computed("class_fd", sample_of(features, "g", labels, ("cat", "dog", "hrose")), reference)
    with pytest.raises(DataError, match="of one class, 'dog'"):
        computed("class_fd", sample, sample_of(features, "r", labels * 0 + 1, NAMES))
    with pytest.raises(DataError, match="have no classes"):
        computed("class_fd", sample_of(features, "g"), reference)
    few = labels.copy()
    few[few == 2] = 0
    few[0] = 2
    with pytest.raises(DataError, match=r"two pictures of each class.*'horse' \(1\)"):
        computed("class_fd", sample_of(features, "g", few, NAMES), reference)
