"""Sheets: one value that is shown, written in every format with its record, and built the same for every caller."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import RunError, UserError
from imagewright.output.provenance import COMPOSITE, ENHANCED, make_record
from imagewright.output.sheets import Results, SheetStack, check_output
from imagewright.runs.provenance import run_record
from imagewright.runs.run import Run

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 1, 8, 8), np.uint8)
RECORD = make_record("sample", model="pca", seed=3)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train_tiny("pca", simple_pictures(), tmp_path_factory.mktemp("runs") / "simple")


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


def test_the_format_follows_from_the_name(tmp_path: Path) -> None:
    sheet = iw.Sheet(IMAGES, columns=3, title="six", record=RECORD)
    assert sheet.write(tmp_path / "six.png") == [tmp_path / "six.png"]
    with Image.open(tmp_path / "six.png") as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(sheet.draw()))
    assert iw.inspect(tmp_path / "six.png")["provenance"] == RECORD
    sheet.write(tmp_path / "six.npz")
    assert np.array_equal(arrays(tmp_path / "six.npz")["images"], IMAGES)
    assert [path.name for path in sheet.write(tmp_path / "six")] == [f"{number:05d}.png" for number in range(6)]
    with pytest.raises(UserError, match=r"\.pgn"):
        sheet.write(tmp_path / "six.pgn")
    with pytest.raises(RunError, match="exists already"):
        sheet.write(tmp_path / "six.png")
    assert sheet.write(tmp_path / "six.png", force=True)


def test_a_sheet_with_a_frame_rate_is_written_as_an_animation(tmp_path: Path) -> None:
    still, moving = iw.Sheet(IMAGES), iw.Sheet(IMAGES, frames_per_second=10.0)
    for sheet, frames in ((still, 1), (moving, 6)):
        sheet.write(tmp_path / "walk.webp", force=True)
        assert iw.inspect(tmp_path / "walk.webp")["frames"] == frames
    with pytest.raises(UserError, match=r"\.gif"):
        still.write(tmp_path / "walk.gif")


def test_folders_and_arrays_hold_the_results_with_their_own_record(tmp_path: Path) -> None:
    results = Results(IMAGES[:2], {**RECORD, "digital_source_type": ENHANCED}, ["anna.jpg", "bob.jpg"])
    sheet = iw.Sheet(IMAGES, row_labels=["input", "rebuilt"], record=RECORD, results=results)
    first, second = sheet.write(tmp_path / "each")
    assert (first.name, second.name) == ("anna.png", "bob.png")
    assert iw.inspect(second)["provenance"] == {**RECORD, "digital_source_type": ENHANCED, "index": 1}
    sheet.write(tmp_path / "raw.npz")
    assert np.array_equal(arrays(tmp_path / "raw.npz")["images"], IMAGES[:2])


def test_notebooks_show_the_drawn_sheet() -> None:
    sheet = iw.Sheet(IMAGES, title="six")
    with Image.open(io.BytesIO(sheet._repr_png_())) as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(sheet.draw()))


def test_a_stack_is_one_picture_or_a_file_a_sheet(tmp_path: Path) -> None:
    stack = SheetStack([iw.Sheet(IMAGES, name="c1"), iw.Sheet(IMAGES[:2], name="c2")], RECORD)
    stack.write(tmp_path / "all.png")
    with Image.open(tmp_path / "all.png") as picture:
        assert picture.height > sum(sheet.draw().height for sheet in stack.sheets)
    assert [path.name for path in stack.write(tmp_path / "each")] == ["c1.png", "c2.png"]
    stack.write(tmp_path / "raw.npz")
    assert arrays(tmp_path / "raw.npz")["c2"].shape == (2, 1, 8, 8)


def test_an_output_is_checked_before_the_work(tmp_path: Path) -> None:
    assert check_output(tmp_path / "new.png") == "picture"
    assert check_output(tmp_path / "new.webp", animated=True) == "animation"
    assert check_output(tmp_path) == check_output(tmp_path / "new") == "folder"
    (tmp_path / "new.png").write_bytes(b"")
    with pytest.raises(RunError, match="exists already"):
        check_output(tmp_path / "new.png")
    assert check_output(tmp_path / "new.png", force=True) == "picture"


def test_a_record_names_the_run_and_the_checkpoint_of_a_loaded_model(run: Run) -> None:
    model = iw.load(run)
    assert run_record("sample", model) == run_record("sample", run) == run_record("sample", run.path)
    record = run_record("sample", model, seed=2, settings={"count": 1})
    assert (record["model"], record["run"], record["seed"]) == ("pca", "simple", 2)
    assert record["images_seen"] == run.latest()[0].images_seen
    weights = run_record("sample", run.latest()[0].weights)
    assert (weights["model"], weights["images_seen"]) == ("pca", None)
    fresh = run_record("sample", type(model)(model.config))  # never saved
    assert (fresh["model"], fresh["run"]) == ("pca", None)


def test_the_sheet_of_samples_holds_the_samples_and_their_seed(run: Run) -> None:
    sheet = iw.sample_sheet(run, 5, seed=4)
    assert torch.equal(torch.as_tensor(sheet.images), iw.sample(run, 5, seed=4))
    assert sheet.record is not None
    assert (sheet.record["seed"], sheet.record["settings"]) == (4, {"count": 5})
    assert sheet.title == "pca: 5 samples, seed 4"


def test_the_sheet_of_reconstructions_shows_both_and_results_in_reconstructions(run: Run) -> None:
    images = iw.open_images(simple_pictures())
    sheet = iw.reconstruction_sheet(run, images, 4)
    assert sheet.row_labels == ["input", "reconstruction"]
    assert sheet.results is not None
    inputs, reconstructions = torch.as_tensor(sheet.images).chunk(2)
    assert torch.equal(reconstructions, iw.reconstruct(run, inputs))
    assert torch.equal(torch.as_tensor(sheet.results.images), reconstructions)
    assert sheet.record is not None
    assert sheet.results.record is not None
    assert sheet.record["digital_source_type"] == COMPOSITE
    assert sheet.results.record["digital_source_type"] == ENHANCED


def test_a_score_sheet_has_the_lowest_before_the_highest() -> None:
    images = iw.open_images(simple_pictures(12))
    scores = torch.arange(12.0).flip(0)
    sheet = iw.score_sheet(images, scores, "nats", extremes=3)
    assert sheet.captions == ["0", "1", "2", "11", "10", "9"]
    assert torch.equal(torch.as_tensor(sheet.images), images.batch(np.array([11, 10, 9, 0, 1, 2])).images)


def test_a_translation_sheet_has_a_row_for_each_target(run: Run) -> None:
    inputs = torch.from_numpy(IMAGES[:2])
    sheet = iw.translation_sheet(run, inputs, {"zebra": inputs, "okapi": 255 - inputs}, names=["a/1.jpg", "a/2.jpg"])
    assert sheet.row_labels == ["input", "zebra", "okapi"]
    assert sheet.column_labels == ["1", "2"]
    assert sheet.results is not None
    assert sheet.results.names == ["1_zebra.png", "2_zebra.png", "1_okapi.png", "2_okapi.png"]
    assert torch.equal(torch.as_tensor(sheet.results.images)[2:], 255 - inputs)
    one = iw.translation_sheet(run, inputs, {"zebra": inputs}, names=["a/1.jpg", "a/2.jpg"])
    assert one.results is not None
    assert one.results.names == ["a/1.jpg", "a/2.jpg"]
    with pytest.raises(UserError, match="name one target"):
        iw.translation_sheet(run, inputs, {}, names=["1", "2"])


def test_an_interpolation_sheet_repeats_where_two_legs_meet(run: Run) -> None:
    sheet = iw.interpolation_sheet(run, 3, ends=(0, 1, 2))
    walked = iw.interpolate(run, 3, ends=(0, 1, 2))
    assert sheet.row_labels == ["seed 0 to seed 1", "seed 1 to seed 2"]
    assert sheet.column_labels == ["0%", "50%", "100%"]
    assert sheet.results is not None
    assert torch.equal(torch.as_tensor(sheet.results.images), walked)
    assert torch.equal(torch.as_tensor(sheet.images), walked[[0, 1, 2, 2, 3, 4]])
    looped = iw.interpolation_sheet(run, 3, ends=(0, 1), loop=True)
    assert torch.equal(torch.as_tensor(looped.images)[-1], torch.as_tensor(looped.images)[0])
    with pytest.raises(UserError, match="give one of them"):
        iw.interpolation_sheet(run, 3, ends=(0, 1), source=iw.open_images(simple_pictures()))


def test_a_grid_sheet_shows_classes_or_names() -> None:
    sheet = iw.grid_sheet("digits", 4)
    images = iw.open_images("digits")
    assert images.labels is not None
    assert images.class_names is not None
    assert sheet.captions == [images.class_names[images.labels[index]] for index in (0, 599, 1197, 1796)]
    assert sheet.title == "digits: 4 of 1,797 pictures"
    assert torch.as_tensor(iw.grid_sheet("digits", 2, size=5).images).shape == (2, 1, 5, 5)
