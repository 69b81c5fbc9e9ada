"""MIG and DCI: closed forms, representations whose answer is known, plain references, and what cannot be measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import mutual_info_score
from sklearn.model_selection import cross_val_score
from torch import Tensor

import imagewright as iw
from imagewright.configs import Config
from imagewright.errors import DataError, UserError
from imagewright.metrics.disentanglement.importances import (
    completeness_of,
    disentanglement_of,
    fit_importances,
)
from imagewright.metrics.disentanglement.known_factors import KnownFactors, known_factors
from imagewright.metrics.disentanglement.measures import measure_disentanglement
from imagewright.metrics.disentanglement.mutual_information import (
    bin_evenly,
    entropies,
    information_gaps,
    mutual_information,
)
from imagewright.model import Model


class Corners(Model):
    """Encodes pictures to the sums of red, green and blue in their four quarters."""

    Config = Config

    def __init__(self, size: int = 32) -> None:
        super().__init__(Config(size=(size, size), channels=3))
        self.latent_shape = (12,)

    def encode(self, images: Tensor) -> Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(images, 2).flatten(1)


def numbers(count: int = 1000, factors: int = 4, seed: int = 0) -> KnownFactors:
    """Independent factors, of which the first is a class of three."""
    values = np.random.default_rng(seed).random((count, factors))
    values[:, 0] = np.floor(values[:, 0] * 3)
    return KnownFactors(values, tuple("abcdefgh"[:factors]), np.arange(factors) == 0)


def test_mutual_information_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    latents, factors = random.integers(0, 6, (500, 3)), random.integers(0, 4, (500, 2))
    factors[:, 1] = (latents[:, 2] + factors[:, 1] // 3) % 4
    found = mutual_information(latents, factors)
    for row in range(3):
        for column in range(2):
            assert found[row, column] == pytest.approx(mutual_info_score(latents[:, row], factors[:, column]))
    np.testing.assert_allclose(entropies(factors)[0], mutual_info_score(factors[:, 0], factors[:, 0]))


def test_the_gap_by_hand() -> None:
    information = np.array([[0.9, 0.1], [0.3, 0.1], [0.0, 0.5]])
    np.testing.assert_allclose(information_gaps(information, np.array([1.0, 2.0])), [0.6, 0.2])
    np.testing.assert_allclose(information_gaps(information[:1], np.array([1.0, 1.0])), [0.9, 0.1])


def test_bins_have_equal_counts_and_do_not_change_with_the_scale() -> None:
    values = np.random.default_rng(0).normal(size=(1000, 1))
    codes = bin_evenly(values, 20)
    assert set(np.bincount(codes[:, 0])) == {50}
    np.testing.assert_array_equal(bin_evenly(np.exp(3 * values), 20), codes)
    np.testing.assert_array_equal(bin_evenly(np.array([[2.0], [7], [2]]), 20)[:, 0], [0, 1, 0])
    assert not bin_evenly(np.full((30, 1), 4.0), 20).any()


def test_disentanglement_and_completeness_by_hand() -> None:
    assert disentanglement_of(np.eye(3)) == pytest.approx(1)
    assert completeness_of(np.eye(3)) == pytest.approx(1)
    assert disentanglement_of(np.ones((4, 3))) == pytest.approx(0)
    assert completeness_of(np.ones((4, 3)) / 4) == pytest.approx(0)
    # The first latent holds half of each of two factors, the others the other halves: weights 1, 1/2, 1/2.
    halves = np.array([[0.5, 0.5], [0.5, 0], [0, 0.5]])
    assert disentanglement_of(halves) == pytest.approx(0.5)
    assert completeness_of(halves) == pytest.approx(1 - np.log(2) / np.log(3))
    assert disentanglement_of(np.zeros((3, 2))) == 0


def test_the_factors_themselves_are_a_perfect_representation() -> None:
    known = numbers()
    scale = np.array([1, 5, 0.1, 2])
    found = measure_disentanglement(known.values[:, ::-1] * scale, known, trees=3)
    values = {name: each.value for name, each in found.values.items()}
    assert values["mig"] > 0.93
    assert min(values["dci_disentanglement"], values["dci_completeness"], values["dci_informativeness"]) > 0.98
    np.testing.assert_array_equal(found.information.argmax(0), [3, 2, 1, 0])
    for each in found.values.values():
        assert each.low is not None
        assert each.high is not None
        assert 0 <= each.low <= each.value <= each.high <= 1


def test_a_rotation_of_the_factors_holds_them_all_but_mixes_them() -> None:
    known = numbers()
    centred = (known.values - known.values.mean(0)) / known.values.std(0)
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(4, 4)))
    values = {name: each.value for name, each in measure_disentanglement(centred @ turn, known, trees=3).values.items()}
    assert values["mig"] < 0.3
    assert values["dci_disentanglement"] < 0.6
    assert values["dci_informativeness"] > 0.8


def test_noise_holds_nothing() -> None:
    known = numbers()
    noise = np.random.default_rng(5).normal(size=(len(known.values), 6))
    found = measure_disentanglement(noise, known, trees=3)
    assert max(each.value for each in found.values.values()) < 0.1


def test_predictions_are_those_of_a_plain_forest() -> None:
    known = numbers(1000, 3)
    latents = known.values @ np.array([[1.0, 0.2, 0], [0, 1, 0.4], [0.5, 0, 1]])
    _, scores = fit_importances(latents, known.values, known.classes, trees=10, seed=0)
    for column in (1, 2):
        forest = RandomForestRegressor(10, min_samples_leaf=4, random_state=0)
        plain = cross_val_score(forest, latents, known.values[:, column], cv=4).mean()
        assert scores[column] == pytest.approx(plain, abs=0.05)


def test_unknown_and_constant_factors_are_left_out_and_said() -> None:
    known = numbers(400)
    known.values[:30, 1] = np.nan
    known.values[:, 2] = 1
    found = measure_disentanglement(known.values[:, [0, 3]], known, trees=2)
    assert found.factors == ("a", "b", "d")
    assert found.pictures == 370
    assert "30 of 400" in found.notes[0]
    assert found.notes[1].endswith("left out: c.")


def test_too_few_pictures_and_latents_that_are_no_numbers_are_refused() -> None:
    known = numbers(120)
    with pytest.raises(DataError, match=r"99 pictures.*100 at least"):
        measure_disentanglement(known.values[:99], known.of_rows(np.arange(99)))
    with pytest.raises(DataError, match="not finite"):
        measure_disentanglement(np.full((120, 2), np.nan), known)
    with pytest.raises(DataError, match="No known factor differs"):
        measure_disentanglement(known.values, KnownFactors(np.zeros((120, 1)), ("a",), np.array([False])))


def test_the_factors_of_shapes_and_of_labelled_pictures() -> None:
    shapes = known_factors(iw.open_images("shapes:count=20"))
    assert shapes is not None
    assert shapes.names == ("class", "texture", "hue", "size", "x", "y", "turn", "background")
    assert shapes.classes.tolist() == [True, True, *[False] * 6]
    pictures = iw.open_images(np.zeros((4, 3, 8, 8), np.uint8))
    assert known_factors(pictures) is None
    marked = known_factors(pictures.with_attributes(np.array([[0], [1], [1], [0]]), ["smiling"]))
    assert marked is not None
    assert (marked.names, marked.values[:, 0].tolist()) == (("smiling",), [0, 1, 1, 0])


def test_evaluate_scores_a_model_that_encodes() -> None:
    found = iw.evaluate(Corners(), "shapes:count=400", metrics="disentanglement:pictures=300,trees=2", device="cpu")
    scores = {each.output: each for each in found.scores}
    assert set(scores) == {"mig", "dci_disentanglement", "dci_completeness", "dci_informativeness"}
    assert scores["dci_informativeness"].value > 0.3  # the background is the mean colour
    recipe = scores["mig"].recipe
    assert recipe["options"]["factors"].startswith("class, texture, hue")
    assert recipe["reference"]["count"] == 400
    assert any("300 pictures, where 2,000 are advised" in note for note in found.notes)


def test_pictures_without_factors_are_refused_with_what_is_needed() -> None:
    plain = np.random.default_rng(0).integers(0, 255, (200, 3, 32, 32), np.uint8)
    for measure in (
        lambda: iw.evaluate(Corners(), iw.open_images(plain), metrics="disentanglement", device="cpu"),
        lambda: iw.latent_factors(Corners(), iw.open_images(plain)),
    ):
        with pytest.raises(DataError, match=r"known factors.*shapes.*--labels FILE"):
            measure()


def test_latent_factors_are_written_as_heat_maps(tmp_path: Path) -> None:
    found = iw.latent_factors(Corners(), "shapes:count=200", trees=1)
    assert found.lines()[0].startswith("MIG")
    assert len(found.to_dict()["information"]) == 12
    background = found.measured.factors.index("background")
    assert found.measured.predicted[background] > 0.8
    path = found.write(tmp_path / "factors.png")
    assert iw.inspect(path)
    with pytest.raises(UserError, match=r"trees=0"):
        iw.latent_factors(Corners(), "shapes:count=200", trees=0)
