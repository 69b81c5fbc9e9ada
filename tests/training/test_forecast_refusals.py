"""What a training refuses, its plan refuses in the same words; neither leaves a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny import Messages, tiny_options

import imagewright as iw
from imagewright.cli import main
from imagewright.errors import UserError


def write(folder: Path, count: int, *, equal: bool = False, width: int = 8) -> Path:
    """Pictures of 8 pixels high, all different or all equal."""
    folder.mkdir(parents=True)
    for index in range(count):
        seed = [*folder.name.encode(), 0 if equal else index]
        pixels = np.random.default_rng(seed).integers(0, 255, (8, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{folder.name}{index}.png")
    return folder


def one(folder: Path) -> Path:
    return write(folder / "one", 1)


def equal(folder: Path) -> Path:
    return write(folder / "equal", 3, equal=True)


def unlabelled(folder: Path) -> Path:
    return write(folder / "unlabelled", 6)


def empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def of_one_class(folder: Path) -> Path:
    return write(folder / "classes" / "cats", 6).parent


def one_of_each_class(folder: Path) -> Path:
    write(folder / "classes" / "cats", 1)
    return write(folder / "classes" / "wolves", 1).parent


def pairs(folder: Path) -> Path:
    write(folder / "pairs" / "input", 4)
    return write(folder / "pairs" / "target", 4).parent


def two_sets(folder: Path) -> Path:
    write(folder / "sets" / "A", 4)
    return write(folder / "sets" / "B", 4).parent


ONE_CLASS = {"labels": [0] * 6}
Source = Callable[[Path], Any]
CASES: list[tuple[str, Source, dict[str, Any], str]] = [
    ("auto", one, {}, "two pictures or more, and there is 1"),
    ("pca", one, {}, "PCA needs two pictures or more, and there is 1"),
    ("pca", equal, {}, "All pictures are equal"),
    ("pca", unlabelled, {"components": 9}, "--components 5 or fewer"),
    ("ica", one, {}, "ICA needs two pictures or more"),
    ("feature_selection", equal, {}, "no pixel varies"),
    ("feature_selection", unlabelled, {"by": "mutual_information"}, "needs labels"),
    ("random_projection", unlabelled, {"components": 500}, "--components 192 or fewer"),
    ("lda", unlabelled, {}, "label"),
    ("lda", unlabelled, ONE_CLASS, "two classes or more"),
    ("lda", one_of_each_class, {}, "a class with two pictures or more"),
    ("lda", unlabelled, {"labels": [0, 0, 0, 1, 1, 1], "principal": 9}, "--principal 4 or fewer"),
    ("gmm", unlabelled, {"gaussians": 9}, "--gaussians 6 or fewer"),
    ("gmm", one, {}, "PCA needs two pictures or more"),
    ("kde", one, {"encoder": "pixels"}, "A kernel density needs two pictures or more"),
    ("kde", equal, {"encoder": "pixels"}, "latents that vary"),
    ("gda", unlabelled, ONE_CLASS, "two classes or more"),
    ("naive_bayes", unlabelled, ONE_CLASS, "two classes or more"),
    ("linear_svm", unlabelled, ONE_CLASS, "two classes or more"),
    ("logistic_regression", one_of_each_class, {"components": 9}, "--components 1 or fewer"),
    ("lda", of_one_class, {}, "have no labels"),
    ("cgan", unlabelled, {}, "have no labels"),
    ("dcgan", equal, {"base": "pca"}, "finds no difference between the pictures"),
    ("vae", empty, {}, "holds no pictures"),
    ("pix2pix", unlabelled, {}, "data pairs"),
    ("cyclegan", unlabelled, {}, "trains on 2 sources"),
]


def refusal(call: Callable[[], Any]) -> str:
    """The message of a refusal; "accepted" if there is none."""
    try:
        call()
    except UserError as error:
        return str(error)
    return "accepted"


@pytest.mark.parametrize(("model", "source", "options", "said"), CASES)
def test_the_plan_refuses_what_the_training_refuses(
    tmp_path: Path, model: str, source: Source, options: dict[str, Any], said: str
) -> None:
    images = source(tmp_path)
    has_steps = model in ("pix2pix", "cyclegan", "dcgan")
    given = (tiny_options(model) | {"images_seen": 4, "batch_size": 2} if has_steps else {}) | options
    planned = refusal(lambda: iw.plan_training(model, images, **given))
    trained = refusal(lambda: iw.train(model, images, tmp_path / "run", **given))
    assert planned == trained
    assert planned != "accepted"
    assert said in planned
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("source", [unlabelled, pairs, two_sets])
def test_the_plan_accepts_what_the_training_accepts(tmp_path: Path, source: Source) -> None:
    images = source(tmp_path)
    small = {} if source is unlabelled else {"images_seen": 4, "batch_size": 2}
    chosen = "pca" if source is unlabelled else "pix2pix" if source is pairs else "cyclegan"
    assert iw.plan_training("auto", images, **small, **(tiny_options(chosen) if small else {})).model == chosen


def test_the_command_refuses_one_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "auto", str(one(tmp_path)), "--plan"]) != 0
    assert "two pictures or more, and there is 1" in " ".join(capsys.readouterr().err.split())


def test_what_was_chosen_is_said_before_a_refusal(tmp_path: Path) -> None:
    heard = Messages()
    with pytest.raises(UserError, match="components"):
        iw.plan_training("auto", pairs(tmp_path), components=3, reporter=heard)
    assert heard.texts[0].startswith("auto chose pix2pix for pairs of pictures")
