"""What every command that takes pictures does: it says what it left out, and takes the options that choose pictures."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import simple_pictures, train_tiny

from imagewright.cli.app import main

UNREADABLE = "2 unreadable pictures are left out: 03.png"
PASSED_OVER = "Passed over in"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four pictures, two of them damaged, and one of a format that is not read."""
    folder = tmp_path_factory.mktemp("pictures") / "in"
    folder.mkdir()
    for number, pixels in enumerate(simple_pictures(24)):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(folder / f"{number:02}.png")
    for number in (3, 17):
        path = folder / f"{number:02}.png"
        path.write_bytes(path.read_bytes()[:60])
    (folder / "scan.jp2").write_bytes(b"x")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny("pca", simple_pictures(24), tmp_path_factory.mktemp("runs") / "pca").path


COMMANDS = {
    "train": "train pca {source} --out {out}",
    "score": "score {run} {source} --out {out}.csv",
    "reconstruct": "reconstruct {run} {source} --count 24 --out {out}.png",
    "components": "components {source} --components 3 --out {out}",
    "cluster": "cluster {source} --space pixels --map pca --clusters 2 --out {out}",
    "outliers": "outliers {source} --method pca --out {out}",
    "compress": "compress {source} --methods jpeg --qualities 50 --count 4 --out {out}",
    "data grid": "data grid {source} --count 24 --out {out}.png",
    "data prepare": "data prepare {source}",
    "data check": "data check {source}",
    "evaluate": "evaluate {source} --against shapes:count=40,size=16 --features random --metrics fd:interval=false "
    "--no-save",
    "evaluate against": "evaluate {run} --against {source} --features random --count 20 --no-save "
    "--metrics fd:interval=false",
    "latent grid": "latent grid {run} {source} --out {out}.png",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_left_out(source, run, tmp_path, capsys, name) -> None:
    typed = [part.format(source=source, run=run, out=tmp_path / "out") for part in COMMANDS[name].split()]
    code = main(typed)
    out, err = capsys.readouterr()
    if name == "latent grid" and code == 2:
        pytest.skip("takes no pictures")
    assert code == 0, err
    said = out + err
    if name == "data check":
        assert "unreadable       2" in said
    elif name == "data prepare":
        assert said.count("left out: ") == 2
    else:
        assert said.count(UNREADABLE) == 1, said
    assert said.count(PASSED_OVER) == 1
    assert "1 .jp2 (scan.jp2)" in said


def test_the_options_that_choose_pictures(source, tmp_path, capsys) -> None:
    assert main(["data", "check", str(source), "--only", "0?.png", "--exclude", "03.png", "09.png"]) == 0
    out = capsys.readouterr().out
    assert "8 pictures, 8 readable" in out
    assert main(["train", "pca", str(source), "--only", "1*", "--out", str(tmp_path / "run"), "--quiet"]) == 0
    assert main(["train", "pca", str(source), "--out", str(tmp_path / "run"), "--resume", "--quiet"]) in (0, 2)
    from imagewright.runs.run import Run

    assert Run(tmp_path / "run").record["source"]["only"] == ["1*"]


def test_a_value_range_reaches_a_command(tmp_path, capsys) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    for number in range(4):
        Image.fromarray(np.full((8, 8), 1000 * number, np.uint16)).save(folder / f"{number}.png")
    assert main(["data", "grid", str(folder), "--out", str(tmp_path / "dark.png")]) == 0
    assert "(12 bits)" in capsys.readouterr().err
    assert main(["data", "grid", str(folder), "--value-range", "0:3000", "--out", str(tmp_path / "light.png")]) == 0
    means = [np.asarray(Image.open(tmp_path / f"{name}.png").convert("L")).mean() for name in ("dark", "light")]
    assert means[1] > means[0] + 20
    assert main(["data", "check", str(folder), "--value-range", "9"]) == 2
    assert "--value-range" in capsys.readouterr().err


def test_quiet_is_quiet(source, tmp_path, capsys) -> None:
    assert main(["train", "pca", str(source), "--out", str(tmp_path / "run"), "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def replace_streams(monkeypatch: pytest.MonkeyPatch, encoding: str) -> dict[str, io.TextIOWrapper]:
    """Standard output and error as pipes of an encoding: pytest's own take UTF-8 alone."""
    streams = {each: io.TextIOWrapper(io.BytesIO(), encoding=encoding) for each in ("stdout", "stderr")}
    for each, stream in streams.items():
        monkeypatch.setattr(sys, each, stream)
    return streams


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("name", ["lat\udce9.png", "ゾウ🐘.png", "new\nline.png"])
def test_any_name_in_any_encoding(tmp_path, monkeypatch, encoding, name) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number, pixels in enumerate(simple_pictures(6)):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(folder / f"{number}.png")
    (folder / "5.png").rename(folder / name)
    (folder / name).write_bytes(b"")
    streams = replace_streams(monkeypatch, encoding)
    code = main(["data", "check", str(folder)])
    assert main(["train", "pca", str(folder), "--components", "2", "--out", str(tmp_path / "run")]) == 0
    printed = streams["stdout"].buffer.getvalue()
    assert code == 0
    assert b"the file is empty" in printed
    if name.startswith("lat"):
        assert rb"lat\xe9.png" in printed  # a byte that is no letter, as its code


@pytest.mark.learning
def test_a_run_on_a_folder_whose_name_is_no_utf8(tmp_path, monkeypatch, run) -> None:
    errors = replace_streams(monkeypatch, "utf-8")["stderr"]
    folder = tmp_path / "lat\udce9"
    folder.mkdir()
    for number, pixels in enumerate(simple_pictures(8)):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(folder / f"{number}\udce9.png")
    out = tmp_path / "run\udce9"
    assert main(["train", "pca", str(folder), "--components", "2", "--out", str(out)]) == 0
    assert (out / "report.html").is_file()
    for typed in (
        ["score", out, folder, "--out", tmp_path / "s.csv"],
        ["cluster", folder, "--space", "pixels", "--map", "pca", "--clusters", "2", "--out", tmp_path / "c"],
        ["outliers", folder, "--method", "pca", "--out", tmp_path / "o"],
        ["reconstruct", out, folder, "--out", tmp_path / "r.png"],
        ["reconstruct", out, folder, "--out", tmp_path / "r"],
        ["data", "grid", folder, "--out", tmp_path / "g.png"],
        ["components", folder, "--components", "2", "--out", tmp_path / "comp"],
        ["evaluate", folder, "--against", folder, "--features", "random", "--metrics", "fd:interval=false"],
        ["inspect", out],
        ["compare", out, run, "--out", tmp_path / "compare.html"],
    ):
        assert main([str(each) for each in typed]) == 0, (typed, errors.buffer.getvalue())
    assert b"0\xe9.png," in (tmp_path / "s.csv").read_bytes()
