"""The page Steer, as its requests: looks, what models offer, photos, drags, walks, and what is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from served_studio import ServedStudio, entries_of
from tiny import simple_pictures, train_tiny
from waiting import wait_until

import imagewright as iw


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs of a model that encodes, one with codes, and one whose layers take styles."""
    place = tmp_path_factory.mktemp("steered")
    for name in ("vae", "infogan", "stylegan2", "autoencoder"):
        train_tiny(name, out=place / "runs" / name, steps=1, precision="fp32")
    return place


@pytest.fixture
def studio(folder: Path, serve: Callable[[Path], ServedStudio]) -> ServedStudio:
    return serve(folder)


class Page:
    """A page's socket."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._number = 0

    def look(self, **look: Any) -> tuple[np.ndarray, dict[str, Any]]:
        """The pixels of a look, and what goes with them."""
        said = self._ask({"wish": "steer/look", "asked": look})
        assert isinstance(said, bytes), said
        (header,) = entries_of(said)
        pixels = np.frombuffer(header["content"], np.uint8).reshape(header["height"], header["width"], 4)
        return pixels[..., :3], header

    def refusal(self, **look: Any) -> str:
        said = json.loads(self._ask({"wish": "steer/look", "asked": look}))
        return str(said["error"])

    def follow(self, feed: str, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What a feed tells, until it ends."""
        said = json.loads(self._ask({"feed": feed, "asked": asked}))
        while "value" in said:
            yield said["value"]
            said = json.loads(self._socket.recv(60))
        assert said.get("ended"), said

    def _ask(self, message: dict[str, Any]) -> Any:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, **message}))
        return self._socket.recv(60)


@pytest.fixture
def page(studio: ServedStudio) -> Iterator[Page]:
    with studio.live() as socket:
        yield Page(socket)


def png(pixels: np.ndarray) -> bytes:
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return written.getvalue()


def differs(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.abs(one.astype(int) - other.astype(int)).max() > 1)


def test_a_seed_is_shown_as_sample_makes_it(studio: ServedStudio, page: Page, folder: Path) -> None:
    pixels, header = page.look(run=studio.run_id("runs/vae"), start={"seed": 3, "index": 2})
    expected = iw.sample(folder / "runs" / "vae", 3, seed=3)[2].permute(1, 2, 0).numpy()
    assert not differs(pixels, expected)
    status, content = studio.request(f"/pictures/{header['ticket']}.png", headers=studio.cookie)
    assert status == 200
    (folder / "saved.png").write_bytes(content)
    record = iw.inspect(folder / "saved.png")["provenance"]
    assert record["verb"] == "steer"
    assert record["seed"] == 3
    assert record["settings"]["start"] == "3:2"


def test_offers_follow_capabilities(studio: ServedStudio) -> None:
    def offered(run: str, **asked: str) -> dict[str, Any]:
        query = "&".join(f"{name}={value}" for name, value in {"run": studio.run_id(f"runs/{run}"), **asked}.items())
        return studio.read(f"steer/offers?{query}")  # type: ignore[no-any-return]

    vae, codes, styles = offered("vae"), offered("infogan"), offered("stylegan2", space="w")
    assert vae["encodes"]
    assert not vae["layers"]
    assert {part["kind"] for part in codes["parts"]} == {"category", "uniform"}
    assert all(part["code"] for part in codes["parts"])
    assert styles["space"] == "w"
    assert styles["truncates"]
    assert set(styles["layers"]) >= {"coarse", "middle"}
    assert not offered("autoencoder")["samples"]


def test_directions_codes_latents_and_blends_change_the_picture(studio: ServedStudio, page: Page, folder: Path) -> None:
    run = studio.run_id("runs/infogan")
    before, _ = page.look(run=run, start={"seed": 0})
    category = next(part for part in studio.read(f"steer/offers?run={run}")["parts"] if part["kind"] == "category")
    changed = [page.look(run=run, start={"seed": 0}, parts={category["name"]: value})[0] for value in range(3)]
    assert sum(not np.array_equal(before, each) for each in changed) >= 2  # hardly trained: they differ little
    assert not np.array_equal(before, page.look(run=run, start={"seed": 0}, shifts={"0": 40})[0])
    corners = [{"seed": seed} for seed in range(4)]
    corner, _ = page.look(run=run, corners=corners, point=[1, 0])
    assert not differs(corner, page.look(run=run, start={"seed": 1})[0])

    vae = folder / "runs" / "vae"
    iw.directions(vae, count=1, save={0: "first"}, force=True)
    moved, _ = page.look(run=studio.run_id("runs/vae"), start={"seed": 1}, moves={"first": 3})
    expected = iw.edit(vae, 1, {"first": 3.0}).images[0, 0].permute(1, 2, 0).numpy()
    assert not differs(moved, expected)


def test_styles_are_mixed_and_truncated(studio: ServedStudio, page: Page, folder: Path) -> None:
    run = studio.run_id("runs/stylegan2")
    mixed, _ = page.look(run=run, start={"seed": 0}, mix={"start": {"seed": 1}, "layers": ["fine"]})
    expected = iw.mix_styles(folder / "runs" / "stylegan2", [0], [1], "fine")[0, 0].permute(1, 2, 0).numpy()
    assert not differs(mixed, expected)
    average = [page.look(run=run, start={"seed": seed}, truncation=0)[0] for seed in (0, 1)]
    assert not differs(*average)


def test_a_photo_is_encoded_or_projected(studio: ServedStudio, page: Page) -> None:
    photo = studio.upload(png(simple_pictures(1)[0].transpose(1, 2, 0)), "anna.png")
    run = studio.run_id("runs/vae")
    found = studio.act("steer/encode", {"run": run, "ticket": photo["ticket"]})
    assert found["label"] == "anna"
    assert found["psnr"] > 0
    assert page.look(run=run, start={"held": found["held"]})[1]["about"]["label"] == "anna"

    told = list(page.follow("steer/project", {"run": studio.run_id("runs/infogan"), "ticket": photo["ticket"]}))
    pictures = [each for each in told if "picture" in each]
    assert len(pictures) > 5
    assert told[-1]["psnr"] >= pictures[0]["psnr"] - 0.5
    assert studio.request(f"/pictures/{pictures[-1]['picture']}.webp", headers=studio.cookie)[0] == 200


def test_a_search_that_is_stopped_keeps_what_it_found(studio: ServedStudio, page: Page) -> None:
    photo = studio.upload(png(np.zeros((20, 30, 3), np.uint8)))
    told = page.follow("steer/project", {"run": studio.run_id("runs/vae"), "ticket": photo["ticket"]})
    work = next(told)["work"]
    for each in told:
        if "picture" in each:
            studio.act("steer/stop", {"work": work})
        last = each
    assert last["held"]


def test_points_are_dragged(studio: ServedStudio, page: Page) -> None:
    look = {"run": studio.run_id("runs/vae"), "start": {"seed": 2}}
    told = page.follow("steer/drag", {"look": look, "moves": [[4, 4, 9, 4]], "around": 6})
    work = next(told)["work"]
    first = next(told)
    assert np.shape(first["points"]) == (1, 2)
    studio.act("steer/stop", {"work": work})
    last = list(told)[-1]
    assert page.look(run=look["run"], start={"held": last["held"]})[1]["about"]["label"] == "seed 2, dragged"


def test_single_latents_are_ranked(studio: ServedStudio, page: Page) -> None:
    run = studio.run_id("runs/vae")
    last = list(page.follow("steer/rank", {"run": run, "start": {"seed": 0}}))[-1]
    changes = [each["change"] for each in last["latents"]]
    assert changes == sorted(changes, reverse=True)
    assert len(changes) == studio.read(f"steer/offers?run={run}")["dimensions"]


def test_a_look_is_saved_in_the_run(studio: ServedStudio, page: Page, folder: Path) -> None:
    look = {"run": studio.run_id("runs/autoencoder"), "start": {"seed": 0}}
    assert "drop one" in page.refusal(**look)
    vae = {"run": studio.run_id("runs/vae"), "start": {"seed": 5}, "shifts": {"1": 2}}
    studio.act("steer/save", {"look": vae, "name": "liked"})
    again, _ = page.look(run=vae["run"], start={"saved": "liked"})
    assert not differs(again, page.look(**vae)[0])
    assert any(entry.name == "liked" for entry in iw.list_latents(folder / "runs" / "vae").entries)
    said = studio.act("steer/save", {"look": vae, "name": "liked"}, expected=400)
    assert "another name" in said["error"]
    held = studio.act("steer/hold", {"look": vae})
    assert not differs(again, page.look(run=vae["run"], start={"held": held["held"]})[0])
    assert "name" in studio.act("steer/save", {"look": vae, "name": "../x"}, expected=400)["error"]


@pytest.mark.learning
def test_a_walk_is_recorded(studio: ServedStudio, folder: Path) -> None:
    run = studio.run_id("runs/stylegan2")
    looks = [{"run": run, "start": {"seed": seed}, "truncation": 0.8} for seed in range(3)]
    started = studio.act("steer/record", {"looks": looks, "form": "webp", "seconds": 1})
    wait_until(lambda: studio.studio.jobs.get(started["job"]).state != "running")
    job = studio.studio.jobs.get(started["job"])
    assert job.state == "done", job.said
    status, content = studio.request(f"/made/{job.id}/0", headers=studio.cookie)
    assert status == 200
    with Image.open(io.BytesIO(content)) as film:
        assert film.n_frames == 30
    record = iw.inspect(folder / started["name"])["provenance"]
    assert record["settings"]["keys"] == ["seed 0", "seed 1", "seed 2"]
    assert record["settings"]["truncation"] == 0.8


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"start": {"seed": -1}}, "seed"),
    ({"start": {"seed": 1e30}}, "seed"),
    ({"start": {"saved": "../../x"}}, "no latents"),
    ({"start": {"held": "guess"}}, "let go"),
    ({"moves": {"nothing": 1}}, "nothing"),
    ({"moves": {"../x": 1}}, "no direction"),
    ({"moves": {"first": "much"}}, "number"),
    ({"shifts": {"99999": 1}}, "no latent"),
    ({"parts": {"x": 1}}, "no 'x'"),
    ({"corners": [{"seed": 1}], "point": [0, 0]}, "four"),
    ({"corners": [{"seed": 1}] * 4, "point": [2, 0]}, "point"),
    ({"corners": [7] * 4, "point": [0, 0]}, "object"),
    ({"space": "w"}, "one latent space"),
    ({"truncation": 0.5}, "truncation"),
    ({"mix": {"start": {"seed": 1}, "layers": ["fine"]}}, "layers"),
    ({"at": 5}, "no checkpoint"),
    ({"run": "0" * 12}, "no longer"),
]


def test_looks_that_cannot_be_are_refused(studio: ServedStudio, page: Page) -> None:
    run = studio.run_id("runs/vae")
    said = [(look, page.refusal(**({"run": run} | look)), expected) for look, expected in REFUSED]
    assert not [each for each in said if each[2] not in each[1]]


def test_wishes_leave_the_gradients_of_the_model_alone(studio: ServedStudio, page: Page) -> None:
    run = studio.run_id("runs/vae")
    list(page.follow("steer/drag", {"look": {"run": run, "start": {"seed": 0}}, "moves": [[4, 4, 5, 4]]}))
    gradients = studio.studio.models.call(run, lambda loaded: [each.grad for each in loaded.model.parameters()])
    assert all(each is None for each in gradients)
    assert torch.is_grad_enabled()
