"""Tours of more pictures than there is time for: so many are used as can be read, and the page has the counts."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import imagewright as iw
from imagewright.images.selection import pick_evenly, source_of_some
from imagewright.images.sources.arrays import ArraySource
from imagewright.tours import pictures
from imagewright.tours import tour as tours
from imagewright.tours.parts import eigenfaces, survey
from imagewright.tours.parts.survey import survey_set
from imagewright.tours.pictures import ALWAYS_USED, readable_count
from imagewright.tours.record import read_record
from imagewright.tours.work import PartClock, TourWork


def write(folder: Path, count: int) -> Path:
    folder.mkdir()
    for index in range(count):
        pixels = np.random.default_rng(index).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:03}.png")
    return folder


def test_picked_pictures_are_decoded_alone(tmp_path: Path) -> None:
    images = iw.open_images(write(tmp_path / "set", 9), labels=[0, 1, 2] * 3)
    picked = pick_evenly(images, 3)
    assert picked.names() == ["000.png", "004.png", "008.png"]
    assert picked.labels is not None
    assert picked.labels.tolist() == [0, 1, 2]
    for name in ("001.png", "002.png", "003.png", "005.png", "006.png", "007.png"):
        (tmp_path / "set" / name).unlink()
    left = iw.open_images(tmp_path / "set")
    assert np.array_equal(picked.batch(np.arange(3)).images, left.batch(np.arange(3)).images)
    assert pick_evenly(picked, 3) is picked
    assert picked.fingerprint not in (images.fingerprint, pick_evenly(images, 2).fingerprint)


def test_picked_pairs_keep_their_layers(tmp_path: Path) -> None:
    one, two = write(tmp_path / "input", 6), write(tmp_path / "target", 6)
    pairs = iw.open_images({"input": one, "target": two})
    picked = pick_evenly(pairs, 2).batch(np.arange(2))
    whole = pairs.batch(np.array([0, 5]))
    assert np.array_equal(picked.layers["input"], whole.layers["input"])
    assert np.array_equal(picked.layers["target"], whole.layers["target"])
    assert source_of_some(pairs, 2).name(1) == "005.png"


def test_all_pictures_of_a_small_set_are_used_and_of_a_large_one_as_many_as_can_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By a clock that goes on in reading alone."""
    now, seconds = 0.0, 1e-3  # of 32 pictures
    monkeypatch.setattr(pictures, "time", SimpleNamespace(monotonic=lambda: now))
    read = ArraySource.read

    def reading(self: ArraySource, indices: np.ndarray) -> object:
        nonlocal now
        now += seconds
        return read(self, indices)

    monkeypatch.setattr(ArraySource, "read", reading)
    large = iw.open_images(np.zeros((9_000, 8, 8, 1), np.uint8))
    assert readable_count(large.subset(np.arange(ALWAYS_USED)), 0.01) == ALWAYS_USED
    assert readable_count(large, 1_000) == 9_000
    assert readable_count(large, 1) == 5_000
    seconds = 0.1
    assert readable_count(large, 1) == 1_920  # 6 s are for reading
    seconds = 0.2
    assert readable_count(large, 1) == ALWAYS_USED


def test_a_tour_of_a_large_set_counts_what_it_used_and_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The set has no seconds left by the time that its check is over: groups of 100 pictures, and no strange ones."""

    def without_time(work: TourWork, part: object) -> None:
        work.clock = PartClock("part 1", 1e-3, None)
        survey_set(work, part)  # type: ignore[arg-type]

    for kind in ("components", "model"):
        monkeypatch.setitem(tours.CARRY_OUT, kind, lambda work, part: None)
    monkeypatch.setitem(tours.CARRY_OUT, "set", without_time)
    source = "shapes:count=1200,size=16"
    found = iw.tour(source, minutes=0.05, out=tmp_path / "tour")
    assert found.summary.startswith("1,200 pictures")
    assert "(1,000 of them used, spread evenly)" in found.summary
    record = json.loads((tmp_path / "tour" / "tour.json").read_text())
    facts = " ".join(record["parts"][0]["facts"])
    assert "256 of 1,200 pictures were checked" in facts
    assert "No picture is there twice" not in facts
    assert "among 100, spread evenly over the set" in facts
    assert "no time to look for strange pictures" in facts
    monkeypatch.setattr(tours, "readable_count", lambda *_: pytest.fail("the count is that of the beginning"))
    assert iw.tour(source, minutes=0.05, out=tmp_path / "tour").summary == found.summary


@pytest.mark.parametrize(("minutes", "fitted"), [(0.001, 10), (500.0, 40)])
def test_as_many_pictures_are_fitted_as_there_is_time_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: float, fitted: int
) -> None:
    for kind in ("set", "model"):
        monkeypatch.setitem(tours.CARRY_OUT, kind, lambda work, part: None)
    monkeypatch.setattr(eigenfaces, "LEAST_FITTED", 10)
    found = iw.tour(write(tmp_path / "set", 40), minutes=minutes, out=tmp_path / "tour")
    assert not found.failed
    assert found.runs["pca"].checkpoints()[-1].images_seen == fitted
    part = read_record(tmp_path / "tour").part("pca")  # type: ignore[union-attr]
    assert any(f"Fitted to {fitted} of 40 pictures" in fact for fact in part.facts) == (fitted < 40)


def test_a_fit_that_was_stopped_goes_on_with_the_same_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("set", "model"):
        monkeypatch.setitem(tours.CARRY_OUT, kind, lambda work, part: None)
    monkeypatch.setattr(eigenfaces, "LEAST_FITTED", 10)
    source, out, stop = write(tmp_path / "set", 40), tmp_path / "tour", iw.StopRequest()

    def asked_in_the_fit(*arguments: object) -> object:
        stop.asked = True
        return train_part(*arguments)  # type: ignore[arg-type]

    train_part = eigenfaces.train_part
    with monkeypatch.context() as patched:
        patched.setattr(eigenfaces, "train_part", asked_in_the_fit)
        with pytest.raises(iw.Stopped):
            iw.tour(source, minutes=0.001, out=out, stop=stop)
    record = read_record(out)
    assert record is not None
    assert (record.part("pca").state, record.part("pca").values["fitted"]) == ("under way", 10)
    monkeypatch.setattr(eigenfaces, "LEAST_FITTED", 20)
    found = iw.tour(source, minutes=0.001, out=out)
    assert not found.failed
    assert found.runs["pca"].checkpoints()[-1].images_seen == 10


@pytest.mark.parametrize(("minutes", "grouped"), [(500.0, 40), (0.001, 10)])
def test_as_many_pictures_are_grouped_as_there_is_time_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: float, grouped: int
) -> None:
    for kind in ("components", "model"):
        monkeypatch.setitem(tours.CARRY_OUT, kind, lambda work, part: None)
    monkeypatch.setattr(survey, "LEAST_ANALYSED", 10)
    iw.tour(write(tmp_path / "set", 40), minutes=minutes, out=tmp_path / "tour")
    facts = " ".join(read_record(tmp_path / "tour").part("set").facts)  # type: ignore[union-attr]
    assert ("among 10, spread evenly over the set" in facts) == (grouped == 10)
    assert ("no time to look for strange pictures" in facts) == (grouped == 10)
