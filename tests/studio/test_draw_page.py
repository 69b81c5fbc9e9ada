"""The page Draw: what it is told of a run, what it puts on the sheet, and the answers of the model."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from served_studio import ServedStudio, entries_of
from tiny import layered_images, simple_pictures, tiny_options, train_tiny

import imagewright as iw
from imagewright.images.label_names import find_label_names
from imagewright.pixels import label_colours, to_uint8
from imagewright.training.reporting import Silent

SIDE = 16
ONE_STEP = {"images_seen": 8, "batch_size": 8, "precision": "fp32", "reporter": Silent()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, pairs of their edges, and runs that translate in every way."""
    folder = tmp_path_factory.mktemp("draw")
    (folder / "photos").mkdir()
    for number, picture in enumerate(simple_pictures(12)):
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / "photos" / f"{number:02}.png")
    iw.make_pairs(folder / "photos", "edges", folder / "edges", sigma=0.5)
    iw.train("pix2pix", folder / "edges", out=folder / "runs/edges", **ONE_STEP, **tiny_options("pix2pix"))
    maps = layered_images(("input", "target"), 12)
    labels = np.where(maps.batch(np.arange(12)).images.numpy().max(1, keepdims=True) > 100, 2, 0).astype(np.uint8)
    for layer, pictures in (("input", labels), ("target", simple_pictures(12))):
        (folder / "scenes" / layer).mkdir(parents=True)
        for number, picture in enumerate(pictures):
            pixels = picture.transpose(1, 2, 0).squeeze()
            Image.fromarray(pixels).save(folder / "scenes" / layer / f"{number:02}.png")
    (folder / "scenes" / "classes.txt").write_text("0: wall\n2: <b>door</b>\n7: none of them\n")
    opened = iw.open_images(
        {layer: folder / "scenes" / layer for layer in ("input", "target")}, kinds={"input": "labels:3"}
    )
    iw.train("pix2pixhd", opened, out=folder / "runs/maps", **ONE_STEP, **tiny_options("pix2pixhd"))
    train_tiny("munit", out=folder / "runs/styles", steps=1)
    train_tiny("funit", out=folder / "runs/few", steps=1)
    train_tiny("pca", out=folder / "runs/other")
    attributes = iw.open_images(simple_pictures()).with_attributes(np.eye(2)[np.arange(32) % 2], ("bright", "large"))
    iw.train("stargan", attributes, out=folder / "runs/attributes", **ONE_STEP, **tiny_options("stargan"))
    return folder


@pytest.fixture
def studio(folder: Path, serve: Callable[[Path], ServedStudio]) -> ServedStudio:
    return serve(folder)


def wish(studio: ServedStudio, name: str, asked: dict[str, Any]) -> Any:
    """The answer to a wish: JSON values, or the entries of pictures, each with its pixels, uint8 (H, W, 4)."""
    with studio.live() as live:
        live.send(json.dumps({"id": 1, "wish": f"draw/{name}", "asked": asked}))
        told = live.recv(20)
    if isinstance(told, str):
        found = json.loads(told)
        return found.get("answer", found)
    pictures = entries_of(told)
    for each in pictures:
        each["pixels"] = np.frombuffer(each["content"], np.uint8).reshape(each["height"], each["width"], 4)
    return pictures


def png(pixels: np.ndarray) -> bytes:
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return written.getvalue()


def sheet(pixels: np.ndarray) -> str:
    return base64.b64encode(png(pixels)).decode()


def on_sheet(studio: ServedStudio, started: dict[str, Any]) -> np.ndarray:
    """The pixels of the file that a page puts on its sheet."""
    status, content = studio.request(f"/pictures/{started['ticket']}.png", headers=studio.cookie)
    assert status == 200
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


BLANK = np.full((SIDE, SIDE, 3), 255, np.uint8)


def test_runs_that_translate_are_listed(studio: ServedStudio) -> None:
    runs = studio.read("draw/runs")["runs"]
    named = {name: runs.get(studio.run_id(f"runs/{name}")) for name in ("edges", "maps", "styles", "other")}
    assert named == {"edges": {"paired": True}, "maps": {"paired": True}, "styles": {"paired": False}, "other": None}


def test_a_run_of_edges_tells_its_colours_its_examples_and_how_its_inputs_were_made(studio: ServedStudio) -> None:
    model = studio.read(f"draw/model?run={studio.run_id('runs/edges')}")
    assert (model["palette"], model["ground"]) == ([[255, 255, 255], [0, 0, 0]], 0)
    assert model["made_by"]["input"] == "edges"
    assert model["made_by"]["sigma"] == 0.5
    assert len(model["examples"]) == 8
    edges = next(each for each in model["makers"] if each["name"] == "edges")
    assert edges["options"][0]["name"] == "sigma"
    assert "fewer" in edges["options"][0]["about"]


def test_what_is_asked_follows_from_what_the_model_can_do(studio: ServedStudio) -> None:
    def of(name: str) -> dict[str, Any]:
        found: dict[str, Any] = studio.read(f"draw/model?run={studio.run_id(f'runs/{name}')}")
        return found

    styles, few, attributes, maps = (of(name) for name in ("styles", "few", "attributes", "maps"))
    assert len(styles["domains"]) == 2
    assert styles["sampled_styles"]
    assert styles["reference_styles"]
    assert (few["sampled_styles"], few["few_shot"], few["needs_style"]) == (False, True, True)
    assert attributes["attributes"] == ["bright", "large"]
    assert (maps["labelled"], maps["classes"], len(maps["palette"])) == (True, 3, 3)
    assert maps["class_names"] == {"0": "wall", "2": "<b>door</b>"}  # as the file beside the maps names them
    assert styles["class_names"] == {}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("classes.txt", "sky\nsea\n", {0: "sky", 1: "sea"}),
        ("labels.txt", "\ufeff# classes\n1\tsea\n0\tsky\n", {0: "sky", 1: "sea"}),
        ("classes.json", '["sky", 3, "sea"]', {0: "sky", 2: "sea"}),
        ("class_names.json", '{"1": "sea", "x": "no number", "9": "too many"}', {1: "sea"}),
        ("classes.json", "[" * 5_000, {}),
        ("classes.txt", "\x1b[2Jsky", {0: "[2Jsky"}),
    ],
)
def test_names_of_classes_are_read_from_files(
    tmp_path: Path, name: str, content: str, expected: dict[int, str]
) -> None:
    (tmp_path / name).write_text(content)
    assert find_label_names([tmp_path / "nothing", tmp_path], 3) == expected


def test_a_photo_becomes_what_the_training_was_given(studio: ServedStudio, folder: Path) -> None:
    photo = studio.upload((folder / "photos/03.png").read_bytes())["ticket"]
    asked = {"run": studio.run_id("runs/edges"), "photo": photo, "made_by": "edges", "options": {"sigma": 0.5}}
    started = wish(studio, "start", asked)
    assert started["said"] == ""
    expected = np.asarray(Image.open(folder / "edges/input/03.png"))
    assert np.array_equal(on_sheet(studio, started)[..., 0], expected)


def test_photos_of_another_size_are_fitted_and_it_is_said(studio: ServedStudio) -> None:
    photo = studio.upload(png(np.zeros((40, 80, 3), np.uint8)), "wide.png")["ticket"]
    asked = {"run": studio.run_id("runs/styles"), "photo": photo}
    cut, whole = wish(studio, "start", asked), wish(studio, "start", asked | {"whole": True})
    assert (cut["width"], cut["height"]) == (SIDE, SIDE)
    assert "wide (80x40)" in cut["said"]
    assert "cut" in cut["said"]
    assert (whole["width"], whole["height"]) == (2 * SIDE, SIDE)
    assert "cut" not in whole["said"]


def test_an_example_is_answered_as_translate_answers_its_file(studio: ServedStudio, folder: Path) -> None:
    run = studio.run_id("runs/edges")
    example = on_sheet(studio, wish(studio, "start", {"run": run, "example": 0}))
    answer = wish(studio, "translate", {"run": run, "sheet": sheet(example), "name": "flower"})[0]
    expected = iw.translate(folder / "runs/edges", folder / "edges/input/00.png")[0]
    assert np.array_equal(answer["pixels"][..., :3].transpose(2, 0, 1), expected.numpy())
    assert answer["about"]["seconds"] > 0


def test_a_painted_map_is_answered_by_its_classes(studio: ServedStudio, folder: Path) -> None:
    import torch

    classes = np.zeros((1, 1, SIDE, SIDE), np.uint8)
    classes[..., 4:12, 2:9] = 2
    painted = to_uint8(label_colours(torch.from_numpy(classes[0]).long()))[0].permute(1, 2, 0).numpy()
    run = studio.run_id("runs/maps")
    answer = wish(studio, "translate", {"run": run, "sheet": sheet(painted)})[0]
    expected = iw.translate(folder / "runs/maps", classes)[0].numpy()
    assert np.array_equal(answer["pixels"][..., :3].transpose(2, 0, 1), expected)
    saved = studio.upload(png(classes[0, 0]))["ticket"]
    assert np.array_equal(on_sheet(studio, wish(studio, "start", {"run": run, "photo": saved})), painted)
    photo = studio.upload(png(np.arange(256, dtype=np.uint8).reshape(16, 16)))["ticket"]
    assert "0 to 2" in wish(studio, "start", {"run": run, "photo": photo})["error"]


def test_domains_styles_and_references(studio: ServedStudio, folder: Path) -> None:
    run, drawn = studio.run_id("runs/styles"), sheet(BLANK)
    first, again, other = (
        wish(studio, "translate", {"run": run, "sheet": drawn, "domain": domain, "seed": 7})[0] for domain in (1, 1, 0)
    )
    expected = iw.translate(folder / "runs/styles", BLANK.transpose(2, 0, 1)[None], to=1, styles=1, seed=7)[0]
    assert np.array_equal(first["pixels"][..., :3].transpose(2, 0, 1), expected.numpy())
    assert np.array_equal(first["pixels"], again["pixels"])
    assert not np.array_equal(first["pixels"], other["pixels"])
    several = wish(studio, "styles", {"run": run, "sheet": drawn, "domain": 1, "seeds": [7, 8]})
    assert np.array_equal(several[0]["pixels"], first["pixels"])
    assert several[1]["about"]["seed"] == 8
    flat = studio.upload(png(BLANK), "flat.png")["ticket"]
    like = wish(studio, "translate", {"run": run, "sheet": drawn, "domain": 1, "references": [flat]})[0]
    assert "flat" in like["about"]["notes"][0]
    assert (
        "reference pictures" in wish(studio, "translate", {"run": studio.run_id("runs/few"), "sheet": drawn})["error"]
    )
    few = {"run": studio.run_id("runs/few"), "sheet": drawn, "references": [flat, flat]}
    assert len(wish(studio, "translate", few)) == 1


def test_attributes_change_and_the_saved_file_tells_how_it_was_made(studio: ServedStudio, tmp_path: Path) -> None:
    run, drawn = studio.run_id("runs/attributes"), sheet(BLANK)
    asked = {"run": run, "sheet": drawn, "name": "anna", "attributes": {"bright": 1}}
    answer = wish(studio, "translate", asked)[0]
    _, content = studio.request(f"/pictures/{answer['ticket']}.png", headers=studio.cookie)
    (tmp_path / "saved.png").write_bytes(content)
    record = iw.inspect(tmp_path / "saved.png")["provenance"]
    assert (record["verb"], record["model"], record["run"]) == ("translate", "stargan", "attributes")
    assert record["settings"]["to"] == {"bright": 1.0}
    assert record["settings"]["source"] == "anna"
    assert "brigth" in wish(studio, "translate", asked | {"attributes": {"brigth": 1}})["error"]


@pytest.mark.parametrize(
    "asked",
    [{}, {"sheet": "no base64!"}, {"sheet": base64.b64encode(b"no picture").decode()}, {"sheet": 7},
     {"sheet": "good", "domain": 9}, {"sheet": "good", "attributes": {"bright": "much"}},
     {"sheet": "good", "references": ["none"] * 9}, {"sheet": "good", "references": ["gone"]},
     {"sheet": "good", "seed": -1}, {"sheet": "good", "run": "../runs"}],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence(studio: ServedStudio, asked: dict[str, Any]) -> None:
    if asked.get("sheet") == "good":
        asked = asked | {"sheet": sheet(BLANK)}
    error = wish(studio, "translate", {"run": studio.run_id("runs/styles")} | asked)["error"]
    assert error.endswith(".")
    assert "does not know" not in error


def test_what_a_page_needs_stays_while_one_draws(studio: ServedStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    needed, other = (studio.upload(png(BLANK))["ticket"] for _ in range(2))
    monkeypatch.setattr(studio.studio.shelf, "_most", 4 * BLANK.nbytes)
    for _ in range(6):
        asked = {"run": studio.run_id("runs/styles"), "sheet": sheet(BLANK), "domain": 0, "seed": 1, "kept": [needed]}
        assert len(wish(studio, "translate", asked)) == 1
    assert studio.request(f"/pictures/{needed}.png", headers=studio.cookie)[0] == 200
    assert studio.request(f"/pictures/{other}.png", headers=studio.cookie)[0] == 404


def test_large_sheets_are_refused(studio: ServedStudio) -> None:
    large = sheet(np.zeros((2100, 8, 3), np.uint8))
    assert "2048" in wish(studio, "translate", {"run": studio.run_id("runs/styles"), "sheet": large})["error"]


def test_a_run_whose_pictures_are_gone_is_drawn_for_without_examples(studio: ServedStudio) -> None:
    model = studio.read(f"draw/model?run={studio.run_id('runs/styles')}")
    assert model["examples"] == []
    assert model["palette"] == [[255, 255, 255], [0, 0, 0]]
    assert "examples" in wish(studio, "start", {"run": studio.run_id("runs/styles"), "example": 0})["error"]


@pytest.mark.learning
def test_a_photo_is_translated_at_its_own_size_by_a_job(studio: ServedStudio, tmp_path: Path) -> None:
    photo = np.ascontiguousarray(simple_pictures(1, (24, 40))[0].transpose(1, 2, 0))
    ticket = studio.upload(png(photo), "my%20rose.png")["ticket"]
    asked = {"run": studio.run_id("runs/styles"), "photo": ticket, "domain": 1, "seed": 3}
    job = studio.act("draw/full_size", asked)
    child = studio.studio.jobs._children[job["id"]]
    child.wait(120)
    ended = studio.studio.jobs.get(job["id"])
    assert ended.state == "done", ended.said
    found = studio.act("draw/finished", {"job": job["id"]})
    assert found["folder"] == "translated/my-rose"
    _, content = studio.request(f"/pictures/{found['ticket']}.png", headers=studio.cookie)
    made = np.asarray(Image.open(io.BytesIO(content)))
    expected = iw.translate(studio.studio.folder / "runs/styles", photo.transpose(2, 0, 1), to=1, styles=1, seed=3)[0]
    assert np.array_equal(made.transpose(2, 0, 1), expected.numpy())
    (tmp_path / "saved.png").write_bytes(content)
    assert iw.inspect(tmp_path / "saved.png")["provenance"]["seed"] == 3


def test_what_cannot_be_translated_at_its_own_size_is_refused_before_a_job(studio: ServedStudio) -> None:
    photo, before = studio.upload(png(BLANK))["ticket"], len(studio.studio.jobs.all())
    for name, more, said in (
        ("maps", {}, "Label maps"),
        ("attributes", {"attributes": {}}, "Tick an attribute"),
        ("styles", {"domain": 5}, "domain 5"),
    ):
        asked = {"run": studio.run_id(f"runs/{name}"), "photo": photo} | more
        assert said in studio.act("draw/full_size", asked, expected=400)["error"]
    studio.act("draw/finished", {"job": "0" * 12}, expected=404)
    assert len(studio.studio.jobs.all()) == before
