"""`imagewright outliers` and `data check --against` as they are typed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagewright.cli import main


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """24 pictures of a light square on grey, number 5 with a stripe instead."""
    generator = np.random.default_rng(0)
    for index in range(24):
        picture = generator.normal(90, 3, (16, 16))
        top, left = generator.integers(4, 6, 2)
        picture[top : top + 6, left : left + 6] = 200
        if index == 5:
            picture[:] = 90
            picture[:, 12:14] = 220
        path = tmp_path / "photos" / ("odd" if index == 5 else "good") / f"{index:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(path)
    return tmp_path / "photos"


def test_a_search_with_moving_and_undo(capsys, tmp_path: Path, photos: Path) -> None:
    out, odd = tmp_path / "out", tmp_path / "odd"
    arguments = ["outliers", str(photos), "--out", str(out), "--normal", "good", "--move-to", str(odd), "--count", "1"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "ensemble: odd/05.png" in printed
    assert "1 known outliers, 23 normal" in printed
    assert {path.name for path in out.iterdir()} == {"scores.csv", "sheet.png", "where.png", "report.json"}
    assert (odd / "odd" / "05.png").is_file()
    assert not (photos / "odd" / "05.png").exists()
    assert main(["outliers", "--undo", str(odd / "moved.csv")]) == 0
    assert (photos / "odd" / "05.png").is_file()
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "needs SOURCE and --out"),
        (["--out", "o", "--move-to", "m"], "Say --count or --fraction"),
        (["--out", "o", "--move-to", "m", "--copy-to", "c", "--count", "1"], "not both"),
        (["--out", "o", "--move-to", "PHOTOS/in", "--count", "1"], "lies in the source"),
        (["--out", "o", "--count", "0"], "for --count. It must be 1 or more"),
        (["--out", "o", "--fraction", "1.5"], "for --fraction. It must be above 0, at most 1"),
        (["--out", "o", "--method", "nieghbours"], "Did you mean 'neighbours'"),
        (["--out", "o", "--normal", "goood"], "Did you mean 'good'"),
        (["--out", "o", "--train-on", "goood"], "Did you mean 'good'"),
        (["--out", "o", "--run", "no-run"], "no-run"),
        (["--out", "o", "--undo", "no-list.csv"], "no-list.csv"),
    ],
)
def test_mistakes_are_named_and_leave_nothing(capsys, monkeypatch, tmp_path, photos, options, expected) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    typed = [option.replace("PHOTOS", str(photos)) for option in options]
    assert main(["outliers", str(photos), *typed]) == 2
    printed = capsys.readouterr()
    assert expected in printed.err
    assert "Traceback" not in printed.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_source_that_is_no_folder_cannot_be_moved_from(capsys, tmp_path: Path) -> None:
    arguments = ["outliers", "digits", "--out", str(tmp_path / "o"), "--move-to", str(tmp_path / "m"), "--count", "1"]
    assert main(arguments) == 2
    assert "not files in a folder" in capsys.readouterr().err


def test_one_picture_is_too_few(capsys, tmp_path: Path, photos: Path) -> None:
    assert main(["outliers", str(photos / "odd"), "--out", str(tmp_path / "o")]) == 2
    assert "1 picture" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_two_sets_against_each_other(capsys, photos: Path) -> None:
    assert main(["data", "check", str(photos), "--against", str(photos / "odd")]) == 0
    printed = capsys.readouterr().out
    assert "1 equal and 0 nearly equal pictures" in printed
    assert "odd/05.png = 05.png" in printed
