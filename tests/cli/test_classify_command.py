"""`imagewright classify`: a run on pictures, and classifiers compared."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from imagewright.cli import main


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Light and dark pictures with some noise, in an .npz with labels."""
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 2
    pictures = generator.integers(0, 120, (60, 8, 8)) + 100 * labels[:, None, None]
    path = tmp_path_factory.mktemp("set") / "shades.npz"
    np.savez(path, images=pictures.astype(np.uint8), labels=labels)
    return path


@pytest.fixture(scope="module")
def run(labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "gda"
    assert main(["train", "gda", str(labelled), "--out", str(path), "--components", "5", "--quiet"]) == 0
    return path


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_a_run_gives_a_class_and_a_probability_for_each_picture(
    run: Path, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "predicted.csv"
    assert main(["classify", str(run), str(labelled), "--out", str(out)]) == 0
    rows = table(out)
    assert len(rows) == 60
    assert list(rows[0]) == ["name", "label", "probability", "truth", "probability of 0", "probability of 1"]
    for row in rows:
        chances = [float(row[f"probability of {label}"]) for label in "01"]
        assert sum(chances) == pytest.approx(1, abs=1e-5)
        assert float(row["probability"]) == max(chances)
    right = sum(row["label"] == row["truth"] for row in rows)
    assert f"{right / 60:.2%} of 60 pictures right" in capsys.readouterr().out
    assert (tmp_path / "predicted-confusion.png").is_file()
    assert (tmp_path / "predicted-mistakes.png").is_file() == (right < 60)
    assert main(["classify", str(run), str(labelled), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["classify", str(run), str(labelled), "--out", str(out), "--force"]) == 0


def test_pictures_without_labels_are_classified_without_an_accuracy(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "bare.npz", images=np.full((2, 8, 8), 200, np.uint8))
    assert main(["classify", str(run), str(tmp_path / "bare.npz"), "--out", str(tmp_path / "predicted.csv")]) == 0
    printed = capsys.readouterr().out
    assert "2 pictures, without labels" in printed
    assert "right" not in printed
    assert [row["label"] for row in table(tmp_path / "predicted.csv")] == ["1", "1"]
    assert not (tmp_path / "predicted-confusion.png").exists()


def test_labelled_pictures_alone_compare_classifiers(
    labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "compared"
    options = ["--counts", "6", "40", "--repeats", "2", "--components", "4", "--models", "naive_bayes", "linear_svm"]
    assert main(["classify", str(labelled), "--out", str(out), *options]) == 0
    assert {file.name for file in out.iterdir()} == {
        "curves.png", "regions.png", "samples.png", "results.csv", "results.json"
    }  # fmt: skip
    results = json.loads((out / "results.json").read_text())
    assert results["counts"] == [6, 40]
    assert np.shape(results["accuracies"]["naive_bayes"]) == (2, 2)
    assert len(table(out / "results.csv")) == 4
    assert "linear SVM" in capsys.readouterr().out
    assert main(["classify", str(labelled), "--out", str(out), *options]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN", "SET", "--out", "x.txt"], "Known: .csv"),
        (["RUN", "SET", "--out", "x.csv", "--counts", "10"], "--counts"),
        (["RUN", "SET", "--out", "x.csv", "--test-share", "0.5"], "--test-share is for a comparison"),
        (["RUN", "SET", "--out", "x.csv", "--seed", "0"], "--seed is for a comparison"),
        (["SET", "--out", "x.csv"], "--out x.csv must be a folder"),
        (["SET", "--out", "x", "--mistakes", "5"], "--mistakes needs a run"),
        (["SET", "--out", "x", "--at", "5"], "--at needs a run"),
        (["SET", "--out", "x", "--models", "svm"], "There is no classifier 'svm'"),
        (["SET", "--out", "x", "--counts", "1k"], "--counts 1000, but it must be from 4"),
        (["SET", "--out", "x", "--test-share", "0"], "for --test-share. It must be above 0 and below 1"),
        (["digit", "--out", "x"], "There is nothing at 'digit'"),
        (["nowhere", "SET", "--out", "x.csv"], "nowhere"),
        (["PCA", "SET", "--out", "x.csv"], "cannot classify: it can sample, encode"),
    ],
)
def test_mistakes_are_named(
    arguments: list[str],
    message: str,
    run: Path,
    labelled: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if "PCA" in arguments:
        assert main(["train", "pca", str(labelled), "--out", "PCA", "--components", "2", "--quiet"]) == 0
    places = {"RUN": str(run), "SET": str(labelled)}
    before = set(tmp_path.iterdir())
    assert main(["classify", *(places.get(word, word) for word in arguments)]) == 2
    error = capsys.readouterr().err
    assert message in " ".join(error.split())
    assert "Traceback" not in error
    assert set(tmp_path.iterdir()) == before
