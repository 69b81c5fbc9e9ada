"""`tour.json`: damaged ones, tours that go on on another machine, a part that fails, commands that the page prints."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import imagewright as iw
from imagewright.cli import main
from imagewright.errors import DataError, RunError
from imagewright.tours import tour as tours
from imagewright.tours.page import write_page
from imagewright.tours.parts import models as parts
from imagewright.tours.parts.models import command_for_longer
from imagewright.tours.record import TourFigure, read_record
from imagewright.tours.work import TourWork
from imagewright.training.doctor.findings import Finding
from imagewright.training.doctor.remedies import Remedy


def write(folder: Path, count: int = 10, side: int = 16) -> Path:
    folder.mkdir(parents=True)
    for index in range(count):
        pixels = np.random.default_rng([index, *folder.name.encode()]).integers(0, 255, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{folder.name}{index}.png")
    return folder


def begin(source: Path, out: Path, **options: Any) -> Path:
    """A tour that is stopped before its first part."""
    stop = iw.StopRequest()
    stop.asked = True
    with pytest.raises(iw.Stopped):
        iw.tour(source, out=out, stop=stop, **options)
    return out


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    return begin(write(tmp_path / "set"), tmp_path / "tour")


def set_path(place: list[str | int], value: object) -> Callable[[Any], None]:
    def change(record: Any) -> None:
        for key in place[:-1]:
            record = record[key]
        record[place[-1]] = value

    return change


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (["parts"], [], "each part once"),
        (["parts", 0, "name"], "other", "names set, pca"),
        (["parts", 0, "values"], [], "parts.0..values"),
        (["parts", 1, "figures"], [{"file": 3, "caption": ""}], "file is 3"),
        (["parts", 1, "values"], {"real": [{}]}, "real"),
        (["size"], "16", "size is '16'"),
        (["minutes"], None, "minutes is None"),
        (["gan"], "other", "dcgan"),
        (["scored"], -1, "scored is -1"),
    ],
)
def test_a_damaged_record_is_refused_with_what_is_wrong(
    begun: Path, place: list[Any], value: object, said: str
) -> None:
    file = begun / "tour.json"
    record = json.loads(file.read_text())
    set_path(place, value)(record)
    file.write_text(json.dumps(record))
    with pytest.raises(RunError, match=rf"tour.json is damaged: .*{said}.*--out"):
        read_record(begun)


def test_the_page_takes_figures_of_its_folder_alone(begun: Path) -> None:
    (begun / "secret.svg").write_text("<svg>secret</svg>")
    (begun / "figures").mkdir(exist_ok=True)
    (begun / "figures" / "broken.svg").write_bytes(b"\xff\xfe\x00")
    (begun / "figures" / "folder.svg").mkdir()
    (begun / "figures" / "fine.svg").write_text("<svg>ä</svg>", "utf-8")
    record = read_record(begun)
    assert record is not None
    part = record.part("pca")
    part.state = "done"
    part.figures = [TourFigure(f, "") for f in ("../secret.svg", "broken.svg", "folder.svg", "fine.svg", "gone.svg")]
    page = write_page(begun, record).read_text("utf-8")
    assert "secret" not in page
    assert page.count("<svg>") == 1
    assert "<svg>ä</svg>" in page


def test_a_tour_of_the_working_folder_has_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "set")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    begin(tmp_path / "set", Path("."), minutes=2)
    page = (tmp_path / "work" / "tour.html").read_text()
    assert "imagewright tour ../set --minutes 2 --out ." in page
    assert "--minutes 6 --out tour-6" in page
    assert str(tmp_path) not in page


def test_a_tour_goes_on_on_another_machine_with_its_model_and_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "set", count=50, side=96)

    def begun_on(accelerated: bool, folder: str) -> dict[str, Any]:
        monkeypatch.setattr(tours, "accelerated", lambda _: accelerated)
        out = begin(source, tmp_path / folder, minutes=25)
        record: dict[str, Any] = json.loads((out / "tour.json").read_text())
        return {name: record[name] for name in ("gan", "size", "fingerprint")} | {
            "parts": [part["name"] for part in record["parts"]]
        }

    on_gpu = begun_on(True, "tour")
    assert begun_on(False, "tour") == on_gpu
    on_cpu = begun_on(False, "other")
    assert on_gpu["gan"] != on_cpu["gan"]
    assert on_gpu["fingerprint"] == on_cpu["fingerprint"]


def test_parts_are_scored_though_the_components_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scored = []

    def fail(*_: object) -> None:
        raise DataError("no components")

    for kind, function in (
        ("set", lambda work, part: None),
        ("components", fail),
        ("model", lambda work, part: scored.append(work.record.scored)),
    ):
        monkeypatch.setitem(tours.CARRY_OUT, kind, function)
    found = iw.tour(write(tmp_path / "set"), minutes=0.05, out=tmp_path / "tour")
    assert list(found.failed.values()) == ["no components"]
    assert scored == [10]


@pytest.mark.parametrize(("now", "longer"), [(500, True), (5_000, False)])
def test_the_length_of_a_training_is_advised_in_minutes(
    monkeypatch: pytest.MonkeyPatch, now: int, longer: bool
) -> None:
    found = SimpleNamespace(
        headline=None,
        findings=[Finding("noise", "0.8 of 1", Remedy(option="images_seen", value=1000, now=now), 5)],
    )
    monkeypatch.setattr(parts, "why_not_diagnosed", lambda *_: None)
    monkeypatch.setattr(parts, "examine", lambda _: found)
    (line,) = parts.doctor_lines(SimpleNamespace(metrics=list))  # type: ignore[arg-type]
    assert "images-seen" not in line
    assert ("trains it longer" in line) == longer
    assert ("fewer minutes" in line) != longer


def test_commands_name_the_first_set_and_the_options_that_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "sets" / "A")
    write(tmp_path / "sets" / "B")
    commands = {}

    def note(work: TourWork, part: Any) -> None:
        commands[part.name] = command_for_longer(work, part) if part.model else work.record.command(work.folder)

    for kind in tours.CARRY_OUT:
        monkeypatch.setitem(tours.CARRY_OUT, kind, note)
    typed = ["tour", str(tmp_path / "sets"), "--out", str(tmp_path / "tour"), "--minutes", "20", "--exclude", "*9.png"]
    assert main([*typed, "--value-range", "0:4095", "--decode", "exact"]) == 0
    assert f"train vae {tmp_path / 'sets' / 'A'} --exclude '*9.png'" in commands["vae"]
    assert f"train cut {tmp_path / 'sets'} --exclude '*9.png'" in commands["cut"]
    for command in commands.values():
        assert "--value-range 0:4095 --decode exact" in command
    assert main(typed) != 0
    assert "began with other options (decode, value_range)" in " ".join(capsys.readouterr().err.split())


def test_a_folder_of_another_set_is_named_with_what_to_do(begun: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "others", count=12, side=24)
    for options in ({}, {"minutes": 3}, {"size": 8}):
        with pytest.raises(RunError) as error:
            iw.tour(other, out=begun, **options)
        said = str(error.value)
        assert f"{begun} holds a tour of another set, {tmp_path / 'set'}." in said
        assert "--out" in said
        assert f"imagewright tour {tmp_path / 'set'} --minutes 20 --out {begun}" in said
        assert "changed" not in said


def test_a_tour_of_two_sets_is_not_gone_on_with_as_one_of_one(tmp_path: Path) -> None:
    sets = [write(tmp_path / name) for name in ("one", "two")]
    begin(sets[0], tmp_path / "tour", other=sets[1])
    with pytest.raises(RunError, match=r"another set, \S*one and \S*two\. .*--out"):
        iw.tour(sets[0], out=tmp_path / "tour")


def test_a_set_that_has_changed_is_said_to_have(begun: Path, tmp_path: Path) -> None:
    (tmp_path / "set" / "set0.png").rename(tmp_path / "set" / "more.png")
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "set" / "another.png")
    with pytest.raises(RunError, match=r"has changed since the tour.*10 pictures then, and 11 now.*--out"):
        iw.tour(tmp_path / "set", out=begun)


def test_a_set_that_was_moved_goes_on(begun: Path, tmp_path: Path) -> None:
    (tmp_path / "set").rename(tmp_path / "moved")
    begin(tmp_path / "moved", begun)


def test_the_minutes_count_from_the_start_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in tours.CARRY_OUT:
        monkeypatch.setitem(tours.CARRY_OUT, kind, lambda work, part: None)
    minutes = {}
    for name, before in (("at once", 0), ("late", 400)):
        iw.tour(write(tmp_path / name), minutes=20, out=tmp_path / f"tour {name}", began=time.monotonic() - before)
        record = read_record(tmp_path / f"tour {name}")
        assert record is not None
        assert record.parts[0].seconds >= before
        minutes[name] = sum(part.minutes for part in record.parts[1:2])
    assert minutes["late"] < 0.75 * minutes["at once"]  # 400 of 1,200 seconds are gone


def test_what_models_take_besides_their_training_is_that_of_the_slowest(begun: Path) -> None:
    record = read_record(begun)
    assert record is not None
    assert record.besides_training is None
    for name, seconds, trained in (("set", 100.0, 0.0), ("autoencoder", 50.0, 20.0), ("vae", 30.0, 20.0)):
        part = record.part(name)
        part.state, part.seconds, part.trained_seconds = "done", seconds, trained
    assert record.besides_training == 0.5


def test_a_part_that_has_too_little_time_left_is_left_out_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in tours.CARRY_OUT:
        monkeypatch.setitem(tours.CARRY_OUT, kind, lambda work, part: None)
    source, told = write(tmp_path / "set"), list[str]()
    began = time.monotonic() - 100
    found = iw.tour(source, minutes=2, out=tmp_path / "tour", began=began, say=told.append)
    record = read_record(tmp_path / "tour")
    assert record is not None
    assert [part.name for part in record.parts] == ["set", "pca", "vae"]
    assert record.is_whole
    assert record.left_out[0].title == "Autoencoder"
    assert record.left_out[0].minutes >= 3
    assert any("too little time for Autoencoder" in note for note in told)
    page = found.page.read_text()
    assert f"Autoencoder (from {record.left_out[0].minutes} minutes on)" in page
    again = iw.tour(source, minutes=2, out=tmp_path / "tour")
    assert again.summary == found.summary
    assert [part.name for part in read_record(tmp_path / "tour").parts] == ["set", "pca", "vae"]  # type: ignore[union-attr]
