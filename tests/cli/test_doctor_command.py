"""`imagewright doctor`: what it prints for runs with and without a finding, old, damaged and missing runs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny import simple_pictures, train_tiny

from imagewright.cli import main


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that learned at a rate of nearly nothing."""
    folder = tmp_path_factory.mktemp("runs") / "still"
    train_tiny("autoencoder", simple_pictures(16, (8, 8)), folder, steps=6, report_every=8, learning_rate=1e-12)
    return folder


def doctor(capsys: pytest.CaptureFixture[str], run: Path, *options: str) -> str:
    assert main(["doctor", str(run), *options]) == 0
    return capsys.readouterr().out


def test_a_finding_with_its_evidence_and_an_option(still: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, looked, early, absent, never = doctor(capsys, still).splitlines()
    assert found.startswith("training stalled: ")
    tried = re.search(r"\(threshold 0\.01\)\. Try --learning-rate (\S+) \(now 1e-12\)\. \(since 24 images\)", found)
    assert tried is not None
    assert 1e-6 < float(tried[1]) <= 0.01  # twice as high would be as still
    assert looked == "Examined: gradients not finite, gradients exploding, training stalled."
    assert re.search(r"early for: collapse\..* 1,600 images", early)  # 200 steps of 8
    assert absent.startswith("Not examined, as this model has no such figures: discriminator far ahead, ")
    assert "memorisation" in absent
    assert "whether pictures are good" in never
    (record,) = json.loads(doctor(capsys, still, "--json"))
    assert (record["name"], record["images_seen"]) == ("training stalled", 24)


def test_a_short_training_is_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train_tiny("vae", simple_pictures(16, (8, 8)), tmp_path / "run", steps=4)
    first, examined, early, *_ = doctor(capsys, tmp_path / "run").splitlines()
    assert first.startswith("Too short to judge: 32 images seen. A network shows whether it learns from some 8,000 ")
    assert "gradients not finite" in examined
    assert "posterior collapse" in early
    assert "posterior collapse" not in examined
    assert doctor(capsys, tmp_path / "run", "--json") == "[]\n"
    assert "Too short to judge" in (tmp_path / "run" / "report.html").read_text()


def test_a_line_that_a_kill_cut_short_is_passed_over(
    still: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = shutil.copytree(still, tmp_path / "cut")
    with (cut / "metrics.jsonl").open("a") as file:
        file.write('{"images_seen": 56, "heal')
    assert "training stalled" in doctor(capsys, cut)


def test_runs_without_anything_to_diagnose(still: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "set.npz", images=simple_pictures(16, (8, 8)).transpose(0, 2, 3, 1))
    closed = tmp_path / "closed"
    assert main(["train", "pca", str(tmp_path / "set.npz"), "--out", str(closed), "--quiet"]) == 0
    capsys.readouterr()
    assert doctor(capsys, closed).startswith("pca is fitted in closed form")
    old = shutil.copytree(still, tmp_path / "old")
    lines = [json.loads(line) for line in (old / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        del line["health"], line["findings"]
    (old / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "trained by a version without the doctor" in doctor(capsys, old)
    (old / "metrics.jsonl").unlink()
    assert "no report yet" in doctor(capsys, old)


def test_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", str(tmp_path / "nothing")]) == 2
    assert "There is no run directory" in capsys.readouterr().err
    assert main(["doctor", str(tmp_path)]) == 2
    assert "is no run directory: it has no run.json" in capsys.readouterr().err
