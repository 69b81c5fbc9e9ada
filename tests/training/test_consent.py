"""Consent: a model that learns faces asks for it, keeps it in run.json, and every picture that it makes has it."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App
from tiny import simple_pictures, stopped_after, tiny_images, train_tiny

import imagewright as iw
from imagewright import catalogue
from imagewright.cli import questions
from imagewright.cli.commands import train as train_command
from imagewright.errors import UserError

MODEL = "autoencoder"
ANN = "Ann Lee; Ann Lee; 2026-01-20"
KEPT = {"who": "Ann Lee", "given_by": "Ann Lee", "when": "2026-01-20"}
SELF = {"who": "self", "given_by": "self"}


@pytest.fixture(autouse=True)
def asks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A small model that asks for consent, as those of faces do."""
    monkeypatch.setattr(catalogue.model_class(MODEL).Config, "needs_consent", True)
    monkeypatch.chdir(tmp_path)


def train(out: str | Path = "run", **options: Any) -> iw.Run:
    return train_tiny(MODEL, out=Path(out), steps=1, **options)


def without_day(records: Any) -> list[dict[str, Any]]:
    return [{name: value for name, value in record.items() if name != "when"} for record in records]


def test_a_model_of_faces_is_not_trained_without_consent(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"WHO; GIVEN BY; DATE.*consent=.*'self'"):
        iw.train(MODEL, simple_pictures(), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (ANN, [KEPT | {"text": ANN}]),
        ("Ann Lee; Bo; 2026-01-20", [KEPT | {"given_by": "Bo", "text": "Ann Lee; Bo; 2026-01-20"}]),
        ({"who": "Ann Lee", "given_by": "Ann Lee", "when": date(2026, 1, 20)}, [KEPT]),
    ],
)
def test_who_by_whom_and_when_are_kept(given: Any, expected: Any) -> None:
    run = train(consent=given)
    assert run.record["consent"] == expected
    assert iw.inspect(run)["consent"] == expected


def test_consent_is_read_from_a_file_and_its_digest_is_kept(tmp_path: Path) -> None:
    text = "Release\r\nWho: Ann Lee\r\nGiven by: Ann Lee\r\nwhen: 2026-01-20\r\nsigned: ...\r\n"
    (tmp_path / "ann.txt").write_bytes(text.encode())
    (kept,) = train(consent=tmp_path / "ann.txt").record["consent"]
    assert kept == KEPT | {"file": "ann.txt", "sha256": hashlib.sha256(text.encode()).hexdigest()}


def test_a_scanned_release_is_named_beside_who_and_when(tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_bytes(b"%PDF\x00\xff" * 1000)
    with pytest.raises(UserError, match=r"scan.pdf has no line `who: .*2026-11-20; scan.pdf"):
        train(consent="scan.pdf")
    (kept,) = train(consent=f"{ANN}; scan.pdf").record["consent"]
    assert kept["file"] == "scan.pdf"
    assert len(kept["sha256"]) == 64


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("Ann agreed", r"'Ann agreed' is no file.*WHO; GIVEN BY; DATE"),
        ("Ann; Ann; yesterday", r"'yesterday' is no day such as 2026-11-20"),
        ("; Ann; 2026-01-20", r"whose faces"),
        ("Ann; ; 2026-01-20", r"who gave it"),
        ("a; b; c; d; e", r"5 parts"),
        (f"Ann; Ann; {date.today() + timedelta(days=30)}", r"lies ahead"),
        ("Ann; Ann; 2026-01-20; scan.pdf", r"scan.pdf, which is not there"),
        ({"who": "Ann", "by": "Ann"}, r"no entry 'by'"),
        ({"who": "Ann"}, r"who gave it"),
        (7, r"consent=7"),
        (Path(), r"is a folder"),
    ],
)
def test_a_consent_that_says_too_little_is_refused(given: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        train(consent=given)
    assert not Path("run").exists()


def test_resuming_keeps_the_consent_and_adds_to_it() -> None:
    run = stopped_after(MODEL, Path("run"), steps=3, stop_at=1, consent=[ANN, "self"])
    assert without_day(run.record["consent"]) == without_day([KEPT | {"text": ANN}, SELF])
    weights = train_tiny(MODEL, out=run.path, steps=3, resume=True, consent=["self", "Bo; Bo; 2026-02-01"])
    assert [each["who"] for each in weights.record["consent"]] == ["Ann Lee", "self", "Bo"]


def test_resuming_asks_for_no_second_consent() -> None:
    run = stopped_after(MODEL, Path("run"), steps=3, stop_at=1, consent=ANN)
    iw.train(MODEL, tiny_images(MODEL), out=run.path, resume=True)
    assert iw.Run(run.path).record["consent"] == [KEPT | {"text": ANN}]


def test_starting_from_a_run_keeps_its_consent_and_asks_for_that_of_the_new_pictures() -> None:
    first = train("first", consent=ANN)
    with pytest.raises(UserError, match="asks for a record of their consent"):
        iw.train(MODEL, simple_pictures(), out="second", start=str(first.path))
    second = train("second", start=str(first.path), consent="Bo; Bo; 2026-02-01")
    assert [each["who"] for each in second.record["consent"]] == ["Ann Lee", "Bo"]
    third = train("third", start=str(second.latest()[0].weights), consent="self")
    assert [each["who"] for each in third.record["consent"]] == ["Ann Lee", "Bo", "self"]


def test_every_picture_of_a_run_has_the_consent() -> None:
    run = train(consent=[ANN, "self"])
    latest = run.latest_preview()
    assert latest is not None
    today = date.today().isoformat()
    for record in (
        iw.inspect(latest)["provenance"],
        iw.reconstruction_sheet(run, simple_pictures(2)).record,
        iw.reconstruction_sheet(run.latest()[0].weights, simple_pictures(2)).record,
    ):
        assert record["consent"] == [KEPT, SELF | {"when": today}]


def test_other_models_are_as_before(tmp_path: Path) -> None:
    run = train_tiny("vae", out=tmp_path / "vae", steps=1)
    assert "consent" not in run.record
    assert "consent" not in iw.sample_sheet(run, 2).record
    assert train_tiny("pca", out=tmp_path / "pca", consent=ANN).record["consent"][0]["who"] == "Ann Lee"


# The command line


def command(*words: str) -> None:
    app = App(name="train", default_parameter=train_command.app.default_parameter)
    app.command(train_command.build_command(MODEL), name=MODEL)
    small = ["--images-seen", "8", "--batch-size", "8", "--size", "16", "--precision", "fp32", "--quiet"]
    app([MODEL, "digits", "--out", "run", *small, *words], result_action="return_value")


def recorded() -> Any:
    return json.loads(Path("run/run.json").read_text())["consent"]


def test_the_options_of_the_command_line() -> None:
    command("--consent", ANN, "--consent", "Bo; Bo; 2026-02-01", "--self")
    assert [each["who"] for each in recorded()] == ["Ann Lee", "Bo", "self"]
    command("--resume")
    assert [each["who"] for each in recorded()] == ["Ann Lee", "Bo", "self"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_person_at_a_terminal_is_asked_once(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(questions, "is_answerable", lambda: True)
    monkeypatch.setattr(sys, "stdin", Terminal("Ann; Ann; 2026-01-20\n"))
    command()
    assert recorded()[0]["who"] == "Ann"
    assert capsys.readouterr().err.count("who gave consent, when?") == 1


@pytest.mark.parametrize("answer", ["", "\n", "No\n"])
def test_no_answer_is_no_consent(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(questions, "is_answerable", lambda: True)
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    with pytest.raises(UserError, match="asks for a record of their consent"):
        command()
    assert not Path("run").exists()


def test_without_a_terminal_the_command_refuses_in_a_sentence() -> None:
    with pytest.raises(UserError, match="asks for a record of their consent"):
        command()


def test_models_without_faces_have_no_such_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue.model_class(MODEL).Config, "needs_consent", False)
    assert "consent" not in train_command.build_command(MODEL).__annotations__
