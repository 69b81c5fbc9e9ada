"""`film`: frames of the same pictures over a training, with curves; what a run lacks; files whole or not at all."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence
from tiny import BATCH, simple_pictures, train_tiny

import imagewright as iw
from imagewright.cli.app import main
from imagewright.errors import RunError, UserError
from imagewright.films import snapshots
from imagewright.output.grid_cells import read_plain_grid
from imagewright.output.grids import plain_grid


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> iw.Run:
    """Previews at 0, 8, 16, 24 and 32 images seen, and three checkpoints."""
    options = {"report_every": BATCH, "checkpoint_every": BATCH, "steps": 4}
    return train_tiny("dcgan", simple_pictures(), tmp_path_factory.mktemp("film") / "gan", **options)


def frames(path: Path) -> list[tuple[np.ndarray, float]]:
    """The pixels of each frame, and the milliseconds that it stays."""
    with Image.open(path) as film:
        return [
            (np.asarray(frame.convert("RGB")), float(frame.info["duration"])) for frame in ImageSequence.Iterator(film)
        ]


def first_cell(frame: np.ndarray) -> np.ndarray:
    """The picture at the top left of 4 x 4, of 16 x 16 pixels, which are enlarged nine times."""
    left, top = (640 - (4 * (16 * 9 + 2) + 2)) // 2 + 2, 16 + 20 + 10 + 2
    return frame[top : top + 16 * 9 : 9, left : left + 16 * 9 : 9]


def test_a_film_shows_the_previews_in_their_order_and_the_last_for_two_seconds(run: iw.Run, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    notes = iw.film(run, tmp_path / "film.gif", seconds=4, progress=lambda *pair: done.append(pair))
    assert not notes
    found = frames(tmp_path / "film.gif")
    assert sum(stays for _, stays in found) == pytest.approx(4000, abs=200)
    assert found[-1][1] >= 2000
    assert done[-1][0] == done[-1][1]
    last = iw.sample(run, 16).permute(0, 2, 3, 1).numpy()[0].astype(int)
    assert np.abs(first_cell(found[-1][0]).astype(int) - last).max() < 24  # a GIF has 256 colours
    pictures = [frame.astype(int) for frame, _ in found]
    changed = [np.abs(before - after).max() > 0 for before, after in pairwise(pictures)]
    assert len(found) == 5
    assert all(changed)
    record = iw.inspect(tmp_path / "film.gif")["provenance"]
    assert (record["verb"], record["images_seen"], record["settings"]["snapshots"]) == ("film", 4 * BATCH, 5)


def test_a_run_without_previews_is_decoded_from_its_checkpoints_with_equal_seeds(
    run: iw.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[int] = []

    def load(run: iw.Run, images_seen: int) -> iw.Model:
        loaded.append(images_seen)
        return iw.load(run, images_seen=images_seen)

    monkeypatch.setattr(snapshots, "load", load)
    copied = shutil.copytree(run.path, tmp_path / "gan")
    shutil.rmtree(copied / "samples")
    notes = iw.film(copied, tmp_path / "film.gif", seed=3)
    assert any("no previews" in note and "3 checkpoints" in note for note in notes)
    assert sorted(loaded) == [each.images_seen for each in iw.Run(copied).checkpoints()]  # each of them once
    found = frames(tmp_path / "film.gif")
    assert len(found) == 3
    for (frame, _), checkpoint in zip(found, iw.Run(copied).checkpoints(), strict=True):
        model = iw.load(copied, images_seen=checkpoint.images_seen)
        expected = iw.sample(model, 1, seed=3).permute(0, 2, 3, 1).numpy()[0].astype(int)
        assert np.abs(first_cell(frame).astype(int) - expected).max() < 24
    shutil.rmtree(copied / "checkpoints")
    with pytest.raises(RunError, match=r"no previews and 0 checkpoints.*--report-every.*--keep-checkpoints"):
        iw.film(copied, tmp_path / "none.gif")
    assert not (tmp_path / "none.gif").exists()


def flatten(preview: Path) -> None:
    """Make all pictures of a preview grey; the lines between them stay."""
    with Image.open(preview) as picture:
        found = read_plain_grid(np.asarray(picture.convert("RGB")), (16, 16))
    assert found is not None
    cells, columns = found
    plain_grid(np.full_like(cells.transpose(0, 3, 1, 2), 128), columns).save(preview)


def test_a_film_begins_with_the_first_preview_that_is_not_flat(run: iw.Run, tmp_path: Path) -> None:
    copy = shutil.copytree(run.path, tmp_path / "gan")
    previews = sorted((copy / "samples").glob("*.png"))
    for preview in previews[:2]:
        flatten(preview)
    notes = iw.film(copy, tmp_path / "film.gif", seconds=4)
    assert any("begins at 16 images seen" in note for note in notes)
    assert iw.inspect(tmp_path / "film.gif")["provenance"]["settings"]["snapshots"] == 3
    for preview in previews[:-1]:
        flatten(preview)
    iw.film(copy, tmp_path / "two.gif", seconds=4)
    assert iw.inspect(tmp_path / "two.gif")["provenance"]["settings"]["snapshots"] == 2


def test_damaged_previews_are_left_out_and_told(run: iw.Run, tmp_path: Path) -> None:
    copied = shutil.copytree(run.path, tmp_path / "gan")
    (copied / "samples" / "000000016.png").write_bytes(b"no picture")
    notes = iw.film(copied, tmp_path / "film.webp")
    assert any("000000016.png is left out" in note for note in notes)
    assert len(frames(tmp_path / "film.webp")) == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seconds": 2}, "more than 2 seconds"),
        ({"count": 0}, "1 to 64"),
        ({"curve": "generator/adversariel"}, "Did you mean 'loss: generator/adversarial'"),
        ({"path": "film.avi"}, "webp"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    run: iw.Run, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    path = tmp_path / options.pop("path", "film.gif")
    with pytest.raises(UserError, match=said):
        iw.film(run, path, **options)
    assert not path.exists()


def test_a_closed_form_model_and_a_checkpoint_have_no_film(run: iw.Run, tmp_path: Path) -> None:
    fitted = iw.train("pca", simple_pictures(), tmp_path / "pca", components=2)
    with pytest.raises(UserError, match="pca, which is fitted in closed form"):
        iw.film(fitted, tmp_path / "film.gif")
    with pytest.raises(UserError, match="without @"):
        iw.film(f"{run.path}@8", tmp_path / "film.gif")


def test_reconstructions_lie_under_their_pictures(tmp_path: Path) -> None:
    run = train_tiny("autoencoder", simple_pictures(), tmp_path / "ae", steps=2, report_every=BATCH)
    iw.film(run, tmp_path / "film.gif")
    shown = [first_cell(frame) for frame, _ in frames(tmp_path / "film.gif")]
    assert all(np.abs(cell.astype(int) - simple_pictures()[0].transpose(1, 2, 0)).max() < 24 for cell in shown)
    assert "composite" in iw.inspect(tmp_path / "film.gif")["provenance"]["digital_source_type"]


@pytest.mark.learning
def test_the_film_of_a_translation_shows_fixed_inputs(tmp_path: Path) -> None:
    run = train_tiny("cyclegan", out=tmp_path / "cycle", steps=2, report_every=BATCH)
    iw.film(run, tmp_path / "film.gif")
    assert len(frames(tmp_path / "film.gif")) == 3


def test_the_command_refuses_a_file_that_exists_and_writes_mp4(run: iw.Run, tmp_path: Path) -> None:
    out = tmp_path / "film.mp4"
    assert main(["film", str(run.path), "--out", str(out), "--seconds", "3", "--count", "4"]) == 0
    assert iw.inspect(out)["provenance"]["verb"] == "film"
    before = out.read_bytes()
    assert main(["film", str(run.path), "--out", str(out)]) == 2
    assert out.read_bytes() == before
