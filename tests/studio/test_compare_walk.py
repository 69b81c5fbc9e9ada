"""A walk through the page Compare: choose runs, samples of a class, a photo, scores, a page that is saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from served_studio import ServedStudio
from tiny import simple_pictures, train_tiny

import imagewright as iw


def test_runs_are_compared(
    tmp_path: Path,
    serve: Callable[[Path], ServedStudio],
    walk: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for model in ("autoencoder", "cgan"):
        train_tiny(model, out=tmp_path / "runs" / model, steps=2, report_every=8, precision="fp32")
    (tmp_path / "photos").mkdir()
    for number, picture in enumerate(simple_pictures(4)):
        Image.fromarray(picture.transpose(1, 2, 0)).save(tmp_path / "photos" / f"{number}.png")
    studio = serve(tmp_path)
    begin = studio.studio.jobs.start

    def start(title: str, command: Any, about: Any = None) -> Any:
        """The page is written here, since another process takes seconds to start."""
        iw.compare(command[1:3]).write(command[4], seed=int(command[6]))
        return begin(title, ["--version"], about)

    monkeypatch.setattr(studio.studio.jobs, "start", start)
    walking = walk(studio, "compare")
    page = walking.page
    samples = page.locator("section[aria-label=Samples]")
    samples.locator("picture-view[data-shown]").nth(7).wait_for()
    assert "does not sample" in samples.inner_text()
    first = samples.locator("picture-view").first
    page.get_by_role("button", name="Next seed").click()
    samples.get_by_text("1:7").wait_for()
    samples.get_by_label("Class").select_option("other")
    page.wait_for_selector("section[aria-label=Samples] picture-view[data-shown='3']")
    first.locator("canvas").focus()
    page.keyboard.press("Enter")
    page.locator("dialog").get_by_role("button", name="Close").click()
    page.locator("value-curve[data-points='2']").wait_for()

    page.get_by_role("button", name="Choose a photo").click()
    page.get_by_label("or take one of").select_option(label="photos (4 pictures)")
    page.locator("dialog picture-wall[data-items='4'] button").nth(2).click()
    photos = page.locator("section.photos")
    photos.get_by_text("reconstruction, PSNR").wait_for()
    photos.get_by_text("takes no photo").wait_for()

    page.get_by_role("button", name="runs/autoencoder").click()
    assert page.get_by_role("button", name="Save as a page").is_disabled()
    assert "autoencoder" not in samples.inner_text()
    page.get_by_role("button", name="runs/autoencoder").click()
    page.get_by_role("button", name="Save as a page").click()
    page.get_by_role("link", name="Save autoencoder-and-cgan.html").or_(
        page.get_by_role("link", name="Save cgan-and-autoencoder.html")
    ).wait_for()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save ").click()
    content = Path(saved.value.path()).read_text()
    assert "samples of cgan, seed 1" in content
    page.set_viewport_size({"width": 390, "height": 844})
    assert not walking.has_sideways_scroll()


def test_a_folder_without_runs_says_what_to_do(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Any]
) -> None:
    walking = walk(serve(tmp_path), "compare")
    assert "Train one" in walking.page.locator("main").inner_text()
    walking.page.set_viewport_size({"width": 390, "height": 844})
    assert walking.page.locator("#nav").bounding_box()["height"] < 120  # a short page does not stretch it
    walking.page.get_by_role("link", name="Learn", exact=True).click(trial=True)  # all pages are in sight
    assert "No swap is trained" in walking.open("swap?step=convert").locator("main").inner_text()
