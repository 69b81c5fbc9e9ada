"""A whole tour of a few tiny pictures: interrupted, gone on with, refused; its page as a reader sees it."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagewright as iw
from imagewright.cli import main
from imagewright.errors import ConfigError, DataError, RunError

MINUTES = 0.05  # for which three parts are left


def write_pictures(folder: Path, count: int = 12) -> Path:
    """Discs and bars, 16x16, in two classes."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:16, :16]
    for index in range(count):
        left, top = generator.uniform(5, 11, 2)
        inside = np.hypot(x - left, y - top) < 4 if index % 2 else np.abs(x - left) < 2
        pixels = np.where(inside, 220, 30) + generator.normal(0, 4, (16, 16))
        path = folder / ("discs" if index % 2 else "bars") / f"<b>{index:02}&.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures") / "discs <i>& bars")


@pytest.fixture(scope="module")
def stopped(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A tour that was stopped in its third part: the folder, the message, the page as it was then."""
    folder, stop = tmp_path_factory.mktemp("tours") / "tour", iw.StopRequest()

    def progress(part: str, done: int, total: int) -> None:
        stop.asked = part.startswith("part 3")

    with pytest.raises(iw.Stopped) as error:
        iw.tour(source, minutes=MINUTES, out=folder, progress=progress, stop=stop)
    return folder, str(error.value), (folder / "tour.html").read_text()


@pytest.fixture(scope="module")
def whole(source: Path, stopped: tuple[Path, str, str]) -> object:
    """The same call again, which goes on."""
    return iw.tour(source, minutes=MINUTES, out=stopped[0])


def test_a_stopped_tour_leaves_the_page_of_what_is_there(stopped) -> None:
    folder, message, page = stopped
    assert "part 3 of 3" in message
    assert "the same command goes on" in message
    assert "2 of 3 parts done; now: Variational autoencoder (VAE). If it was stopped, this command goes on" in page
    assert "imagewright tour" in page
    assert "--minutes 0.05" in page
    assert 'id="pca"' in page
    assert 'id="vae"' not in page
    states = [part["state"] for part in json.loads((folder / "tour.json").read_text())["parts"]]
    assert states == ["done", "done", "under way"]


def test_the_same_call_goes_on_and_makes_the_parts_of_an_unbroken_tour(whole, stopped) -> None:
    record = json.loads((whole.folder / "tour.json").read_text())
    assert [(part["name"], part["state"]) for part in record["parts"]] == [
        ("set", "done"),
        ("pca", "done"),
        ("vae", "done"),
    ]
    assert not whole.failed
    assert set(whole.runs) == {"pca", "vae"}
    assert {iw.Run(run.path).model for run in whole.runs.values()} == {"pca", "vae"}
    assert iw.sample(whole.runs["vae"], 2).shape == (2, 1, *record["size"])


def test_models_have_one_size_and_scores_of_one_recipe(whole) -> None:
    scores = [json.loads((run.path / "scores.json").read_text())["scores"] for run in whole.runs.values()]
    keys = [{each["key"] for each in own if each["metric"] == "kd"} for own in scores]
    assert keys[0] == keys[1]
    assert len(keys[0]) == 1
    assert len({tuple(run.record["source"]["size"]) for run in whole.runs.values()}) == 1


def test_the_page_has_what_was_found_and_loads_nothing(whole) -> None:
    page = whole.page.read_text()
    assert "12 pictures of 2 classes" in page
    assert whole.summary.startswith("12 pictures of 2 classes")
    assert "VAE" in whole.summary
    assert page.count("data:image/webp;base64,") >= 9
    assert "<svg" in page
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=\"https?:", page)
    assert "imagewright train vae" in page
    assert "--minutes 60" in page
    assert len(page) < 2_000_000


def test_a_model_that_rebuilds_its_training_pictures_is_not_compared(whole) -> None:
    record = json.loads((whole.folder / "tour.json").read_text())
    known = {part["name"]: part["by_heart"] for part in record["parts"]}
    assert "12 pictures" in known["pca"]  # 11 components of 12 pictures
    assert known["vae"] is None
    assert "by heart: Eigenfaces" in whole.summary
    assert "against" not in whole.summary.partition("Left out")[0]


def test_a_model_of_twelve_pictures_is_not_praised(whole) -> None:
    assert "is the only trained model that is ranked. Nothing tells here" in whole.summary
    page = whole.page.read_text()
    assert "best new pictures" not in page
    assert "VAE is the only trained model that is ranked. Train it longer" in page


def test_a_model_that_knows_the_pictures_has_no_best_score(whole) -> None:
    table = whole.page.read_text().partition("<h2>Scores</h2>")[2].partition("</table>")[0]
    assert "<strong>" not in table.partition("Eigenfaces")[2].partition("</tr>")[0]


def test_pictures_of_the_page_are_enlarged_by_whole_multiples(whole) -> None:
    page = whole.page.read_text()
    found = re.findall(r'<img class="sharp" width="([0-9]+)"[^>]*base64,([^"]+)"', page)
    assert len(found) >= 6
    for width, data in found:
        own = Image.open(io.BytesIO(base64.b64decode(data))).width
        assert int(width) % own == 0
        assert own <= int(width) <= 940


def test_two_equal_sources_are_refused(source: Path, tmp_path: Path) -> None:
    for other in (source, source / ".." / source.name, str(source)):
        with pytest.raises(ConfigError, match="Both sources are"):
            iw.tour(source, other, out=tmp_path / "tour")
    assert not (tmp_path / "tour").exists()


def test_the_page_names_what_was_left_out_and_a_tour_that_has_it(whole) -> None:
    page = whole.page.read_text()
    assert "DCGAN (from 3 minutes on)" in page
    assert "Conditional GAN (from" in page
    assert re.search(r"imagewright tour .*--minutes [0-9]+ --out [^<]*tour-[0-9]+", page)


def test_the_page_names_the_set_and_no_folder_above_it(whole, source: Path) -> None:
    texts = re.sub(r"base64,[^\"]*", "", whole.page.read_text())
    assert "discs &lt;i&gt;&amp; bars" in texts
    for folder in (*source.parents, *whole.folder.parents):
        assert len(folder.parts) < 3 or str(folder) not in texts
    assert str(source) in (whole.folder / "tour.json").read_text()


def test_names_of_files_and_folders_are_no_markup(whole) -> None:
    page = whole.page.read_text()
    assert "discs &lt;i&gt;&amp; bars" in page
    assert "<i>" not in page
    assert "<b>" not in page


def test_a_finished_tour_trains_nothing_again(whole, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = {run.path: run.checkpoints()[-1].weights.stat().st_mtime_ns for run in whole.runs.values()}
    whole.page.unlink()
    assert main(["tour", str(source), "--minutes", str(MINUTES), "--out", str(whole.folder)]) == 0
    printed = capsys.readouterr()
    assert "All parts are done" in printed.err
    assert str(whole.page) in printed.out
    assert whole.page.exists()
    assert weights == {run.path: run.checkpoints()[-1].weights.stat().st_mtime_ns for run in whole.runs.values()}


def test_other_options_and_changed_pictures_are_refused(whole, source: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"other options \(minutes\).*--minutes 0.05.*--out"):
        iw.tour(source, minutes=3, out=whole.folder)
    record = whole.folder / "tour.json"
    before = record.read_text()
    record.write_text(before.replace('"fingerprint": "', '"fingerprint": "0'))
    with pytest.raises(RunError, match=r"has changed since the tour.*12 pictures then.*--out"):
        iw.tour(source, minutes=MINUTES, out=whole.folder)
    record.write_text(before[:100])
    with pytest.raises(RunError, match=r"tour.json is damaged"):
        iw.tour(source, minutes=MINUTES, out=whole.folder)
    record.write_text(before)


def test_folders_that_hold_something_else_or_lie_in_the_source_are_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(RunError, match=r"something else than a tour.*--out"):
        iw.tour(source, out=tmp_path)
    with pytest.raises(RunError, match=r"is a file"):
        iw.tour(source, out=tmp_path / "letter.txt")
    with pytest.raises(RunError, match=r"lies in the source"):
        iw.tour(source, out=source / "tour")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["letter.txt"]


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_a_tour_takes_minutes(source: Path, tmp_path: Path, minutes: float) -> None:
    with pytest.raises(ConfigError, match="minutes"):
        iw.tour(source, minutes=minutes, out=tmp_path / "tour")


def test_too_few_pictures_leave_no_folder(tmp_path: Path) -> None:
    few = write_pictures(tmp_path / "few", 7)
    with pytest.raises(DataError, match="there are 7"):
        iw.tour(few, out=tmp_path / "tour")
    assert not (tmp_path / "tour").exists()
