"""A walk from an empty folder to a trained model by three clicks, through its page, and on from there."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from served_studio import ServedStudio
from tiny import simple_pictures, train_tiny

from imagewright.studio.pages.train import following
from imagewright.studio.serving.jobs import Job, Jobs


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "QUIET", 0.1)
    monkeypatch.setattr(following, "LIVELY", 0.2)


def test_three_clicks_to_a_trained_model(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Any]
) -> None:
    steps = walk(serve(tmp_path))
    page = steps.page
    page.get_by_role("link", name="Train on digits").first.click()
    page.get_by_role("button", name="Train pca").click()
    page.get_by_role("button", name="Start training").click()
    page.wait_for_selector("[data-run=trained]")
    assert "It is fitted." in page.inner_text("main")
    assert not steps.has_sideways_scroll()
    page = steps.open("home")
    assert page.locator(".run-card").count() == 1
    assert "pca" in page.inner_text(".run-card")


def test_a_run_is_looked_at_branched_and_lost(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Any]
) -> None:
    place = tmp_path / "runs" / "small"
    for out in (place, tmp_path / "runs" / "other"):
        train_tiny("dcgan", out=out, steps=3, report_every=8)
    studio = serve(tmp_path)
    steps = walk(studio, f"train?run={studio.run_id('runs/small')}", 390)
    page = steps.page
    page.wait_for_selector("value-curve[data-points='3']")
    page.wait_for_selector("picture-view[data-at='24'][data-shown]")
    slider = page.locator("labelled-slider input[type=range]").first
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_selector("picture-view[data-at='0']")
    page.get_by_text("One of them through time").click()
    page.wait_for_selector(".strip-views[data-shown='4'] picture-view[data-shown]")
    assert page.locator(".strip-views figcaption").all_inner_texts() == ["0", "8", "16", "24"]
    assert page.locator("h3", has_text="Discriminator").count() >= 2
    drawn = "document.querySelector('value-curve canvas').toDataURL()"
    light = page.evaluate(drawn)
    page.emulate_media(color_scheme="dark")
    steps.wait_until(lambda: page.evaluate(drawn) != light)  # the numbers of its axes are light on dark now
    assert not steps.has_sideways_scroll()
    place.rename(tmp_path / "away")
    page.wait_for_selector("[data-run=gone]")
    assert page.locator("value-curve").count() > 2  # what was shown stays
    shutil.move(tmp_path / "away", place)
    page.wait_for_selector("[data-run=trained]")
    page.get_by_label("Branch from a checkpoint").select_option(index=1)
    page.wait_for_selector("[data-step=form]")
    assert "checkpoint at 24" in page.get_by_label("Start from").inner_text()
    page.get_by_label("Search all options").fill("held out")
    assert page.locator(".field[data-option=held_out]").is_visible()
    assert not page.locator(".field[data-option=penalty]").is_visible()
    page.get_by_label("Latent dim").fill("0")
    page.get_by_role("button", name="Start training").click()
    assert "At least 1" in page.inner_text(".field[data-option=latent_dim]")
    page.locator("details.runs > summary").click()
    for box in page.locator("table input").all():
        box.check()
    page.get_by_role("button", name="Beside each other").click()
    page.wait_for_selector("[data-runs='2'] value-curve[data-points='3']")
    assert page.locator(".beside picture-view").count() == 2
    assert not steps.has_sideways_scroll()


def test_a_stopped_run_is_resumed_from_home(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, photos = tmp_path / "runs" / "small", tmp_path / "photos"
    photos.mkdir()
    for number, picture in enumerate(simple_pictures(12)):
        Image.fromarray(picture.transpose(1, 2, 0)).save(photos / f"{number}.png")
    for out in (place, tmp_path / "runs" / "whole"):
        train_tiny("dcgan", photos, out, steps=1)
    record = json.loads((place / "run.json").read_text())
    record["plan"]["images_seen"] = 800
    (place / "run.json").write_text(json.dumps(record))
    studio = serve(tmp_path)
    begun: list[Job] = []

    def start(_: Jobs, title: str, command: Any, about: Any) -> Job:
        begun.append(Job("0" * 12, title, ("train",), about, time.time(), "running", None))
        return begun[-1]

    monkeypatch.setattr(Jobs, "start", start)
    monkeypatch.setattr(Jobs, "all", lambda _: list(begun))
    page = walk(studio).page
    card = page.locator(".run-card", has_text="small")
    card.get_by_text("stopped").wait_for()
    heights = "links => links.map((each) => { const range = document.createRange();"
    heights += "range.selectNodeContents(each); return range.getBoundingClientRect().top; })"
    tops = page.locator(".run-card .end > *").evaluate_all(heights)
    assert len(tops) == 5
    assert len(set(tops)) == 1, "Resume stands on one line with Open and Steer of both cards"
    card.get_by_role("button", name="Resume").click()
    card.get_by_text("dcgan, resuming").wait_for()
    page.reload()
    card.get_by_text("dcgan, resuming").wait_for()
    assert card.get_by_role("button", name="Resume").count() == 0
    assert begun.pop().about["place"] == "runs/small"
