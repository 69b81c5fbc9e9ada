"""Attacks that the studio refuses, each tried on a served one."""

from __future__ import annotations

import json
import os
import socket
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from served_studio import TOKEN, ServedStudio
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

EVIL = "https://evil.example"


@pytest.fixture
def studio(tmp_path: Path, serve: Callable[[Path], ServedStudio]) -> ServedStudio:
    folder = tmp_path / "folder"
    (folder / "photos").mkdir(parents=True)
    for number in range(3):
        Image.fromarray(np.full((8, 8, 3), 60 * number, np.uint8)).save(folder / "photos" / f"{number}.png")
    return serve(folder)


def opens(studio: ServedStudio, origin: str | None, headers: dict[str, str]) -> bool:
    try:
        with connect(f"ws://{studio.host}{studio.room}/live", origin=origin, additional_headers=headers):
            return True
    except (WebSocketException, OSError):
        return False


def post(studio: ServedStudio, path: str, body: bytes = b"{}", **headers: str) -> tuple[int, bytes]:
    sent = studio.cookie | {"Origin": f"http://{studio.host}", "Content-Type": "application/json"} | headers
    return studio.request(path, method="POST", body=body, headers=sent)


def test_who_does_not_know_the_token_sees_nothing(studio: ServedStudio) -> None:
    below = [f"{studio.room}{path}" for path in ("", "/", "/api/library/runs", "/pictures/x.png", "/?token=guess")]
    for path in ("/", "/api/library/runs", "/?token=guess", f"/x?token={TOKEN}", "/guess/", *below):
        for cookie in ({}, {"Cookie": f"imagewright-{studio.port}=guess"}):
            status, body = studio.outside(path, headers=cookie)
            assert status == 401, path
            assert b"imagewright studio" in body
            assert TOKEN.encode() not in body
            assert studio.room.encode() not in body
    assert studio.outside("/api/library/runs", headers=studio.cookie)[0] == 401
    assert studio.outside("/web/shell.js")[0] == 200  # which holds nothing of the user


def answer_of(studio: ServedStudio, path: str, *headers: str) -> str:
    """The whole answer to a request, with its headers, in small letters but for paths."""
    with socket.create_connection(("127.0.0.1", studio.port)) as plain:
        asked = [f"GET {path} HTTP/1.1", f"Host: {studio.host}", "Connection: close", *headers, "", ""]
        plain.sendall("\r\n".join(asked).encode())
        return b"".join(iter(lambda: plain.recv(4096), b"")).decode()


def test_the_link_signs_in_by_a_cookie_that_no_script_reads(studio: ServedStudio) -> None:
    answer = answer_of(studio, f"/?token={TOKEN}")
    assert "303" in answer.splitlines()[0]
    assert "httponly" in answer.lower()
    assert "samesite=strict" in answer.lower()
    assert f"location: {studio.room}/\r\n" in answer
    assert f"; Path={studio.room}/;" in answer


def test_each_studio_has_a_path_that_cannot_be_guessed(tmp_path: Path, serve: Callable[[Path], ServedStudio]) -> None:
    rooms = {serve(tmp_path).room for _ in range(3)}
    assert len(rooms) == 3
    assert all(len(room) == 25 for room in rooms)


def test_who_is_led_to_the_page_from_elsewhere_is_led_on(studio: ServedStudio) -> None:
    """A browser keeps the strict cookie back when the file that `open_studio` wrote, or another site, leads here."""
    answer = answer_of(studio, f"{studio.room}/", "Sec-Fetch-Site: cross-site")
    assert f"refresh: 0; url={studio.room}/\r\n" in answer
    assert "401" in answer_of(studio, f"{studio.room}/", "Sec-Fetch-Site: same-origin").splitlines()[0]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "0.0.0.0:80", ""])
def test_another_host_is_refused(studio: ServedStudio, host: str) -> None:
    assert studio.request("/", headers=studio.cookie | {"Host": host})[0] == 403


@pytest.mark.parametrize("origin", [EVIL, "null", "", "http://127.0.0.1", "http://localhost:1"])
def test_a_post_of_another_origin_is_refused(studio: ServedStudio, origin: str) -> None:
    assert post(studio, "/api/library/begin_source", b'{"name": "x"}', Origin=origin)[0] == 403
    assert not (studio.studio.folder / "pictures").exists()


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_read_from_another_site_or_port_is_refused(studio: ServedStudio, site: str) -> None:
    assert studio.request("/api/library/runs", headers=studio.cookie | {"Sec-Fetch-Site": site})[0] == 403
    assert studio.request("/api/library/runs", headers=studio.cookie | {"Sec-Fetch-Site": "same-origin"})[0] == 200


@pytest.mark.parametrize("other", ['a={"x": 1}', "b=[1, 2]", "c d=1", "e", "f@=1", "g=\u00fc", "imagewright-1=x"])
def test_cookies_of_other_programs_do_not_sign_out(studio: ServedStudio, other: str) -> None:
    own = studio.cookie["Cookie"]
    for cookies in (f"{other}; {own}", f"{own}; {other}"):
        assert studio.request("/api/library/about", headers={"Cookie": cookies})[0] == 200


def test_a_form_of_another_type_is_refused(studio: ServedStudio) -> None:
    status, body = post(studio, "/api/library/begin_source", b'{"name": "x"}', **{"Content-Type": "text/plain"})
    assert status == 400
    assert b"JSON" in body


def test_sockets_need_our_origin_and_the_cookie(studio: ServedStudio) -> None:
    ours = f"http://{studio.host}"
    assert not opens(studio, EVIL, studio.cookie)
    assert not opens(studio, None, studio.cookie)
    assert not opens(studio, ours, {})
    assert opens(studio, ours, studio.cookie)


@pytest.mark.parametrize(
    "path",
    ["/web/../serve.py", "/web/%2e%2e/serve.py", "/web/..%2fserve.py", "/web//etc/passwd", "/web/%2fetc%2fpasswd",
     "/pictures/..%2f..%2fetc%2fpasswd.png", "/api/library/__class__", "/api/library/runs/..", "/api/_/_"],
)  # fmt: skip
def test_no_address_leads_out(studio: ServedStudio, path: str) -> None:
    status, body = studio.request(path, headers=studio.cookie)
    assert status in (400, 404)
    assert b"root:" not in body
    assert b"def " not in body


def test_links_that_lead_out_are_not_followed(tmp_path: Path, serve: Callable[[Path], ServedStudio]) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    for place in (outside / "runs" / "private", folder):
        place.mkdir(parents=True)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(outside / "secret.png")
    (outside / "runs" / "private" / "run.json").write_text(json.dumps({"model": "pca", "config": {}}))
    (folder / "in").symlink_to(outside)
    studio = serve(folder)
    found = studio.read("library/sources")
    assert [each["kind"] for each in found["sources"]] == ["builtin"] * 3
    assert "1" in found["notes"][0]
    assert studio.read("library/runs")["runs"] == []


@pytest.mark.parametrize("name", ["../x.png", "a/../../x.png", "/etc/x.png", ".hidden/x.png", "a\0.png", "", "x.exe"])
def test_files_of_hostile_names_are_not_written(studio: ServedStudio, name: str) -> None:
    folder = studio.act("library/begin_source", {"name": "new"})["folder"]
    content = (studio.studio.folder / "photos" / "0.png").read_bytes()
    before = sorted(studio.studio.folder.rglob("*"))
    from urllib.parse import quote

    status, body = post(studio, f"/sources/{folder}?name={quote(name)}", content)
    written = set(studio.studio.folder.rglob("*")) - set(before)
    if status == 200:  # a name that became harmless, inside the source
        assert all(path.is_relative_to(studio.studio.folder / "pictures" / folder) for path in written)
    else:
        assert status == 400
        assert not written
        assert json.loads(body)["error"]
    assert post(studio, "/sources/..%2fphotos?name=x.png", content)[0] in (400, 404, 405)


def png_of_a_side(pixels: int) -> bytes:
    """A small file that says it is a square of so many pixels."""
    parts = [
        (b"IHDR", pixels.to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"),
        (b"IDAT", zlib.compress(b"\0")),
        (b"IEND", b""),
    ]
    chunks = [
        len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big") for name, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_hostile_pictures_are_refused(studio: ServedStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b"", b"MZ not a picture", b"%!PS-Adobe\n", b"<svg onload='alert(1)'/>"):
        assert "read" in studio.upload(content, expected=400)["error"]
    assert "pixels" in studio.upload(png_of_a_side(100_000), expected=400)["error"]
    monkeypatch.setattr("imagewright.studio.serving.app.MOST_PICTURE_BYTES", 1000)
    assert "larger" in studio.upload(os.urandom(2000), expected=400)["error"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"[" * 100_000, b'{"name": 7}', b'{"name": "' + b"x" * 5000 + b'"}']
)
def test_bodies_that_are_not_expected_are_refused(studio: ServedStudio, body: bytes) -> None:
    status, answer = post(studio, "/api/library/begin_source", body)
    assert status == 400
    assert json.loads(answer)["error"]


def test_a_job_that_is_no_job_is_not_stopped(studio: ServedStudio) -> None:
    for job in ("../../photos", "0" * 12, ".", ""):
        studio.act("library/stop", {"job": job}, expected=404)


def test_pages_forbid_what_they_do_not_need(studio: ServedStudio) -> None:
    import urllib.request

    asked = urllib.request.Request(f"http://{studio.host}{studio.room}/", headers=studio.cookie)
    with urllib.request.urlopen(asked) as answer:
        policy = answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


def test_markup_in_names_is_shown_as_text(
    tmp_path: Path, serve: Callable[[Path], ServedStudio], walk: Callable[..., Any]
) -> None:
    name = "<img src=x onerror=alert(1)>"
    (tmp_path / name).mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / name / "0.png")
    (tmp_path / "runs" / f"{name}-run").mkdir(parents=True)
    (tmp_path / "runs" / f"{name}-run" / "run.json").write_text('{"model": "<b>x</b>", "config": {}}')
    page = walk(serve(tmp_path)).page
    assert page.get_by_text(name).count() >= 2
    assert page.locator("main img[src=x]").count() == 0


def test_another_user_cannot_read_what_is_kept(studio: ServedStudio) -> None:
    job = studio.studio.jobs.start("nothing", ["models"])
    kept = studio.studio.folder / ".imagewright-studio" / "jobs" / job.id
    assert kept.stat().st_mode & 0o077 == 0
    folder = studio.act("library/begin_source", {"name": "new"})["folder"]
    assert (studio.studio.folder / "pictures" / folder).stat().st_mode & 0o077 == 0


def job_of_others(folder: Path, command: list[str], **about: str) -> Path:
    """The record of a job in a folder that came from somebody else."""
    place = folder / ".imagewright-studio" / "jobs" / "0123456789ab"
    place.mkdir(parents=True)
    record = {"title": "x", "command": command, "about": about, "started": 1.0}
    (place / "job.json").write_text(json.dumps(record))
    (place / "ended").write_text("0")
    return place


@pytest.mark.parametrize(
    "words",
    [["--evaluate-features=python:evil:run@8"], ["--evaluate-features", "python:evil:run@8"],
     ["--plan-file=/tmp/overwritten"], ["--out=elsewhere"], ["--out", "elsewhere"], []],
)  # fmt: skip
def test_a_recorded_command_is_only_run_again_if_it_trains_the_run(tmp_path: Path, words: list[str]) -> None:
    from tiny import train_tiny

    from imagewright.studio.pages.train.starting import _is_training_of

    run = train_tiny("pca", out=tmp_path / "runs" / "pca")
    usual = ["train", "pca", "photos", f"--out={run.path}", "--components=4", "--self", "--consent=a; b; 2024-01-01"]
    assert _is_training_of([*usual, *words], run) == (not words)
    assert not _is_training_of(["evaluate", *usual[1:]], run)
    assert not _is_training_of(usual[:3], run)


@pytest.mark.parametrize("linked", ["", "draw", "pictures/0123/clusters"])
def test_links_in_the_own_folder_are_refused(tmp_path: Path, linked: str) -> None:
    from imagewright.errors import UserError
    from imagewright.studio.serving.studio import Studio

    (tmp_path / "elsewhere").mkdir()
    own = tmp_path / "folder" / ".imagewright-studio"
    (own / linked).parent.mkdir(parents=True)
    (own / linked).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"\.imagewright-studio.*is a link.*remove"):
        Studio(tmp_path / "folder")


@pytest.mark.parametrize("damage", [{"title": "x"}, {"command": 7}, {"about": [1]}, {"started": "soon"}])
def test_a_damaged_record_of_a_job_is_passed_over(studio: ServedStudio, damage: dict[str, Any]) -> None:
    place = job_of_others(studio.studio.folder, ["models"])
    assert len(studio.read("library/jobs")["jobs"]) == 1
    studio.studio.jobs._ended.clear()
    record = {"title": "x", "command": [], "about": {}, "started": 1.0} | damage
    if "title" in damage:
        del record["command"]
    (place / "job.json").write_text(json.dumps(record))
    assert studio.read("library/jobs")["jobs"] == []


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs users")
def test_jobs_of_another_user_are_not_shown(studio: ServedStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    job_of_others(studio.studio.folder, ["models"])
    mine = os.getuid()
    monkeypatch.setattr("os.getuid", lambda: mine + 1)
    assert studio.read("library/jobs")["jobs"] == []
    assert "job" in studio.act("library/stop", {"job": "0123456789ab"}, expected=404)["error"]


def test_nothing_new_is_put_where_a_link_leads_out(studio: ServedStudio, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (studio.studio.folder / "pictures").symlink_to(tmp_path / "elsewhere")
    assert "link" in studio.act("library/begin_source", {"name": "new"}, expected=400)["error"]
    assert not list((tmp_path / "elsewhere").iterdir())


def test_names_of_files_that_are_no_text_are_shown(studio: ServedStudio) -> None:
    """One such name would otherwise keep the list of all sources from the page."""
    place = studio.studio.folder / os.fsdecode(b"\xff\xfe")
    try:
        place.mkdir()
    except OSError:
        pytest.skip("this file system takes no such names")
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(place / "0.png")
    studio.studio.library.refresh()
    names = [each["name"] for each in studio.read("library/sources")["sources"]]
    assert "??" in names
    assert "photos" in names


def test_errors_of_the_disk_are_sentences(studio: ServedStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "/somewhere/else/new")

    monkeypatch.setattr(Path, "mkdir", full)
    said = studio.act("library/begin_source", {"name": "new"}, expected=400)["error"]
    assert "No space left" in said
    assert "/somewhere" not in said
    monkeypatch.undo()
    long = "é" * 80 + "/" + "ü" * 119 + ".png"
    assert studio.act("library/begin_source", {"name": "é" * 80})["folder"]
    assert "name" in studio.act("library/begin_source", {"name": "\U00020000" * 80}, expected=400)["error"]
    content = (studio.studio.folder / "photos" / "0.png").read_bytes()
    from urllib.parse import quote

    folder = studio.act("library/begin_source", {"name": "b"})["folder"]
    status, body = post(studio, f"/sources/{folder}?name={quote(long)}", content)
    assert status == 400, body


def test_a_folder_that_was_moved_away_is_not_made_anew(studio: ServedStudio) -> None:
    folder = studio.studio.folder
    folder.rename(folder.with_name("moved"))
    for name, asked in [
        ("library/begin_source", {"name": "new"}),
        ("pictures/begin", {"source": "builtin-digits", "kind": "check"}),
    ]:
        assert "no longer there" in studio.act(name, asked, expected=400)["error"]
    assert not folder.exists()


def test_messages_name_places_below_the_folder(studio: ServedStudio) -> None:
    from tiny import train_tiny

    run = train_tiny("pca", out=studio.studio.folder / "runs" / "pca")
    run.latest()[0].weights.write_bytes(b"damaged")
    run_id = studio.run_id("runs/pca")
    status, body = studio.request(f"/api/steer/offers?run={run_id}", headers=studio.cookie)
    assert status == 400
    assert str(studio.studio.folder).encode() not in body
    assert b"runs/pca" in body
