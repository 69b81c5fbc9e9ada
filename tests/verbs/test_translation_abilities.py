"""What a model that translates takes and can be asked for, and examples of what it learned from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import simple_pictures, tiny_model, tiny_options, train_tiny

import imagewright as iw
from imagewright.errors import UserError
from imagewright.runs.run import Run
from imagewright.training.reporting import Silent
from imagewright.verbs.training_inputs import training_inputs
from imagewright.verbs.translation_abilities import translation_abilities


def test_styles_are_found_by_asking() -> None:
    found = {name: translation_abilities(tiny_model(name)) for name in ("cyclegan", "munit", "funit", "pix2pix")}
    styled = {name: (each.sampled_styles, each.reference_styles, each.needs_style) for name, each in found.items()}
    assert styled["cyclegan"] == (False, False, False)
    assert styled["munit"] == (True, True, True)
    assert styled["funit"] == (False, True, True)
    assert not styled["pix2pix"][1]
    assert {name for name, each in found.items() if each.paired} == {"pix2pix"}
    assert found["funit"].few_shot


def test_a_model_of_label_maps_names_its_classes() -> None:
    assert translation_abilities(tiny_model("pix2pixhd", layer_kinds={"input": "labels"})).classes == 3
    assert translation_abilities(tiny_model("pix2pixhd")).classes is None


def test_a_model_that_does_not_translate_is_refused() -> None:
    with pytest.raises(UserError, match="cannot translate"):
        translation_abilities(tiny_model("vae"))


def test_inputs_of_a_training_are_found_where_it_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    for number, picture in enumerate(simple_pictures(4)):
        Image.fromarray(picture.transpose(1, 2, 0)).save(tmp_path / "photos" / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    iw.make_pairs("photos", "edges", "pairs", sigma=0.5)
    options = {"images_seen": 8, "batch_size": 4, "precision": "fp32", "reporter": Silent()} | tiny_options("pix2pix")
    run = iw.train("pix2pix", "pairs", out="runs/pairs", **options)
    monkeypatch.chdir("/")  # the studio was started elsewhere
    run = type(run)(tmp_path / "runs/pairs")
    found = training_inputs(iw.load(run), run, 2)
    assert found.names == ["0.png", "3.png"]
    assert (found.made_by["input"], found.made_by["sigma"], found.own_size) == ("edges", 0.5, (16, 16))
    expected = np.asarray(Image.open(tmp_path / "pairs/input/3.png").convert("L"))
    assert np.array_equal(found.pictures[1][0].numpy(), expected)
    (tmp_path / "pairs").rename(tmp_path / "moved")
    assert training_inputs(iw.load(run), run).pictures == []


def test_a_run_named_as_its_source_is_not_taken_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "halves").mkdir()
    for number, picture in enumerate(simple_pictures(4, (16, 32))):
        Image.fromarray(picture.transpose(1, 2, 0)).save(tmp_path / "halves" / f"{number}.png")
    monkeypatch.chdir(tmp_path)
    options = {"images_seen": 4, "batch_size": 4, "precision": "fp32", "reporter": Silent()} | tiny_options("pix2pix")
    iw.train("pix2pix", "halves", out="runs/halves", direction="BtoA", **options)
    monkeypatch.chdir("/")
    run = Run(tmp_path / "runs/halves")
    assert training_inputs(iw.load(run), run, 2).names == ["0.png", "3.png"]


def test_arrays_that_a_run_learned_from_are_not_there_any_more(tmp_path: Path) -> None:
    run = train_tiny("cyclegan", out=tmp_path / "run", steps=1)
    assert training_inputs(iw.load(run), run).names == []
