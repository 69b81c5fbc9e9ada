"""The Frechet distance by class: distances of classes matched by name, and errors."""

from __future__ import annotations

import numpy as np
import pytest
from feature_samples import compute, make_sample

from imagewright.errors import DataError
from imagewright.metrics.frechet.distance import frechet_distance
from imagewright.metrics.frechet.moments import Moments

NAMES = ("cat", "dog", "horse")
CENTRES = np.random.default_rng(99).standard_normal((3, 6)) * 4


def class_features(labels: np.ndarray, seed: int, width: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (CENTRES[labels] + width * random.standard_normal((len(labels), 6))).astype(np.float32)


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 3, 600)


def test_the_distance_of_each_class_and_their_mean(labels: np.ndarray) -> None:
    real, generated = class_features(labels, 1), class_features(labels, 2, 1.5)
    found = compute("class_fd", make_sample(generated, "g", labels, NAMES), make_sample(real, "r", labels, NAMES))
    each = {
        name: frechet_distance(
            Moments.from_features(generated[labels == number]), Moments.from_features(real[labels == number])
        )
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
    real, generated = class_features(labels, 1), class_features(labels, 2)
    in_order = compute("class_fd", make_sample(generated, "g", labels, NAMES), make_sample(real, "r", labels, NAMES))
    reordered = make_sample(generated, "g", 2 - labels, NAMES[::-1])
    reference = make_sample(real, "r", labels + 1, ("absent", *NAMES))  # a name that no picture has
    again = compute("class_fd", reordered, reference)
    assert {name: value.value for name, value in again.items()} == {
        name: value.value for name, value in in_order.items()
    }


def test_exchanged_classes_raise_the_distance(labels: np.ndarray) -> None:
    real, generated = class_features(labels, 1), class_features(labels, 2)
    reference = make_sample(real, "r", labels, NAMES)
    right = compute("class_fd", make_sample(generated, "g", labels, NAMES), reference)["class_fd"].value
    wrong = compute("class_fd", make_sample(generated, "g", (labels + 1) % 3, NAMES), reference)["class_fd"].value
    assert wrong > 50 * right


def test_the_interval_has_the_width_of_other_samples(labels: np.ndarray) -> None:
    reference = make_sample(class_features(labels, 1), "r", labels, NAMES)
    found = compute("class_fd", make_sample(class_features(labels, 2, 1.4), "g", labels, NAMES), reference)["class_fd"]
    others = [
        compute(
            "class_fd", make_sample(class_features(labels, seed, 1.4), "g", labels, NAMES), reference, interval=False
        )["class_fd"].value
        for seed in range(10, 30)
    ]
    assert found.low is not None
    assert found.high is not None
    half = (found.high - found.low) / 2
    assert half == pytest.approx(1.96 * np.std(others, ddof=1), rel=0.6)


def test_a_note_names_classes_with_few_pictures(labels: np.ndarray) -> None:
    found = compute(
        "class_fd",
        make_sample(class_features(labels, 1), "g", labels, NAMES),
        make_sample(class_features(labels, 2), "r", labels, NAMES),
    )
    for note, what in zip(found["class_fd"].notes, ("scored", "real"), strict=True):
        assert "3 of 3 classes" in note
        assert f"{what} pictures advised" in note
        assert f"cat ({(labels == 0).sum()})" in note


def test_a_note_names_classes_of_which_real_pictures_alone_are_few(labels: np.ndarray) -> None:
    many = np.concatenate([labels] * 40)
    scored = make_sample(class_features(many, 1), "g", many, NAMES)
    found = compute("class_fd", scored, make_sample(class_features(labels, 2), "r", labels, NAMES), interval=False)
    (note,) = found["class_fd"].notes
    assert "real pictures advised" in note


def test_classes_that_do_not_match_raise(labels: np.ndarray) -> None:
    features = class_features(labels, 1)
    sample, reference = make_sample(features, "g", labels, NAMES), make_sample(features, "r", labels, NAMES)
    with pytest.raises(DataError, match=r"'hrose'.*Did you mean 'horse'"):
        compute("class_fd", make_sample(features, "g", labels, ("cat", "dog", "hrose")), reference)
    with pytest.raises(DataError, match="of one class, 'dog'"):
        compute("class_fd", sample, make_sample(features, "r", labels * 0 + 1, NAMES))
    with pytest.raises(DataError, match="have no classes"):
        compute("class_fd", make_sample(features, "g"), reference)
    few = labels.copy()
    few[few == 2] = 0
    few[0] = 2
    with pytest.raises(DataError, match=r"two pictures of each class.*'horse' \(1\)"):
        compute("class_fd", make_sample(features, "g", few, NAMES), reference)
