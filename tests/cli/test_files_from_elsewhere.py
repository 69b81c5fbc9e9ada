"""Commands on files from elsewhere: no other program is started, and no text of theirs steers the terminal."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import BATCH, simple_pictures, train_tiny

import imagewright as iw
from imagewright.cli import main
from imagewright.output.provenance import make_record
from imagewright.output.writing import write_image
from imagewright.runs.report.page import write_report

POSTSCRIPT = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n0 setgray 0 0 10 10 rectfill\nshowpage\n%%EOF\n"
)
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\r\x08"
STEERING = tuple("\x1b\x07\x9b\u202e\r\x08")


@pytest.fixture
def ghostscript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `gs` first on the path that notes each call in the file that is returned."""
    folder, calls = tmp_path / "programs", tmp_path / "calls"
    folder.mkdir()
    for name in ("gs", "gswin64c", "gswin32c"):
        (folder / name).write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexit 1\n')
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return calls


def run_of(tmp_path: Path) -> Path:
    np.savez(tmp_path / "set.npz", images=simple_pictures().transpose(0, 2, 3, 1))
    run = train_tiny("vae", iw.open_images(tmp_path / "set.npz"), tmp_path / "run", steps=2, report_every=BATCH)
    return run.path


@pytest.mark.learning
@pytest.mark.skipif(os.name != "posix", reason="the program is a shell script")
def test_postscript_under_any_name_starts_no_program(
    ghostscript: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # That the trap works: Pillow by itself calls the program.
    script = f"from PIL import Image, EpsImagePlugin\nImage.open({str(tmp_path / 'trap.eps')!r}).load()"
    (tmp_path / "trap.eps").write_bytes(POSTSCRIPT)
    subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert ghostscript.exists()
    ghostscript.unlink()

    run, folder, others = run_of(tmp_path), tmp_path / "pictures", tmp_path / "others"
    folder.mkdir()
    others.mkdir()
    for number, picture in enumerate(simple_pictures(8)):
        write_image(picture, folder / f"{number}.png")
        write_image(picture, others / f"{number}.png")
    names = [folder / f"holiday{suffix}" for suffix in (".png", ".jpg", ".gif", ".tif", ".webp", ".bmp", ".ppm")]
    for place in [*names, tmp_path / "a.eps", tmp_path / "a.ps", tmp_path / "bare"]:
        place.write_bytes(POSTSCRIPT)
        assert main(["inspect", str(place)]) == 2
    for sheet in (run / "samples").glob("*.png"):
        sheet.write_bytes(POSTSCRIPT)
    monkeypatch.chdir(tmp_path)
    commands = [
        f"data check {folder} --against {others}",
        f"data grid {folder} --out grid.png",
        f"data prepare {folder} --size 8",
        f"reconstruct {run} {folder} --out rebuilt.png",
        f"latent neighbours {run} {folder} --out near.png",
        f"score {run} {folder} --out scores.csv",
        f"evaluate {run} --against {folder} --metrics kd --features random --count 8",
        f"compare {run} {shutil.copytree(run, tmp_path / 'other')} --out compare.html",
        f"interpolate {run} {names[0]} {names[1]} --out walk.png",
        f"inspect {run}",
    ]
    for command in commands:
        main(command.split())
    write_report(run)
    assert not ghostscript.exists(), ghostscript.read_text()
    assert "Traceback" not in capsys.readouterr().err


def test_texts_from_files_do_not_steer_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(cache))
    picture = tmp_path / "sheet.png"
    record = make_record("sample", model=ESCAPES, seed=1, settings={ESCAPES: [ESCAPES, {"half": "\ud800"}]})
    write_image(np.zeros((3, 4, 4), np.uint8), picture, record)
    folder = tmp_path / f"set{ESCAPES.replace('/', '')}"
    folder.mkdir()
    for number in range(12):
        write_image(np.full((3, 9, 9), number * 20, np.uint8), folder / f"{number}\x1b[31m.png")
    (folder / "bad\x1b[2J.png").write_bytes(b"no picture\x1b[2J\n at all")
    assert main(["data", "prepare", str(folder), "--size", "8"]) == 0
    for header in cache.glob("*.json"):
        header.write_text(json.dumps(json.loads(header.read_text()) | {"source": ESCAPES}))
    for command in (
        ["inspect", str(picture)],
        ["inspect", str(picture), "--json"],
        ["data", "cache"],
        ["data", "check", str(folder)],
        ["inspect", str(folder / "bad\x1b[2J.png")],
        ["inspect", f"nothing{ESCAPES}"],
        ["train", f"vae{ESCAPES}", "digits"],
    ):
        capsys.readouterr()
        main(command)
        shown = capsys.readouterr()
        assert shown.out or shown.err
        for steering in STEERING:
            assert steering not in shown.out + shown.err, command
    assert main(["inspect", str(picture)]) == 0
    shown = capsys.readouterr().out
    assert r"\x1b]0;owned" in shown
    assert r"\x1b[2J\x9b31m\u202egnp.exe" in shown


def test_pages_show_pictures_with_their_provenance(tmp_path: Path) -> None:
    run = run_of(tmp_path)
    large = Image.fromarray(np.zeros((500, 500), np.uint8))
    record = make_record("sample", model="vae", seed=0)
    for seen in (1, 2):
        write_image(large, run / "samples" / f"{seen:09d}.png", record)
    iw.compare([run, shutil.copytree(run, tmp_path / "other")]).write(tmp_path / "compare.html")
    for page, least in ((write_report(run), 3), (tmp_path / "compare.html", 2)):
        embedded = re.findall(r'alt="samples[^>]*src="data:image/png;base64,([^"]+)', page.read_text())
        assert len(embedded) >= least
        for number, text in enumerate(embedded):
            (tmp_path / f"{number}.png").write_bytes(base64.b64decode(text))
            assert iw.inspect(tmp_path / f"{number}.png")["provenance"]["verb"] == "sample"
