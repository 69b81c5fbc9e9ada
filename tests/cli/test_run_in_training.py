"""Tools on a run that is being trained now: all say so, by one sentence, and how far its checkpoint is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image
from tiny import simple_pictures, train_tiny

import imagewright as iw
from imagewright.cli import main
from imagewright.runs.lock import lock_run

SENTENCE = "is being trained now: this is its checkpoint at"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "pca"
    run = train_tiny("pca", simple_pictures(24, (8, 8)), path, components=6)
    iw.directions(run, save={0: "wide"})
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number, picture in enumerate(simple_pictures(24, (8, 8))):
        (folder / "ab"[number % 2]).mkdir(exist_ok=True)
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / "ab"[number % 2] / f"{number}.png")
    return folder


COMMANDS = {
    "sample": "RUN --count 2 --out x.png",
    "reconstruct": "RUN FOLDER --count 2 --out x.png",
    "score": "RUN FOLDER --out x.csv",
    "interpolate": "RUN --between 0 1 --steps 2 --out x.png",
    "interpolate --corners": "0 1 2 3 --steps 2 RUN --out x.png",
    "interpolate RUN": "--between 0 1 --steps 2 --out x.gif",
    "edit": "RUN 0 --move wide=1 --out x.png",
    "latent grid": "RUN --steps 2 --out x.png",
    "latent traverse": "RUN --count 1 --steps 2 --out x.png",
    "latent directions": "RUN --count 1 --out x.png",
    "latent arithmetic": "RUN 0:1 --out x.png",
    "latent attribute": "RUN FOLDER --attribute a --out x.png",
    "latent project": "RUN FOLDER/a/0.png --steps 1 --out x.png",
    "latent neighbours": "RUN FOLDER --count 12 --out x.png",
    "evaluate": "RUN --against FOLDER --metrics fd --features pixels --count 24 --no-save",
    "outliers": "FOLDER --run RUN --out x",
    "cluster": "FOLDER --run RUN --clusters 2 --out x",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_tool_says_once_that_the_run_is_being_trained(
    command: str, run: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    typed = f"{command} {COMMANDS[command]}".replace("RUN", str(run)).replace("FOLDER", str(folder)).split()
    with lock_run(run):
        assert main(typed) == 0, capsys.readouterr().err
    assert capsys.readouterr().err.count(f"{run} {SENTENCE}") == 1


def test_in_python_it_is_a_note_of_the_result(run: Path) -> None:
    with lock_run(run):
        sheet = iw.edit_sheet(run, [0], {"wide": 1.0})
        assert SENTENCE in sheet.notes[0]
        assert SENTENCE in iw.traverse(run, count=1, steps=2).notes[0]
        assert SENTENCE in iw.project(run, simple_pictures(1, (8, 8)), steps=1).notes[0]
        assert SENTENCE in iw.blend_sheet(run, steps=2).notes[0]
    assert not any(SENTENCE in note for note in iw.edit_sheet(run, [0], {"wide": 1.0}).notes)


def test_a_classifier_in_training_says_so(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train_tiny("lda", simple_pictures(24, (8, 8)), tmp_path / "lda").path
    with lock_run(run):
        assert main(["classify", str(run), str(folder), "--out", str(tmp_path / "x.csv")]) == 0
    assert capsys.readouterr().err.count(SENTENCE) == 1


def test_a_checkpoint_that_was_named_is_no_news(
    run: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = iw.Run(run).checkpoints()[-1].images_seen
    with lock_run(run):
        out = str(tmp_path / "x.csv")
        assert main(["score", str(run), str(folder), "--at", str(seen), "--out", out]) == 0
    assert "being trained" not in capsys.readouterr().err


def test_a_run_that_is_being_trained_says_so(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with lock_run(run):
        assert main(["sample", str(run), "--count", "2", "--out", str(tmp_path / "a.png")]) == 0
    assert f"{run} is being trained now: this is its checkpoint at" in capsys.readouterr().err
    assert main(["sample", str(run), "--count", "2", "--out", str(tmp_path / "b.png")]) == 0
    assert "being trained" not in capsys.readouterr().err
    begun = tmp_path / "begun"
    shutil.copytree(run, begun, ignore=shutil.ignore_patterns("checkpoints"))
    with lock_run(begun):
        assert main(["sample", str(begun), "--out", str(tmp_path / "c.png")]) == 2
    assert "is being trained now and has no checkpoint yet: wait until its first one" in capsys.readouterr().err
