"""Pictures that Python holds: every tool takes Pillow images, arrays and tensors where it takes a picture file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import simple_pictures, tiny_model, train_tiny

import imagewright as iw
from imagewright.errors import DataError, UserError
from imagewright.latent import store
from imagewright.latent.inputs import resolve_inputs
from imagewright.runs.run import Run

SIZE = (20, 28)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = train_tiny("pca", simple_pictures(24, (8, 8)), tmp_path_factory.mktemp("runs") / "pca", components=6)
    tensors = {"direction": torch.eye(6)[0], "scale": torch.tensor(2.0)}
    store.save(run, iw.load(run), "wide", "direction", tensors, {})
    return run


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "anna.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)).save(path)
    return path


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


KINDS: dict[str, Callable[[Path], Any]] = {
    "a Pillow image from a file": Image.open,
    "a Pillow image": lambda path: Image.fromarray(pixels(path)),
    "an array (H, W, C)": pixels,
    "an array (C, H, W)": lambda path: pixels(path).transpose(2, 0, 1),
    "a tensor (C, H, W)": lambda path: torch.from_numpy(pixels(path).transpose(2, 0, 1).copy()),
    "floats": lambda path: torch.from_numpy(pixels(path) / 255.0),
}


QUICK = ("a Pillow image from a file", "a tensor (C, H, W)")  # `make quality` tries the others


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in QUICK else pytest.mark.learning) for kind in KINDS]
)
def test_every_tool_makes_of_a_picture_in_memory_what_it_makes_of_its_file(kind: str, run: Run, file: Path) -> None:
    held = KINDS[kind](file)
    moves = {"wide": [-1.0, 1.0]}
    ours, theirs = iw.edit(run, [held, 3], moves, keep_detail=True), iw.edit(run, [file, 3], moves, keep_detail=True)
    assert torch.equal(ours.images, theirs.images)
    alone = iw.edit_sheet(run, held, {"wide": 1.0}, full_size=True).results
    assert alone is not None
    assert alone.images.shape[2:] == SIZE
    for make in (
        lambda picture: iw.interpolate(run, 3, ends=(0, picture)),
        lambda picture: torch.as_tensor(iw.interpolation_sheet(run, 3, ends=[picture, "0:1"]).images),
        lambda picture: iw.blend(run, [picture, 0, 1, 2], 3),
        lambda picture: torch.as_tensor(iw.blend_sheet(run, [0, 1, 2, picture], 3).images),
        lambda picture: iw.traverse(run, inputs=[picture], count=2, steps=3).sheets[0].images,
        lambda picture: iw.manifold(run, 3, dimensions=[0, 1], input=picture).images,
        lambda picture: iw.project(run, [picture], steps=2).latents,
        lambda picture: iw.project(run, picture, steps=2).latents,
        lambda picture: iw.arithmetic(run, "anna + wide", sets={"anna": picture}, around=0).latent,
        lambda picture: iw.directions(run, count=1).sheet([picture]).images,
        lambda picture: iw.encode(run, picture),
        lambda picture: iw.reconstruct(run, picture),
        lambda picture: iw.score(run, picture),
    ):
        assert torch.equal(torch.as_tensor(make(held)), torch.as_tensor(make(file))), make


def test_a_picture_in_memory_is_named_by_its_file_or_its_place(run: Run, file: Path) -> None:
    grey = np.random.default_rng(1).integers(0, 256, (8, 8), np.uint8)
    resolved = resolve_inputs(run, [0, Image.open(file), pixels(file), grey])
    assert resolved.labels == ["seed 0", "anna", "picture 2", "picture 3"]
    assert resolved.notes == [
        "anna.png is resized from 28x20 to 8x8, as the model takes it.",
        "picture 2 is resized from 28x20 to 8x8, as the model takes it.",
        "picture 3 is converted from grey to RGB, as the model takes it.",
    ]
    assert [picture is not None for picture in resolved.pictures] == [False, True, True, True]
    assert iw.project(run, [Image.open(file), grey], steps=1).labels == ("anna", "picture 1")


def test_several_pictures_at_once_and_one_input_alone(run: Run, file: Path) -> None:
    four = torch.from_numpy(simple_pictures(4, (8, 8)))
    assert torch.equal(iw.blend(run, four, 3), iw.blend(run, list(four), 3))
    assert torch.equal(iw.blend(run, iw.open_images(four), 3), iw.blend(run, list(four), 3))
    for one in (3, "3:1", file, str(file)):
        assert torch.equal(iw.edit(run, one, {"wide": 1.0}).images, iw.edit(run, [one], {"wide": 1.0}).images)
    assert resolve_inputs(run, np.array([3, 1])).labels == ["seed 3", "seed 1"]


def test_floats_of_one_range_are_judged_together(run: Run) -> None:
    dark, bright = np.full((8, 8), 0.1), np.linspace(0, 1, 64).reshape(8, 8)
    assert "The pixels of picture 0 and picture 1" in resolve_inputs(run, [dark, bright]).notes[0]
    with pytest.raises(DataError, match=r"picture 0: the pixels are float64 from 0.1 to 0.1.*\(x \* 255\)"):
        resolve_inputs(run, [dark])


def test_what_is_no_picture_is_refused(run: Run) -> None:
    with pytest.raises(DataError, match=r"picture 1: the shape is \(8, 8, 2\); .*of one picture"):
        iw.edit(run, [0, np.zeros((8, 8, 2), np.uint8)], {"wide": 1.0})
    with pytest.raises(UserError, match="No input"):
        iw.edit(run, np.zeros((0, 3, 8, 8), np.uint8), {"wide": 1.0})
    with pytest.raises(UserError, match="No picture was given"):
        iw.project(run, [])
    with pytest.raises(DataError, match=r"Number 1 \(from 0\) is a int: expected files of pictures"):
        iw.project(run, [np.zeros((8, 8), np.uint8), 3])


@pytest.mark.learning
def test_a_model_without_encoder_projects_a_picture_in_memory() -> None:
    resolved = resolve_inputs(tiny_model("dcgan").eval(), [torch.from_numpy(simple_pictures(1)[0])])
    assert "picture 0 is projected, since dcgan has no encoder" in resolved.notes[0]


def test_an_array_of_one_picture_is_no_set() -> None:
    """(H, W) and (H, W, C) are pictures to every function; (C, H, W) is, where the C is that of the model."""
    photo = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    opened = iw.open_images(photo)
    assert (len(opened), opened.size, opened.channels) == (1, (24, 32), 3)
    assert np.array_equal(np.asarray(opened)[0], photo.transpose(2, 0, 1))
    assert (len(iw.open_images(photo[:, :, 0])), iw.open_images(photo[:, :, :1]).size) == (1, (24, 32))
    assert len(iw.open_images(photo.transpose(2, 0, 1))) == 3  # grey pictures: nothing says otherwise
    assert len(iw.encode(tiny_model("pca"), photo.transpose(2, 0, 1))) == 1
    assert len(iw.encode(tiny_model("pca", channels=1), photo.transpose(2, 0, 1))) == 3
