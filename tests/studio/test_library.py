"""What the studio finds under its folder, and what it says when that is gone."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from served_studio import ServedStudio
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.output.inspecting_pictures import inspect_picture
from imagewright.studio.serving import library
from imagewright.studio.serving.library import Library
from imagewright.studio.serving.page import Picture


def write_pictures(folder: Path, count: int = 3) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, pixels in enumerate(simple_pictures(count)):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(folder / f"{number}.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with plain pictures, classes, an archive, a hidden folder, a run and a damaged one."""
    place = tmp_path_factory.mktemp("studio")
    write_pictures(place / "plain")
    for name in ("cats", "dogs"):
        write_pictures(place / "animals" / name, 2)
    write_pictures(place / ".hidden")
    shutil.make_archive(str(place / "packed"), "zip", place / "plain")
    train_tiny("pca", out=place / "runs" / "first")
    (place / "runs" / "broken").mkdir()
    (place / "runs" / "broken" / "run.json").write_text("{")
    return place


def test_it_lists_runs_and_sources(folder: Path, serve: Callable[[Path], ServedStudio]) -> None:
    studio = serve(folder)
    sources = {each["name"]: each for each in studio.read("library/sources")["sources"]}
    assert set(sources) == {
        "plain",
        "animals",
        "animals/cats",
        "animals/dogs",
        "packed.zip",
        "digits",
        "faces",
        "shapes",
    }
    assert sources["plain"]["pictures"] == 3
    assert (sources["animals"]["pictures"], sources["animals"]["classes"]) == (4, 2)
    runs = {each["name"]: each for each in studio.read("library/runs")["runs"]}
    assert runs["runs/first"]["model"] == "pca"
    assert "sample" in runs["runs/first"]["verbs"]
    assert "run.json" in runs["runs/broken"]["damaged"]
    assert str(folder.parent) not in str(sources)


def test_ids_hold_after_a_restart(folder: Path, serve: Callable[[Path], ServedStudio]) -> None:
    assert serve(folder).run_id("runs/first") == serve(folder).run_id("runs/first")


def test_what_is_added_while_the_folder_is_listed_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pictures(tmp_path / "first")
    listed = Library(tmp_path)
    names: list[str] = []

    def look(name: str) -> bool:
        if not names:  # the folder itself is listed already
            write_pictures(tmp_path / "second")
            listed.refresh()
        names.append(name)
        return name.endswith(".png")

    monkeypatch.setattr(library, "is_picture_name", look)
    listed.sources()
    assert [each.name for each in listed.sources() if each.path] == ["first", "second"]


def test_what_is_removed_is_said(folder: Path, tmp_path: Path, serve: Callable[[Path], ServedStudio]) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    studio = serve(tmp_path / "copy")
    run, source = studio.run_id("runs/first"), studio.source_id("plain")
    shutil.rmtree(tmp_path / "copy")
    for name in (f"library/run_picture?run={run}", f"library/source_picture?source={source}"):
        status, body = studio.request(f"/api/{name}", headers=studio.cookie)
        assert status == 404
        assert b"no longer" in body
    studio.studio.library.refresh()
    said = studio.read("library/runs")
    assert said["runs"] == []
    assert "cannot be read" in said["notes"][0]


def test_small_pictures_of_runs_and_sources(folder: Path, serve: Callable[[Path], ServedStudio]) -> None:
    studio = serve(folder)
    for name in (
        f"library/run_picture?run={studio.run_id('runs/first')}&side=64",
        f"library/source_picture?source={studio.source_id('animals')}&index=3&side=64",
        f"library/source_picture?source={studio.source_id('packed.zip')}",
        "library/source_picture?source=builtin-digits&index=5",
    ):
        status, body = studio.request(f"/api/{name}", headers=studio.cookie)
        assert status == 200
        assert max(Image.open(BytesIO(body)).size) <= 512
    status, body = studio.request(
        f"/api/library/source_picture?source={studio.source_id('plain')}&index=3", headers=studio.cookie
    )
    assert (status, b"none of number 3" in body) == (400, True)


def test_a_saved_picture_keeps_its_provenance(
    folder: Path, tmp_path: Path, serve: Callable[[Path], ServedStudio]
) -> None:
    studio = serve(folder)
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    ticket = studio.studio.shelf.put(Picture(pixels, {"verb": "sample", "model": "pca", "seed": 3}, "one"))
    for suffix in ("png", "webp", "tif", "jpg"):
        status, body = studio.request(f"/pictures/{ticket}.{suffix}", headers=studio.cookie)
        assert status == 200
        (tmp_path / f"saved.{suffix}").write_bytes(body)
        assert inspect_picture(tmp_path / f"saved.{suffix}")["provenance"]["seed"] == 3
    assert (np.asarray(Image.open(tmp_path / "saved.png")) == pixels).all()
    assert studio.request(f"/pictures/{ticket}.exe", headers=studio.cookie)[0] == 404
    assert studio.request("/pictures/unknown.png", headers=studio.cookie)[0] == 404


def test_dropped_pictures_become_a_source(tmp_path: Path, serve: Callable[[Path], ServedStudio]) -> None:
    studio = serve(tmp_path)
    written = BytesIO()
    Image.new("RGB", (8, 8), "red").save(written, "PNG")
    folder = studio.act("library/begin_source", {"name": "my photos!"})["folder"]
    headers = studio.cookie | {"Origin": f"http://{studio.host}"}
    for name in ("a/1.png", "b/2.png"):
        status, _ = studio.request(
            f"/sources/{folder}?name={name}", method="POST", body=written.getvalue(), headers=headers
        )
        assert status == 200
    status, body = studio.request(f"/sources/{folder}?name=a/1.png", method="POST", body=b"x", headers=headers)
    assert (status, b"already" in body) == (400, True)
    found = {each["name"]: each for each in studio.read("library/sources")["sources"]}
    assert found[f"pictures/{folder}"]["classes"] == 2
    assert studio.act("library/begin_source", {"name": "my photos!"})["folder"] != folder
    assert "name" in studio.act("library/begin_source", {"name": "../.."}, expected=400)["error"]


def test_a_dropped_archive_is_a_source_and_says_what_it_leaves_out(
    tmp_path: Path, serve: Callable[[Path], ServedStudio]
) -> None:
    studio = serve(tmp_path)
    picture = BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    headers = studio.cookie | {"Origin": f"http://{studio.host}"}
    folder = studio.act("library/begin_source", {"name": "packed"})["folder"]

    def send(name: str, members: dict[str, bytes], link: str | None = None) -> tuple[int, str]:
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)
            if link is not None:
                entry = zipfile.ZipInfo(link)
                entry.create_system, entry.external_attr = 3, 0o120777 << 16
                archive.writestr(entry, "/etc/passwd")
        status, body = studio.request(
            f"/sources/{folder}?name={name}", method="POST", body=packed.getvalue(), headers=headers
        )
        return status, body.decode()

    status, body = send(
        "two.zip", {"a/1.png": picture.getvalue(), "b/2.png": picture.getvalue(), "x.exe": b"x"}, "l.png"
    )
    assert status == 200, body
    assert json.loads(body)["pictures"] == 2
    assert "1 file" in body
    assert "1 link" in body
    source = studio.source_id(f"pictures/{folder}/two.zip")
    assert studio.request(f"/api/library/source_picture?source={source}&index=1", headers=studio.cookie)[0] == 200
    for name, members, said in (
        ("out.zip", {"../1.png": picture.getvalue()}, "outside"),
        ("none.zip", {"a.txt": b"x"}, "no pictures"),
    ):
        status, body = send(name, members)
        assert (status, said in body) == (400, True), body
        assert str(tmp_path) not in body
    assert [each.name for each in (tmp_path / "pictures" / folder).iterdir()] == ["two.zip"]
    studio.act("library/end_source", {"folder": folder})  # which holds something
    empty = studio.act("library/begin_source", {"name": "empty"})["folder"]
    studio.act("library/end_source", {"folder": f"../pictures/{empty}"})
    studio.act("library/end_source", {"folder": ".."})
    assert [each.name for each in (tmp_path / "pictures").iterdir()] == [folder]


def test_sets_of_one_class_have_their_own_name_and_sheets_are_no_pictures(
    tmp_path: Path, serve: Callable[[Path], ServedStudio]
) -> None:
    write_pictures(tmp_path / "pictures" / "chosen" / "cats")
    write_pictures(tmp_path / "photos" / "cats")
    write_pictures(tmp_path / "photos" / "dogs")
    iw.make_pairs(tmp_path / "photos", "edges", tmp_path / "pairs")
    assert (tmp_path / "pairs.png").is_file()
    found = {each["name"]: each["pictures"] for each in serve(tmp_path).read("library/sources")["sources"]}
    assert found["pictures/chosen"] == 3
    assert "pictures/chosen/cats" not in found
    assert found["pairs"] == 12  # inputs and targets
    assert "." not in found


def test_uploads_are_turned_upright_and_kept_small(tmp_path: Path, serve: Callable[[Path], ServedStudio]) -> None:
    studio = serve(tmp_path)
    image, written = Image.new("RGB", (4000, 100)), BytesIO()
    exif = image.getexif()
    exif[274] = 6  # turned by 90 degrees
    image.save(written, "JPEG", exif=exif)
    answer = studio.upload(written.getvalue(), "holiday.jpg")
    assert (answer["width"], answer["height"]) == (51, 2048)
    assert answer["name"] == "holiday"


def test_a_run_is_read_again_only_when_it_changes(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], monkeypatch: pytest.MonkeyPatch
) -> None:
    from imagewright.studio.pages import library

    run = train_tiny("pca", out=tmp_path / "runs" / "pca")
    studio = serve(tmp_path)
    read: list[str] = []
    whole = library._read_run

    def counted(studio: Any, found: Any) -> Any:
        read.append(found.name)
        return whole(studio, found)

    monkeypatch.setattr(library, "_read_run", counted)
    first = studio.read("library/runs")["runs"]
    assert studio.read("library/runs")["runs"] == first
    assert len(read) == 1
    run.append_metrics({"images_seen": 999, "seconds": 7.0})
    assert studio.read("library/runs")["runs"][0]["images_seen"] == 999
    checkpoint = run.latest()[0]
    checkpoint.weights.rename(checkpoint.weights.with_name("000000777.safetensors"))
    assert studio.read("library/runs")["runs"][0]["checkpoints"] != first[0]["checkpoints"]
    assert len(read) == 3
    (tmp_path / "runs" / "pca" / "run.json").write_text("{")
    assert "damaged" in studio.read("library/runs")["runs"][0]
