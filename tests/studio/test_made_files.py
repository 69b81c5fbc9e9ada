"""Files that jobs made: served by the job's id, in parts, and never from elsewhere."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from served_studio import ServedStudio
from waiting import PATIENCE

from imagewright.studio.serving.made import start_making


@pytest.fixture
def studio(tmp_path: Path, serve: Callable[[Path], ServedStudio]) -> ServedStudio:
    return serve(tmp_path)


def made(studio: ServedStudio, *names: str) -> str:
    """The id of a job that made these files."""
    paths = [studio.studio.folder / name for name in names]
    job = start_making(studio.studio, "a film", ["--version"], paths)
    for path in paths:
        path.write_bytes(bytes(range(200)))
    return job.id


def answer(studio: ServedStudio, path: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    import urllib.request

    asked = urllib.request.Request(f"http://{studio.host}{studio.room}{path}", headers=studio.cookie | headers)
    with urllib.request.urlopen(asked, timeout=PATIENCE) as found:
        return found.status, found.read(), {name.lower(): value for name, value in found.headers.items()}


def test_a_film_is_played_in_parts_and_saved(studio: ServedStudio) -> None:
    job = made(studio, "swaps/film.mp4")
    status, body, headers = answer(studio, f"/made/{job}/0", Range="bytes=10-19")
    assert (status, body, headers["content-type"]) == (206, bytes(range(10, 20)), "video/mp4")
    assert headers["content-range"] == "bytes 10-19/200"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"].startswith("inline")
    saved = answer(studio, f"/made/{job}/0?save=true")[2]["content-disposition"]
    assert saved.startswith("attachment")
    assert "film.mp4" in saved


def test_a_page_is_saved_and_never_opened(studio: ServedStudio) -> None:
    job = made(studio, "comparisons/page.html")
    assert answer(studio, f"/made/{job}/0")[2]["content-disposition"].startswith("attachment")


def test_only_what_a_job_made_is_served(studio: ServedStudio, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.mp4"
    secret.write_bytes(b"secret")
    job = made(studio, "swaps/film.mp4", "swaps/notes.txt", "swaps/link.mp4", "swaps/gone.mp4")
    (studio.studio.folder / "swaps" / "link.mp4").unlink()
    (studio.studio.folder / "swaps" / "link.mp4").symlink_to(secret)
    (studio.studio.folder / "swaps" / "gone.mp4").unlink()
    refused = {
        f"{job}/1": 400,
        f"{job}/2": 404,
        f"{job}/3": 404,
        f"{job}/4": 404,
        f"{job}/-1": 404,
        "0" * 12 + "/0": 404,
    }
    refused |= {"..%2f..%2fetc/0": 404, f"{job}/0/../1": 404, f"{job}/film.mp4": 404}
    for path, expected in refused.items():
        status, body = studio.request(f"/made/{path}", headers=studio.cookie)
        assert status == expected, path
        assert b"secret" not in body
    assert studio.request(f"/made/{job}/0")[0] == 401


def test_a_video_is_written_while_it_arrives(studio: ServedStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    from imagewright.studio.serving import uploads

    monkeypatch.setattr(uploads, "MOST_PICTURE_BYTES", 1000)
    folder = studio.act("library/begin_source", {"name": "clips"})["folder"]
    headers = studio.cookie | {"Origin": f"http://{studio.host}"}
    film = bytes(300_000)

    def send(name: str) -> int:
        return studio.request(f"/sources/{folder}?name={name}", method="POST", body=film, headers=headers)[0]

    flushed: list[int] = []

    def flush(descriptor: int) -> None:
        with pytest.raises(RuntimeError):  # where all pages wait for it
            asyncio.get_running_loop()
        flushed.append(descriptor)

    monkeypatch.setattr(os, "fsync", flush)
    assert send("film.mp4") == 200
    assert flushed
    place = studio.studio.folder / "pictures" / folder
    assert (place / "film.mp4").read_bytes() == film
    assert studio.source_id(f"pictures/{folder}/film.mp4")
    assert send("film.mp4") == 400  # it is there
    assert send("..%2Fother.mp4") == 400
    monkeypatch.setattr(uploads, "MOST_LARGE_BYTES", 200_000)
    assert send("long.mp4") == 400
    assert [path.name for path in place.iterdir()] == ["film.mp4"]


def test_half_a_video_of_a_killed_studio_is_removed(studio: ServedStudio, tmp_path: Path) -> None:
    """Half of one that arrives is no source either; that of a studio that runs, and other hidden files, are left."""
    from imagewright.files import atomic_write
    from imagewright.studio.serving.arriving import noted
    from imagewright.studio.serving.studio import OWN_FOLDER, Studio

    place = studio.studio.folder / "pictures" / studio.act("library/begin_source", {"name": "clips"})["folder"]
    left, foreign = place / ".film.ab12cd3_.mp4", place / ".other.ab12cd3_.mp4"
    for path in (left, foreign):
        path.write_bytes(b"half")
    notes = studio.studio.folder / OWN_FOLDER / "arriving"
    with noted(studio.studio.folder / OWN_FOLDER, place / "long.mp4"), atomic_write(place / "long.mp4") as arriving:
        arriving.write_bytes(b"half")
        (notes / "0").write_text(f"pictures/{place.name}/film.mp4")
        (notes / "1").write_text("../../elsewhere/film.mp4")
        studio.studio.library.refresh()
        assert {each["kind"] for each in studio.read("library/sources")["sources"]} == {"builtin"}
        Studio(studio.studio.folder)
        assert len(list(notes.iterdir())) == 1
        assert {path.name for path in place.iterdir()} == {foreign.name, arriving.name}
    assert {path.name for path in place.iterdir()} == {foreign.name, "long.mp4"}
    assert list(notes.iterdir()) == []


def test_a_studio_that_starts_leaves_a_note_that_is_made_just_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imagewright.studio.serving import arriving

    own, target = tmp_path / "own", tmp_path / "film.mp4"
    real = arriving.locked

    @contextmanager
    def locked(path: Path) -> Iterator[int]:
        path.touch()
        arriving.remove_unfinished(own)  # another studio starts before the note is locked
        assert path.exists()
        with real(path) as descriptor:
            yield descriptor

    monkeypatch.setattr(arriving, "locked", locked)
    with arriving.noted(own, target):
        (note,) = (own / "arriving").iterdir()
        arriving.remove_unfinished(own)
        assert note.read_text() == "film.mp4"
    note.touch()
    os.utime(note, (0, 0))  # of a studio that was killed then, long ago
    arriving.remove_unfinished(own)
    assert not note.exists()
