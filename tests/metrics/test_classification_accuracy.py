"""Classification accuracy scores: correct, exchanged, narrow and missing classes; the Bayes-optimal accuracy."""

from __future__ import annotations

import numpy as np
import pytest
from feature_samples import compute, make_sample
from scipy.stats import norm

from imagewright.errors import ConfigError, DataError
from imagewright.metrics.classes.accuracies import split_classes
from imagewright.metrics.metric import Sample

NAMES = ("one", "other")


def two_classes(seed: int, count: int = 1200, apart: float = 2.0, width: float = 1.0) -> Sample:
    """Normal classes whose means are `apart` standard deviations from each other, along one of eight features."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, count)
    features = width * random.standard_normal((count, 8))
    features[:, 3] += apart * labels
    return make_sample(features, f"set {seed}", labels, NAMES)


def test_accuracies_of_the_real_distribution_are_bayes_optimal() -> None:
    found = compute("classification_accuracy", two_classes(0, 4000), two_classes(1, 4000))
    best = norm.cdf(1.0)  # half the distance, in standard deviations
    for name in ("accuracy_fake_to_real", "accuracy_real_to_fake", "accuracy_real_to_real"):
        assert found[name].value == pytest.approx(best, abs=0.03)
        assert found[name].low is not None
        assert found[name].high is not None
        assert found[name].low < found[name].value < found[name].high


def test_exchanged_labels_lower_both_accuracies() -> None:
    generated = two_classes(2, apart=4)
    assert generated.labels is not None
    generated.labels = 1 - generated.labels
    found = compute("classification_accuracy", generated, two_classes(3, apart=4))
    assert found["accuracy_fake_to_real"].value < 0.1
    assert found["accuracy_real_to_fake"].value < 0.1
    assert found["accuracy_real_to_real"].value > 0.95


def test_narrow_classes_are_classified_more_accurately() -> None:
    found = compute("classification_accuracy", two_classes(4, width=0.2), two_classes(5))
    assert found["accuracy_real_to_fake"].value > found["accuracy_real_to_real"].value + 0.05


def test_a_class_that_is_never_generated_lowers_accuracy_and_adds_a_note() -> None:
    random = np.random.default_rng(6)
    labels = random.integers(0, 3, 900)
    features = random.standard_normal((900, 8)) + 4 * np.eye(3, 8)[labels]
    names = ("a", "b", "c")
    reference = make_sample(features, "real", labels, names)
    generated = labels < 2
    found = compute(
        "classification_accuracy", make_sample(features[generated], "made", labels[generated], names), reference
    )
    value = found["accuracy_fake_to_real"]
    assert value.value == pytest.approx(2 / 3, abs=0.05)
    assert "c" in value.notes[0]


def test_the_classifier_does_not_see_test_pictures() -> None:
    """Random features give chance accuracy, even with as many features as pictures."""
    random = np.random.default_rng(7)
    samples = [
        make_sample(random.standard_normal((400, 300)), "noise", random.integers(0, 2, 400), NAMES) for _ in range(2)
    ]
    for value in compute("classification_accuracy", *samples).values():
        assert value.value == pytest.approx(0.5, abs=0.12)


def test_the_split_is_stratified_and_depends_on_the_seed() -> None:
    generated, real = two_classes(8, 300), two_classes(9, 300)
    first, again = (compute("classification_accuracy", generated, real, seed=3) for _ in range(2))
    assert first == again
    assert real.labels is not None
    one, other = (split_classes(real.labels, 0.25, seed) for seed in (0, 1))
    assert not np.array_equal(one.held_out, other.held_out)
    for split in (one, other):
        assert not set(split.training) & set(split.held_out)
        shares = [np.mean(np.isin(np.flatnonzero(real.labels == label), split.held_out)) for label in (0, 1)]
        assert shares == pytest.approx([0.25, 0.25], abs=0.01)


def test_classes_and_options_that_raise() -> None:
    generated, real = two_classes(10, 200), two_classes(11, 200)
    assert generated.labels is not None
    one_class = make_sample(np.asarray(generated.features), "same", generated.labels * 0, NAMES)
    with pytest.raises(DataError, match="are of one class, 'one'"):
        compute("classification_accuracy", one_class, real)
    with pytest.raises(DataError, match="All 200 real pictures"):
        compute("classification_accuracy", generated, one_class)
    with pytest.raises(ConfigError, match="held_out=1"):
        compute("classification_accuracy", generated, real, held_out=1.0)
    scarce = make_sample(np.asarray(real.features)[:2], "scarce", np.array([0, 1]), NAMES)
    with pytest.raises(DataError, match="too few to hold"):
        compute("classification_accuracy", generated, scarce)
