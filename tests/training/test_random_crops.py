"""Load sizes in a training: what the recipe recommends, what the user says instead, and resuming."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tiny import Messages, final_bytes, simple_pictures, tiny_options

import imagewright as iw
from imagewright.errors import RunError
from imagewright.recipe import Recipe
from imagewright.training.preparing import apply_augmentation


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    """Two folders of pictures, 64 pixels high and 60 wide."""
    places = {}
    for place, name in enumerate(("horses", "zebras")):
        (tmp_path / name).mkdir()
        for index, picture in enumerate(simple_pictures(10, (64, 60), seed=place)):
            Image.fromarray(picture.transpose(1, 2, 0)).save(tmp_path / name / f"{index}.png")
        places["ab"[place]] = str(tmp_path / name)
    return places


def train(folders: dict[str, str], out: Path, **options: Any) -> iw.Run:
    usual = {"size": 32, "images_seen": 4, "batch_size": 2, "held_out": 0, "reporter": Messages()}
    return iw.train("cyclegan", folders, out=out, **tiny_options("cyclegan"), **(usual | options))


@pytest.mark.learning
def test_the_published_load_size_is_the_default_and_the_users_replaces_it(folders, tmp_path: Path) -> None:
    messages = Messages()
    run = train(folders, tmp_path / "published", reporter=messages)
    assert [source["load_size"] for source in run.record["sources"].values()] == [[36, 36], [36, 36]]
    assert any("resized to 36x36 and cropped to 32x32" in text and "--load-size 32" in text for text in messages.texts)
    own = train(folders, tmp_path / "own", load_size=(40, 48))
    assert own.record["sources"]["b"]["load_size"] == [40, 48]
    quiet = Messages()
    off = train(folders, tmp_path / "off", load_size=32, reporter=quiet)
    assert off.record["source"]["load_size"] == [32, 32]
    assert not any("cropped to 32x32 at random" in text for text in quiet.texts)
    assert len({each.checkpoints()[-1].weights.read_bytes() for each in (run, own, off)}) == 3


def test_other_recipes_and_random_crops_of_the_user_are_left_alone() -> None:
    images = iw.open_images(simple_pictures(4, (20, 20)), (10, 20))
    said: list[str] = []
    assert apply_augmentation({"images": images}, Recipe(), said.append) == {"images": images}
    random = iw.open_images(simple_pictures(4, (20, 20)), 16, crop="random")
    assert apply_augmentation({"images": random}, Recipe(load_ratio=1.5), said.append) == {"images": random}
    assert not said
    larger = apply_augmentation({"images": images}, Recipe(load_ratio=1.25), said.append)["images"]
    assert larger.load_size == (13, 25)
    assert len(said) == 1


@pytest.mark.learning
def test_a_run_with_random_crops_is_resumed_exactly(folders, tmp_path: Path) -> None:
    often = {"size": 32, "images_seen": 16, "batch_size": 2, "held_out": 0, "checkpoint_every": 4, "report_every": 16}
    unbroken = train(folders, tmp_path / "unbroken" / "run", **often)
    stop = iw.StopRequest()

    class StopsIt(iw.Observer):
        every = 2

        def at(self, images_seen: int, line: object) -> None:
            stop.asked = stop.asked or images_seen >= 6

    with pytest.raises(iw.Stopped):
        train(folders, tmp_path / "broken" / "run", stop=stop, observers=[StopsIt()], **often)
    with pytest.raises(RunError, match=r"other images: .*load_size was 36x36 and is 48x48"):
        train(folders, tmp_path / "broken" / "run", resume=True, **often, load_size=48)
    options = tiny_options("cyclegan")
    broken = iw.train("cyclegan", folders, tmp_path / "broken" / "run", resume=True, **options, reporter=Messages())
    assert final_bytes(broken) == final_bytes(unbroken)
