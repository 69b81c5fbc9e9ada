"""`imagewright evaluate`, `compare` and `metrics`: output, files, and errors."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PIL import Image
from tiny import simple_pictures, train_tiny

from imagewright.cli import main

FAST = ("--features", "random", "--metrics", "fd:interval=false", "--count", "32")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs on the same pictures."""
    folder = tmp_path_factory.mktemp("runs")
    return [train_tiny(name, simple_pictures(), folder / name).path for name in ("pca", "vae")]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of real pictures."""
    folder = tmp_path_factory.mktemp("real")
    for number, picture in enumerate(simple_pictures(40, seed=1)):
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / f"{number:02d}.png")
    return folder


def test_a_table_files_and_reports(
    runs: list[Path], real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.csv"
    assert main(["evaluate", *map(str, runs), "--against", str(real), *FAST, "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"32 pictures of 16x16 against 40 of {real} in the features random (lanczos):")
    assert "Frechet distance ↓" in printed.out
    assert "are advised" in printed.err
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["subject"] for row in rows] == [str(run) for run in runs]
    assert rows[0]["key"] == rows[1]["key"]
    for run, row in zip(runs, rows, strict=True):
        (saved,) = json.loads((run / "scores.json").read_text())["scores"]
        assert saved["value"] == float(row["value"])
        assert row["key"] in (run / "report.html").read_text()
    assert main(["evaluate", str(runs[0]), "--against", str(real), *FAST, "--out", str(out)]) == 2  # it exists


def test_a_page_of_runs_side_by_side(
    runs: list[Path], real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *map(str, runs), "--against", str(real), *FAST]) == 0
    capsys.readouterr()
    page = tmp_path / "page.html"
    assert main(["compare", *map(str, runs), "--out", str(page)]) == 0
    assert "not comparable" not in capsys.readouterr().err
    assert page.read_text().count("<figure>") == 4  # the training pictures, samples of each run, a row of checkpoints
    assert main(["evaluate", str(runs[0]), "--against", str(real), *FAST[:-1], "16"]) == 0
    assert main(["compare", *map(str, runs)]) == 0
    assert "is not comparable with Frechet distance [A]: count: 32 against 16" in capsys.readouterr().err


def test_the_self_check_writes_curves_and_corrupted_pictures(
    tmp_path: Path, real: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "check.png"
    command = ["metrics", "check", str(real), *FAST[:4], "--corruptions", "noise", "--out", str(out)]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "fd, noise added: changes as expected" in printed
    for path in (out, tmp_path / "check-pictures.png"):
        assert str(path) in printed
        with Image.open(path) as picture:
            assert min(picture.size) > 100
    assert main(command) == 2
    assert "exists already" in capsys.readouterr().err


def test_the_former_spelling_of_the_self_check_names_the_new_command(
    real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*FAST[:4], "--corruptions", "noise", "--count", "15"]
    assert main(["metrics", "check", str(real), *options]) == 0
    expected = capsys.readouterr().out
    out = tmp_path / "check.json"
    assert main(["evaluate", "--self-check", "--against", str(real), *options, "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{expected}{out}\n"
    assert f"imagewright metrics check {real}" in printed.err
    assert json.loads(out.read_text())["count"] == 15


def test_metrics_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics", "list"]) == 0
    assert "density_coverage" in capsys.readouterr().out
    assert main(["metrics", "list", "--json"]) == 0
    metrics = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert metrics["fd"]["default"]
    assert not metrics["likelihood"]["default"]
    assert [output["better"] for output in metrics["precision_recall"]["outputs"]] == ["higher", "higher"]


def test_help_hides_the_former_spelling(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--help"]) == 0
    printed = capsys.readouterr().out
    assert "--against" in printed
    assert "--self-check" not in printed
    assert "--corruptions" not in printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Nothing to evaluate"),
        (["nowhere"], "There is nothing at 'nowhere'"),
        (["digits", "--against", "digits", "--metrics", "fdd"], "Did you mean 'fd'"),
        (["digits", "--against", "digits", "--out", "x.txt"], "Known: .json, .csv"),
        (["--self-check"], "imagewright metrics check SOURCE"),
        (["digits", "--against", "digits", "--protocols", "fid50k_full", "--count", "3"], "--count 3, but fid50k_full"),
    ],
)
def test_mistakes_are_reported_in_a_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", *arguments]) == 2
    printed = capsys.readouterr().err
    assert words in printed
    assert "Traceback" not in printed


def test_a_comparison_needs_two_runs(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(runs[0])]) == 2
    assert "two different runs" in capsys.readouterr().err
