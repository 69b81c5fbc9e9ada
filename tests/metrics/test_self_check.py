"""The self-check: verdicts on metrics with known behaviour, and on the real metrics with the built-in digits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from picture_sets import Averages
from PIL import Image

import imagewright as iw
from imagewright.errors import ConfigError, DataError, RunError, UserError
from imagewright.images import Images
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Sample, Value
from imagewright.metrics.registry import metric_named
from imagewright.metrics.self_check.corruptions import CORRUPTIONS, LEVELS
from imagewright.metrics.self_check.expectations import Expected, decide_verdict, expected_of
from imagewright.metrics.self_check.results import SelfCheck


def make_metric(name: str, better: str | None, number: Callable[[np.ndarray], float], **changes: object) -> Metric:
    """A metric of the scored pictures alone."""

    def compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
        return {name: Value(number(sample.pictures.pictures(np.arange(len(sample))).numpy()))}

    return Metric(name, (MetricOutput(name, name, better),), frozenset(), compute, "", **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def digits() -> Images:
    return iw.open_images("digits").prepare()


@pytest.fixture(scope="module")
def found(digits: Images) -> SelfCheck:
    calls: list[tuple[int, int]] = []
    result = iw.self_check(
        digits,
        ["fd", metric_named("path_length")],
        Averages(),
        count=500,
        progress=lambda stage, done, total: calls.append((done, total)),
    )
    assert calls == [(done, 1 + 4 * 5) for done in range(1 + 4 * 5)]
    return result


def test_the_frechet_distance_responds_to_all_default_corruptions(found: SelfCheck) -> None:
    assert found.count == 500
    assert found.modes == "classes"
    assert {each.verdict.outcome for each in found.measurements} == {"as expected"}
    assert found.unexpected == []
    assert len(found.clean["fd"]) >= 3
    heading, *lines = found.lines()
    assert "500 pictures of digits" in heading
    assert len(lines) == 4
    assert all("as expected" in line for line in lines)


def test_metrics_that_need_a_model_are_left_out(found: SelfCheck) -> None:
    assert found.left_out == {"path_length": "it needs a model, not only pictures"}


def test_the_dictionary_is_json(found: SelfCheck) -> None:
    record = json.loads(json.dumps(found.to_dict()))
    assert record["features"] == "averages"
    assert len(record["measurements"]) == 4
    assert len(record["measurements"][0]["values"]) == LEVELS - 1


def test_written_files(found: SelfCheck, tmp_path: Path) -> None:
    curves, sheet = found.write(tmp_path / "check.png")
    assert (curves, sheet) == (tmp_path / "check.png", tmp_path / "check-pictures.png")
    with Image.open(sheet) as picture:
        assert picture.height > 4 * 100
        assert picture.width > LEVELS * 100
    assert curves.stat().st_size > 5000
    assert found.write(tmp_path / "other.svg")[0].stat().st_size > 5000
    (path,) = found.write(tmp_path / "check.json")
    assert json.loads(path.read_text()) == found.to_dict()
    with pytest.raises(RunError, match=r"check-pictures\.png exists"):
        found.write(tmp_path / "check.svg")
    found.write(tmp_path / "check.png", force=True)
    with pytest.raises(UserError, match=r"\.json"):
        found.write(tmp_path / "check.txt")


@pytest.mark.learning
def test_names_metrics_and_networks_are_equivalent(digits: Images) -> None:
    by_name = iw.self_check(digits, ["kd:subsets=7,size=50"], "pixels", corruptions=["noise"], count=60)
    metric = metric_named("kd").with_options({"subsets": 7, "size": 50})
    network = iw.self_check(digits, [metric], _pixels(), corruptions=["noise"], count=60)
    assert by_name.measurements[0].values == network.measurements[0].values
    assert by_name.features == network.features == "pixels"
    other = iw.self_check(digits, ["kd:subsets=6,size=50"], "pixels", corruptions=["noise"], count=60)
    assert other.measurements[0].values != by_name.measurements[0].values


def _pixels() -> object:
    from imagewright.pretrained.features.contract import open_network

    return open_network("pixels")


def test_any_source_and_size(tmp_path: Path) -> None:
    for number, picture in enumerate(np.random.default_rng(0).integers(0, 256, (24, 12, 12)).astype(np.uint8)):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    checked = iw.self_check(tmp_path, ["fd"], Averages(), corruptions=["blur"], size=16)
    assert checked.count == 12
    assert checked.shown["blur"].shape[-2:] == (16, 16)


def test_features_without_logits_leave_out_metrics_of_logits(digits: Images) -> None:
    checked = iw.self_check(digits, ["fd", "inception_score"], Averages(), corruptions=["noise"], count=40)
    assert "no logits" in checked.left_out["inception_score"]
    with pytest.raises(DataError, match="no logits"):
        iw.self_check(digits, ["inception_score"], Averages(), corruptions=["noise"], count=40)


def test_metrics_that_fail_are_found(digits: Images) -> None:
    checked = iw.self_check(
        digits,
        [
            make_metric("pictures", "lower", lambda pictures: float(len(pictures))),
            make_metric("contrast", "lower", lambda pictures: float(pictures.std())),
            make_metric("detail", "higher", lambda pictures: float(np.abs(np.diff(pictures.astype(float))).mean())),
        ],
        corruptions=["blur"],
        count=300,
    )
    assert {each.output.name: each.verdict.outcome for each in checked.measurements} == {
        "pictures": "no change",
        "contrast": "wrong direction",
        "detail": "as expected",
    }
    assert checked.features is None
    assert [each.output.name for each in checked.unexpected] == ["pictures", "contrast"]
    assert checked.lines()[1].startswith("pictures")  # unexpected ones first


def test_a_metric_that_cannot_be_computed_for_a_copy(digits: Images) -> None:
    def fails(pictures: np.ndarray) -> float:
        if len(np.unique(pictures, axis=0)) < len(pictures) // 2:
            raise DataError("too few distinct pictures")
        return 0.0

    checked = iw.self_check(digits, [make_metric("picky", "lower", fails)], corruptions=["duplication"], count=100)
    measurement = checked.measurements[0]
    assert measurement.verdict.outcome == "undefined"
    assert "too few distinct pictures" in measurement.line()
    assert json.loads(json.dumps(checked.to_dict()))["measurements"][0]["values"][-1] is None


def test_without_labels_clusters_are_the_modes() -> None:
    number = make_metric("mean", None, lambda pictures: float(pictures.mean()))
    checked = iw.self_check("faces", [number], corruptions=["mode_dropping"])
    assert checked.modes == "12 clusters of small pictures"
    assert checked.count == 50


def test_equal_pictures_have_no_modes_to_drop() -> None:
    equal = np.full((12, 1, 16, 16), 90, np.uint8)
    checked = iw.self_check(equal, ["ms_ssim"], corruptions=["noise", "mode_dropping"])
    assert checked.left_out == {"mode_dropping": "the pictures are of one class or cluster"}
    assert checked.corruptions == ("noise",)


def test_contamination_resizes_the_other_pictures(digits: Images) -> None:
    number = make_metric("mean", "lower", lambda pictures: float(pictures.mean()))
    checked = iw.self_check(digits, [number], corruptions=["contamination"], others="faces", count=200)
    values = checked.measurements[0].values
    assert list(values) == sorted(values)  # faces are brighter than digits
    with pytest.raises(DataError, match="--others SOURCE"):
        iw.self_check(digits, [number], corruptions=["contamination"], count=200)


def test_too_few_pictures_and_unknown_names_raise(digits: Images) -> None:
    with pytest.raises(DataError, match=r"two halves of 2, and ten needs 10"):
        iw.self_check(digits.subset(np.arange(5)), [make_metric("ten", "lower", np.mean, least=10)])
    with pytest.raises(ConfigError, match="Did you mean 'noise'"):
        iw.self_check(digits, ["fd"], corruptions=["noize"])
    with pytest.raises(ConfigError, match="Did you mean 'fd'"):
        iw.self_check(digits, ["fdd"])
    with pytest.raises(DataError, match=r"path_length: it needs a model"):
        iw.self_check(digits, ["path_length"])


CLEAN = (1.0, 1.1, 0.9, 1.0)


@pytest.mark.parametrize(
    ("direction", "values", "outcome", "from_level"),
    [
        ("rises", (1.1, 2, 3, 4, 5), "as expected", 2),
        ("rises", (2, 3, 2.5, 4, 5), "as expected", 1),  # one step back is chance
        ("rises", (5, 4, 3, 2.5, 2), "not monotonic", 1),
        ("rises", (1.1, 1.0, 0.9, 1.1, 1.05), "no change", None),
        ("rises", (0.9, 0.5, 0.3, 0.2, 0.1), "wrong direction", 2),
        ("falls", (0.9, 0.5, 0.3, 0.2, 0.1), "as expected", 2),
        ("constant", (1.0, 1.0, 1.1, 1.2, 1.2), "as expected", None),
        ("constant", (1.0, 1.5, 2.0, 3.0, 9.0), "changed", 2),
        ("any", (1.0, 1.5, 2.0, 3.0, 9.0), "no expectation", 2),
        ("rises", (1.0, 1.5, 2.0, 3.0, float("nan")), "undefined", None),
    ],
)
def test_verdicts(direction: str, values: tuple[float, ...], outcome: str, from_level: int | None) -> None:
    verdict = decide_verdict(Expected(direction), CLEAN, values, largest=4.0)  # type: ignore[arg-type]
    assert (verdict.outcome, verdict.from_level) == (outcome, from_level)


def test_expected_directions_of_the_metrics() -> None:
    outputs = {
        output.name: output
        for name in ("fd", "kd", "inception_score", "ms_ssim", "sliced_wasserstein")
        for output in metric_named(name).outputs
    }
    expected = {
        name: {each: expected_of(output, each).direction for each in CORRUPTIONS} for name, output in outputs.items()
    }
    assert set(expected["fd"].values()) == set(expected["kd"].values()) == {"rises"}
    assert expected["swd"]["blur"] == "rises"
    assert expected["swd_16"]["noise"] == "any"
    assert expected["inception_score"]["blur"] == "any"
    assert expected["ms_ssim"]["duplication"] == "rises"
    precision = MetricOutput("precision", "precision", "higher")
    of_precision = [expected_of(precision, name).direction for name in ("blur", "mode_dropping", "duplication")]
    assert of_precision == ["falls", "constant", "any"]
    assert expected_of(MetricOutput("recall", "recall", "higher"), "mode_dropping").direction == "falls"
    for name in ("accuracy", "network_accuracy"):  # fewer classes are learned, but each is still recognised
        both = [MetricOutput(f"{name}_{way}", "", "higher") for way in ("fake_to_real", "real_to_fake")]
        assert [expected_of(output, "mode_dropping").direction for output in both] == ["falls", "constant"]
    assert all(expected_of(precision, name).why for name in ("mode_dropping", "duplication"))
