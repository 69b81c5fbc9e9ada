"""What the page of pictures asks of the server: lists, thumbnails, what commands found, selections and marks."""

from __future__ import annotations

import csv
import gc
import io
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image
from served_studio import ServedStudio
from tiny import simple_pictures, train_tiny
from waiting import wait_until

import imagewright as iw
from imagewright.studio.pages.pictures.findings import own_folder
from imagewright.studio.serving.sources import MOST_OPEN

PICTURES = 12


class Page:
    """The page of one source."""

    def __init__(self, studio: ServedStudio, name: str = "photos") -> None:
        self.studio, self.source = studio, studio.source_id(name)

    @property
    def version(self) -> str:
        return str(self.read("source")["version"])

    def read(self, name: str, /, **asked: Any) -> Any:
        return self.studio.read(f"pictures/{name}?{urlencode({'source': self.source} | asked)}")

    def act(self, name: str, /, *, expected: int = 200, **asked: Any) -> Any:
        known = {"source": self.source, "version": self.version}
        return self.studio.act(f"pictures/{name}", known | asked, expected=expected)

    def file(self, name: str, /, **asked: Any) -> tuple[int, bytes]:
        path = f"/api/pictures/{name}?{urlencode({'source': self.source} | asked)}"
        return self.studio.request(path, headers=self.studio.cookie)

    def wait_for(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job at its end."""
        jobs = self.studio.studio.jobs
        wait_until(lambda: jobs.get(job["id"]).state != "running", lambda: jobs.get(job["id"]))
        now = jobs.get(job["id"])
        assert now.state == "done", now.said
        return now.to_json()


@pytest.fixture
def page(tmp_path: Path, serve: Callable[[Path], ServedStudio]) -> Page:
    """Photos of two classes: the last is like the first, one is broken, one has a hostile name."""
    folder = tmp_path / "folder"
    pictures = simple_pictures(PICTURES, (16, 16)).transpose(0, 2, 3, 1)
    for place, pixels in enumerate(pictures):
        path = folder / "photos" / ("one" if place < 6 else "other") / f"{place:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    Image.fromarray(pictures[0]).save(folder / "photos" / "other" / "=<img src=x>.png")
    (folder / "photos" / "one" / "99.png").write_bytes(b"no picture")
    return Page(serve(folder))


def test_a_source_is_listed_with_classes_names_and_thumbnails(page: Page) -> None:
    about = page.read("source")
    assert about["pictures"] == PICTURES + 2
    assert [each["name"] for each in about["classes"]] == ["one", "other"]
    listed = page.read("names", version=about["version"], start=0)
    assert listed["names"][:2] == ["one/00.png", "one/01.png"]
    assert sum(listed["labels"]) == PICTURES - 6 + 1
    status, content = page.file("picture", index=0, side=64)
    assert status == 200
    assert Image.open(io.BytesIO(content)).size == (16, 16)
    broken = listed["names"].index("one/99.png")
    assert page.file("picture", index=broken, side=64)[0] == 200, "a sign stands in its place"
    assert page.read("about", version=about["version"], index=0) == {
        "name": "one/00.png", "class": "one", "width": 16, "height": 16, "format": "PNG", "mode": "RGB",
        "bytes": (page.studio.studio.folder / "photos/one/00.png").stat().st_size,
    }  # fmt: skip
    assert "unreadable" in page.read("about", index=broken)


def test_a_source_that_is_read_anew_is_let_go_of(page: Page) -> None:
    opened = weakref.ref(page.studio.studio.sources.open(page.source))
    for _ in range(MOST_OPEN + 1):
        page.read("source", anew="true")
    gc.collect()
    assert opened() is None


def test_what_is_not_there_is_refused(page: Page) -> None:
    assert page.file("picture", index=99)[0] == 400
    assert page.file("about", index=99)[0] == 400
    assert page.file("having", attribute="smile")[0] == 400
    assert page.file("list", list="../../job.json")[0] == 404
    assert page.file("table", kind="outliers")[0] == 404
    assert page.file("sheet", run="none", name="red")[0] == 404
    assert "expected" in page.act("save_list", indices=[99], expected=400)["error"]
    assert "No picture" in page.act("save_list", indices=[], expected=400)["error"]
    assert "changed" in page.act("save_list", indices=[0], version="older", expected=400)["error"]
    page.act("undo", list="../moved.csv", expected=404)
    page.source = "unknown"
    assert page.file("source")[0] == 404


def test_the_check_finds_duplicates_and_broken_files(page: Page) -> None:
    assert page.read("found", kind="check") == {"found": False}
    page.wait_for(page.act("begin", kind="check"))
    found = page.read("found", kind="check")
    names = page.read("names", start=0)["names"]
    assert [names[index] for index in found["equal"][0]] == ["one/00.png", "other/=<img src=x>.png"]
    assert [each["name"] for each in found["unreadable_pictures"]] == ["one/99.png"]
    (page.studio.studio.folder / "photos/one/01.png").unlink()
    page.read("source", anew="true")
    assert any("changed since" in note for note in page.read("found", kind="check")["notes"])


@pytest.mark.learning
def test_rankings_and_groups_are_by_number(page: Page) -> None:
    job = page.act("begin", kind="clusters", clusters=2, space="pixels")
    assert "already" in page.act("begin", kind="clusters", expected=400)["error"]
    folder = page.studio.studio.folder
    iw.outliers(folder / "photos", method="pca").write(own_folder(page.studio.studio, page.source) / "outliers")
    page.wait_for(job)
    ranked, groups = page.read("found", kind="outliers"), page.read("found", kind="clusters")
    readable = set(range(PICTURES + 2)) - {page.read("names", start=0)["names"].index("one/99.png")}
    assert set(ranked["order"]) == readable
    assert ranked["scores"] == sorted(ranked["scores"], reverse=True)
    assert {index for group in groups["clusters"] for index in group} == readable
    assert {point[0] for point in groups["points"]} == readable
    assert page.file("table", kind="outliers")[1].startswith(b"name,rank")


def test_a_selection_becomes_a_list_and_a_set(page: Page) -> None:
    chosen = [0, PICTURES]
    status, content = page.file("list", list=page.act("save_list", indices=chosen)["list"])
    names = page.read("names", start=0)["names"]
    assert (status, content.decode().splitlines()) == (200, [names[index] for index in chosen])
    job = page.wait_for(page.act("begin_set", indices=chosen, name="my favourites"))
    page.studio.act("pictures/refresh", {})
    made = Page(page.studio, job["about"]["name"])
    assert made.read("names", start=0)["names"] == [names[index] for index in chosen]
    assert "name" in page.act("begin_set", indices=chosen, name="../..", expected=400)["error"]


def test_pictures_are_moved_aside_and_back(page: Page) -> None:
    folder = page.studio.studio.folder
    before = sorted(folder.rglob("*.png"))
    assert "all pictures" in page.act("move_aside", indices=list(range(PICTURES + 2)), expected=400)["error"]
    moved = page.act("move_aside", indices=[0, 1])
    assert moved["to"] == "photos-aside"
    assert (folder / "photos-aside" / "one" / "01.png").is_file()
    about = page.read("source")
    assert about["pictures"] == PICTURES
    assert [each["pictures"] for each in about["moves"]] == [2]
    assert page.act("undo", list=moved["list"]) == {"moved": 2}
    assert not (folder / "photos-aside").exists()  # nothing of the move stays, neither its list nor empty folders
    assert sorted(folder.rglob("*.png")) == before
    assert page.read("source")["moves"] == []


def test_a_record_of_moves_that_leads_out_is_refused(page: Page, tmp_path: Path) -> None:
    aside = page.studio.studio.folder / "photos-aside"
    aside.mkdir()
    (tmp_path / "secret.png").write_bytes(b"secret")
    for row in ((tmp_path / "gone.png", aside / "a.png"), (aside / "stolen.png", tmp_path / "secret.png")):
        with (aside / "moved.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("from", "to"), row])
        (aside / "a.png").write_bytes(b"theirs")
        assert "outside" in page.act("undo", list="moved.csv", expected=400)["error"]
    assert (tmp_path / "secret.png").is_file()
    assert not (tmp_path / "gone.png").exists()


def test_files_at_the_top_of_the_folder_are_not_moved_out(
    tmp_path: Path, serve: Callable[[Path], ServedStudio]
) -> None:
    for place in range(3):
        Image.fromarray(np.full((8, 8, 3), 50 * place, np.uint8)).save(tmp_path / f"{place}.png")
    page = Page(serve(tmp_path), ".")
    assert "outside" in page.act("move_aside", indices=[0], expected=400)["error"]
    assert len(list(tmp_path.glob("*.png"))) == 3


@pytest.mark.learning
def test_marks_become_a_table_and_a_direction(page: Page) -> None:
    folder = page.studio.studio.folder
    train_tiny("vae", folder / "photos", folder / "runs" / "tiny")
    page.studio.studio.library.refresh()
    run = page.studio.run_id("runs/tiny")
    for name, part in (("label", "something else"), ("7", "letters"), ("a/b", "letters")):
        assert part in page.act("save_marks", name=name, **{"with": [0], "without": [1]}, expected=400)["error"]
    assert "both sides" in page.act("save_marks", name="red", **{"with": [0], "without": [0]}, expected=400)["error"]
    page.act("find_direction", run=run, name="quite red", expected=404)
    saved = page.act("save_marks", name="quite red", **{"with": [0, 1, PICTURES], "without": [7, 8]})
    assert saved["table"] == "marks/photos/quite-red.csv"
    assert page.read("marks")["marks"] == [{"name": "quite-red", "with": [0, 1, PICTURES], "without": [7, 8]}]
    page.wait_for(page.act("find_direction", run=run, name="quite red"))
    assert (folder / "runs/tiny/latents/quite-red.safetensors").is_file()
    assert page.file("sheet", run=run, name="quite red")[1].startswith(b"\x89PNG")
    assert "already" in page.act("find_direction", run=run, name="quite red", expected=400)["error"]
    page.act("forget_marks", name="quite red")
    assert page.read("marks")["marks"] == []


def test_frames_of_a_video_are_read_a_block_at_a_time(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], monkeypatch: pytest.MonkeyPatch
) -> None:
    from imagewright.images import Images
    from imagewright.output.writing import write_animation

    frames = simple_pictures(40, (32, 32))
    write_animation(frames, tmp_path / "clip.mp4", frames_per_second=10)
    page, readings = Page(serve(tmp_path), "clip.mp4"), []
    read = Images.originals
    monkeypatch.setattr(Images, "originals", lambda self, places: readings.append(len(places)) or read(self, places))
    for index in (0, 1, 39, 20):
        status, content = page.file("picture", index=index, side=96)
        assert status == 200
        shown = np.asarray(Image.open(io.BytesIO(content)).convert("RGB").resize((32, 32)), np.int16)
        assert abs(shown - frames[index].transpose(1, 2, 0)).mean() < 20
    assert readings == [40]
