"""Training pictures in a run: chosen once, and shown on pages wherever the source is by then."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import BATCH, Messages, simple_pictures, train_tiny

import imagewright as iw
from imagewright.runs.report.page import write_report
from imagewright.runs.run import Run
from imagewright.runs.training_pictures import read_training_pictures, write_training_pictures
from imagewright.training.data.validation_split import choose_held_out

NAME = "training_pictures.png"


def shown(page: Path) -> dict[str, np.ndarray]:
    """The pictures on a page, by their texts."""
    found = re.findall(r'alt="([^"]*)" src="data:image/png;base64,([^"]+)"', page.read_text())
    return {alt: np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for alt, data in found}


def places_in(pictures: np.ndarray, chosen: np.ndarray) -> list[int]:
    """Where the chosen pictures are in a set."""
    return [int(np.flatnonzero((pictures == each).all((1, 2, 3)))[0]) for each in chosen]


@pytest.mark.usefixtures("usual_grids")
def test_the_page_shows_pictures_spread_over_the_set_in_cells_as_large_as_the_samples(tmp_path: Path) -> None:
    pictures = simple_pictures(40, seed=5)
    run = train_tiny("dcgan", pictures, tmp_path / "run")
    (row,) = read_training_pictures(run)
    places = places_in(pictures, row)
    assert len(places) == 8
    assert places == sorted(places)
    assert places[0] < 5
    assert places[-1] >= 35
    page = shown(tmp_path / "run" / "report.html")
    assert next(iter(page)) == "training pictures"
    assert page["training pictures"].shape[1] == page["samples at 32 images seen"].shape[1]
    assert np.array_equal(page["training pictures"][2:66:4, 2:66:4], pictures[places[0]].transpose(1, 2, 0))


def test_they_are_there_before_the_first_report_and_are_written_once(tmp_path: Path) -> None:
    out = tmp_path / "run"
    seen: list[int] = []

    class AtReports(Messages):
        def reported(self, report: dict) -> None:
            assert next(iter(shown(write_report(out)))) == "training pictures"
            seen.append((out / NAME).stat().st_mtime_ns)

    train_tiny("dcgan", simple_pictures(), out, report_every=BATCH, reporter=AtReports())
    assert len(seen) == 4
    assert len(set(seen)) == 1


@pytest.mark.learning
def test_a_resumed_run_keeps_them_and_one_of_an_earlier_version_gets_them(tmp_path: Path) -> None:
    every = {"report_every": BATCH, "checkpoint_every": BATCH}
    run = train_tiny("vae", simple_pictures(), tmp_path / "run", **every)
    written = (run.path / NAME).stat().st_mtime_ns
    train_tiny("vae", simple_pictures(), run.path, steps=5, resume=True, **every)
    assert (run.path / NAME).stat().st_mtime_ns == written
    content = (run.path / NAME).read_bytes()
    (run.path / NAME).unlink()
    train_tiny("vae", simple_pictures(), run.path, steps=6, resume=True, **every)
    assert (run.path / NAME).read_bytes() == content


def test_pages_need_the_source_no_more(tmp_path: Path) -> None:
    source = tmp_path / "pictures.npz"
    np.savez(source, images=simple_pictures().transpose(0, 2, 3, 1))
    runs = [iw.train("pca", source, out=tmp_path / name, components=2) for name in ("one", "other")]
    source.unlink()
    assert "training pictures" in shown(write_report(runs[0]))
    page = shown(iw.compare(runs).write(tmp_path / "page.html"))
    assert list(page) == ["training pictures of one and other", "samples of one, seed 0", "samples of other, seed 0"]


def test_a_comparison_of_runs_on_two_sets_shows_each_beside_its_own_samples(tmp_path: Path) -> None:
    one = train_tiny("pca", simple_pictures(), tmp_path / "one")
    other = train_tiny("pca", simple_pictures(seed=1), tmp_path / "other")
    page = list(shown(iw.compare([one, other]).write(tmp_path / "page.html")))
    assert page[0] == "training pictures of one"
    assert page[2] == "training pictures of other"


def test_a_model_that_samples_classes_shows_one_of_each_above_its_column(tmp_path: Path) -> None:
    images = iw.open_images("digits").subset(range(200))
    run = iw.train("cgan", images, out=tmp_path / "run", images_seen=64, batch_size=32, width=8)
    (row,) = read_training_pictures(run)
    labels = [int(images.labels[place]) for place in places_in(images.batch(np.arange(200)).images.numpy(), row)]
    assert labels == list(range(10))
    page = shown(run.path / "report.html")
    assert page["training pictures"].shape[1] == page["samples at 64 images seen"].shape[1]


def test_pictures_held_out_of_training_are_not_among_them(tmp_path: Path) -> None:
    pictures = simple_pictures(40, seed=5)
    run = train_tiny("dcgan", pictures, tmp_path / "run", held_out=20)
    (row,) = read_training_pictures(run)
    held_out = choose_held_out(20, 40, run.record["seed"])
    assert not set(places_in(pictures, row)) & set(held_out.tolist())
    assert len(row) == 8


@pytest.mark.parametrize("damage", ["half", "text", "other size", "missing"])
def test_a_page_is_written_without_a_damaged_file(damage: str, tmp_path: Path) -> None:
    run = train_tiny("pca", simple_pictures(), tmp_path / "run")
    path = run.path / NAME
    content = path.read_bytes()
    path.unlink()
    if damage == "half":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "text":
        path.write_text("no picture")
    elif damage == "other size":
        Image.new("RGB", (33, 16)).save(path)
    assert "training pictures" not in shown(write_report(run))


def test_two_sources_have_a_row_each(tmp_path: Path) -> None:
    run = train_tiny("pca", simple_pictures(), tmp_path / "run")
    grey = simple_pictures(3, channels=1)
    write_training_pictures(run, [simple_pictures(5), grey])
    first, second = read_training_pictures(Run(run.path))
    assert np.array_equal(first, simple_pictures(5))
    assert np.array_equal(second[:3], np.broadcast_to(grey, (3, 3, 16, 16)))
    assert (second[3:] == 255).all()


def test_a_run_replaced_by_force_shows_its_own(tmp_path: Path) -> None:
    train_tiny("pca", simple_pictures(), tmp_path / "run")
    pictures = simple_pictures(seed=9)
    run = train_tiny("pca", pictures, tmp_path / "run", force=True)
    (row,) = read_training_pictures(run)
    assert len(places_in(pictures, row)) == 8
