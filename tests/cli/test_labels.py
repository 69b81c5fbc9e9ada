"""Labels on the command line: `--label-column` in every command, and pictures without a class in each."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from cyclopts import App
from PIL import Image

import imagewright as iw
from imagewright.cli import main
from imagewright.cli.app import app
from imagewright.errors import DataError

COUNT, EVERY = 36, 6  # every sixth picture has no class


@pytest.fixture(scope="module")
def partly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dark and light pictures; `own.csv` has their `shade` (empty for some), a `hat` (unknown for one) and a person."""
    root = tmp_path_factory.mktemp("partly")
    (root / "in").mkdir()
    generator = np.random.default_rng(0)
    rows = ["image;person;shade;hat"]
    for number in range(COUNT):
        pixels = generator.integers(0, 100, (8, 8)) + 120 * (number % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(root / "in" / f"{number:02d}.png")
        shade = "" if number % EVERY == 5 else ("dark", "light")[number % 2]
        rows.append(f"{number:02d}.png;p{number % 9};{shade};{'' if number == 3 else number % 3 // 2}")
    (root / "own.csv").write_text("\n".join(rows))
    return root


def labelled(partly: Path) -> list[str]:
    return [str(partly / "in"), "--labels", str(partly / "own.csv"), "--label-column", "shade"]


def run(*words: str) -> None:
    assert main(list(words)) == 0, words


def options_of_commands(of: App = app, before: str = "") -> dict[str, set[str]]:
    """The options of every command, by its full name."""
    found: dict[str, set[str]] = {}
    for name in of:
        if name.startswith("-"):
            continue
        command, full = of[name], f"{before} {name}".strip()
        if any(not each.startswith("-") for each in command):
            found |= options_of_commands(command, full)
        elif command.default_command is not None:
            found[full] = {name for each in command.assemble_argument_collection() for name in each.names}
    return found


def test_every_command_that_takes_labels_takes_their_column() -> None:
    options = options_of_commands()
    with_labels = {name for name, known in options.items() if "--labels" in known} - {
        "interpolate"
    }  # those are classes
    assert {"data check", "classify", "outliers", "train gda", "latent attribute", "evaluate"} <= with_labels
    assert {name for name, known in options.items() if "--label-column" in known} == with_labels


def test_data_check_counts_pictures_without_a_class(partly: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("data", "check", *labelled(partly))
    printed = capsys.readouterr().out
    assert "2: dark (18), light (12); 6 without a class" in printed
    assert "6 of 36 pictures have no class, such as 05.png" in printed
    run("data", "check", *labelled(partly), "--json")
    report = json.loads(capsys.readouterr().out)
    assert (report["classes"], report["unlabelled"]) == ({"dark": 18, "light": 12}, 6)
    run("data", "check", *labelled(partly), "--out", str(partly / "report.json"))
    assert json.loads((partly / "report.json").read_text()) == report
    capsys.readouterr()
    assert main(["data", "check", *labelled(partly), "--out", str(partly / "report.json")]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["data", "check", *labelled(partly)[:-1], "shape"]) == 2
    assert "no column 'shape'" in capsys.readouterr().err
    sheet = iw.grid_sheet(str(partly / "in"), 36, labels=partly / "own.csv", label_column="shade")
    assert sheet.captions is not None
    assert list(sheet.captions)[4:6] == ["dark", ""]


@pytest.mark.parametrize("model", ["gda", "naive_bayes", "lda", "logistic_regression", "linear_svm"])
def test_models_of_classes_learn_from_the_pictures_that_have_one(
    partly: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run("train", model, *labelled(partly), "--out", str(tmp_path / "run"))
    assert "6 of 36 pictures have none, and are left out" in capsys.readouterr().err
    trained = iw.Run(tmp_path / "run")
    assert trained.record["source"]["count"] == 30
    assert iw.load(tmp_path / "run").class_names == ("dark", "light")  # type: ignore[attr-defined]
    run("classify", str(tmp_path / "run"), *labelled(partly), "--out", str(tmp_path / "predicted.csv"))
    rows = list(csv.DictReader((tmp_path / "predicted.csv").read_text().splitlines()))
    assert [row["truth"] for row in rows[:6]] == ["dark", "light", "dark", "light", "dark", ""]
    printed = capsys.readouterr()
    assert "of 30 pictures right" in printed.out
    assert "6 of 36 pictures have no class" in printed.err


def test_a_conditional_gan_trains_on_labelled_pictures_and_resumes(
    partly: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "cgan", *labelled(partly), "--size", "8", "--width", "8", "--batch-size", "6"]
    words += ["--out", str(tmp_path / "run"), "--held-out", "0"]
    run(*words, "--images-seen", "12")
    run(*words, "--images-seen", "24", "--resume")
    assert iw.load(tmp_path / "run").class_names == ("dark", "light")  # type: ignore[attr-defined]
    assert iw.Run(tmp_path / "run").record["source"]["count"] == 30
    capsys.readouterr()
    attributes = [*labelled(partly)[:3], "--condition", "attributes", "--size", "8", "--width", "8"]
    run("train", "cgan", *attributes, "--images-seen", "12", "--batch-size", "6", "--out", str(tmp_path / "attributes"))
    assert "1 of 36 pictures have none" in capsys.readouterr().err
    assert iw.load(tmp_path / "attributes").attribute_names == ("hat",)  # type: ignore[attr-defined]


def test_classes_that_lost_their_pictures_are_no_classes_of_a_model() -> None:
    digits = iw.open_images("digits")
    assert digits.labels is not None
    few = digits.subset(np.flatnonzero(np.isin(digits.labels, (3, 7)))[:40])
    assert few.class_names == tuple("0123456789")
    from imagewright.statistics.fitting import fit_model

    for model in ("gda", "naive_bayes", "lda"):
        assert fit_model(model, few).class_names == ("3", "7")  # type: ignore[attr-defined]


def test_a_class_whose_pictures_are_all_unreadable_does_not_stop_a_fit(tmp_path: Path) -> None:
    for number in range(12):
        folder = tmp_path / "in" / "abc"[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        if number % 3 == 1:
            (folder / f"{number}.png").write_bytes(b"no picture")
    for model in ("gda", "naive_bayes"):
        trained = (
            iw.train(model, tmp_path / "in", tmp_path / model, components=3)
            if model == "gda"
            else iw.train(model, tmp_path / "in", tmp_path / model)
        )
        sheet = iw.sample_sheet(trained, 2, each_class=True)
        assert sheet.row_labels == ["a", "c"]


def test_a_fit_that_fails_leaves_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from imagewright.training import closed_form

    def fail(*_: object) -> None:
        raise DataError("no preview of this")

    monkeypatch.setattr(closed_form, "write_preview", fail)
    with pytest.raises(DataError, match="no preview of this"):
        iw.train("pca", "digits", tmp_path / "run", components=4)
    assert not (tmp_path / "run" / "run.json").exists()


@pytest.mark.learning
def test_sets_are_analysed_with_pictures_without_a_class(partly: Path, tmp_path: Path) -> None:
    run("cluster", *labelled(partly), "--clusters", "2", "--out", str(tmp_path / "clusters"))
    table = list(csv.DictReader((tmp_path / "clusters" / "clusters.csv").read_text().splitlines()))
    assert [row["label"] for row in table[4:6]] == ["dark", ""]
    report = json.loads((tmp_path / "clusters" / "report.json").read_text())
    assert report["purity"] == 1
    run("outliers", *labelled(partly), "--method", "pca", "--normal", "dark", "--out", str(tmp_path / "outliers"))
    table = list(csv.DictReader((tmp_path / "outliers" / "scores.csv").read_text().splitlines()))
    assert len(table) == 30
    run("outliers", *labelled(partly), "--method", "pca", "--out", str(tmp_path / "all"))
    table = list(csv.DictReader((tmp_path / "all" / "scores.csv").read_text().splitlines()))
    assert sum(row["label"] == "" for row in table) == 6
    compared = iw.compare_classifiers(
        partly / "in", models=["linear_svm"], repeats=1, labels=partly / "own.csv", label_column="shade", components=3
    )
    assert len(compared.images) == 30
    run("components", *labelled(partly), "--method", "lda", "--out", str(tmp_path / "parts"))


def test_scores_by_class_leave_out_pictures_without_one(partly: Path) -> None:
    images = iw.open_images(partly / "in", labels=partly / "own.csv", label_column="shade")
    names = ["class_fd", "classification_accuracy"]
    found = iw.evaluate([images], images, metrics=names, features="random", save=False)
    values = {score.output: score.value for score in found.scores}
    assert set(values) >= {"class_fd/dark", "class_fd/light"}
    assert any("6 pictures of" in note and "no class" in note for note in found.notes)
    plain = iw.evaluate([images], images, metrics=["fd"], features="random", save=False)
    assert not any("no class" in note for note in plain.notes if "left out" in note and "pictures of" in note)


def test_latent_tools_leave_out_what_is_not_known(partly: Path, tmp_path: Path) -> None:
    iw.train("pca", str(partly / "in"), tmp_path / "run", components=4)
    options = {"labels": partly / "own.csv", "label_column": "shade"}
    found = iw.attribute(tmp_path / "run", str(partly / "in"), attribute="light", **options)
    assert any("7 pictures without a class or with unknown attributes" in note for note in found.notes)
    images = iw.open_images(partly / "in", **options)  # type: ignore[arg-type]
    plane = iw.manifold(tmp_path / "run", 3, images=images)
    assert plane.write(tmp_path / "plane.png").exists()
