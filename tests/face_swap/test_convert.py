"""Swapping a person's face in videos and pictures: whose, which pixels, what is kept, and going on after a kill."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny_model

av = pytest.importorskip("av", reason="the extra 'video' (av) is not installed")

import painted_people  # noqa: E402
from footage_clips import assert_same_frames, changed_pixels, make_clip, packets_of  # noqa: E402
from painted_people import ANNA, BERT, HEIGHT, RADIUS, ColourFinder, identify_by_colour, paint, person, walk  # noqa: E402

import imagewright as iw  # noqa: E402
from imagewright.errors import ConfigError, DataError, RunError, UserError  # noqa: E402
from imagewright.face_swap.convert import convert as converting  # noqa: E402
from imagewright.face_swap.convert import pictures  # noqa: E402
from imagewright.face_swap.convert.choosing import choose_tracks  # noqa: E402
from imagewright.face_swap.convert.convert import swap_faces  # noqa: E402
from imagewright.face_swap.convert.finding import TrackFacts  # noqa: E402
from imagewright.face_swap.convert.swapping import FaceSwapper, SwapOptions  # noqa: E402
from imagewright.face_swap.convert.video import convert_video  # noqa: E402
from imagewright.face_swap.extraction.sources import open_extraction_sources  # noqa: E402
from imagewright.files import write_whole  # noqa: E402
from imagewright.images.footage import read_footage  # noqa: E402
from imagewright.output.footage import writer  # noqa: E402
from imagewright.output.provenance import COMPOSITE  # noqa: E402
from imagewright.pretrained.faces import networks  # noqa: E402


@pytest.fixture(autouse=True)
def painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces are discs of the colours of people."""
    monkeypatch.setattr(networks, "identify", identify_by_colour)
    monkeypatch.setattr(converting, "open_face_finder", lambda find, confirm: ColourFinder())
    monkeypatch.setattr(writer, "SEGMENT_FRAMES", 10)


@pytest.fixture(scope="module")
def model() -> Any:
    return painted_people.untrained_swap()


def knows(monkeypatch: pytest.MonkeyPatch, number: int | None) -> None:
    """Let the run replace Anna (0), Bert (1), or nobody who is known."""
    known = None if number is None else person(number)
    monkeypatch.setattr(converting, "person_in_footage", lambda model, to: known)


def test_only_the_face_of_the_person_changes(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    knows(monkeypatch, 0)
    video = make_clip(tmp_path / "walk.mkv", walk(14, absent=(5, 6, 7, 8, 9, 10, 11, 12, 13)), tracks=2)
    done: list[tuple[str, int, int]] = []
    made = swap_faces(
        model, video, tmp_path / "out.mkv", mask="hull", lossless=True, progress=lambda *state: done.append(state)
    )
    changed = changed_pixels(video, tmp_path / "out.mkv")
    assert (made.videos[0].frames, made.videos[0].swapped) == (14, 5)
    assert [bool(each.any()) for each in changed] == [True] * 5 + [False] * 9
    for number in range(5):
        rows, columns = np.nonzero(changed[number])
        assert (np.hypot(rows - HEIGHT // 2, columns - 40 - number) < 2 * RADIUS).all()
    for one, other in zip(read_footage(video).frames(), read_footage(tmp_path / "out.mkv").frames(), strict=True):
        for plane, its in zip(one.planes[1:], other.planes[1:], strict=True):
            assert np.array_equal(plane[:, 40:], its[:, 40:])  # Bert, and what is beside him
    assert [[content for content, _ in track] for track in packets_of(tmp_path / "out.mkv", "audio")] == [
        [content for content, _ in track] for track in packets_of(video, "audio")
    ]
    assert any("distance 0.00" in note for note in made.notes)
    assert any("1 track, the nearest at a distance of 1.41" in note for note in made.notes)
    assert {stage for stage, _, _ in done} == {"finding faces", "swapping faces"}
    assert done[-1] == ("swapping faces", 14, 14)
    assert not (tmp_path / "out.mkv.unfinished").exists()


@pytest.mark.learning
def test_who_is_swapped(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    video = make_clip(tmp_path / "walk.mp4", walk(6))
    alone = make_clip(tmp_path / "bert.mp4", [paint((150, BERT))] * 6)
    Image.fromarray(paint((90, BERT))).save(tmp_path / "bert.png")

    def swapped(source: Path, **options: Any) -> tuple[bool, bool]:
        made = swap_faces(model, source, tmp_path / "out.mkv", mask="hull", lossless=True, force=True, **options)
        changed = changed_pixels(source, tmp_path / "out.mkv").any((0, 1))
        assert made.videos
        return bool(changed[:100].any()), bool(changed[100:].any())

    knows(monkeypatch, 0)
    assert swapped(video) == (True, False)
    assert swapped(video, person=tmp_path / "bert.png") == (False, True)
    assert swapped(video, person="all") == (True, True)
    with pytest.raises(DataError, match=r"bert\.mp4 shows other people than anna.*1\.41.*--person all"):
        swapped(alone)
    knows(monkeypatch, None)
    assert swapped(alone) == (False, True)
    assert sum(swapped(video)) == 1


@pytest.mark.parametrize(("distance", "doubtful"), [(0.3, False), (0.5, True)])
def test_someone_who_looks_alike_is_said(distance: float, doubtful: bool) -> None:
    known = person(0)
    identity = known.identities[0].copy()
    identity[-1] += distance
    chosen, said = choose_tracks({0: TrackFacts(1, 50.0, identity)}, known, "group.jpg")
    assert chosen == {0}
    assert any("looks alike" in sentence for sentence in said) == doubtful


def test_a_kept_search_serves_the_next_try(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    knows(monkeypatch, 0)
    video = make_clip(tmp_path / "bert.mp4", [paint((150, BERT))] * 6)
    with pytest.raises(DataError, match="other people"):
        swap_faces(model, video, tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4.unfinished").is_dir()
    monkeypatch.setattr(ColourFinder, "find", lambda self, picture: pytest.fail("looked again"))
    assert swap_faces(model, video, tmp_path / "out.mp4", person="all").videos[0].swapped == 6
    assert not (tmp_path / "out.mp4.unfinished").exists()


@pytest.mark.parametrize("moment", [pytest.param("finding", marks=pytest.mark.learning), "swapping"])
def test_it_goes_on_after_an_interruption_with_the_same_file(
    tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    knows(monkeypatch, 0)
    video = make_clip(tmp_path / "walk.mp4", walk(28, absent=(13, 14)))
    swap_faces(model, video, tmp_path / "whole.mp4", mask="hull")

    def stop(stage: str, done: int, total: int) -> None:
        if stage.startswith(moment) and done == 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        swap_faces(model, video, tmp_path / "made.mp4", mask="hull", progress=stop)
    assert "the next try goes on" in stopped.value.__notes__[0]
    assert not (tmp_path / "made.mp4").exists()
    states: list[tuple[str, int, int]] = []
    swap_faces(model, video, tmp_path / "made.mp4", mask="hull", progress=lambda *state: states.append(state))
    if moment == "swapping":
        assert [done for stage, done, _ in states if stage.startswith("swapping")] == list(range(11, 29))
    assert_same_frames(tmp_path / "made.mp4", tmp_path / "whole.mp4")


@pytest.mark.learning
@pytest.mark.parametrize("parts", [0, 1, 3])
def test_a_killed_process_goes_on_with_the_same_file(tmp_path: Path, model: Any, parts: int) -> None:
    video = make_clip(tmp_path / "walk.mp4", walk(60, absent=(20, 21)))
    work = tmp_path / "made.mp4.unfinished"

    def command(out: str) -> list[str]:
        return [sys.executable, painted_people.__file__, str(video), str(tmp_path / out)]

    subprocess.run(command("whole.mp4"), check=True)
    process = subprocess.Popen(command("made.mp4"), stdout=subprocess.DEVNULL)
    wanted: Callable[[], bool] = lambda: (  # noqa: E731
        len(list(work.glob("parts/*.nut"))) >= parts if parts else (work / "found.bin").exists()
    )
    until = time.monotonic() + 60
    while not wanted() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    process.kill()
    assert process.wait() != 0, "it had ended before it was killed"
    assert not (tmp_path / "made.mp4").exists()
    subprocess.run(command("made.mp4"), check=True)
    assert_same_frames(tmp_path / "made.mp4", tmp_path / "whole.mp4")


def test_the_record_and_the_mark(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    knows(monkeypatch, 0)
    video = make_clip(tmp_path / "walk.mp4", walk(3))
    swap_faces(model, video, tmp_path / "out.mp4", mark="painted")
    record = iw.inspect(tmp_path / "out.mp4")["provenance"]
    assert record["digital_source_type"] == COMPOSITE
    assert record["settings"]["footage"] == "walk.mp4"
    assert record["settings"]["person"] == "anna"
    assert record["settings"]["mark"] == "painted"
    plain = swap_faces(model, video, tmp_path / "plain.mp4").videos[0].path
    marked = changed_pixels(plain, tmp_path / "out.mp4")[:, -14:, 100:]
    assert marked.any((1, 2)).all()


def test_the_record_of_a_picture_names_the_original(tmp_path: Path, model: Any) -> None:
    Image.fromarray(paint((50, ANNA))).save(tmp_path / "photo.jpg", quality=95)
    swap_faces(model, tmp_path / "photo.jpg", tmp_path / "out.png", person="all")
    settings = iw.inspect(tmp_path / "out.png")["provenance"]["settings"]
    assert (settings["footage"], settings["person"]) == ("photo.jpg", "all")


def test_footage_without_the_person_does_not_stop_the_others(
    tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    knows(monkeypatch, 0)
    folder = tmp_path / "footage"
    folder.mkdir()
    make_clip(folder / "bert.mp4", [paint((150, BERT))] * 2)
    make_clip(folder / "walk.mp4", walk(3))
    made = swap_faces(model, folder, tmp_path / "out")
    assert [video.path.name for video in made.videos] == ["walk.mp4"]
    assert any("Left out: bert.mp4 shows other people than anna" in note for note in made.notes)
    (folder / "walk.mp4").unlink()
    Image.fromarray(paint((50, BERT))).save(folder / "still.png")
    with pytest.raises(DataError, match=r"bert\.mp4 shows other people"):
        swap_faces(model, folder, tmp_path / "nothing")


def test_pictures_become_pictures(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    knows(monkeypatch, 0)
    folder = tmp_path / "photos"
    folder.mkdir()
    shown = {"both": paint((50, ANNA), (150, BERT)), "bert": paint((120, BERT)), "nobody": paint()}
    for name, picture in shown.items():
        Image.fromarray(picture).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    made = swap_faces(model, folder, tmp_path / "out", mask="hull", colour="none")
    assert made.pictures is not None
    assert (len(made.pictures.paths), made.pictures.swapped) == (3, 1)
    assert any("2 pictures without the person" in note for note in made.notes)
    assert any("broken.png" in note for note in made.notes)
    results = {name: np.asarray(Image.open(tmp_path / "out" / f"{name}.png")) for name in shown}
    assert np.array_equal(results["bert"], shown["bert"])
    assert np.array_equal(results["nobody"], shown["nobody"])
    changed = (results["both"] != shown["both"]).any(2)
    assert changed.any()
    assert not changed[:, 50 + 2 * RADIUS :].any()
    assert iw.inspect(tmp_path / "out" / "both.png")["provenance"]["digital_source_type"] == COMPOSITE
    assert iw.inspect(tmp_path / "out" / "bert.png")["provenance"] is None
    single = swap_faces(model, folder / "both.png", tmp_path / "one.png", mask="hull", colour="none")
    assert single.pictures is not None
    assert np.array_equal(np.asarray(Image.open(tmp_path / "one.png")), results["both"])
    with pytest.raises(DataError, match=r"bert.* shows other people than anna"):
        swap_faces(model, folder / "bert.png", tmp_path / "two.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "out", "photos"]


@pytest.mark.parametrize("done_before", [1, 12])
def test_a_folder_of_many_pictures_goes_on(
    tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch, done_before: int
) -> None:
    knows(monkeypatch, 0)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, picture in enumerate(walk(17)):
        Image.fromarray(picture).save(folder / f"{number:02d}.png")
    swap_faces(model, folder, tmp_path / "whole", mask="hull")

    def killed(path: Path, content: str) -> None:
        """Between a picture and the note that it is done."""
        if not content and len(list((tmp_path / "made").iterdir())) == done_before:
            raise KeyboardInterrupt
        write_whole(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(pictures, "write_whole", killed)
        with pytest.raises(KeyboardInterrupt):
            swap_faces(model, folder, tmp_path / "made", mask="hull")
    assert len(list((tmp_path / "made").iterdir())) == done_before
    monkeypatch.setattr(ColourFinder, "find", lambda self, picture: pytest.fail("looked again"))
    swap_faces(model, folder, tmp_path / "made", mask="hull")
    for path in sorted((tmp_path / "whole").iterdir()):
        assert path.read_bytes() == (tmp_path / "made" / path.name).read_bytes()


def test_videos_and_pictures_of_a_folder(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    knows(monkeypatch, 0)
    folder = tmp_path / "footage"
    folder.mkdir()
    make_clip(folder / "walk.mp4", walk(3))
    make_clip(folder / "other.mkv", walk(2))
    (folder / "photos").mkdir()
    Image.fromarray(paint((50, ANNA))).save(folder / "photos" / "still.png")
    made = swap_faces(model, folder, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["other.mkv", "still.png", "walk.mp4"]
    assert len(made.lines()) == 3


def test_the_preview(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    knows(monkeypatch, 0)
    video = make_clip(tmp_path / "walk.mp4", walk(25))
    made = swap_faces(model, video, tmp_path / "out.mp4", preview=True)
    assert any("drawn one by one" in note for note in made.notes)
    assert made.sheet == tmp_path / "out.preview.png"
    with Image.open(made.sheet) as sheet:
        assert sheet.width > 5 * 384
    assert iw.inspect(made.sheet)["provenance"]["digital_source_type"] == COMPOSITE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.preview.png", "walk.mp4"]


def test_what_is_refused(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    knows(monkeypatch, 0)
    video = make_clip(tmp_path / "walk.mp4", walk(3))
    empty = make_clip(tmp_path / "empty.mp4", [paint()] * 3)
    hdr = make_clip(tmp_path / "hdr.mkv", walk(3), pixel_format="yuv420p10le", tags=(9, 16, 9, 1))
    (tmp_path / "taken.mp4").write_bytes(b"")

    def refused(error: type[Exception], match: str, *arguments: Any, **options: Any) -> None:
        before = sorted(tmp_path.iterdir())
        with pytest.raises(error, match=match):
            swap_faces(*arguments, **options)
        assert sorted(tmp_path.iterdir()) == before

    out = tmp_path / "out.mp4"
    refused(DataError, r"No face was found in empty\.mp4", model, empty, out)
    refused(DataError, r"hdr\.mkv is HDR \(PQ\)", model, hdr, tmp_path / "out.mkv")
    assert "is HDR (PQ)" in open_extraction_sources(hdr, 1, None).notes[0]
    refused(RunError, r"taken\.mp4 exists already", model, video, tmp_path / "taken.mp4")
    refused(RunError, r"walk\.mp4 is the footage itself", model, video, video, force=True)
    refused(RunError, r"walk\.mp4 is the footage itself", model, video, tmp_path, force=True)
    refused(UserError, "vae swaps no faces", tiny_model("vae"), video, out)
    refused(UserError, r"out\.webm", model, video, tmp_path / "out.webm")
    refused(UserError, "one file, and this becomes several", model, [str(video), str(empty)], out)
    refused(ConfigError, "reinhard", model, video, out, colour="reinhart")
    refused(ConfigError, r"erode=3: expected a number from -0\.5 to 0\.5", model, video, out, erode=3)
    refused(ConfigError, "smooth='auto '.*expected auto, none", model, video, out, smooth="auto ")
    refused(ConfigError, "strength='1': expected a number", model, video, out, strength="1")
    refused(ConfigError, "colour=3: expected reinhard", model, video, out, colour=3)
    refused(ConfigError, "no option 'colr' .*Did you mean 'colour'", model, video, out, colr="none")
    refused(UserError, "The mark is An int", model, video, out, mark=3)
    refused(UserError, "1 to 80 characters", model, video, out, mark="x" * 81)
    picture = Image.new("RGB", (9, 9))
    refused(UserError, r"'\.gif' of .* is of no known format", model, picture, tmp_path / "out.gif")
    refused(RunError, "name is too long", model, video, tmp_path / f"{'x' * 251}.mp4")
    refused(RunError, "no place beside /", model, video, "/")
    refused(ConfigError, "Did you mean 'product'", model, video, out, mask="produkt")
    refused(RunError, "is in .*, which is read", model, tmp_path, tmp_path / "inside")


def test_the_folder_where_one_is(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    knows(monkeypatch, 0)
    Image.fromarray(walk(1)[0]).save(tmp_path / "anna.png")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    made = swap_faces(model, tmp_path / "anna.png", ".").pictures
    assert made is not None
    assert made.paths == [tmp_path / "here" / "anna.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["anna.png", "here"]


def test_what_a_kill_left_beside_it_goes_away(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    knows(monkeypatch, 0)
    video = make_clip(tmp_path / "walk.mp4", walk(2))
    names = [".out.ab12_xyz.mp4", ".out.notes.mp4", ".out.ab12_xyz.mkv", ".other.ab12_xyz.mp4"]
    for name in names:
        (tmp_path / name).touch()
    swap_faces(model, video, tmp_path / "out.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names[1:], "out.mp4", "walk.mp4"])


def test_another_process_at_it_is_refused(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    knows(monkeypatch, 0)
    video = make_clip(tmp_path / "walk.mp4", walk(3))

    def again(stage: str, done: int, total: int) -> None:
        with pytest.raises(RunError, match="Another process"):
            swap_faces(model, video, tmp_path / "out.mp4")

    assert swap_faces(model, video, tmp_path / "out.mp4", progress=again).videos[0].frames == 3


def test_options_reach_the_model(tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, float]] = []
    swap = type(model).swap

    def recorded(self: Any, images: torch.Tensor, to: int = 0, strength: float = 1.0) -> Any:
        asked.append((to, strength))
        return swap(self, images, to, strength)

    monkeypatch.setattr(type(model), "swap", recorded)
    video = make_clip(tmp_path / "walk.mp4", walk(2))
    swapper = FaceSwapper(model, SwapOptions(to="target", strength=0.25))
    convert_video(swapper, video, tmp_path / "out.mp4", ColourFinder(), person(0))
    assert asked == [(1, 0.25)] * 2
    settings = iw.inspect(tmp_path / "out.mp4")["provenance"]["settings"]
    assert (json.loads(json.dumps(settings))["strength"], settings["smooth"]) == (0.25, "auto")
