"""The self-check: what it says of measures whose answers are known, and of the real ones on the built-in digits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from picture_sets import Averages

import imagewright as iw
from imagewright.errors import ConfigError, DataError
from imagewright.images import Images
from imagewright.metrics.metric import Metric, Output, Sample, Setting, Value
from imagewright.metrics.registry import metric_named
from imagewright.metrics.self_check.check import self_check
from imagewright.metrics.self_check.corruptions import CORRUPTIONS, LEVELS
from imagewright.metrics.self_check.expectations import Expected, expected_of, verdict_of
from imagewright.metrics.self_check.figures import damage_sheet, save_curves
from imagewright.metrics.self_check.results import SelfCheck


def judge(name: str, better: str | None, number: Callable[[np.ndarray], float], **changes: object) -> Metric:
    """A metric that looks at the pictures judged, and only at them."""

    def compute(sample: Sample, reference: Sample | None, setting: Setting) -> dict[str, Value]:
        return {name: Value(number(sample.pictures.pictures(np.arange(len(sample))).numpy()))}

    return Metric(name, (Output(name, name, better),), frozenset(), compute, "", **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def digits() -> Images:
    return iw.open_images("digits").prepare()


@pytest.fixture(scope="module")
def found(digits: Images) -> SelfCheck:
    told: list[tuple[int, int]] = []
    result = self_check(
        digits,
        [metric_named("fd"), metric_named("path_length")],
        Averages(),
        count=500,
        progress=lambda what, done, total: told.append((done, total)),
    )
    assert told == [(done, 1 + 4 * 5) for done in range(1 + 4 * 5)]
    return result


def test_the_frechet_distance_sees_all_that_generators_do_wrong(found: SelfCheck) -> None:
    assert found.count == 500
    assert found.modes == "classes"
    assert {each.verdict.judgement for each in found.readings} == {"as it should"}
    assert found.suspicious == []
    assert len(found.clean["fd"]) >= 3
    assert all("as it should" in line for line in found.lines())


def test_what_asks_a_model_is_left_out_and_that_is_said(found: SelfCheck) -> None:
    assert found.left_out == {"path_length": "it asks a model, not pictures"}


def test_the_record_is_json(found: SelfCheck) -> None:
    record = json.loads(json.dumps(found.record()))
    assert record["features"] == "averages"
    assert len(record["derived_metrics"]) == 4
    assert len(record["derived_metrics"][0]["values"]) == LEVELS - 1


def test_figures(found: SelfCheck, tmp_path: Path) -> None:
    sheet = np.asarray(damage_sheet(found))
    assert sheet.shape[0] > 4 * 100
    assert sheet.shape[1] > LEVELS * 100
    for suffix in (".png", ".svg"):
        assert save_curves(found, tmp_path / f"curves{suffix}").stat().st_size > 5000


def test_measures_that_fail_are_found(digits: Images) -> None:
    checked = self_check(
        digits,
        [
            judge("pictures", "lower", lambda pictures: float(len(pictures))),
            judge("contrast", "lower", lambda pictures: float(pictures.std())),
            judge("detail", "higher", lambda pictures: float(np.abs(np.diff(pictures.astype(float))).mean())),
        ],
        None,
        corruptions=["blur"],
        count=300,
    )
    assert {each.output.name: each.verdict.judgement for each in checked.readings} == {
        "pictures": "did not move",
        "contrast": "wrong way",
        "detail": "as it should",
    }
    assert checked.features is None
    assert [each.output.name for each in checked.suspicious] == ["pictures", "contrast"]


def test_a_measure_that_cannot_be_computed_of_a_copy(digits: Images) -> None:
    def picky(pictures: np.ndarray) -> float:
        if len(np.unique(pictures, axis=0)) < len(pictures) // 2:
            raise DataError("too few distinct pictures")
        return 0.0

    checked = self_check(digits, [judge("picky", "lower", picky)], None, corruptions=["duplication"], count=100)
    reading = checked.readings[0]
    assert reading.verdict.judgement == "not defined"
    assert "too few distinct pictures" in checked.lines()[0]
    assert json.loads(json.dumps(checked.record()))["derived_metrics"][0]["values"][-1] is None


def test_without_labels_clusters_are_dropped() -> None:
    faces = iw.open_images("faces")
    number = judge("mean", None, lambda pictures: float(pictures.mean()))
    checked = self_check(faces, [number], None, corruptions=["mode_dropping"])
    assert checked.modes == "12 clusters of small pictures"
    assert checked.count == 50


def test_equal_pictures_have_no_modes_to_drop() -> None:
    equal = iw.open_images(np.full((12, 1, 16, 16), 90, np.uint8)).prepare()
    checked = self_check(equal, [metric_named("ms_ssim")], None, corruptions=["noise", "mode_dropping"])
    assert checked.left_out == {"mode_dropping": "the pictures are of one class or cluster"}
    assert checked.corruptions == ("noise",)


def test_other_pictures_are_mixed_in_at_the_size_of_these(digits: Images) -> None:
    number = judge("mean", "lower", lambda pictures: float(pictures.mean()))
    others = iw.open_images("faces")
    checked = self_check(digits, [number], None, corruptions=["contamination"], others=others, count=200)
    values = checked.readings[0].values
    assert list(values) == sorted(values)  # faces are brighter than digits
    with pytest.raises(DataError, match="second set"):
        self_check(digits, [number], None, corruptions=["contamination"], count=200)


def test_too_few_pictures_and_unknown_corruptions(digits: Images) -> None:
    with pytest.raises(DataError, match=r"two halves of 2, and .* needs 10"):
        self_check(digits.subset(np.arange(5)), [judge("ten", "lower", np.mean, least=10)], None)
    with pytest.raises(ConfigError, match="Did you mean 'noise'"):
        self_check(digits, [], None, corruptions=["noize"])
    with pytest.raises(DataError, match=r"None of these.*path_length: it asks a model"):
        self_check(digits, [metric_named("path_length")], None)


CLEAN = (1.0, 1.1, 0.9, 1.0)


@pytest.mark.parametrize(
    ("way", "values", "judgement", "from_level"),
    [
        ("rises", (1.1, 2, 3, 4, 5), "as it should", 2),
        ("rises", (2, 3, 2.5, 4, 5), "as it should", 1),  # one pair out of order is chance
        ("rises", (5, 4, 3, 2.5, 2), "unevenly", 1),
        ("rises", (1.1, 1.0, 0.9, 1.1, 1.05), "did not move", None),
        ("rises", (0.9, 0.5, 0.3, 0.2, 0.1), "wrong way", 2),
        ("falls", (0.9, 0.5, 0.3, 0.2, 0.1), "as it should", 2),
        ("holds", (1.0, 1.0, 1.1, 1.2, 1.2), "as it should", None),
        ("holds", (1.0, 1.5, 2.0, 3.0, 9.0), "moved", 2),
        ("open", (1.0, 1.5, 2.0, 3.0, 9.0), "open", 2),
        ("rises", (1.0, 1.5, 2.0, 3.0, float("nan")), "not defined", None),
    ],
)
def test_verdicts(way: str, values: tuple[float, ...], judgement: str, from_level: int | None) -> None:
    verdict = verdict_of(Expected(way), CLEAN, values, largest=4.0)  # type: ignore[arg-type]
    assert (verdict.judgement, verdict.from_level) == (judgement, from_level)


def test_what_is_expected_of_the_known_measures() -> None:
    outputs = {
        output.name: output
        for name in ("fd", "kd", "inception_score", "ms_ssim", "sliced_wasserstein")
        for output in metric_named(name).outputs
    }
    ways = {name: {each: expected_of(output, each).way for each in CORRUPTIONS} for name, output in outputs.items()}
    assert set(ways["fd"].values()) == set(ways["kd"].values()) == {"rises"}
    assert ways["swd"]["blur"] == "rises"
    assert ways["swd_16"]["noise"] == "open"
    assert ways["inception_score"]["blur"] == "open"
    assert ways["ms_ssim"]["duplication"] == "rises"
    precision = Output("precision", "precision", "higher")
    of_precision = [expected_of(precision, name).way for name in ("blur", "mode_dropping", "duplication")]
    assert of_precision == ["falls", "holds", "open"]
    assert expected_of(Output("recall", "recall", "higher"), "mode_dropping").way == "falls"
    for name in ("accuracy", "network_accuracy"):  # who learns from few kinds knows few; each of them is still told
        both = [Output(f"{name}_{way}", "", "higher") for way in ("fake_to_real", "real_to_fake")]
        assert [expected_of(output, "mode_dropping").way for output in both] == ["falls", "holds"]
    assert all(expected_of(precision, name).why for name in ("mode_dropping", "duplication"))
