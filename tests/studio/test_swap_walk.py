"""A walk through the page Swap: two sets of faces, consent, a swap tried on a frame, a video converted and played."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from face_files import write_face
from served_studio import ServedStudio
from tiny import train_tiny

pytest.importorskip("av", reason="the extra 'video' (av) is not installed")
from footage_clips import make_clip
from painted_people import ColourFinder, identify_by_colour
from painted_people import walk as walking_people

from imagewright.face_swap.face_sets import TABLE
from imagewright.pretrained.faces import finder, networks


def test_a_face_is_swapped(
    tmp_path: Path,
    serve: Callable[[Path], ServedStudio],
    walk: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, person in ("anna", 0), ("bert", 1):
        for number in range(3):
            write_face(tmp_path / "faces" / name, f"{number}.png", person=person)
        (tmp_path / "faces" / name / TABLE).touch()
    film = make_clip(tmp_path / "walk.mp4", walking_people(6))
    train_tiny("swap", out=tmp_path / "runs" / "swap", steps=1, precision="fp32")
    monkeypatch.setattr(networks, "identify", identify_by_colour)
    monkeypatch.setattr(finder, "open_face_finder", lambda find, confirm: ColourFinder())
    studio = serve(tmp_path)
    begin, commands = studio.studio.jobs.start, []

    def start(title: str, command: Any, about: Any = None) -> Any:
        """The networks are not here: the job only writes a film."""
        commands.append([str(each) for each in command])
        if command[1] == "convert":
            Path(command[5]).write_bytes(film.read_bytes())
        return begin(title, ["--version"], about)

    monkeypatch.setattr(studio.studio.jobs, "start", start)
    walking = walk(studio, "swap")
    page = walking.page
    for who, name in ("source", "anna"), ("target", "bert"):
        side = page.locator(f"section[data-who={who}]")
        side.get_by_label("Set of faces", exact=True).first.select_option(label=f"faces/{name} (3 pictures)")
        side.get_by_text("Person 1, 3 faces").wait_for()
        side.locator("picture-wall button img").nth(2).wait_for()
    walking.open("home")
    page = walking.open("swap")  # both sets are chosen as before
    page.locator("section[data-who=target]").get_by_text("Person 1, 3 faces").wait_for()
    page.get_by_role("link", name="Go on to training").click()
    page.get_by_role("button", name="Start the training").click()
    page.get_by_text("consent of the person put in is missing").wait_for()
    walking.allowed = ("400",)
    own, other = page.locator("fieldset").all()
    own.get_by_label("It is my own face").check()
    other.get_by_label("Whose face it is").fill("Bert Ray")
    other.get_by_label("Whose face it is").press("Tab")
    assert other.get_by_label("Who gave the consent").input_value() == "Bert Ray"
    other.get_by_label("When").fill("2026-01-20")
    page.get_by_role("button", name="Start the training").click()
    page.get_by_text("Waits for the first report").wait_for()
    assert "--consent=Bert Ray; Bert Ray; 2026-01-20" in commands[-1]
    assert "--preset" not in commands[-1]  # what was not chosen is left to the training, which knows the machine
    page.get_by_label("Watch a training").select_option(label="runs/swap")
    page.get_by_text("8 of 8 images").wait_for()

    page.get_by_role("link", name="Try it on a photo or video").click()
    page.get_by_label("Footage", exact=True).select_option(label="walk.mp4")
    page.get_by_label("Whose face is replaced").select_option("all")
    page.get_by_text("2 faces swapped").wait_for()
    page.get_by_label("Strength", exact=True).focus()
    page.keyboard.press("ArrowLeft")
    page.locator("before-after").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("before-after").get_attribute("aria-valuenow") == "55"
    page.get_by_role("button", name="Convert the footage").click()
    page.wait_for_selector("video")
    page.get_by_role("link", name="Save the video").wait_for()
    assert commands[-1][commands[-1].index("--strength") + 1] == "0.99"
    page.set_viewport_size({"width": 390, "height": 844})
    assert not walking.has_sideways_scroll()
