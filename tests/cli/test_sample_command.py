"""`imagewright sample` of a class, of every class, and with attributes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import simple_pictures, tiny_options, train_tiny

import imagewright as iw
from imagewright.cli import main
from imagewright.training.reporting import Silent


@pytest.fixture(scope="module")
def of_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny("cgan", simple_pictures(), tmp_path_factory.mktemp("classes") / "run", steps=2).path


@pytest.fixture(scope="module")
def of_attributes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    attributes = np.arange(32)[:, None] >> np.arange(2) & 1
    images = iw.open_images(simple_pictures()).with_attributes(attributes, ("hat", "beard"))
    options = {**tiny_options("cgan"), "images_seen": 16, "batch_size": 8, "reporter": Silent()}
    return iw.train("cgan", images, tmp_path_factory.mktemp("attributes") / "run", **options).path


def arrays(path: Path) -> np.ndarray:
    with np.load(path) as file:
        return file["images"]


def test_one_class_by_name_or_number(of_classes: Path, tmp_path: Path) -> None:
    for label in ("other", "1"):
        out = tmp_path / f"{label}.npz"
        assert main(["sample", str(of_classes), "--count", "3", "--label", label, "--out", str(out)]) == 0
        assert np.array_equal(arrays(out), iw.sample(of_classes, 3, label="other"))


def test_every_class_with_the_same_noise_a_column(of_classes: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    assert main(["sample", str(of_classes), "--count", "3", "--each-class", "--out", str(out)]) == 0
    with Image.open(out) as sheet:
        assert sheet.width > sheet.height  # three columns, two rows
    raw = tmp_path / "raw.npz"
    assert main(["sample", str(of_classes), "--count", "3", "--each-class", "--out", str(raw)]) == 0
    expected = [iw.sample(of_classes, 3, label=label) for label in ("one", "other")]
    assert np.array_equal(arrays(raw), torch.cat(expected))


def test_attributes(of_attributes: Path, tmp_path: Path) -> None:
    out = tmp_path / "hats.npz"
    assert (
        main(["sample", str(of_attributes), "--count", "4", "--attributes", "hat", "beard=0", "--out", str(out)]) == 0
    )
    assert np.array_equal(arrays(out), iw.sample(of_attributes, 4, attributes={"hat": 1, "beard": 0}))
    assert not np.array_equal(arrays(out), iw.sample(of_attributes, 4, attributes={"hat": 0, "beard": 0}))


@pytest.mark.parametrize(
    ("run", "typed", "named"),
    [
        ("classes", ["--label", "othr"], ["'othr'", "Did you mean 'other'?"]),
        ("classes", ["--attributes", "hat=1"], ["cgan", "attributes"]),
        ("classes", ["--each-class", "--label", "one"], ["each class", "label"]),
        ("attributes", ["--each-class"], ["cgan", "each class"]),
        ("attributes", ["--label", "hat"], ["cgan", "class"]),
        ("attributes", ["--attributes", "hatt=1"], ["'hatt'", "Did you mean 'hat'?"]),
        ("attributes", ["--attributes", "hat=2"], ["hat", "from 0", "not 2."]),
        ("attributes", ["--attributes", "hat=much"], ["'hat=much'", "NAME=VALUE"]),
    ],
)
def test_a_condition_that_the_model_does_not_have_is_refused(
    run: str,
    typed: list[str],
    named: list[str],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    path = request.getfixturevalue(f"of_{run}")
    assert main(["sample", str(path), *typed, "--out", str(tmp_path / "new.png")]) == 2
    message = capsys.readouterr().err
    assert all(each in message for each in named), message
    assert not (tmp_path / "new.png").exists()


def test_a_class_by_its_number_is_on_the_record(of_classes: Path) -> None:
    """Number 0 is a class like the others."""
    sheet = iw.sample_sheet(of_classes, 2, label=0)
    assert sheet.record is not None
    assert sheet.record["settings"] == {"count": 2, "label": 0}
    assert sheet.title == "cgan: 2 samples of 0, seed 0"
