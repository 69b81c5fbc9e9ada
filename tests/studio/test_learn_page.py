"""What the page Learn asks for: the lessons' numbers, and a GAN laboratory that is stepped and changed."""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from served_studio import ServedStudio, entries_of
from tiny import simple_pictures
from waiting import wait_until

import imagewright as iw


class Asking:
    """A socket as a page opens it."""

    def __init__(self, studio: ServedStudio) -> None:
        self._open = ExitStack()
        self.socket = self._open.enter_context(studio.live())
        self._number = 100
        self._frames: deque[dict[str, Any]] = deque()

    def close(self) -> None:
        """As a page is closed."""
        self._open.close()

    def wish(self, name: str, asked: dict[str, Any]) -> Any:
        """The answer of a wish: JSON, a list of the entries of pictures, or {"error"}."""
        self._number += 1
        self.socket.send(json.dumps({"id": self._number, "wish": f"learn/{name}", "asked": asked}))
        while True:
            told = self.socket.recv(20)
            if isinstance(told, bytes):
                return entries_of(told)
            answer = json.loads(told)
            if answer["id"] == self._number:
                return answer.get("answer", answer)
            self._frames.append(answer)

    def follow(self, asked: dict[str, Any]) -> None:
        """Begin a laboratory."""
        self.socket.send(json.dumps({"id": 1, "feed": "learn/laboratory", "asked": asked}))

    def frame(self) -> dict[str, Any]:
        """The next frame of the laboratory, or {"error"}."""
        told = self._frames.popleft() if self._frames else json.loads(self.socket.recv(20))
        return told.get("value", told)


@pytest.fixture
def studio(tmp_path: Path, serve: Callable[[Path], ServedStudio]) -> ServedStudio:
    (tmp_path / "photos").mkdir()
    for number, pixels in enumerate(simple_pictures(12)):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(tmp_path / "photos" / f"{number}.png")
    return serve(tmp_path)


@pytest.fixture
def asking(studio: ServedStudio) -> Iterator[Asking]:
    opened = Asking(studio)
    yield opened
    opened.close()


def unpack(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_a_laboratory_is_stepped_changed_run_and_started_anew(asking: Asking) -> None:
    settings = {"width": 8, "batch_size": 16}
    asking.follow({"data": "ring", "settings": settings})
    first = asking.frame()
    fixed, key = first["fixed"], first["id"]
    assert (fixed["dimensions"], fixed["modes"], first["step"]) == (2, 8, 0)
    assert len(unpack(fixed["density"])) == len(unpack(first["probability"])) == fixed["cells"] ** 2
    assert len(unpack(first["fake"])) == len(unpack(first["pulls"])) == len(unpack(fixed["real"]))

    asking.wish("laboratory_step", {"id": key})
    assert asking.frame()["step"] == 1
    asking.wish("laboratory_step", {"id": key, "part": "generator"})
    moved = asking.frame()
    assert set(moved["losses"]) == {"generator/adversarial"}
    assert "critic" not in str(moved["losses"])
    changed = {"id": key, "settings": settings | {"loss": "wasserstein"}, "running": True, "steps_per_second": 100}
    assert asking.wish("laboratory_change", changed) == {"fresh": False}
    frames = [asking.frame() for _ in range(6)]
    assert frames[-1]["step"] > frames[0]["step"] >= 2
    assert "discriminator/critic" in frames[-1]["losses"]
    assert frames[-1]["best"] is None  # no optimum of a critic follows from two densities
    assert asking.wish("laboratory_change", {"id": key, "settings": settings, "data": "comb", "fresh": True})["fresh"]
    while "fixed" not in (begun := asking.frame()):
        pass
    assert (begun["step"], begun["fixed"]["dimensions"]) == (0, 1)


def test_drawn_data_are_learned(asking: Asking) -> None:
    asking.follow({"data": "drawn", "points": [-0.9, -0.9, 0.9, 0.9], "settings": {"width": 8}})
    fixed = asking.frame()["fixed"]
    assert fixed["modes"] == 2
    real = unpack(fixed["real"]).reshape(-1, 2)
    assert (abs(abs(real) - 0.9) < 0.3).all()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"data": "drawn", "settings": {}}, "Draw"),
        ({"data": "nothing"}, "ring"),
        ({"settings": {"width": 10**9}}, "width"),
        ({"settings": {"los": "hinge"}}, "Did you mean 'loss'"),
        ({"data": "drawn", "points": [7.0, 0.0]}, "points"),
    ],
)
def test_a_laboratory_of_wrong_settings_is_refused(asking: Asking, asked: dict[str, Any], said: str) -> None:
    asking.follow(asked)
    assert said in asking.frame()["error"]
    assert "ended" in asking.wish("laboratory_step", {"id": "guess"})["error"]


def test_a_laboratory_that_diverges_says_so_and_can_be_started_anew(asking: Asking) -> None:
    from imagewright.studio.pages.learn import laboratory

    asking.follow({"settings": {"width": 8, "batch_size": 16}})
    key = asking.frame()["id"]
    for parameter in laboratory._open[key].laboratory.model.parameters():
        parameter.data.fill_(float("nan"))
    asking.wish("laboratory_step", {"id": key})
    assert "diverged" in asking.frame()["failed"]
    assert "diverged" in asking.wish("laboratory_step", {"id": key})["error"]
    asking.wish("laboratory_change", {"id": key, "settings": {"width": 8}, "fresh": True})
    assert asking.frame()["step"] == 0


def test_settings_at_their_ends_are_finite_or_told(asking: Asking) -> None:
    """Rates at the ends of the sliders: what is sent stays JSON, and ends in a sentence."""
    ends = {"generator_rate": 1, "discriminator_rate": 1, "penalty": 0, "loss": "wasserstein", "width": 8}
    ends |= {"generator_optimizer": "sgd", "discriminator_optimizer": "sgd", "momentum": 0.95, "batch_size": 16}
    asking.follow({"settings": ends, "running": False})
    first = asking.frame()
    corners = unpack(first["corners"]).reshape(-1, 2)
    assert (
        len(corners)
        == len(unpack(first["fixed"]["corners"])) // 2
        == (len(unpack(first["cells_density"])) ** 0.5 + 1) ** 2
    )
    wanted = {"id": first["id"], "settings": ends, "running": True, "steps_per_second": 400}
    asking.wish("laboratory_change", wanted)
    for _ in range(400):
        frame = asking.frame()
        assert "NaN" not in json.dumps(frame)
        if frame["failed"]:
            break
    assert "smaller learning rates" in frame["failed"]
    assert not frame["running"]
    assert "diverged" in asking.wish("laboratory_step", {"id": first["id"]})["error"]


def test_laboratories_are_few_and_end_with_their_page(studio: ServedStudio) -> None:
    from imagewright.studio.pages.learn import laboratory, sessions

    opened = [Asking(studio) for _ in range(sessions.MOST_OPEN + 1)]
    for each in opened[:-1]:
        each.follow({"settings": {"width": 4, "batch_size": 8}})
        assert "fixed" in each.frame()
    opened[-1].follow({})
    assert "laboratories are open" in opened[-1].frame()["error"]
    for each in opened:
        each.close()
    wait_until(lambda: not laboratory._open, "laboratories that nobody follows are open")


def test_components_by_k(studio: ServedStudio, asking: Asking) -> None:
    source = studio.source_id("photos")
    few, many = (
        asking.wish("components", {"of": source, "source": source, "index": 1, "count": count}) for count in (1, 10_000)
    )
    assert [each["width"] for each in few] == [16] * 4
    before, after = few[0]["about"], many[0]["about"]
    assert after["count"] == after["most"] == 11
    assert after["error"] < before["error"]
    assert before["bits"] < after["bits"]
    assert 0 < before["share"] < after["share"] == pytest.approx(1, abs=1e-4)
    dropped = studio.upload((studio.studio.folder / "photos" / "0.png").read_bytes())["ticket"]
    assert len(asking.wish("components", {"of": source, "ticket": dropped, "count": 3})) == 4


def test_components_of_a_run_of_a_linear_model(tmp_path: Path, studio: ServedStudio, asking: Asking) -> None:
    iw.train("pca", iw.open_images(tmp_path / "photos", size=8), out=tmp_path / "runs" / "pca", components=3)
    studio.studio.library.refresh()
    source, run = studio.source_id("photos"), studio.run_id("runs/pca")
    found = asking.wish("components", {"of": source, "source": source, "run": run, "count": 99})
    assert [each["width"] for each in found] == [8] * 4
    assert found[0]["about"]["most"] == 3
    status, file = studio.request(f"/pictures/{found[1]['ticket']}.png", headers=studio.cookie)
    (tmp_path / "saved.png").write_bytes(file)
    assert status == 200
    assert "pca" in str(iw.inspect(tmp_path / "saved.png"))


def test_jpeg_and_one_block_of_it(studio: ServedStudio, asking: Asking) -> None:
    picture = {"source": studio.source_id("photos"), "index": 0}
    (_, low), (_, high) = (asking.wish("jpeg", picture | {"quality": quality}) for quality in (5, 95))
    assert low["about"]["bytes"] < high["about"]["bytes"]
    assert low["about"]["psnr"] < high["about"]["psnr"]
    block = asking.wish("jpeg_block", picture | {"quality": 95, "row": 1, "column": 0})
    assert block["bits"] == high["about"]["bits"][1][0]
    assert np.array(block["basis"]).size == 64 * 64
    assert "row" in asking.wish("jpeg_block", picture | {"quality": 95, "row": 2, "column": 0})["error"]


def test_what_covers_a_cube(asking: Asking) -> None:
    found = asking.wish("cover", {"dimensions": 3, "samples": 1000})
    assert unpack(found["hit"]).mean() == pytest.approx(found["share"], abs=1e-6)
    assert found["share"] == pytest.approx(found["expected"], abs=0.05)
    assert found["elsewhere"][0] == pytest.approx(1)
    near = [asking.wish("distances", {"dimensions": each})["variation"] for each in (1, 300)]
    assert near[1] < 0.1 < near[0]


@pytest.mark.parametrize(("latents", "dimensions"), [(2, [0, 1]), (4, [None, None])])
def test_the_plane_of_a_run_under_the_pointer(
    tmp_path: Path, studio: ServedStudio, asking: Asking, latents: int, dimensions: list[int | None]
) -> None:
    photos, out = iw.open_images(tmp_path / "photos"), tmp_path / "runs" / "plane"
    iw.train("vae", photos, out=out, images_seen=64, latent_dim=latents, width=4, precision="fp32")
    studio.studio.library.refresh()
    run = {"run": studio.run_id("runs/plane"), "source": studio.source_id("photos")}
    (sheet,) = asking.wish("plane", run)
    assert len(sheet["about"]["axes"]) == 2
    assert sheet["about"]["dimensions"] == dimensions
    assert not any("--" in note for note in sheet["about"]["notes"])  # no option of the command line on a page
    assert len(sheet["about"]["placed"]) == 12
    (one,) = asking.wish("plane_point", run | {"right": 0.5, "up": 1})
    assert one["width"] == 16
    found = asking.wish("plane_photo", run | {"index": 0})
    assert found["right"] == pytest.approx(sheet["about"]["placed"][0][0], abs=0.02)
    assert "right" in asking.wish("plane_point", run | {"right": 2})["error"]
