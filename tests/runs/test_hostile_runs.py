"""Run directories from elsewhere: special files are not opened, and wrong entries end in one line that names them."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import BATCH, Messages, simple_pictures, train_tiny

import imagewright as iw
from imagewright.errors import RunError, UserError
from imagewright.json_files import JsonError, parse_json
from imagewright.runs.report.page import write_report
from imagewright.runs.weights import read_tensors, write_tensors
from imagewright.training.reporting import Silent

LAST = "checkpoints/000000016.safetensors"
STATE = "checkpoints/000000016.state.safetensors"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = simple_pictures()
    run = train_tiny("vae", pictures, tmp_path_factory.mktemp("finished") / "run", steps=2, report_every=BATCH)
    iw.evaluate(run, against=pictures, metrics=["kd"], features="random", count=16)
    return run.path


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "run")


def resume(run: Path, **options: Any) -> iw.Run:
    return iw.train("vae", simple_pictures(), run, resume=True, **({"reporter": Silent()} | options))


def compare(run: Path) -> object:
    return iw.compare([run, shutil.copytree(run, run.parent / "other", ignore=lambda *_: ["scores.json"])])


def one_line(error: pytest.ExceptionInfo[RunError]) -> str:
    text = str(error.value)
    assert text.isprintable(), text
    assert len(text) < 1000
    return text


# Only regular files are opened

READERS: dict[str, Callable[[Path], object]] = {
    "run.json": iw.load,
    "metrics.jsonl": iw.doctor,
    "scores.json": compare,
    LAST: iw.load,
    STATE: resume,
}
SPECIAL: dict[str, tuple[Callable[[Path], object], str]] = {
    "pipe": (os.mkfifo, "a named pipe"),
    "zeros": (lambda path: path.symlink_to("/dev/zero"), "a device"),
    "folder": (Path.mkdir, "a folder"),
    "loop": (lambda path: path.symlink_to(path.name), "leads back to itself"),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_no_regular_file_is_not_opened(copied: Path, name: str, kind: str) -> None:
    make, words = SPECIAL[kind]
    (copied / name).unlink()
    make(copied / name)
    with pytest.raises(RunError, match=f"{name}.*{words}") as error:
        READERS[name](copied)
    one_line(error)


def test_a_socket_is_not_opened(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copied / "run.json").unlink()
    monkeypatch.chdir(copied)  # the address of a socket is short
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("run.json")
    with pytest.raises(RunError, match=r"run\.json is a socket"):
        iw.load(copied)


def test_a_record_that_never_ends_is_refused(copied: Path) -> None:
    with (copied / "run.json").open("ab") as file:
        file.truncate(17 << 20)
    with pytest.raises(RunError, match=r"run\.json is larger than the 16,777,216 bytes"):
        iw.load(copied)


# Entries of other types


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": None}, "model is None"),
        ({"model": "two\nlines"}, r"model is 'two\\nlines'"),
        ({"config": [1]}, "config is a list"),
        ({"seed": True}, "seed is True"),
        ({"seed": 2**64}, "20 digits"),
        ({"plan": {"images_seen": "many"}}, r"plan\.images_seen is 'many'"),
        ({"plan": {"images_per_second": 0}}, r"plan\.images_per_second is 0"),
        ({"plan": {"images_per_second": float("inf")}}, r"plan\.images_per_second|Infinity|number"),
        ({"plan": {"pace": {"reports": {"first": 0, "largest": 1}}}}, r"plan\.pace"),
        ({"sources": {"images": {"size": [16]}}}, r"sources\.images\.(source|size)"),
        ({"source": "pictures"}, "source is 'pictures'"),
        ({"source": {"source": "x", "exclude": 0}}, r"source\.exclude is 0"),
        ({"source": {"source": "x", "layers": [{"name": "\ud800", "kind": "picture"}]}}, r"layers"),
        ({"config": {"size": [16, 2**62]}}, "size"),
        ({"options": {"seed": {}}}, "seed"),
        ({"config": {"latent_dim": "x" * 10_000}}, "latent_dim"),
    ],
)
def test_a_wrong_entry_of_the_record_is_named(copied: Path, changes: dict[str, Any], words: str) -> None:
    record = json.loads((copied / "run.json").read_text())
    (copied / "run.json").write_text(json.dumps(record | changes))
    with pytest.raises(UserError, match=words) as error:
        resume(copied)
    one_line(error)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"model":' * 100 + "1" + "}" * 100, "9" * 5000, "[1, 2]", "", "\0"])
def test_text_that_is_no_record_is_refused(copied: Path, text: str) -> None:
    for name, use in (("run.json", iw.load), ("scores.json", compare)):
        shutil.copytree(copied, copied.parent / name)
        (copied.parent / name / name).write_text(text)
        with pytest.raises(RunError, match=rf"{name} is damaged") as error:
            use(copied.parent / name)
        one_line(error)
        shutil.rmtree(copied.parent / "other", ignore_errors=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": "low"}, r"scores\[0\]\.value is 'low'"),
        ({"recipe": {"features": []}}, r"scores\[0\]\.recipe\.features is a list"),
        ({"images_seen": -1}, r"scores\[0\]\.images_seen is -1"),
        ({"warnings": None}, r"scores\[0\]\.warnings is None"),
    ],
)
def test_a_wrong_score_is_named(copied: Path, changes: dict[str, Any], words: str) -> None:
    found = json.loads((copied / "scores.json").read_text())
    found["scores"][0] |= changes
    (copied / "scores.json").write_text(json.dumps(found))
    with pytest.raises(RunError, match=words) as error:
        compare(copied)
    assert "evaluate the run again" in one_line(error)


@pytest.mark.parametrize(
    "line", ['{"images_seen": "5"}', '{"images_seen": 5, "losses": [1]}', "[" * 9999, '{"images_seen": ' + "9" * 5000]
)
def test_damaged_reports_are_left_out_with_a_count(copied: Path, line: str) -> None:
    reports = (copied / "metrics.jsonl").read_text()
    (copied / "metrics.jsonl").write_text(f"{line}\n{reports}{line[:3]}")  # the last line as a kill leaves it
    assert [report["images_seen"] for report in iw.Run(copied).metrics()] == [8, 16]
    assert "1 line is damaged" in iw.inspect(copied)["notes"][0]
    iw.doctor(copied)
    assert "1 line is damaged" in write_report(copied).read_text()
    messages = Messages()
    resume(copied, images_seen=32, reporter=messages)
    assert sum("1 line is damaged" in text for text in messages.texts) == 1
    assert (copied / "metrics.jsonl").read_text().startswith(reports)


# The records of weights


def rewrite(path: Path, changes: dict[str, Any], without: str = "") -> None:
    tensors, record = read_tensors(path)
    write_tensors(path, tensors, {name: value for name, value in (record | changes).items() if name != without})


@pytest.mark.parametrize(
    ("changes", "without", "words"),
    [
        ({}, "model", "says no model"),
        ({"config": 3}, "", "config is 3"),
        (
            {"config": {"size": [16, 16], "channels": 3, "latent_dim": 65_536, "width": 2048}},
            "",
            "numbers, and it holds",
        ),
        ({"absent": ["no\nsuch"]}, "", "lacks a network no such"),
    ],
)
def test_a_wrong_record_of_weights_is_told(copied: Path, changes: dict[str, Any], without: str, words: str) -> None:
    rewrite(copied / LAST, changes, without)
    with pytest.raises(RunError, match=words) as error:
        iw.load(copied)
    one_line(error)


def test_a_wrong_record_of_a_state_is_passed_over_for_an_earlier_one(tmp_path: Path) -> None:
    run = train_tiny("vae", simple_pictures(), tmp_path / "run", steps=4, checkpoint_every=16)
    rewrite(run.checkpoint_at(32).state, {"index": "last"})
    messages = Messages()
    resume(run.path, reporter=messages)
    assert any("index is 'last'" in text and "checkpoint at 16 images" in text for text in messages.texts)


@pytest.mark.parametrize("name", ["²²².safetensors", "9" * 200 + ".safetensors", "16.safetensors", "-1.safetensors"])
def test_names_that_the_package_does_not_write_are_no_checkpoints(copied: Path, name: str) -> None:
    shutil.copy(copied / LAST, copied / "checkpoints" / name)
    assert [each.images_seen for each in iw.Run(copied).checkpoints()] == [16]
    resume(copied, images_seen=32)
    assert (copied / "checkpoints" / name).exists()


def test_tensors_of_other_models_and_types_are_refused(copied: Path) -> None:
    tensors, record = read_tensors(copied / LAST)
    for wrong in ({}, {name: tensor.flatten() for name, tensor in tensors.items()}, {"x": torch.zeros(0)}):
        write_tensors(copied / LAST, wrong, record)
        with pytest.raises(RunError, match=r"does not hold this model's tensors|numbers, and it holds") as error:
            iw.load(copied)
        one_line(error)


# JSON


def test_json_is_bounded() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": [1, -2.5, NaN]}')["a"][:2] == [1, -2.5]
    deepest: Any = 1
    for _ in range(64):
        deepest = [deepest]
    assert parse_json(json.dumps(deepest)) == deepest
    assert len(parse_json(json.dumps([[]] * 1000))) == 1000
    assert parse_json(str(2**63 - 1)) == 2**63 - 1
    for text in (json.dumps([deepest]), str(2**63), "-" + "9" * 9999, "[" * 10**6, "{", b"\xff", '{"a": 1} 2'):
        with pytest.raises(JsonError):
            parse_json(text)
    assert np.isnan(parse_json("NaN"))
