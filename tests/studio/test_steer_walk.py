"""A walk through the page Steer, as a person would take it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from served_studio import ServedStudio
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.studio.pages.steer import finding

ENDLESS = 10_000  # steps, the most a drag takes; the usual number may be over before a click on "Stop"


def test_a_picture_is_steered(
    tmp_path: Path,
    serve: Callable[[Path], ServedStudio],
    walk: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finding, "DRAG_STEPS", ENDLESS)
    run = train_tiny("stylegan2", out=tmp_path / "runs" / "styles", steps=1, precision="fp32")
    iw.directions(run, count=1, save={0: "brightness"}, model=iw.load(run, space="w"))
    studio = serve(tmp_path)
    opened = walk(studio, f"steer?run={studio.run_id('runs/styles')}")
    page = opened.page
    view = page.locator(".canvas picture-view")
    strip = page.locator(".strip")

    def shown_after(work: Callable[[], Any]) -> None:
        before = int(view.get_attribute("data-shown") or 0)
        work()
        page.wait_for_selector(f".canvas picture-view:not([data-shown='{before}'])")

    page.wait_for_selector(".canvas picture-view[data-shown]")
    page.wait_for_selector(".strip[data-looks='1']")
    shown_after(lambda: page.get_by_role("button", name="New picture").click())
    slider = page.get_by_role("slider", name="brightness", exact=True)
    shown_after(lambda: slider.press("ArrowRight"))
    assert slider.input_value() == "0.05"
    page.wait_for_selector(".strip[data-looks='2']")

    page.get_by_text("Mix styles").click()
    shown_after(lambda: page.get_by_label("fine: colours and texture").check())
    page.get_by_text("Blend four pictures").click()
    pad = page.locator("point-pad")
    shown_after(lambda: pad.press("ArrowLeft"))
    page.wait_for_selector(".strip[data-looks='3']")
    strip.locator(".back").last.click()  # the first look is last in the strip
    page.wait_for_selector("point-pad[aria-valuenow='50']", state="attached")

    page.get_by_role("button", name="Drag points").click()
    box = page.locator(".drags").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=3)
    page.mouse.up()
    page.get_by_label("goal of point 1").press("ArrowUp")
    page.get_by_role("button", name="Move", exact=True).click()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.wait_for_selector(".status:has-text('dragged')")

    page.get_by_label("name to save the look under").fill("my look")
    page.get_by_role("button", name="Save latents").click()
    page.wait_for_selector("select:has-text('my-look')")
    assert [entry.name for entry in iw.list_latents(run).entries] == ["brightness", "my-look"]
    opened.page.set_viewport_size({"width": 390, "height": 800})
    assert not opened.has_sideways_scroll()


def test_a_photo_is_dropped_in(
    tmp_path: Path,
    serve: Callable[[Path], ServedStudio],
    walk: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finding, "STEPS", ENDLESS)
    train_tiny("vae", out=tmp_path / "runs" / "vae", steps=1, precision="fp32")
    studio = serve(tmp_path)
    photo = studio.upload(_png(simple_pictures(1)[0].transpose(1, 2, 0)), "anna.png")
    page = walk(studio, f"steer?start={photo['ticket']}").page
    page.wait_for_selector(".status:has-text('dB from the photo')")
    page.get_by_role("button", name="Bring it closer").click()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.wait_for_selector(".photo:has-text('the model comes within')")


def _png(pixels: np.ndarray) -> bytes:
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return written.getvalue()
