"""Pairs in either direction, and two domains from one source: what `train` makes of what a user has on the disk."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import Messages, simple_pictures, tiny_options

import imagewright as iw
from imagewright.cli import main
from imagewright.errors import ConfigError, DataError, RunError

SHORT = {"images_seen": 4, "batch_size": 2, "held_out": 0, "size": 16}


def write(folder: Path, seed: int, count: int = 6) -> Path:
    """Pictures 0.png, 1.png ...; an even seed makes them dark at the top, an odd one bright everywhere."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, picture in enumerate(simple_pictures(count, (16, 16), seed=seed)):
        Image.fromarray(picture.transpose(1, 2, 0)).save(folder / f"{index}.png")
    return folder


def train(model: str, images: Any, out: Path, **options: Any) -> iw.Run:
    return iw.train(model, images, out, **{**tiny_options(model), **SHORT, "reporter": Messages(), **options})


def weights(run: iw.Run) -> bytes:
    return run.checkpoints()[-1].weights.read_bytes()


@pytest.fixture
def pairs(tmp_path: Path) -> dict[str, Path]:
    """The same pairs in four layouts: A/B, trainA/trainB, input/target, and side by side."""
    inputs, targets = simple_pictures(6, seed=0), simple_pictures(6, seed=1)
    for index in range(6):
        one, other = (Image.fromarray(each[index].transpose(1, 2, 0)) for each in (inputs, targets))
        for layout, names in (("ab", ("A", "B")), ("train", ("trainA", "trainB")), ("named", ("input", "target"))):
            for name, picture in zip(names, (one, other), strict=True):
                (tmp_path / layout / name).mkdir(parents=True, exist_ok=True)
                picture.save(tmp_path / layout / name / f"{index}.png")
        both = Image.new("RGB", (32, 16))
        both.paste(one, (0, 0))
        both.paste(other, (16, 0))
        (tmp_path / "beside").mkdir(exist_ok=True)
        both.save(tmp_path / "beside" / f"{index}.png")
    return {name: tmp_path / name for name in ("ab", "train", "named", "beside")}


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_every_layout_of_the_same_pairs_trains_the_same_network(pairs, direction: str, tmp_path: Path) -> None:
    a, b = pairs["ab"] / "A", pairs["ab"] / "B"
    ordered = (a, b) if direction == "AtoB" else (b, a)
    expected = weights(train("pix2pix", dict(zip(("input", "target"), ordered, strict=True)), tmp_path / "folders"))
    for layout in ("ab", "train", "beside"):
        run = train("pix2pix", pairs[layout], tmp_path / "runs" / layout, direction=direction)
        assert weights(run) == expected, layout
    swapped = {"input": a, "target": b}
    assert weights(train("pix2pix", swapped, tmp_path / "swapped", direction=direction)) == expected
    if direction == "AtoB":
        assert weights(train("pix2pix", pairs["named"], tmp_path / "runs" / "named")) == expected


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_translate_takes_the_inputs_of_pairs_in_every_layout(pairs, direction: str, tmp_path: Path, capsys) -> None:
    run = train("pix2pix", pairs["beside"], tmp_path / "run", direction=direction)
    inputs = pairs["ab"] / ("A" if direction == "AtoB" else "B")
    expected = iw.translate(run, inputs)
    for layout in ("ab", "train", "beside"):
        assert torch.equal(iw.translate(run, pairs[layout]), expected), layout
        sheet = iw.translation_sheet(run, pairs[layout], None)
        assert torch.equal(sheet.results.images, expected), layout
    opened = iw.open_images(pairs["beside"], layers=("input", "target") if direction == "AtoB" else ("target", "input"))
    assert torch.equal(iw.translate(run, opened), expected)
    assert main(["translate", str(run.path), str(pairs["beside"]), "--out", str(tmp_path / "made")]) == 0
    assert f"their {'left' if direction == 'AtoB' else 'right'} halves" in capsys.readouterr().err
    assert np.array_equal(np.asarray(Image.open(tmp_path / "made" / "3.png")), expected[3].permute(1, 2, 0).numpy())
    whole = iw.translate(run, pairs["beside"] / "3.png")  # one file is one picture, of any shape
    assert whole.shape[-2:] == (16, 32)


def test_named_folders_and_named_layers_refuse_a_direction(pairs, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"folders input and target.*leave --direction out"):
        train("pix2pix", pairs["named"], tmp_path / "run", direction="BtoA")
    with pytest.raises(ConfigError, match="named already"):
        train("pix2pix", pairs["beside"], tmp_path / "run", direction="BtoA", image_layers="input,target")
    with pytest.raises(ConfigError, match="expected AtoB or BtoA"):
        train("pix2pix", pairs["beside"], tmp_path / "run", direction="left")
    with pytest.raises(ConfigError, match="no option 'direction'"):
        train("cyclegan", {"a": pairs["ab"] / "A", "b": pairs["ab"] / "B"}, tmp_path / "run", direction="AtoB")
    (pairs["named"] / "target").rename(pairs["named"] / "photos")
    with pytest.raises(DataError, match="holds input, and not target"):
        train("pix2pix", pairs["named"], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_pairs_are_resumed_with_and_without_their_direction(pairs, tmp_path: Path) -> None:
    for layout in ("train", "beside"):
        run = train("pix2pix", pairs[layout], tmp_path / "runs" / layout / "run", direction="BtoA", schedule="constant")
        longer = {"schedule": "constant", "images_seen": 6}
        iw.train("pix2pix", pairs[layout], run.path, resume=True, images_seen=6, reporter=Messages())
        unbroken = train(
            "pix2pix", pairs[layout], tmp_path / "runs" / layout / "unbroken" / "run", direction="BtoA", **longer
        )
        assert weights(run) == weights(unbroken)
        train("pix2pix", pairs[layout], run.path, resume=True, direction="BtoA", **(longer | {"images_seen": 8}))
        with pytest.raises(RunError, match="other images"):
            train("pix2pix", pairs[layout], run.path, resume=True, direction="AtoB", **longer)


# Two domains of one source


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """A folder with a sub-folder for each of three classes."""
    for seed, name in enumerate(("cat", "dog", "owl")):
        write(tmp_path / "animals" / name, seed)
    return tmp_path / "animals"


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Eight pictures with a table of attributes; one does not say whether it smiles."""
    folder = write(tmp_path / "faces", 3, count=8)
    with (folder / "attributes.csv").open("w", newline="") as table:
        rows = csv.writer(table)
        rows.writerow(["image", "Smiling", "Young", "Winged"])
        for index in range(8):
            rows.writerow([f"{index}.png", "" if index == 7 else int(index % 3 == 0), int(index > 4), 0])
    return folder


def test_two_classes_are_two_domains_with_their_names(classes: Path, tmp_path: Path) -> None:
    run = train("cyclegan", classes, tmp_path / "one" / "run", domains="owl,cat")
    assert run.record["config"]["domain_names"] == ["owl", "cat"]
    assert [source["count"] for source in run.record["sources"].values()] == [6, 6]
    apart = train("cyclegan", {"owl": classes / "owl", "cat": classes / "cat"}, tmp_path / "apart" / "run")
    assert weights(run) == weights(apart)
    pictures = iw.open_images(classes / "cat", 16).batch(np.arange(2)).images
    assert iw.translate(run, pictures, to="owl").shape == pictures.shape


def test_a_folder_that_is_given_twice_is_refused(classes: Path, tmp_path: Path, capsys) -> None:
    tiny = ["--images-seen", "2", "--width", "4", "--blocks", "1", "--discriminator-width", "4"]
    tiny += ["--size", "16", "--batch-size", "2", "--out", str(tmp_path / "run"), "--force"]
    cats = str(classes / "cat")
    assert main(["train", "cyclegan", cats, f"{classes}/dog/../cat", *tiny]) == 2
    assert "is given twice" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert main(["train", "cyclegan", cats, str(classes / "dog"), *tiny]) == 0


def test_a_renamed_copy_of_a_folder_is_no_second_set_and_no_pairs(classes: Path, tmp_path: Path) -> None:
    cats, copy = classes / "cat", tmp_path / "copy"
    copy.mkdir()
    for path in cats.iterdir():
        shutil.copy(path, copy / f"x{path.name}")
    with pytest.raises(DataError, match=r"cat and .*copy hold the same pictures \(6 pictures from all over"):
        train("cyclegan", {"a": cats, "b": copy}, tmp_path / "run")
    with pytest.raises(DataError, match=r"The layers input and target of .* are the same pictures"):
        train("pix2pix", {"input": cats, "target": cats}, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    shutil.copy(classes / "dog" / "0.png", copy / "x0.png")  # most pictures are equal, and not all
    train("cyclegan", {"a": cats, "b": copy}, tmp_path / "run")


def test_a_source_of_two_classes_needs_no_names(classes: Path, tmp_path: Path) -> None:
    for picture in (classes / "owl").iterdir():
        picture.unlink()
    (classes / "owl").rmdir()
    run = train("cyclegan", classes, tmp_path / "run")
    assert run.record["config"]["domain_names"] == ["cat", "dog"]


def test_an_attribute_is_two_domains(faces: Path, tmp_path: Path) -> None:
    run = train("cyclegan", faces, tmp_path / "run", domains="Smiling")
    assert run.record["config"]["domain_names"] == ["not-Smiling", "Smiling"]
    assert [source["count"] for source in run.record["sources"].values()] == [4, 3]
    both = train("cyclegan", faces, tmp_path / "both", domains=("Smiling", "Young"))
    assert [source["count"] for source in both.record["sources"].values()] == [2, 1]


def test_what_is_said_of_one_source_is_said_once(faces: Path, tmp_path: Path) -> None:
    messages = Messages()
    with (faces / "attributes.csv").open("a", newline="") as table:
        table.write("gone.png,1,1,0\r\n")
    for path in faces.glob("*.png"):
        Image.open(path).resize((96, 96)).save(path)
    train("cyclegan", faces, tmp_path / "run", domains="Smiling", size=None, reporter=messages)
    assert sum("that are not there: 1." in text for text in messages.texts) == 1
    assert sum("are resized to 64x64" in text for text in messages.texts) == 1


@pytest.mark.parametrize(
    ("domains", "message"),
    [
        (None, r"name two of its classes.*Its classes: cat, dog, owl"),
        ("cat,cow", r"no class or attribute 'cow'.*Its classes: cat, dog, owl"),
        ("dgo,cat", "Did you mean 'dog'"),
        ("cat", "cat is a class of .*: name two classes"),
        ("cat,dog,owl", "two classes or of two attributes"),
        ("cat,cat", "two classes or of two attributes"),
        ("", "two classes or of two attributes"),
    ],
)
def test_domains_that_are_not_there_are_named(classes: Path, tmp_path: Path, domains: str | None, message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        train("cyclegan", classes, tmp_path / "run", domains=domains)
    assert not (tmp_path / "run").exists()


def test_a_model_of_classes_names_the_attributes_that_could_be_classes(faces: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no labels.*--label-column NAME .*: Smiling, Young, Winged"):
        train("stargan_v2", faces, tmp_path / "run")


def test_an_empty_domain_is_refused(faces: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"belongs to the domain Winged"):
        train("cyclegan", faces, tmp_path / "run", domains="Winged")
    with pytest.raises(ConfigError, match="two sources were given"):
        train("cyclegan", {"a": faces, "b": faces}, tmp_path / "run", domains="Smiling")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        train("cyclegan", {"a": faces, "b": tmp_path / "empty"}, tmp_path / "run")


def test_the_published_layout_of_two_domains_in_one_folder(tmp_path: Path) -> None:
    place = tmp_path / "horse2zebra"
    for seed, name in enumerate(("trainA", "trainB", "testA", "testB")):
        write(place / name, seed, count=3 + seed)
    run = train("cyclegan", place, tmp_path / "train")
    assert run.record["config"]["domain_names"] == ["horse", "zebra"]
    assert [source["count"] for source in run.record["sources"].values()] == [3, 4]
    test = train("cyclegan", place, tmp_path / "test", split="test")
    assert [source["count"] for source in test.record["sources"].values()] == [5, 6]
    iw.train("cyclegan", place, run.path, resume=True, reporter=Messages())


@pytest.mark.learning
def test_a_run_on_domains_of_one_source_is_resumed_exactly(faces: Path, tmp_path: Path) -> None:
    usual = {"domains": "Smiling", "schedule": "constant"}
    unbroken = train("cyclegan", faces, tmp_path / "unbroken" / "run", images_seen=8, **usual)
    for again in ({}, usual):
        run = train("cyclegan", faces, tmp_path / f"broken{len(again)}" / "run", images_seen=4, **usual)
        iw.train("cyclegan", faces, run.path, resume=True, images_seen=8, reporter=Messages(), **again)
        assert weights(run) == weights(unbroken)
    with pytest.raises(RunError, match="other images"):
        iw.train("cyclegan", faces, run.path, resume=True, domains="Young", reporter=Messages())


@pytest.mark.learning
def test_the_commands_take_one_source_or_two(classes: Path, pairs, tmp_path: Path, capsys) -> None:
    tiny = ["--images-seen", "2", "--held-out", "0", "--width", "4", "--discriminator-width", "4", "--quiet"]
    tiny += ["--size", "16", "--batch-size", "2"]
    out = tmp_path / "out"
    commands = (
        ["cyclegan", str(classes), "--domains", "cat,dog", "--blocks", "1"],
        ["cyclegan", str(classes / "cat"), str(classes / "dog"), "--blocks", "1"],
        ["pix2pix", str(pairs["ab"] / "B"), str(pairs["ab"] / "A")],
        ["pix2pix", str(pairs["train"]), "--direction", "BtoA"],
    )
    for place, command in enumerate(commands):
        assert main(["train", *command, "--out", str(out / str(place)), *tiny]) == 0, capsys.readouterr().err
    by_names, by_folders, two_folders, one_folder = (iw.Run(out / str(place)) for place in range(4))
    assert weights(by_names) == weights(by_folders)
    assert weights(two_folders) == weights(one_folder)
    assert by_names.record["config"]["domain_names"] == by_folders.record["config"]["domain_names"] == ["cat", "dog"]


def test_grey_and_colour_domains_are_both_trained_in_colour(tmp_path: Path) -> None:
    pictures = simple_pictures(4, (16, 16))
    for name in ("edges", "photos"):
        (tmp_path / "both" / name).mkdir(parents=True)
        for number, pixels in enumerate(pictures):
            picture = Image.fromarray(pixels.transpose(1, 2, 0))
            (picture.convert("L") if name == "edges" else picture).save(tmp_path / "both" / name / f"{number}.png")
    given: dict[str, Any] = {"images_seen": 2, "held_out": 0} | tiny_options("cyclegan")
    for number, source in enumerate(
        ({"a": tmp_path / "both" / "edges", "b": tmp_path / "both" / "photos"}, tmp_path / "both")
    ):
        messages = Messages()
        run = iw.train("cyclegan", source, out=tmp_path / f"run{number}", reporter=messages, **given)
        assert iw.load(run).config.channels == 3
        assert any("in colour" in text for text in messages.texts)


def test_one_of_the_two_sources_of_a_run_is_refused_with_what_to_type(tmp_path: Path) -> None:
    one, other = write(tmp_path / "day", 0), write(tmp_path / "night", 1)
    run = train("cyclegan", {"a": one, "b": other}, tmp_path / "run")
    again = rf"trained on two sources.*imagewright train cyclegan {one} {other} --resume --out {run.path}"
    with pytest.raises(ConfigError, match=again):
        iw.train("cyclegan", one, run.path, resume=True)


def test_folders_that_share_some_names_by_chance_are_no_pairs(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one", 0, count=8), write(tmp_path / "other", 1, count=8)
    for picture in list(other.iterdir())[:5]:
        picture.rename(other / f"other_{picture.name}")
    with pytest.raises(DataError, match="3 of the 8 of input and 3 of the 8 of target belong together"):
        train("pix2pix", {"input": one, "target": other}, tmp_path / "run")


def test_a_few_targets_of_many_inputs_are_pairs(tmp_path: Path) -> None:
    many, few, told = write(tmp_path / "many", 0, count=8), write(tmp_path / "few", 1, count=3), Messages()
    train("pix2pix", {"input": many, "target": few}, tmp_path / "run", reporter=told)
    assert any("left out: 5 of 8" in text for text in told.texts)
