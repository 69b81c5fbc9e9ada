"""Walks through the page Draw: a drawing is answered, undone and kept, a photo becomes edges, an answer is saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from served_studio import ServedStudio, Walk
from tiny import simple_pictures, tiny_options, train_tiny

import imagewright as iw
from imagewright.training.reporting import Silent


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, pairs of their edges, a run of the pairs and one of styles."""
    folder = tmp_path_factory.mktemp("walk")
    (folder / "photos").mkdir()
    for number, picture in enumerate(simple_pictures(8)):
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / "photos" / f"{number}.png")
    iw.make_pairs(folder / "photos", "edges", folder / "edges", sigma=0.5)
    options = {"images_seen": 8, "batch_size": 8, "precision": "fp32", "reporter": Silent()} | tiny_options("pix2pix")
    iw.train("pix2pix", folder / "edges", out=folder / "runs/edges", **options)
    train_tiny("munit", out=folder / "runs/styles", steps=1)
    return folder


def pixels(page: Any) -> list[int]:
    """The red channel of the sheet."""
    found: list[int] = page.evaluate(
        "[...document.querySelector('drawing-sheet').image.data].filter((_, place) => place % 4 === 0)"
    )
    return found


def answers(walked: Walk, more_than: int) -> int:
    """Wait for the next answer; returns how many there were."""
    place, said = (walked.page.locator(each) for each in (".place", ".answer .said"))

    def count() -> int:
        return int(place.get_attribute("data-answers") or 0)

    walked.wait_until(lambda: count() > more_than, lambda: f"no answer: {said.inner_text()}")
    return count()


def test_someone_draws(
    folder: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Walk], tmp_path: Path
) -> None:
    studio = serve(folder)
    walked = walk(studio, f"draw?run={studio.run_id('runs/edges')}")
    page = walked.page
    count = answers(walked, 0)

    page.get_by_role("button", name="Blank sheet").click()
    count = answers(walked, count)
    assert set(pixels(page)) == {255}
    area = page.locator("drawing-sheet").bounding_box()
    page.mouse.move(area["x"] + 0.2 * area["width"], area["y"] + 0.5 * area["height"])
    page.mouse.down()
    page.mouse.move(area["x"] + 0.8 * area["width"], area["y"] + 0.5 * area["height"], steps=4)
    page.mouse.up()
    answers(walked, count)
    line = pixels(page)
    assert line[8 * 16 + 3 : 8 * 16 + 13] == [0] * 10
    assert line.count(0) == 10

    page.keyboard.press("Control+z")
    assert set(pixels(page)) == {255}
    page.keyboard.press("Control+Shift+z")
    assert pixels(page) == line
    page.locator("drawing-sheet").focus()
    for key in ("b", "Space", "Shift+ArrowDown", "ArrowRight", "Space"):  # a box from one corner to the other
        page.keyboard.press(key)
    assert pixels(page).count(0) == 10 + 8

    with page.expect_download() as download:
        page.get_by_role("button", name="Save the sheet").click()
    download.value.save_as(tmp_path / "sheet.png")
    assert list(Image.open(tmp_path / "sheet.png").getchannel(0).tobytes()) == pixels(page)

    walked.open("home")
    walked.open(f"draw?run={studio.run_id('runs/edges')}")
    count = answers(walked, 0)
    assert pixels(page).count(0) == 10 + 8

    page.get_by_role("button", name="Choose a photo").click()
    page.locator("dialog input[type=file]").set_input_files(folder / "photos/3.png")
    edges = list(Image.open(folder / "edges/input/3.png").convert("L").tobytes())
    walked.wait_until(lambda: pixels(page) == edges, lambda: f"no edges: {page.locator('.answer .said').inner_text()}")
    answers(walked, count)
    page.get_by_role("button", name="Before and after").click()
    page.locator("before-after").press("ArrowRight")
    assert page.locator("before-after").get_attribute("aria-valuenow") == "55"
    with page.expect_download() as download:
        page.locator(".answer").get_by_role("button", name="Save").last.click()
    download.value.save_as(tmp_path / "saved.png")
    assert iw.inspect(tmp_path / "saved.png")["provenance"]["settings"]["source"] == "3"


def test_someone_sends_a_photo_on_a_phone(
    folder: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Walk]
) -> None:
    studio = serve(folder)
    ticket = studio.upload((folder / "photos/2.png").read_bytes())["ticket"]
    walked = walk(studio, f"draw?photo={ticket}", 390)
    page = walked.page
    answers(walked, 0)
    assert page.get_by_label("Run", exact=True).input_value() == studio.run_id("runs/styles")
    assert set(pixels(page)) == set(Image.open(folder / "photos/2.png").getchannel(0).tobytes())
    page.get_by_role("button", name="Show 6 more").click()
    page.get_by_role("button", name="style 3").click()
    assert page.get_by_label("number", exact=True).input_value() == "3"
    assert not walked.has_sideways_scroll()
