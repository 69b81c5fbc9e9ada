"""What users rely on of every model that translates: those of the catalogue, and the tests' own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from tiny import simple_pictures, tiny_model
from translators import CLASSES, register

import imagewright as iw
from imagewright import catalogue
from imagewright.model import Model
from imagewright.translation_capabilities import has_styles, needs_style
from imagewright.verbs.tiling import smallest_size

OWN = {model.__name__.lower(): model for model in CLASSES}
NAMES = [*OWN, *(name for name, entry in catalogue.entries().items() if "translate" in entry.verbs)]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def build(name: str) -> Model:
    return OWN[name]().eval() if name in OWN else tiny_model(name).eval()


def targets(model: Model) -> list[dict[str, Any]]:
    """Arguments of `translate` that reach every domain and attribute of a model."""
    found: list[Mapping[str, float] | str | None] = [*model.domains]
    found += [{attribute: 1.0} for attribute in getattr(model, "attribute_names", ())]
    references = simple_pictures(2, model.config.size, model.config.channels, seed=9)
    like = {"like": references} if has_styles(model) and model.few_shot else {}
    return [{"to": to, **like} for to in found or [None]]


def pictures_for(model: Model, count: int, size: tuple[int, int], seed: int = 5) -> torch.Tensor:
    return torch.from_numpy(simple_pictures(count, size, model.config.channels, seed))


@pytest.mark.parametrize("name", NAMES)
def test_pictures_keep_their_number_and_size_in_every_domain(name: str) -> None:
    model = build(name)
    own = model.config.size
    larger = smallest_size(type(model.config).nearest_size, own[0] + 1, own[1])
    for size in (own, larger, (own[0] + 3, own[1] + 1)):
        pictures = pictures_for(model, 2, size)
        for target in targets(model):
            translated = iw.translate(model, pictures, **target)
            assert translated.shape == (2, translated.shape[1], *size), target
            assert translated.dtype == torch.uint8


@pytest.mark.parametrize("name", NAMES)
def test_a_translation_does_not_depend_on_the_other_pictures(name: str) -> None:
    model = build(name)
    pictures = pictures_for(model, 19, model.config.size)
    for target in targets(model):
        whole = iw.translate(model, pictures, **target)
        assert torch.equal(iw.translate(model, pictures[[17]], **target), whole[[17]]), target
        assert torch.equal(iw.translate(model, pictures[[17, 3]], **target), whole[[17, 3]]), target


@pytest.mark.parametrize("name", NAMES)
def test_styles_of_a_seed_are_the_same_however_many_are_asked_for(name: str) -> None:
    model = build(name)
    if not has_styles(model) or model.few_shot:
        pytest.skip("samples no styles")
    pictures = pictures_for(model, 2, model.config.size)
    for target in targets(model):
        several = iw.translate(model, pictures, styles=3, seed=4, **target)
        assert several.shape[:2] == (2, 3)
        assert torch.equal(iw.translate(model, pictures, styles=2, seed=4, **target), several[:, :2])
        assert torch.equal(iw.translate(model, pictures, styles=1, seed=4, **target), several[:, 0])
        if needs_style(model):
            assert torch.equal(iw.translate(model, pictures, seed=4, **target), several[:, 0])
        assert not torch.equal(several[:, 0], several[:, 1])
        references = pictures_for(model, 2, model.config.size, seed=8)
        assert iw.translate(model, pictures, like=references, **target).shape == several[:, :2].shape
