"""An extraction that was stopped inside a video: the same call goes on, and gives the same set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av", reason="the extra 'video' (av) is not installed")

from footage_clips import make_clip  # noqa: E402
from painted_people import ColourFinder, walk  # noqa: E402

import imagewright as iw  # noqa: E402
from imagewright.errors import RunError  # noqa: E402
from imagewright.face_swap.extraction import extract  # noqa: E402
from imagewright.faces.detections import Face  # noqa: E402

OPTIONS = {"size": 32, "min_size": 8}


class CountingFinder(ColourFinder):
    asked = 0

    def find(self, picture: np.ndarray) -> list[Face]:
        CountingFinder.asked += 1
        return super().find(picture)


@pytest.fixture(autouse=True)
def painted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "open_face_finder", lambda find, confirm: CountingFinder())
    monkeypatch.setattr(extract, "find_published", lambda weights: None)


def stop_at(number: int) -> object:
    def progress(done: int, total: int) -> None:
        if done == number:
            raise KeyboardInterrupt

    return progress


@pytest.mark.learning
def test_the_same_call_goes_on_inside_a_video(tmp_path: Path) -> None:
    video = make_clip(tmp_path / "walk.mp4", walk(28, absent=(13, 14)))
    whole = iw.extract_faces(video, tmp_path / "whole", **OPTIONS)
    with pytest.raises(KeyboardInterrupt) as stopped:
        iw.extract_faces(video, tmp_path / "faces", **OPTIONS, progress=stop_at(17))
    assert any("the next try goes on" in note for note in stopped.value.__notes__)
    CountingFinder.asked = 0
    made = iw.extract_faces(video, tmp_path / "faces", **OPTIONS)
    assert CountingFinder.asked <= 12
    assert made.faces == whole.faces > 40
    assert made.table.read_bytes() == whole.table.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("faces", "faces.png", "walk.mp4", "whole", "whole.png"),
    ]
    with pytest.raises(RunError, match=r"faces\.png exists already"):
        iw.extract_faces(video, tmp_path / "faces", **OPTIONS)


def test_other_options_do_not_write_over_a_set_that_was_begun(tmp_path: Path) -> None:
    video = make_clip(tmp_path / "walk.mp4", walk(28))
    with pytest.raises(KeyboardInterrupt):
        iw.extract_faces(video, tmp_path / "faces", **OPTIONS, progress=stop_at(17))
    with pytest.raises(RunError, match=r"faces holds other files.*--force"):
        iw.extract_faces(video, tmp_path / "faces", **OPTIONS, crop="face")
