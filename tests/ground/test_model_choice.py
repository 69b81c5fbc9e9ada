"""The rule by which a model is chosen, as a table of what is known and what follows."""

from __future__ import annotations

import re
from itertools import product
from typing import Any, get_args

import pytest

from imagewright import catalogue
from imagewright.catalogue_entries import Needs
from imagewright.model_choice import FIRST_CHOICES, passed_over, recommend_models

# What the pictures are, how many, of how many classes, with a GPU, with the fixed network: the first model.
FIRST: list[tuple[Needs, int, int, bool, bool, str]] = [
    ("pictures", 1, 0, True, True, "pca"),
    ("pictures", 49, 0, False, True, "pca"),
    ("pictures", 170, 0, False, True, "pca"),
    ("pictures", 300, 0, False, True, "dcgan"),
    ("pictures", 300, 0, False, False, "dcgan"),
    ("pictures", 170, 0, True, True, "projected_gan"),
    ("pictures", 170, 0, True, False, "stylegan2"),
    ("pictures", 50_000, 0, True, False, "r3gan"),
    ("pictures", 50_000, 0, False, False, "dcgan"),
    ("classes", 40, 2, True, True, "pca"),
    ("classes", 1_797, 10, False, True, "cgan"),
    ("classes", 1_334, 51, True, True, "projected_gan"),
    ("classes", 1_334, 51, False, False, "dcgan"),
    ("pairs", 4, 0, False, True, "pix2pix"),
    ("two sets", 2_000, 0, True, True, "cyclegan"),
    ("people", 900, 0, False, False, "swap"),
]


@pytest.mark.parametrize(("needs", "images", "classes", "accelerator", "features", "model"), FIRST)
def test_the_first_model_follows_from_the_table(
    needs: Needs, images: int, classes: int, accelerator: bool, features: bool, model: str
) -> None:
    known: dict[str, Any] = {"accelerator": accelerator, "features": features}
    assert recommend_models(needs, images, classes, **known)[0].model == model


def test_less_than_half_a_minute_on_a_cpu_is_too_short_for_a_network() -> None:
    known: dict[str, Any] = {"accelerator": False, "minutes": 0.4}
    assert recommend_models("pictures", 5_000, **known)[0].model == "pca"
    assert "give more --minutes" in passed_over("pictures", 5_000, **known)[0].reason
    assert recommend_models("pictures", 5_000, accelerator=True, minutes=0.5)[0].model == "r3gan"


def test_the_number_of_pictures_that_is_named_is_enough() -> None:
    for needs, images, classes in (("pictures", 60, 0), ("classes", 40, 2), ("classes", 30, 1), ("classes", 180, 13)):
        known: dict[str, Any] = {"accelerator": False}
        (first, *_) = passed_over(needs, images, classes, **known)  # type: ignore[arg-type]
        (enough,) = re.findall(r"from some (\d+) pictures on", first.reason)
        assert recommend_models(needs, int(enough), classes, **known)[0].model != "pca"  # type: ignore[arg-type]
        assert recommend_models(needs, int(enough) - 1, classes, **known)[0].model == "pca"  # type: ignore[arg-type]


def test_networks_start_from_pca_on_a_cpu_alone() -> None:
    for classes, model in ((0, "dcgan"), (2, "cgan")):
        (first, *_) = recommend_models("classes" if classes else "pictures", 900, classes, accelerator=False)
        assert (first.model, dict(first.options)) == (model, {"base": "pca"})
    assert all(not each.options for each in recommend_models("pictures", 900, accelerator=True))


def test_what_is_recommended_and_passed_over_is_there_and_has_reasons() -> None:
    first = set()
    for needs, images, classes, accelerator, features in product(
        get_args(Needs), (1, 60, 900, 50_000), (2, 90), (True, False), (True, False)
    ):
        known: dict[str, Any] = {"accelerator": accelerator, "features": features}
        recommended = recommend_models(needs, images, classes, **known)
        first.add(recommended[0].model)
        assert 1 <= len(recommended) <= 3
        for each in recommended:
            assert each.model in catalogue.entries()
            assert each.reason.endswith(".")
        for each in passed_over(needs, images, classes, **known):
            assert each.model not in {recommended[0].model}
            assert each.reason.endswith(".")
    assert first == set(FIRST_CHOICES)


def test_a_network_that_is_not_installed_is_passed_over_with_the_command_that_installs_it() -> None:
    (missing, *_) = passed_over("pictures", 300, accelerator=True, features=False)
    assert missing.model == "projected_gan"
    assert "pip install 'imagewright[features]'" in missing.reason
    assert passed_over("pictures", 300, accelerator=True, features=True) == ()
