"""A walk through the page of pictures, as a person does it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from served_studio import ServedStudio, Walk
from tiny import simple_pictures

from imagewright import cli
from imagewright.studio.serving.jobs import Job


def write_pictures(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for place, pixels in enumerate(simple_pictures(count, (16, 16)).transpose(0, 2, 3, 1)):
        Image.fromarray(pixels).save(folder / f"{place:03}.png")


def test_a_folder_is_added_looked_through_sorted_out_and_marked(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Walk]
) -> None:
    write_pictures(tmp_path / "photos", 300)
    write_pictures(tmp_path / "elsewhere" / "drop", 5)
    (tmp_path / "elsewhere" / "drop" / "note.txt").write_text("hello")
    (tmp_path / "folder").mkdir()
    (tmp_path / "photos").rename(tmp_path / "folder" / "photos")
    studio = serve(tmp_path / "folder")
    steps = walk(studio, "pictures")
    steps.allowed = ("status of 400",)  # the file that is no picture
    page = steps.page
    page.wait_for_selector("picture-wall[data-items='300']")

    # the wall holds what is in sight, and scrolls
    assert page.locator("picture-wall button").count() < 200
    page.locator("picture-wall").evaluate("wall => (wall.scrollTop = wall.scrollHeight)")
    last = page.get_by_role("button", name="299.png")
    last.click()
    assert page.locator(".selection").inner_text().startswith("1 picture selected")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog .facts >> text=298.png")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("dialog .facts >> text=299.png")
    page.keyboard.press("Escape")

    # a search, and the selection moved aside and back
    page.fill("#search", "00")
    page.wait_for_selector("picture-wall[data-items='12']")
    page.click("text=Select all shown")
    with page.expect_download() as download:
        page.click("text=Save the list")
    assert len(Path(download.value.path()).read_text().splitlines()) == 13
    page.click("text=Move aside")
    page.wait_for_selector("picture-wall[data-items='287']")
    page.click("text=Put back")
    page.wait_for_selector("picture-wall[data-items='300']")

    # a check, whose duplicates stand side by side
    page.click("button[data-view=duplicates]")
    page.click("text=Find duplicates")
    page.wait_for_selector("text=/Checked: 0 unreadable/")
    page.wait_for_selector("div[data-view=duplicates] >> text=/group|twice/")

    # marks are saved as they are made
    page.click("button[data-view=marks]")
    page.fill("input[placeholder='such as red']", "red")
    page.keyboard.press("Tab")
    wall = page.locator("div[data-view=marks] picture-wall button")
    wall.nth(0).click()
    page.click("text=Without it")
    wall.nth(2).click()
    page.wait_for_selector("text=Saved in marks/photos/red.csv")
    assert (studio.studio.folder / "marks/photos/red.csv").read_text().splitlines()[1:4] == [
        "000.png,1", "001.png,", "002.png,0"
    ]  # fmt: skip

    # a folder that is added
    page.click("text=Add pictures")
    page.set_input_files("drop-zone input", tmp_path / "elsewhere" / "drop")
    page.click("text=Add it")
    page.wait_for_selector("text=5 pictures added as drop")
    page.wait_for_selector("text=/1 file is no picture/")
    page.wait_for_selector("text=/^5 pictures, 16 . 16 pixels/")
    assert not steps.has_sideways_scroll()
    page.set_viewport_size({"width": 390, "height": 844})
    page.click("button[data-view=all]")
    page.wait_for_selector("picture-wall[data-items='5']")
    assert not steps.has_sideways_scroll()
    assert re.search(r"source=\w+&view=all", page.url)


def test_a_mark_made_while_others_are_saved_is_saved_too(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Walk]
) -> None:
    write_pictures(tmp_path / "photos", 6)
    steps = walk(serve(tmp_path), "pictures?view=marks")
    page = steps.page
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/api/pictures/save_marks", hold, times=1)
    page.fill("input[placeholder='such as red']", "red")
    page.keyboard.press("Tab")
    wall = page.locator("div[data-view=marks] picture-wall button")
    wall.nth(0).click()
    page.wait_for_selector("text=Being saved")
    steps.wait_until(lambda: held)
    page.click("text=Without it")
    wall.nth(2).click()
    held.pop().continue_()
    page.wait_for_selector("text=Saved in marks/photos/red.csv")
    table = tmp_path / "marks/photos/red.csv"
    assert table.read_text().splitlines()[1:4] == ["000.png,1", "001.png,", "002.png,0"]

    # the last changes of one attribute are saved before another one is shown; one without marks is saved as such
    wall.nth(1).click()
    page.fill("input[placeholder='such as red']", "blue")
    page.keyboard.press("Tab")
    page.wait_for_selector("text=Saved in marks/photos/blue.csv")
    for index in range(3):
        wall.nth(index).click()
    page.fill("input[placeholder='such as red']", "red")
    page.keyboard.press("Tab")
    page.wait_for_selector("text=1 picture with it, 2 without it")
    blue = tmp_path / "marks/photos/blue.csv"
    steps.wait_until(lambda: blue.read_text().splitlines()[1:] == [f"{place:03}.png," for place in range(6)])


def test_a_check_that_ends_before_it_was_seen_to_run_is_shown(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Walk], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "photos", 6)
    studio = serve(tmp_path)
    ended: list[Job] = []

    def start(title: str, command: Sequence[str | Path], about: dict[str, Any]) -> Job:
        assert cli.main([str(word) for word in command]) == 0
        ended.append(Job(f"{len(ended):012}", title, (), about, 0.0, "done", 0))
        return ended[-1]

    monkeypatch.setattr(studio.studio.jobs, "start", start)
    monkeypatch.setattr(studio.studio.jobs, "all", lambda: list(ended))
    page = walk(studio, "pictures?view=duplicates").page
    page.click("text=Check them")
    page.wait_for_selector("text=/Checked: 0 unreadable/")
    page.wait_for_selector("text=/group|twice/")
