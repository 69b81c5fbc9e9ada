"""A person at the page Learn: the laboratory from the first step to a cure, and a handle of each other lesson."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from served_studio import ServedStudio, Walk
from tiny import simple_pictures

import imagewright as iw


def steps(walked: Walk, least: int) -> None:
    """Wait until the laboratory has made so many steps."""
    lesson = walked.page.locator(".lesson")
    walked.wait_until(lambda: int(lesson.get_attribute("data-step") or -1) >= least, f"fewer than {least} steps")


def test_a_walk_through_the_laboratory(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Any]
) -> None:
    from imagewright.studio.pages.learn import laboratory

    walked = walk(serve(tmp_path), "learn")
    page = walked.page
    page.wait_for_selector("canvas.drawn[data-drawn]")
    page.get_by_label("Units of a layer, as a number").fill("8")
    page.get_by_role("button", name="One step").click()
    page.get_by_role("button", name="Generator only").click()
    steps(walked, 2)
    page.get_by_label("Steps a second, as a number").fill("200")
    page.get_by_role("button", name="Run", exact=True).click()
    steps(walked, 12)
    page.get_by_label("Loss", exact=True).select_option("hinge")
    page.get_by_label("Behind the points").select_option("best")
    page.get_by_label("the generator's net").check()
    page.get_by_label("the generator's cells").check()
    page.get_by_label("From z (0) to the points (1)", exact=True).press("ArrowLeft")
    page.get_by_label("Optimizer of the generator").select_option("sgd")
    page.get_by_label("Distribution of z").select_option("gaussian")
    page.get_by_label("Data to learn").select_option("comb")
    page.get_by_text("of 5 modes covered").wait_for()
    steps(walked, 3)  # it runs on with the new data
    page.get_by_label("Data to learn").select_option("drawn")
    page.locator("canvas.drawing").scroll_into_view_if_needed()
    box = page.locator("canvas.drawing").bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 36, box["y"] + 30, steps=4)
    page.mouse.up()
    page.get_by_text("of 1 modes covered").wait_for()
    page.get_by_role("button", name="Let it collapse").click()
    page.get_by_text("of 8 modes covered").wait_for()
    assert page.get_by_label("Penalty, as a number").input_value() == "0"
    page.get_by_role("button", name="Relativistic").click()
    assert page.get_by_label("Loss", exact=True).input_value() == "relativistic"
    page.get_by_role("button", name="Slow motion").click()
    page.get_by_text("makes points from random numbers").wait_for()
    assert page.locator(".box.generator[data-lit]").count() == 1
    assert not walked.has_sideways_scroll()
    page.get_by_role("link", name="Home").click()
    page.wait_for_selector("main[data-page=home][data-state=open]")
    walked.wait_until(lambda: not laboratory._open, "a laboratory is open whose page was left")


def test_a_walk_through_the_other_lessons(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Any]
) -> None:
    (tmp_path / "a").mkdir()
    for number, pixels in enumerate(simple_pictures(12)):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(tmp_path / "a" / f"{number}.png")
    out = tmp_path / "runs" / "plane"
    iw.train("vae", iw.open_images(tmp_path / "a"), out=out, images_seen=32, latent_dim=2, width=4, precision="fp32")
    walked = walk(serve(tmp_path), "learn?lesson=components", 390)
    page = walked.page
    page.locator(".lesson[data-count='10']").wait_for()
    page.get_by_label("Components k", exact=False).first.fill("3")
    page.locator(".lesson[data-count='3']").wait_for()
    page.goto(page.url.replace("components", "jpeg"))
    page.locator(".lesson[data-quality='50']").wait_for()
    page.get_by_label("Quality", exact=True).fill("5")
    page.locator(".lesson[data-quality='5']").wait_for()
    page.get_by_role("slider", name="block of the picture").press("ArrowRight")
    page.get_by_role("slider", name="block of the picture").press("ArrowDown")
    page.get_by_role("heading", name="Block in row 1, column 1").wait_for()
    page.goto(page.url.replace("jpeg", "dimension"))
    page.get_by_text("random samples hit").wait_for()
    page.get_by_role("button", name="cube").click()
    page.get_by_text("cells of a cube").wait_for()
    page.goto(page.url.replace("dimension", "plane"))
    page.locator(".lesson[data-shown]").wait_for()
    shown = page.locator(".lesson").get_attribute("data-shown")
    page.get_by_role("slider", name="plane").press("ArrowUp")
    page.locator(f".lesson[data-shown='{int(shown) + 1}']").wait_for()
    assert not walked.has_sideways_scroll()


def test_a_page_that_is_left_before_it_is_shown_ends_what_it_follows(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Any]
) -> None:
    """Four laboratories that nobody sees would keep everybody from opening another one."""
    walked = walk(serve(tmp_path))
    page = walked.page
    sent: list[dict[str, Any]] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda text: sent.append(json.loads(text))))
    page.reload()
    page.wait_for_selector("main[data-page=home][data-state=open]")
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/api/learn/laboratory*", hold)
    for count in range(1, 4):
        page.evaluate("location.hash = '#/learn'")
        walked.wait_until(lambda count=count: len(held) >= count)
        page.evaluate("location.hash = '#/home'")
        page.wait_for_selector("main[data-page=home][data-state=open]")
    for route in held:
        route.continue_()
    page.wait_for_timeout(300)

    def are_ended() -> bool:
        followed = {each["id"] for each in sent if each.get("feed") == "learn/laboratory"}
        return followed <= {each.get("end") for each in sent}

    walked.wait_until(are_ended, lambda: sent)
    assert page.locator("main").get_attribute("data-state") == "open"
