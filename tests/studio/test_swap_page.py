"""What the page Swap asks of the studio: people of face sets, consent, trainings, stills, conversions, measures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from face_files import write_face
from PIL import Image
from served_studio import ServedStudio
from tiny import train_tiny

pytest.importorskip("av", reason="the extra 'video' (av) is not installed")
from footage_clips import make_clip
from painted_people import ANNA, BERT, ColourFinder, identify_by_colour, paint, walk

from imagewright.errors import UserError
from imagewright.face_swap.face_sets import TABLE, read_face_set
from imagewright.output.provenance import COMPOSITE
from imagewright.pretrained.faces import finder, networks
from imagewright.studio.pages.swap.page import PAGE
from imagewright.studio.serving.asked import Asked

AGREED = {"who": "Ann Lee", "given_by": "Ann Lee", "when": "2026-01-20"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Anna's faces, mixed faces, footage of both, pictures, and an untrained swap."""
    place = tmp_path_factory.mktemp("studio")
    for name, people in {"anna": (0, 0, 0), "mixed": (1, 0, 1, None)}.items():
        for number, person in enumerate(people):
            write_face(place / "faces" / name, f"{number}.png", person=person)
        (place / "faces" / name / TABLE).touch()
        Image.new("RGB", (8, 8)).save(place / "faces" / f"{name}.png")  # its sheet
    make_clip(place / "walk.mp4", walk(6))
    (place / "photos").mkdir()
    Image.fromarray(paint((60, ANNA))).save(place / "photos" / "anna.png")
    Image.fromarray(paint()).save(place / "photos" / "nobody.png")
    train_tiny("swap", out=place / "runs" / "swap", steps=1, precision="fp32")
    return place


@pytest.fixture
def studio(folder: Path, serve: Callable[[Path], ServedStudio], monkeypatch: pytest.MonkeyPatch) -> ServedStudio:
    """A studio whose faces are discs of the colours of people, and whose jobs only say the version."""
    monkeypatch.setattr(networks, "identify", identify_by_colour)
    monkeypatch.setattr(finder, "open_face_finder", lambda find, confirm: ColourFinder())
    served = serve(folder)
    begin = served.studio.jobs.start
    started: list[list[str]] = []

    def start(title: str, command: Any, about: Any = None) -> Any:
        started.append([str(each) for each in command])
        return begin(title, ["--version"], about)

    monkeypatch.setattr(served.studio.jobs, "start", start)
    served.started = started  # type: ignore[attr-defined]
    return served


def started(studio: ServedStudio) -> list[str]:
    """The command of the last job."""
    return studio.started[-1]  # type: ignore[attr-defined, no-any-return]


def test_people_of_a_set_are_groups(studio: ServedStudio) -> None:
    mixed = studio.source_id("faces/mixed")
    found = studio.read(f"swap/people?faces={mixed}")
    with studio.live() as socket:
        socket.send(json.dumps({"id": 1, "feed": "swap/reading", "asked": {"faces": mixed}}))
        values = [json.loads(socket.recv(20))]
        while "found" not in values[-1]["value"]:
            values.append(json.loads(socket.recv(20)))
    assert values[-1]["value"]["found"] == found  # with a bar of how far it is, for sets that take seconds
    told: list[tuple[int, int]] = []
    read_face_set(studio.studio.library.path_of(mixed, "faces"), lambda done, total: told.append((done, total)))
    assert told[0] == (0, found["count"])
    assert [(each["count"], each["faces"]) for each in found["people"]] == [(2, [0, 2]), (1, [1])]
    assert found["unknown"] == [3]
    assert "faces" not in [
        each["name"] for each in studio.read("library/sources")["sources"] if each["kind"] == "pictures"
    ]
    assert studio.request(f"/api/swap/face?faces={mixed}&place=1", headers=studio.cookie)[0] == 200
    assert studio.request(f"/api/swap/face?faces={mixed}&place=4", headers=studio.cookie)[0] == 404
    assert studio.request(f"/api/swap/people?faces={studio.source_id('photos')}", headers=studio.cookie)[0] == 404
    assert studio.read(f"swap/face_set_notes?faces={studio.source_id('faces/anna')}")["notes"]


def test_faces_are_found_and_one_person_is_kept(studio: ServedStudio, folder: Path) -> None:
    job = studio.act("swap/extract", {"source": studio.source_id("walk.mp4"), "every": 3})
    assert started(studio)[:4] == ["swap", "extract", str(folder / "walk.mp4"), "--out"]
    assert job["about"]["faces"]
    mixed = studio.source_id("faces/mixed")
    studio.act("swap/extract", {"source": studio.source_id("photos"), "person": {"faces": mixed, "number": 0}})
    assert started(studio)[-3:] == [
        "--person",
        *(str(folder / "faces" / "mixed" / name) for name in ("0.png", "2.png")),
    ]
    kept = studio.act("swap/keep_person", {"faces": mixed, "number": 1})
    import imagewright as iw

    iw.sort_faces(folder / "faces" / "mixed", started(studio)[-1], by="person", how="link")  # what the job does
    studio.studio.library.refresh()
    assert studio.source_id("faces/mixed-people/person_02") == kept["about"]["faces"]
    names = {each["name"]: each["kind"] for each in studio.read("library/sources")["sources"]}
    assert "faces" not in [kind for name, kind in names.items() if name == "faces/mixed-people"]
    studio.act("swap/keep_person", {"faces": mixed, "number": 9}, expected=400)
    studio.act("swap/extract", {"source": studio.source_id("walk.mp4"), "every": 0}, expected=400)


def test_a_training_needs_the_consent_of_both(studio: ServedStudio, folder: Path) -> None:
    asked = {"model": "swap", "source": studio.source_id("faces/anna"), "target": studio.source_id("faces/mixed")}
    own = {"own": True}
    for consent in ({}, {"source": own}, {"source": own, "target": AGREED | {"when": ""}}):
        assert "consent" in studio.act("swap/train", asked | {"consent": consent}, expected=400)["error"]
    for wrong, word in ({"when": "2126-01-20"}, "ahead"), ({"when": "soon"}, "date"), ({"who": "A; B"}, "semicolon"):
        consent = {"source": own, "target": AGREED | wrong}
        assert word in studio.act("swap/train", asked | {"consent": consent}, expected=400)["error"]
    both = {"consent": {"source": own, "target": AGREED}}
    assert "same" in studio.act("swap/train", asked | both | {"target": asked["source"]}, expected=400)["error"]
    studio.act("swap/train", asked | both | {"options": {"preset": "huge"}}, expected=400)
    studio.act("swap/train", asked | both | {"options": {"out": "/tmp"}}, expected=400)
    assert not studio.started  # type: ignore[attr-defined]
    studio.act("swap/train", asked | both | {"minutes": 2, "name": "swap-two", "options": {"preset": "small"}})
    assert started(studio) == [
        "train", "swap", str(folder / "faces" / "anna"), str(folder / "faces" / "mixed"),
        "--out", str(folder / "runs" / "swap-two"), "--minutes", "2",
        "--self", "--consent=Ann Lee; Ann Lee; 2026-01-20", "--preset", "small",
    ]  # fmt: skip
    assert {each["name"] for each in studio.read("swap/models")["models"][0]["options"]} >= {"preset", "architecture"}


def test_a_swap_is_tried_on_a_photo_and_on_a_frame(studio: ServedStudio) -> None:
    run = studio.run_id("runs/swap")
    attempt = {"run": run, "source": studio.source_id("photos"), "share": 0, "mask": "hull", "colour": "none"}
    before, after = PAGE.wishes["try"](studio.studio, Asked(attempt))
    changed = (before.pixels != after.pixels).any(2)
    assert (after.about["faces"], after.name) == (1, "anna-swapped")
    assert changed[:, 40:80].any()
    assert not changed[:, 90:].any()
    assert after.record["digital_source_type"] == COMPOSITE
    assert after.record["settings"]["strength"] == 1
    nobody = PAGE.wishes["try"](studio.studio, Asked(attempt | {"share": 1}))
    np.testing.assert_array_equal(nobody[0].pixels, nobody[1].pixels)
    assert (nobody[1].record, nobody[1].about["faces"]) == (None, 0)
    assert "No face" in nobody[1].about["notes"][0]
    frame = attempt | {"source": studio.source_id("walk.mp4"), "share": 0.5}
    picked = {"whom": "picked", "person": {"faces": studio.source_id("faces/anna"), "number": 0}}
    both, one = (PAGE.wishes["try"](studio.studio, Asked(frame | who)) for who in ({"whom": "all"}, picked))
    assert [each[1].about["faces"] for each in (both, one)] == [2, 1]
    assert one[1].about["others"] == 1
    for wrong in ({"strength": 2}, {"colour": "red"}, {"whom": "picked"}, {"share": 7}):
        with pytest.raises(UserError):
            PAGE.wishes["try"](studio.studio, Asked(frame | wrong))
    assert BERT != ANNA


@pytest.mark.learning
def test_footage_is_converted_and_measured(studio: ServedStudio, folder: Path) -> None:
    run, walk_id = studio.run_id("runs/swap"), studio.source_id("walk.mp4")
    asked = {"run": run, "source": walk_id, "strength": 0.5, "whom": "all", "mark": True}
    job = studio.act("swap/convert", asked)
    place = folder / "swaps" / "walk-swap.mp4"
    command = started(studio)
    assert command[:6] == [
        "swap",
        "convert",
        str(folder / "runs" / "swap"),
        str(folder / "walk.mp4"),
        "--out",
        str(place),
    ]
    assert command[command.index("--strength") + 1] == "0.5"
    assert command[-3:] == ["--mark", "--person", "all"]
    while studio.studio.jobs.get(job["id"]).state == "running":
        pass
    assert studio.read("swap/results")["results"] == []  # nothing was made
    place.write_bytes((folder / "walk.mp4").read_bytes())
    assert [each["name"] for each in studio.read("swap/results")["results"]] == ["walk-swap.mp4"]
    check = studio.act("swap/check", {"job": job["id"], "faces": studio.source_id("faces/anna")})
    assert started(studio)[:4] == ["swap", "check", str(place), str(folder / "walk.mp4")]
    row = {"title": "pose error", "value": 3.5, "low": None, "high": None, "unit": "degrees", "aim": None, "met": True}
    figures = {"frames": 6, "measured": 5, "notes": [f"of {folder}/walk.mp4"], "measurements": [row | {"recipe": {}}]}
    (folder / "swaps" / "walk-swap-check.json").write_text(json.dumps(figures))
    found = studio.read(f"swap/figures?job={check['id']}")
    assert found["rows"] == [row | {"note": None}]
    assert found["notes"] == ["of walk.mp4"]
    (folder / "swaps" / "walk-swap-check.json").write_text("{")
    assert studio.request(f"/api/swap/figures?job={check['id']}", headers=studio.cookie)[0] == 404
    studio.act("swap/check", {"job": check["id"]}, expected=400)
    studio.act("swap/convert", asked | {"source": "guess"}, expected=404)
    studio.act("swap/convert", asked | {"name": "../x/.."}, expected=200)
    assert Path(started(studio)[5]).parent == folder / "swaps"


def test_a_training_is_followed(studio: ServedStudio) -> None:
    def first(run: str) -> dict[str, Any]:
        with studio.live() as socket:
            socket.send(json.dumps({"id": 1, "feed": "swap/training", "asked": {"run": run}}))
            return json.loads(socket.recv(20))["value"]  # type: ignore[no-any-return]

    state = first(studio.run_id("runs/swap"))
    assert (state["images_seen"], state["training"], state["checkpoints"]) == (8, False, 1)
    assert state["sheet"] == "000000008"
    assert state["consent"] == ["the face is the user's own"]
    assert first("guess") == {"waits": True}
