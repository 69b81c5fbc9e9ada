"""A conversion that was stopped anywhere between its last frame and its last signature: the same call ends it.

One with other options begins its frames anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

av = pytest.importorskip("av", reason="the extra 'video' (av) is not installed")

import painted_people  # noqa: E402
from footage_clips import assert_same_frames, make_clip  # noqa: E402
from painted_people import ANNA, ColourFinder, identify_by_colour, paint, person, walk  # noqa: E402

from imagewright.errors import RunError  # noqa: E402
from imagewright.face_swap.convert import convert as converting  # noqa: E402
from imagewright.face_swap.convert.convert import swap_faces  # noqa: E402
from imagewright.face_swap.convert.unfinished import Unfinished  # noqa: E402
from imagewright.output.footage import writer  # noqa: E402
from imagewright.pretrained.faces import networks  # noqa: E402

States = list[tuple[str, int, int]]


@pytest.fixture(autouse=True)
def painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces are discs of the colours of people, and the run replaces Anna."""
    monkeypatch.setattr(networks, "identify", identify_by_colour)
    monkeypatch.setattr(converting, "open_face_finder", lambda find, confirm: ColourFinder())
    monkeypatch.setattr(converting, "person_in_footage", lambda model, to: person(0))
    monkeypatch.setattr(writer, "SEGMENT_FRAMES", 10)


@pytest.fixture(scope="module")
def model() -> Any:
    return painted_people.untrained_swap()


def stop(*_: object) -> None:
    raise KeyboardInterrupt


MOMENTS = {
    "joined": lambda patch: patch.setattr(Unfinished, "mark_made", stop),
    "unsigned": lambda patch: patch.setattr(converting, "sign_results", stop),
    "signed": lambda patch: patch.setattr(Unfinished, "remove", stop),
}


@pytest.mark.learning
@pytest.mark.parametrize("moment", MOMENTS)
def test_the_same_call_ends_what_was_stopped_after_the_last_frame(
    tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    video, out = make_clip(tmp_path / "walk.mp4", walk(14)), tmp_path / "out.mp4"
    whole = swap_faces(model, video, tmp_path / "whole.mp4", mask="hull").videos[0]
    with monkeypatch.context() as patch:
        MOMENTS[moment](patch)
        with pytest.raises(KeyboardInterrupt):
            swap_faces(model, video, out, mask="hull")
    assert out.exists()
    states: States = []
    signed: list[Path] = []
    monkeypatch.setattr(converting, "sign_results", lambda key, pairs: signed.extend(path for path, _ in pairs) or [])
    made = swap_faces(model, video, out, mask="hull", progress=lambda *state: states.append(state)).videos[0]
    assert states == []
    assert (made.frames, made.swapped, made.notes) == (whole.frames, whole.swapped, whole.notes)
    assert signed == [out]
    assert_same_frames(out, tmp_path / "whole.mp4")
    assert not (tmp_path / "out.mp4.unfinished").exists()
    with pytest.raises(RunError, match=r"out\.mp4 exists already"):
        swap_faces(model, video, out, mask="hull")


def test_other_options_do_not_replace_a_result_that_was_not_signed(
    tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    video, out = make_clip(tmp_path / "walk.mp4", walk(4)), tmp_path / "out.mp4"
    with monkeypatch.context() as patch:
        MOMENTS["unsigned"](patch)
        with pytest.raises(KeyboardInterrupt):
            swap_faces(model, video, out, mask="hull")
    before = out.read_bytes()
    with pytest.raises(RunError, match=r"out\.mp4 exists already"):
        swap_faces(model, video, out, mask="hull", colour="none")
    assert out.read_bytes() == before
    swap_faces(model, video, out, mask="hull", colour="none", force=True)
    swap_faces(model, video, tmp_path / "plain.mp4", mask="hull", colour="none")
    assert_same_frames(out, tmp_path / "plain.mp4")


@pytest.mark.learning
def test_a_file_that_took_the_place_of_the_result_is_kept(tmp_path: Path, model: Any) -> None:
    video, out = make_clip(tmp_path / "walk.mp4", walk(14)), tmp_path / "out.mp4"

    def stop_at_twelve(stage: str, done: int, total: int) -> None:
        if stage == "swapping faces" and done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        swap_faces(model, video, out, mask="hull", progress=stop_at_twelve)
    out.write_bytes(b"mine")
    with pytest.raises(RunError, match=r"out\.mp4 exists already"):
        swap_faces(model, video, out, mask="hull")
    assert out.read_bytes() == b"mine"


@pytest.mark.learning
def test_several_videos_and_pictures_go_on_where_they_were_stopped(tmp_path: Path, model: Any) -> None:
    folder, out = tmp_path / "footage", tmp_path / "out"
    folder.mkdir()
    make_clip(folder / "one.mp4", walk(3))
    make_clip(folder / "two.mp4", walk(5))
    Image.fromarray(paint((50, ANNA))).save(folder / "still.png")

    def stop_at_five(stage: str, done: int, total: int) -> None:
        if stage == "swapping faces" and done == total == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        swap_faces(model, folder, out, mask="hull", progress=stop_at_five)
    assert (out / "one.mp4").exists()
    states: States = []
    made = swap_faces(model, folder, out, mask="hull", progress=lambda *state: states.append(state))
    assert [(video.path.name, video.frames) for video in made.videos] == [("one.mp4", 3), ("two.mp4", 5)]
    assert 3 not in {total for stage, _, total in states if stage == "swapping faces"}
    assert sorted(path.name for path in out.iterdir()) == ["one.mp4", "still.png", "two.mp4"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["footage", "out"]


@pytest.mark.learning
@pytest.mark.parametrize("others", [{"colour": "none"}, {"lossless": True}], ids=["colour", "lossless"])
def test_other_options_begin_the_frames_anew(tmp_path: Path, model: Any, others: dict[str, Any]) -> None:
    video = make_clip(tmp_path / "walk.mp4", walk(14))

    def stop_at_12(stage: str, done: int, total: int) -> None:
        if stage == "swapping faces" and done == 12:
            stop()

    with pytest.raises(KeyboardInterrupt):
        swap_faces(model, video, tmp_path / "made.mp4", mask="hull", progress=stop_at_12)
    swap_faces(model, video, tmp_path / "made.mp4", mask="hull", **others)
    swap_faces(model, video, tmp_path / "plain.mp4", mask="hull", **others)
    assert_same_frames(tmp_path / "made.mp4", tmp_path / "plain.mp4")
