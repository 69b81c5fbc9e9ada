"""What the pages Home and Train ask of a served studio: forms, starts, plans, runs as they go on, what is refused."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import pytest
from PIL import Image
from served_studio import ServedStudio, entries_of
from tiny import simple_pictures, train_tiny
from waiting import PATIENCE

import imagewright as iw
from imagewright import catalogue
from imagewright.catalogue_entries import Needs
from imagewright.distributed import choose_device
from imagewright.model_choice import recommend_models
from imagewright.runs.lock import lock_run
from imagewright.runs.run import Run
from imagewright.studio.pages import home
from imagewright.studio.pages.train import following
from imagewright.studio.serving.jobs import Job, Jobs


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures, and a run on them."""
    folder = tmp_path_factory.mktemp("studio")
    (folder / "photos").mkdir()
    for number, picture in enumerate(simple_pictures(12)):
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / "photos" / f"{number}.png")
    train_tiny("dcgan", folder / "photos", folder / "runs" / "small", steps=3, report_every=8)
    return folder


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "QUIET", 0.05)
    monkeypatch.setattr(home, "LOOK_SECONDS", 0.05)


@pytest.fixture
def studio(trained: Path, tmp_path: Path, serve: Callable[[Path], ServedStudio]) -> ServedStudio:
    folder = tmp_path / "folder"
    shutil.copytree(trained, folder)
    record = folder / "runs" / "small" / "run.json"
    record.write_text(record.read_text().replace(str(trained), str(folder)))
    return serve(folder)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of jobs, none of which is run."""
    commands: list[list[str]] = []

    def note(_: Jobs, title: str, command: Any, about: Any = None) -> Job:
        commands.append([str(word) for word in command])
        return Job("0" * 12, title, tuple(commands[-1]), dict(about or {}), 0.0, "running", None)

    monkeypatch.setattr(Jobs, "start", note)
    return commands


@contextmanager
def feed_of(studio: ServedStudio, name: str, **asked: Any) -> Iterator[Callable[[], Any]]:
    """A feed, as a page hears it: a function that waits for the next value."""
    with studio.live() as socket:
        socket.send(json.dumps({"id": 1, "feed": name, "asked": asked}))
        yield lambda: json.loads(socket.recv(timeout=PATIENCE))["value"]


def wait_for(state: str, hear: Callable[[], Any]) -> Any:
    """The first value of a state."""
    while (value := hear())["state"] != state:
        pass
    return value


def test_a_form_is_what_the_configuration_asks_for(studio: ServedStudio) -> None:
    form = studio.read("train/form?model=pix2pix")
    assert [(slot["name"], slot["is_optional"]) for slot in form["slots"]] == [("input", False), ("target", True)]
    options = {option["name"]: option for option in form["options"]}
    assert options["direction"]["choices"] == ["AtoB", "BtoA"]
    assert options["minutes"]["kind"] == "number"
    assert options["start"]["kind"] == "run"
    assert not any("--" in option["description"] for option in form["options"])
    swap = studio.read("train/form?model=swap")
    assert swap["needs_consent"]
    preset = next(option for option in swap["options"] if option["name"] == "preset")
    suggested = "small" if choose_device("auto").type == "cpu" else "whole_face"
    assert (preset["default"], preset["recommended"]) == (None, suggested)  # as the training takes it if none is chosen
    assert studio.read("train/form?model=pca")["is_fitted"]


def test_a_training_is_started_by_what_one_would_type(studio: ServedStudio, started: list[list[str]]) -> None:
    photos = studio.source_id("photos")
    options = {"minutes": 0.5, "size": "16", "flip": "no", "latent_dim": 8, "defaults": "published", "compile": True}
    asked = {"model": "dcgan", "sources": {"images": photos}, "options": options, "name": "first try"}
    answer = studio.act("train/start", asked)
    folder = studio.studio.folder
    assert started == [
        ["train", "dcgan", str(folder / "photos"), "--minutes=0.5", "--size=16", "--no-flip", "--latent-dim=8",
         "--defaults=published", "--compile", f"--out={folder / 'runs' / 'first-try'}"]
    ]  # fmt: skip
    assert answer["job"]["about"]["run"] == answer["run"]
    run = studio.run_id("runs/small")
    seen = next(each for each in studio.read("library/runs")["runs"] if each["id"] == run)["checkpoints"][-1]
    studio.act("train/start", asked | {"options": {"start": {"run": run, "at": seen}}})
    assert started[-1][3] == f"--from={folder / 'runs' / 'small'}@{seen}"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sources": {}}, "Choose the pictures"),
        ({"sources": {"images": "../photos"}}, "no longer"),
        ({"model": "no_model"}, "model"),
        ({"options": {"latent_dim": 0}}, "latent dim: It must be greater"),
        ({"options": {"latent_dim": "--help"}}, "latent dim"),
        ({"options": {"no_option": 1}}, "no such option"),
        ({"options": {"size": "64; rm"}}, "a side in pixels"),
        ({"options": {"minutes": 1, "images_seen": 10}}, "not both"),
        ({"options": {"start": "../../etc"}}, "A run of this folder"),
        ({"options": {"start": {"run": "nothing"}}}, "no longer"),
        ({"options": {"evaluate_features": "python:module:function"}}, "command line alone"),
        ({"name": "///"}, "cannot be a name"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_it_starts(
    studio: ServedStudio, started: list[list[str]], changes: dict[str, Any], said: str
) -> None:
    asked = {"model": "dcgan", "sources": {"images": studio.source_id("photos")}, "options": {}, "name": "x"} | changes
    status, body = studio.request(
        "/api/train/start",
        method="POST",
        body=json.dumps(asked).encode(),
        headers=studio.cookie | {"Origin": f"http://{studio.host}", "Content-Type": "application/json"},
    )
    assert status in (400, 404), body
    assert said in json.loads(body)["error"]
    assert started == []


def test_a_model_of_faces_asks_for_consent(studio: ServedStudio, started: list[list[str]]) -> None:
    photos = studio.source_id("photos")
    asked: dict[str, Any] = {"model": "swap", "sources": {"a": photos, "b": photos}, "options": {}, "name": "x"}
    assert "consent" in studio.act("train/start", asked, expected=400)["error"]
    studio.act("train/plan", asked)  # which learns nobody's face
    person = {"who": "Ann Lee", "given_by": "Ann Lee", "when": "2026-11-20"}
    studio.act("train/start", asked | {"consent": {"people": [person]}})
    assert "--consent=Ann Lee; Ann Lee; 2026-11-20" in started[-1]
    half = {"who": "Bert", "given_by": "", "when": ""}  # nobody is left out without a word
    refused = studio.act("train/start", asked | {"consent": {"people": [person, half]}}, expected=400)["error"]
    assert "person 2" in refused
    studio.act("train/start", asked | {"consent": {"self": True}})
    assert "--self" in started[-1]


def test_a_form_is_filled_from_a_run_with_the_remedy_of_a_finding(studio: ServedStudio) -> None:
    run = studio.run_id("runs/small")
    form = studio.read(f"train/again?run={run}")
    assert form["model"] == "dcgan"
    assert form["sources"] == {"images": studio.source_id("photos")}
    assert form["options"]["size"] == "16"
    width = iw.Run(studio.studio.folder / "runs" / "small").record["config"]["width"]
    assert form["options"]["width"] == width  # whose default is not what a training takes by itself
    reports = studio.studio.folder / "runs" / "small" / "metrics.jsonl"
    *earlier, last = reports.read_text().splitlines()
    old = {"name": "collapse", "evidence": "x", "suggestion": "Try --penalty 2 (now 0.5).", "images_seen": 8}
    for finding, wanted in ((old, 0.5), (old | {"remedy": {"option": "penalty", "value": 2.0, "now": 0.5}}, 2)):
        changed = json.dumps(json.loads(last) | {"findings": [finding]})
        reports.write_text("\n".join([*earlier, changed]) + "\n")
        form = studio.read(f"train/again?run={run}&finding=collapse")
        assert form["options"].get("penalty", 0.5) == wanted  # an old finding has a sentence only
    assert studio.read(f"train/again?run={run}&at=24")["options"]["start"] == {"run": run, "at": 24}


def test_a_run_is_followed_through_all_that_can_happen_to_it(studio: ServedStudio, started: list[list[str]]) -> None:
    place, run = studio.studio.folder / "runs" / "small", studio.run_id("runs/small")
    with feed_of(studio, "train/run", run=run) as hear:
        value = wait_for("trained", hear)
        assert {"losses", "judged", "speed"} <= {panel["group"] for panel in value["panels"]}
        assert value["samples"]
        assert "discriminator/real" in value["curves"]["losses"]
        assert len(value["curves"]["losses"]["discriminator/real"]) == 3
        record = json.loads((place / "run.json").read_text())
        record["plan"]["images_seen"] = 800
        (place / "run.json").write_text(json.dumps(record))  # as of a training that was killed on its way
        assert wait_for("ended", hear)["checkpoints"]
        away = place.with_name("away")
        place.rename(away)
        wait_for("gone", hear)
        away.rename(place)
        assert wait_for("ended", hear)["planned"] == 800
        studio.act("train/resume", {"run": run})
        folder = studio.studio.folder
        assert started == [["train", "dcgan", str(folder / "photos"), f"--out={place}", "--resume"]]
        (place / "run.json").write_text("{")
        assert "damaged" in wait_for("damaged", hear)["problem"]


def test_a_grid_of_samples_keeps_its_provenance(studio: ServedStudio) -> None:
    run = studio.run_id("runs/small")
    with studio.live() as socket:
        socket.send(json.dumps({"id": 1, "wish": "train/sample", "asked": {"run": run, "at": 24}}))
        answer = socket.recv(timeout=PATIENCE)
        assert isinstance(answer, bytes)
        (picture,) = entries_of(answer)
        socket.send(json.dumps({"id": 2, "wish": "train/sample", "asked": {"run": run, "at": 7}}))
        assert "no samples" in json.loads(socket.recv(timeout=PATIENCE))["error"]
    status, content = studio.request(f"/pictures/{picture['ticket']}.png", headers=studio.cookie)
    assert status == 200
    saved = studio.studio.folder / "saved.png"
    saved.write_bytes(content)
    assert iw.inspect(saved)["provenance"]["model"] == "dcgan"
    assert studio.request(f"/api/train/training_pictures?run={run}", headers=studio.cookie)[0] == 200


def test_home_hears_of_trainings(studio: ServedStudio) -> None:
    with feed_of(studio, "home/trainings") as hear:
        assert hear() == {"runs": [], "all": [studio.run_id("runs/small")]}
        with lock_run(studio.studio.folder / "runs" / "small"):
            (run,) = hear()["runs"]
    assert run["training"]


def test_home_says_that_a_run_is_resuming_until_it_reports(
    studio: ServedStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, now = Run(studio.studio.folder / "runs" / "small"), time.time()
    for path in (*run.path.rglob("*.jsonl"), *run.path.rglob("*.safetensors")):
        os.utime(path, (now - 100, now - 100))
    about = {"run": studio.run_id("runs/small")}
    finding = Job("0" * 12, "Find red", ("latent", "attribute"), about, now - 50, "running", None)
    training = Job("1" * 12, "Training", ("train", "dcgan"), about, now - 50, "running", None)
    jobs = [finding]
    with monkeypatch.context() as patched, feed_of(studio, "home/trainings") as hear:
        patched.setattr(studio.studio.jobs, "running", lambda: list(jobs))
        assert hear()["runs"] == []  # other work on a run is no training
        jobs.append(training)
        (first,) = hear()["runs"]
        assert first["resuming"]
        run.append_metrics(run.last_report() | {"images_seen": 32})
        (second,) = hear()["runs"]
        assert not second["resuming"]
        assert second["images_seen"] == 32


def test_a_plan_that_was_made_is_read(studio: ServedStudio, started: list[list[str]]) -> None:
    asked = {"model": "vae", "sources": {"images": studio.source_id("photos")}, "options": {"minutes": 1}}
    job = studio.act("train/plan", asked)["job"]
    assert started[0][:4] == ["train", "vae", str(studio.studio.folder / "photos"), "--minutes=1"]
    place = Path(started[0][-1].removeprefix("--plan-file="))
    assert place.is_relative_to(studio.studio.folder / ".imagewright-studio")
    assert place.stem == job["about"]["plan"]


def test_home_says_where_to_begin(trained: Path, tmp_path: Path, serve: Callable[[Path], ServedStudio]) -> None:
    pairs, domains, classes = tmp_path / "pairs", tmp_path / "horses", tmp_path / "animals"
    picture = (trained / "photos" / "0.png").read_bytes()
    for folder, names in (
        (pairs / "A", "123"), (pairs / "B", "123"), (domains / "trainA", "ab"), (domains / "trainB", "cde"),
        (classes / "cats", range(30)), (classes / "dogs", range(30)), (tmp_path / "few", range(9)),
    ):  # fmt: skip
        folder.mkdir(parents=True)
        for name in names:
            (folder / f"{name}.png").write_bytes(picture)
    studio = serve(tmp_path)

    def models(name: str) -> list[str]:
        found = studio.read(f"home/where_to_begin?source={studio.source_id(name)}")
        assert all(each["reason"].endswith(".") for each in found["models"])
        assert len(found["models"]) <= 3
        return [each["name"] for each in found["models"]]

    assert models("pairs")[0] == "pix2pix"
    assert models("horses")[0] == "cyclegan"
    assert models("animals") == ["cgan", "cyclegan", "vae"]
    assert models("few") == ["pca"]
    assert models("digits")[0] == "cgan"
    known = catalogue.entries()
    for needs in get_args(Needs):
        for images in (10, 500, 50_000):
            for choice in recommend_models(needs, images, classes=2 * (needs == "classes")):
                allowed = {needs, "pictures"} | ({"two sets"} if needs == "classes" else set())
                assert known[choice.model].needs in allowed
    assert [each.model for each in recommend_models("pictures", 500)] == ["stylegan2", "dcgan", "vae"]
    assert recommend_models("pictures", 50_000)[0].model == "r3gan"
