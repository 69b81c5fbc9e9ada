"""`compare` through time: a sheet of checkpoints of equal seeds, curves by name, and the same on a page."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import BATCH, simple_pictures, train_tiny

import imagewright as iw
from imagewright.cli.app import main
from imagewright.errors import RunError, UserError
from imagewright.metrics.checkpoint_sheets import checkpoint_sheet
from imagewright.metrics.run_curves import find_curve, main_curves, run_curves


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> iw.Run:
    """With a checkpoint, a report and a score at 8, 16 and 24 images seen."""
    folder = tmp_path_factory.mktemp("through_time") / "gan"
    run = train_tiny("dcgan", simple_pictures(), folder, steps=3, checkpoint_every=BATCH, report_every=BATCH)
    iw.evaluate(run, simple_pictures(), metrics="fd", features="pixels", count=16, every_checkpoint=True)
    return run


def test_a_row_is_a_checkpoint_and_a_column_a_seed(run: iw.Run) -> None:
    sheet = checkpoint_sheet(run, "gan", 4, seed=2)
    assert list(sheet.row_labels or ()) == ["8", "16", "24"]
    for row, seen in enumerate((8, 16, 24)):
        expected = iw.sample(iw.load(run, images_seen=seen), 4, seed=2).numpy()
        assert np.array_equal(np.asarray(sheet.images)[4 * row : 4 * row + 4], expected)


def test_curves_are_scores_or_losses_by_name(run: iw.Run) -> None:
    found = run_curves({"gan": run})
    (score,) = main_curves(found)
    assert score.startswith("score: ")
    saved = [(each.images_seen, each.value) for each in iw.compare(run, through_time=True).scores["gan"]]
    assert found["gan"][score] == saved
    assert find_curve(found, "generator/adversarial") == "loss: generator/adversarial"
    reports = [(line["images_seen"], line["losses"]["generator/adversarial"]) for line in run.metrics()]
    assert found["gan"]["loss: generator/adversarial"] == reports
    over_time = run_curves({"gan": run}, "seconds")["gan"][score]
    assert [x for x, _ in over_time] == [line["seconds"] for line in run.metrics()]


def test_the_command_writes_a_sheet_and_a_page(run: iw.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet, page = tmp_path / "sheet.png", tmp_path / "page.html"
    assert main(["compare", str(run.path), "--through-time", "--count", "4", "--out", str(sheet)]) == 0
    record = iw.inspect(sheet)["provenance"]
    assert (record["verb"], record["settings"]["checkpoints"]) == ("compare", [8, 16, 24])
    with Image.open(sheet) as drawn:
        assert drawn.height > 600
    assert main(["compare", str(run.path), "--through-time", "--out", str(page)]) == 0
    assert "a row a checkpoint" in page.read_text()
    assert "minutes of training" in page.read_text()
    assert main(["compare", str(run.path), "--through-time"]) == 2
    assert main(["compare", str(run.path), "--out", str(tmp_path / "other.html")]) == 2
    assert "--through-time" in capsys.readouterr().err


def test_a_run_with_one_checkpoint_is_a_row_and_a_point_beside_others(run: iw.Run, tmp_path: Path) -> None:
    short = train_tiny("dcgan", simple_pictures(), tmp_path / "short", steps=1)
    iw.evaluate(short, simple_pictures(), metrics="fd", features="pixels", count=16)
    found = run_curves({"gan": run, "short": short})
    (score,) = main_curves(found)
    assert [len(found[name][score]) for name in ("gan", "short")] == [3, 1]
    notes = iw.compare([run, short], through_time=True).write_through_time(tmp_path / "sheet.png", count=2)
    assert any("short keeps one checkpoint" in note for note in notes)
    assert iw.inspect(tmp_path / "sheet.png")["provenance"]["settings"]["runs"] == ["gan", "short"]
    assert not any(name.startswith("score: ") for name in run_curves({"short": short})["short"])


def test_one_run_with_one_checkpoint_is_one_row(tmp_path: Path) -> None:
    run = train_tiny("dcgan", simple_pictures(), tmp_path / "gan", steps=1)
    found = iw.compare(run, through_time=True)
    (note,) = found.write_through_time(tmp_path / "one.png", count=2)
    assert "gan keeps one checkpoint, which is one row: --keep-checkpoints 20" in note
    assert iw.inspect(tmp_path / "one.png")["provenance"]["settings"]["checkpoints"] == [8]
    page = found.write(tmp_path / "page.html").read_text()
    assert 'alt="gan by images seen"' in page
    assert "gan keeps one checkpoint" in page


def test_what_has_nothing_over_time_is_refused(run: iw.Run, tmp_path: Path) -> None:
    copied = tmp_path / "gan"
    shutil.copytree(run.path, copied)
    shutil.rmtree(copied / "checkpoints")
    with pytest.raises(RunError, match=r"no checkpoint.*--keep-checkpoints 20"):
        iw.compare(copied, through_time=True).write_through_time(tmp_path / "sheet.png")
    fitted = iw.train("pca", simple_pictures(), tmp_path / "pca", components=2)
    with pytest.raises(UserError, match="closed form"):
        iw.compare(fitted, through_time=True).write_through_time(tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()
