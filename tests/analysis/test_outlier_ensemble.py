"""The default ranking: strange in either direction, one loud detector, copies, few and equal pictures."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagewright as iw
from imagewright.analysis.outliers.folds import copy_groups, fold_numbers
from imagewright.analysis.outliers.methods import OutlierMethod, select_methods
from imagewright.analysis.outliers.scores import MethodScores, ensemble_scores
from imagewright.errors import UserError
from imagewright.pretrained import efficientnet_lite


@pytest.fixture(autouse=True)
def without_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default as it is where the extra `features` is not installed: quick, and the same everywhere."""
    monkeypatch.setattr(efficientnet_lite, "PACKAGE", "no_such_package_at_all")
    monkeypatch.delenv("IMAGEWRIGHT_WEIGHTS", raising=False)


def texture(number: int, side: int = 32, cells: int = 4) -> np.ndarray:
    """A picture of smooth coloured spots, uint8 (3, side, side)."""
    spots = np.random.default_rng([1, number]).integers(80, 170, (cells, cells, 3), dtype=np.uint8)
    grown = Image.fromarray(spots).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(grown).transpose(2, 0, 1)


def scene(number: int) -> np.ndarray:
    """A varied picture with coarse and fine structure, uint8 (3, 48, 48)."""
    generator = np.random.default_rng([2, number])
    pixels = np.zeros((48, 48, 3))
    for cells, strength in ((2, 45), (6, 30), (24, 18)):
        coarse = generator.normal(0, strength, (cells, cells, 3)).clip(-127, 127) + 128
        grown = Image.fromarray(coarse.astype(np.uint8)).resize((48, 48), Image.Resampling.BICUBIC)
        pixels += np.asarray(grown) - 128.0
    contrast = generator.uniform(0.6, 1.3)
    return (generator.uniform(90, 150) + contrast * pixels).clip(0, 255).astype(np.uint8).transpose(2, 0, 1)


def noise(number: int, mean: float, deviation: float) -> np.ndarray:
    values = np.random.default_rng([3, number]).normal(mean, deviation, (3, 48, 48))
    return values.clip(0, 255).astype(np.uint8)


def flat(level: int) -> np.ndarray:
    return np.full((3, 48, 48), level, np.uint8)


ODD = {
    "a dark frame with noise": [noise(0, 4, 3)],
    "five dark frames": [noise(number, 4, 3) for number in range(5)],
    "five grey placeholders": [noise(number, 200, 2) for number in range(5)],
    "five frames of snow": [noise(number, 128, 80) for number in range(5)],
    "three of one colour each": [flat(120), flat(10), flat(240)],
    "two equal black ones": [flat(0), flat(0)],
    "a very smooth one": [np.repeat(np.linspace(60, 190, 48)[None, None], 48, 1).repeat(3, 0).astype(np.uint8)],
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("learned", ["the set itself", "ordinary ones"])
def test_strange_is_far_in_either_direction(kind: str, learned: str) -> None:
    ordinary = [scene(number) for number in range(80)]
    clean = np.stack([scene(number) for number in range(100, 160)]) if learned == "ordinary ones" else None
    found = iw.outliers(np.stack([*ordinary, *ODD[kind]]), train_on=clean)
    count = len(ODD[kind])
    assert set(found.order[:count].tolist()) == set(range(80, 80 + count))
    assert found.score[80:].min() > 1.2 * found.score[:80].max()


@pytest.mark.parametrize("level", [0, 125, 255])
def test_two_equal_frames_in_sixty_textures_do_not_vouch_for_each_other(level: int) -> None:
    pictures = np.stack([*(texture(number) for number in range(60)), *[np.full((3, 32, 32), level, np.uint8)] * 2])
    assert set(iw.outliers(pictures).order[:2].tolist()) == {60, 61}


def test_copies_of_ordinary_pictures_are_not_strange() -> None:
    ordinary = [scene(number) for number in range(60)]
    pictures = np.stack([*ordinary, *ordinary[10:16]])
    found = iw.outliers(pictures)
    ranks = np.argsort(found.order)
    assert np.median(ranks[60:]) > 15
    assert abs(ranks[10:16] - ranks[60:]).max() <= 6  # a copy is as strange as its original
    assert any("6 of 66 pictures are copies of others" in note for note in found.notes)
    assert not iw.outliers(np.stack(ordinary)).notes


def some_scores(loud: float, members: int = 4) -> dict[str, MethodScores]:
    """Scores of 200 pictures by several methods in different units; picture 17 is loud by one method alone."""
    generator = np.random.default_rng(0)
    found = {}
    for member in range(members):
        logs = generator.normal(0, 0.2, 200)
        if member == 2:
            logs[17] = 0.2 * loud
        scores = np.exp(logs) * 10.0**member
        found[f"method {member}"] = MethodScores(scores, np.log(scores), np.log(scores))
    return found


def weights(names: Iterable[str]) -> list[OutlierMethod]:
    return [OutlierMethod(name, "space", "", 1.0) for name in names]


def test_one_loud_detector_is_heard() -> None:
    found = some_scores(loud=8)
    assert int(ensemble_scores(found, weights(found)).argmax()) == 17
    ranks = np.mean([each.scores.argsort().argsort() for each in found.values()], axis=0)
    assert int(ranks.argmax()) != 17  # the mean of ranks did not hear it


def test_the_ensembles_score_is_in_deviations_and_does_not_depend_on_units() -> None:
    names = ["one", "two"]
    logs = np.random.default_rng(0).normal(3, 0.4, 20_001)
    found = {name: MethodScores(logs, logs, logs) for name in names}
    expected = (logs - np.median(logs)) / 0.4
    scores = ensemble_scores(found, weights(names))
    high = expected > 0
    assert np.allclose(scores[high], expected[high], rtol=0.05, atol=0.02)
    other = {"one": found["one"], "two": MethodScores(logs, 7 * logs + 2, 7 * logs + 2)}
    assert np.allclose(ensemble_scores(other, weights(names)), scores)


def test_alarms_count_only_if_they_are_loud() -> None:
    quiet = np.zeros(50)
    methods = [
        OutlierMethod("one", "space", "", 1.0),
        OutlierMethod("statistics", "statistics", "", 1.0, is_alarm=True),
    ]
    logs = np.linspace(-1, 1, 50)
    found = {"one": MethodScores(logs, logs, logs), "statistics": MethodScores(quiet + 4, quiet, quiet)}
    before = ensemble_scores({"one": found["one"]}, methods)
    assert np.array_equal(ensemble_scores(found, methods), before)
    found["statistics"].scores[3] = 12
    assert int(ensemble_scores(found, methods).argmax()) == 3


# Copies and folds


def test_copies_are_groups_and_stay_in_one_fold() -> None:
    import torch

    generator = torch.Generator().manual_seed(0)
    rows = torch.rand(400, 60, generator=generator) * 2 - 1
    rows[3] = rows[200]
    rows[17] = rows[200] + 0.001
    rows[50:60] = -1
    groups = copy_groups(rows, 0)
    assert groups[3] == groups[17] == groups[200]
    assert len(set(groups[50:60])) == 1
    assert len(set(groups)) == 400 - 2 - 9
    folds = fold_numbers(400, 0, groups)
    assert folds[3] == folds[17] == folds[200]
    assert sorted(set(folds)) == list(range(10))
    # A fifth of a set is no group of outliers: its pictures are compared with each other.
    rows[100:190] = rows[100]
    assert len(set(copy_groups(rows, 0)[100:190])) == 90
    assert len(set(copy_groups(torch.ones(30, 5), 0))) == 30


def test_copies_are_found_among_many_pictures(monkeypatch) -> None:
    import torch

    from imagewright.analysis.outliers import folds

    monkeypatch.setattr(folds, "MANY", 100)  # as for more than 20,000, where not all pairs are compared
    rows = torch.rand(300, 40, generator=torch.Generator().manual_seed(1))
    rows[40] = rows[250] = rows[7]
    groups = folds.copy_groups(rows, 0)
    assert len(set(groups)) == 298
    assert groups[7] == groups[40] == groups[250]


# Few, equal and constant pictures


@pytest.mark.parametrize("count", [3, 5, 9])
def test_few_pictures_are_ranked_and_it_is_said_that_little_can_be_told(count: int, tmp_path: Path) -> None:
    found = iw.outliers(np.stack([scene(number) for number in range(count)]))
    assert np.isfinite(found.score).all()
    assert any(f"Only {count} different pictures" in note for note in found.notes)
    assert all(path.is_file() for path in found.write(tmp_path / "out"))


def test_ten_pictures_are_enough() -> None:
    found = iw.outliers(np.stack([*(texture(number) for number in range(9)), np.full((3, 32, 32), 255, np.uint8)]))
    assert int(found.order[0]) == 9
    assert not found.notes


def test_equal_pictures_are_equally_strange(tmp_path: Path) -> None:
    found = iw.outliers(np.full((30, 1, 16, 16), 9, np.uint8))
    assert found.notes == ["All 30 pictures are equal: none is stranger than another."]
    assert np.ptp(found.score) == 0
    assert found.order.tolist() == list(range(30))
    paths = found.write(tmp_path / "out")
    rows = list(csv.DictReader(paths[0].read_text().splitlines()))
    assert {row["ensemble"] for row in rows} == {"0"}


def test_a_set_of_copies_with_one_other_picture() -> None:
    pictures = np.stack([*(texture(number % 6) for number in range(60)), np.full((3, 32, 32), 255, np.uint8)])
    found = iw.outliers(pictures)
    assert int(found.order[0]) == 60
    assert any("7 different pictures" in note for note in found.notes)
    constant = np.concatenate([np.full((40, 3, 32, 32), 30, np.uint8), pictures[:1]])
    assert int(iw.outliers(constant).order[0]) == 40


def test_differences_from_equal_clean_pictures_are_distances() -> None:
    clean = np.full((5, 1, 16, 16), 100, np.uint8)
    scored = np.stack([np.full((1, 16, 16), level, np.uint8) for level in (100, 90, 160, 101)])
    found = iw.outliers(scored, train_on=clean)
    assert found.order[:2].tolist() == [2, 1]
    assert any("are all equal: only distances" in note for note in found.notes)
    assert np.isfinite(found.score).all()


# Methods


def test_every_method_is_computed_when_asked_for() -> None:
    pictures = np.stack([texture(number) for number in range(30)])
    every = iw.outliers(pictures, method="all")
    default = iw.outliers(pictures)
    assert set(default.scores) < set(every.scores)
    assert {"pca", "edges-kde", "gmm", "statistics"} <= set(every.scores)
    assert np.array_equal(every.score, default.score)
    assert [each.name for each in select_methods("ensemble", None)] == list(default.scores)[1:]


def test_features_of_a_network_are_compared_instead() -> None:
    pictures = np.stack([*(texture(number) for number in range(30)), np.full((3, 32, 32), 255, np.uint8)])
    found = iw.outliers(pictures, features="random")
    assert set(found.scores) == {"ensemble", "features-mahalanobis", "features-plane", "statistics"}
    assert int(found.order[0]) == 30
    alone = iw.outliers(pictures, features="random", method="features-neighbours")
    assert int(alone.order[0]) == 30
    with pytest.raises(UserError, match="with --features NAME"):
        iw.outliers(pictures, method="features-neighbours")
