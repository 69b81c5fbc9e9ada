"""Single pictures and frames with a swapped face: whose face, which frame, what is recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="the extra 'video' (av) is not installed")
from footage_clips import make_clip
from painted_people import ANNA, ColourFinder, identify_by_colour, paint, person, untrained_swap, walk

from imagewright.errors import DataError
from imagewright.face_swap.convert.found_stills import find_still, frame_of, swap_still
from imagewright.face_swap.convert.swapping import FaceSwapper, SwapOptions
from imagewright.images.footage import read_footage
from imagewright.output.provenance import COMPOSITE
from imagewright.pretrained.faces import networks


@pytest.fixture(autouse=True)
def painted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "identify", identify_by_colour)


def test_the_face_of_the_person_alone_is_swapped() -> None:
    picture = walk(1)[0]
    still = find_still(picture, "walk", ColourFinder(), person(0))
    assert (len(still.faces), still.others) == (1, 1)
    made, record = swap_still(FaceSwapper(untrained_swap(), SwapOptions(mask="hull", colour="none")), still)
    changed = np.flatnonzero((made != picture).any((0, 2)))
    assert changed.size
    assert changed.max() < 80  # Anna is at 40, Bert at 150
    assert (record["digital_source_type"], record["settings"]["footage"]) == (COMPOSITE, "walk")


def test_a_picture_without_the_person_stays_and_says_why() -> None:
    for picture, word in (paint(), "No face"), (paint((60, ANNA)), "other people"):
        still = find_still(picture, "walk", ColourFinder(), person(1))
        assert word in still.notes[0]
        made, _ = swap_still(FaceSwapper(untrained_swap(), SwapOptions()), still)
        np.testing.assert_array_equal(made, picture)


def test_a_frame_is_found_by_its_time(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "walk.mp4", walk(30))
    footage = read_footage(film)
    frames = list(footage.frames())
    for number in (0, 7, 29):
        found = footage.frame_near(float(frames[number].time))
        assert (found.index, found.time) == (number, frames[number].time)
        np.testing.assert_array_equal(found.picture, frames[number].picture)
    assert footage.frame_near(1e6).index == 29
    np.testing.assert_array_equal(frame_of(film, 1), frames[-1].picture)
    with pytest.raises(DataError):
        frame_of(tmp_path / "none.mp4", 0)
