"""Folders: classes from sub-folders, splits, labels in tables, pictures of other sizes, and wrong sources."""

from __future__ import annotations

import csv
import json
import os
import shutil

import numpy as np
import pytest

from imagewright.errors import DataError
from imagewright.images import open_images


def make(root, names, picture) -> None:
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(seed).save(root / name)


def test_sub_folders_are_classes_in_sorted_order(tmp_path, picture) -> None:
    make(tmp_path, ["dogs/b.png", "cats/a.png", "dogs/deep/c.png", "cats/z.png"], picture)
    images = open_images(tmp_path)
    assert images.names() == ["cats/a.png", "cats/z.png", "dogs/b.png", "dogs/deep/c.png"]
    assert images.class_names == ("cats", "dogs")
    assert images.labels.tolist() == [0, 0, 1, 1]
    assert images.batch(np.array([3, 0])).labels.tolist() == [1, 0]


def test_pictures_beside_the_sub_folders_mean_no_classes(tmp_path, picture) -> None:
    make(tmp_path, ["dogs/b.png", "cats/a.png", "c.png"], picture)
    assert open_images(tmp_path).labels is None


def test_a_single_folder_is_no_class(tmp_path, picture) -> None:
    make(tmp_path, ["photos/a.png", "photos/b.png"], picture)
    assert open_images(tmp_path).labels is None
    make(tmp_path, ["photos/x/a.png", "photos/y/b.png"], picture)
    (tmp_path / "photos" / "a.png").unlink()
    (tmp_path / "photos" / "b.png").unlink()
    assert open_images(tmp_path).class_names == ("x", "y")


def test_splits(tmp_path, picture) -> None:
    make(
        tmp_path, ["train/cat/1.png", "train/dog/2.png", "train/dog/3.png", "test/cat/4.png", "test/dog/5.png"], picture
    )
    train, test = open_images(tmp_path), open_images(tmp_path, split="test")
    assert len(train) == 3
    assert train.class_names == ("cat", "dog")
    assert "--split takes another" in train.notes[0]
    assert "test" in train.notes[0]
    assert test.names() == ["test/cat/4.png", "test/dog/5.png"]
    assert test.labels.tolist() == [0, 1]
    with pytest.raises(DataError, match=r"no part 'valid'.*test, train"):
        open_images(tmp_path, split="valid")


def test_hidden_files_and_other_files_are_left_out(folder) -> None:
    (folder / ".hidden.png").write_bytes(b"x")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "0.png").write_bytes(b"x")
    (folder / "notes.txt").write_text("x")
    assert len(open_images(folder).prepare()) == 6


def test_links_are_followed_but_not_in_circles(folder, tmp_path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    os.symlink(folder, other / "in")
    os.symlink(other, other / "round")
    os.symlink(other / "nowhere.png", other / "dead.png")
    assert len(open_images(other)) == 6


def test_names_that_are_no_utf8_and_many_lengths(tmp_path, picture) -> None:
    names = [b"\xff\xfe.png", b"a.png", b"a" * 200 + b".png", "überall.png".encode(), b"a b.png"]
    for seed, name in enumerate(names):
        picture(seed).save(tmp_path / "new.png")
        os.rename(os.fsencode(tmp_path) + b"/new.png", os.fsencode(tmp_path) + b"/" + name)
    assert [os.fsencode(name) for name in open_images(tmp_path).prepare().names()] == sorted(names)


@pytest.mark.parametrize("content", [None, "text"])
def test_a_folder_without_pictures(tmp_path, content) -> None:
    if content:
        (tmp_path / "readme.txt").write_text(content)
    with pytest.raises(DataError, match="holds no pictures.*" + ("1 other file" if content else "nothing")):
        open_images(tmp_path)


def test_a_wrong_name_gets_the_nearest_one(tmp_path) -> None:
    with pytest.raises(DataError, match="Did you mean 'digits'"):
        open_images("digit")
    with pytest.raises(DataError, match="There is nothing at"):
        open_images(tmp_path / "absent")
    for nothing in ("", " "):
        with pytest.raises(DataError, match="names nothing"):
            open_images(nothing)
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"The one picture .* a\.png: it holds text"):
        open_images(tmp_path / "a.png")
    with pytest.raises(DataError, match="int cannot be opened"):
        open_images(3)  # type: ignore[arg-type]


def test_a_picture_of_another_size_and_mode_is_resized_and_converted(tmp_path, picture, pixels_of) -> None:
    for seed in range(20):
        picture(seed).save(tmp_path / f"{seed:02d}.png")
    picture(99, (40, 17), "LA").save(tmp_path / "07.png")
    images = open_images(tmp_path)
    assert images.size == (10, 12)
    assert images.channels == 3
    assert images.notes == ["1 of 20 pictures looked at have another size than 12x10: they are resized and cropped."]
    batch = images.batch(np.arange(20))
    assert batch.images.shape == (20, 3, 10, 12)
    assert np.array_equal(batch.images[8].numpy(), pixels_of(picture(8)))
    assert not open_images(tmp_path, size=8).notes  # no note, since the user chose the size


def write_csv(path, header, rows) -> None:
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def test_attributes_beside_the_pictures(folder) -> None:
    rows = [[f"{seed}.png", 1000 + seed, seed % 2, int(seed > 3), "text"] for seed in (5, 4, 3, 2, 1, 0, 77)]
    write_csv(folder / "attributes.csv", ["image", "identity", "Smiling", "Male", "remark"], rows)
    images = open_images(folder)
    assert images.attribute_names == ("Smiling", "Male")
    assert images.labels is None
    assert images.attributes.dtype == np.float32
    assert images.attributes.tolist() == [[0, 0], [1, 0], [0, 0], [1, 0], [0, 1], [1, 1]]
    assert images.batch(np.array([5, 0])).attributes.tolist() == [[1, 1], [0, 0]]
    assert "not there: 1" in images.notes[0]
    assert "1 column of numbers, for `latent factors` and not for training: identity." in images.notes[1]
    assert "no classes, no 0/1 attributes, no numbers, and left out: remark." in images.notes[2]


def test_attributes_of_minus_one_and_one(folder) -> None:
    write_csv(
        folder / "attributes.csv", ["image_id", "Bald"], [[f"{seed}.png", 1 if seed else -1] for seed in range(6)]
    )
    assert open_images(folder).attributes[:, 0].tolist() == [0, 1, 1, 1, 1, 1]


def test_labels_in_a_named_csv_with_names_without_suffix(folder, tmp_path) -> None:
    path = tmp_path / "mine.csv"
    write_csv(path, ["file", "label"], [[f"{seed}", "odd" if seed % 2 else "even"] for seed in range(6)])
    images = open_images(folder, labels=path)
    assert images.class_names == ("even", "odd")
    assert images.labels.tolist() == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    "content",
    [
        {f"{seed}.png": seed % 3 for seed in range(6)},
        {"labels": [[f"{seed}.png", seed % 3] for seed in range(6)]},
        [{"image": f"{seed}.png", "label": seed % 3, "tall": bool(seed % 2)} for seed in range(6)],
    ],
)
def test_labels_in_json(folder, content) -> None:
    (folder / "labels.json").write_text(json.dumps(content))
    images = open_images(folder)
    assert images.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert images.class_names == ("0", "1", "2")
    if isinstance(content, list):
        assert images.attribute_names == ("tall",)
        assert images.attributes[:, 0].tolist() == [0, 1, 0, 1, 0, 1]


def test_damaged_or_unsuitable_label_files_raise(folder, tmp_path) -> None:
    table = tmp_path / "table.csv"
    write_csv(table, ["image", "label"], [["0.png", 1], ["1.png", 0]])
    with pytest.raises(DataError, match=r"no row for 4 of 6 pictures, such as 2\.png"):
        open_images(folder, labels=table)
    with pytest.raises(DataError, match="There is no label file"):
        open_images(folder, labels=tmp_path / "absent.csv")
    table.write_text("image,label\n0.png,1,2\n")
    with pytest.raises(DataError, match="line 2: 3 columns"):
        open_images(folder, labels=table)
    table.write_bytes(b"image,label\n\x81\xfe,1\n")
    with pytest.raises(DataError, match="not valid CSV"):
        open_images(folder, labels=table)
    (tmp_path / "table.json").write_text("{")
    with pytest.raises(DataError, match="not valid JSON"):
        open_images(folder, labels=tmp_path / "table.json")


def test_a_table_about_other_pictures_is_not_used_and_noted(folder) -> None:
    write_csv(folder / "labels.csv", ["image", "label"], [["other.png", 1]])
    images = open_images(folder)
    assert images.labels is None
    assert "labels.csv" in images.notes[0]


def test_labels_stay_aligned_when_a_picture_is_skipped(folder) -> None:
    write_csv(folder / "labels.csv", ["image", "label"], [[f"{seed}.png", seed] for seed in range(6)])
    (folder / "2.png").write_bytes(b"")
    images = open_images(folder).prepare()
    assert images.labels.tolist() == [0, 1, 3, 4, 5]
    assert images.skipped == [("2.png", "the file is empty")]


# Splits and folders of the system


@pytest.mark.parametrize(
    ("folders", "opened", "classes"),
    [
        (["Train", "Test", "val"], "Train", None),
        (["training", "testing"], "training", None),
        (["TRAIN", "VALID"], "TRAIN", None),
        (["train", "test", "unlabeled"], "train", None),
        (["test", "val"], None, None),
        (["train", "dog"], None, ("dog", "train")),
        (["test", "cat", "dog"], None, ("cat", "dog", "test")),
    ],
)
def test_splits_are_no_classes(tmp_path, picture, folders, opened, classes) -> None:
    make(tmp_path, [f"{folder}/{number}.png" for folder in folders for number in range(2)], picture)
    images = open_images(tmp_path)
    assert images.class_names == classes
    assert len(images) == (2 if opened else 2 * len(folders))
    assert {name.split("/")[0] for name in images.names()} == ({opened} if opened else set(folders))
    if opened:
        assert f"The part {opened!r} was opened (2 pictures)" in images.notes[0]
    elif classes is None:
        assert "are parts, and no classes: all 4 pictures were opened" in images.notes[0]


def test_classes_below_splits_in_any_case(tmp_path, picture) -> None:
    make(tmp_path, [f"{part}/{kind}/1.png" for part in ("Test", "Validation") for kind in ("cat", "dog")], picture)
    both = open_images(tmp_path)
    assert [both.class_name(index) for index in range(4)] == ["cat", "dog", "cat", "dog"]
    for split in ("Test", "test", "testing"):
        part = open_images(tmp_path, split=split)
        assert part.names() == ["Test/cat/1.png", "Test/dog/1.png"]
        assert part.class_names == ("cat", "dog")
    with pytest.raises(DataError, match=r"no part 'train': it holds Test, Validation"):
        open_images(tmp_path, split="train")


@pytest.mark.parametrize(
    "name", ["@eaDir", "__MACOSX", ".thumbnails", "#recycle", "$RECYCLE.BIN", ".ipynb_checkpoints"]
)
def test_folders_of_the_system_are_passed_over_and_counted(tmp_path, picture, name) -> None:
    make(tmp_path / "in", ["cats/1.png", "dogs/2.png", f"{name}/3.png", f"cats/{name}/4.png"], picture)
    (tmp_path / "in" / "Thumbs.db").write_bytes(b"x")
    images = open_images(tmp_path / "in")
    assert images.names() == ["cats/1.png", "dogs/2.png"]
    assert images.class_names == ("cats", "dogs")
    assert images.notes == [f"Hidden and system folders, passed over: 2 ({name})."]
    shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path / "in")
    packed = open_images(tmp_path / "set.zip")
    assert (packed.names(), packed.class_names, packed.notes) == (images.names(), images.class_names, images.notes)


def test_a_table_inside_a_zip_is_read(folder, tmp_path) -> None:
    (folder / "dataset.json").write_text(json.dumps({"labels": [[f"{seed}.png", seed % 2] for seed in range(6)]}))
    for root, base in ((folder, "."), (folder.parent, folder.name)):
        shutil.make_archive(str(tmp_path / "set"), "zip", root, base)
        assert open_images(tmp_path / "set.zip").labels.tolist() == [0, 1, 0, 1, 0, 1]
    (folder / "dataset.json").write_text('{"labels": null}')
    shutil.make_archive(str(tmp_path / "none"), "zip", folder)
    images = open_images(tmp_path / "none.zip")
    assert images.labels is None
    assert "no labels (null)" in images.notes[0]


@pytest.mark.parametrize(
    ("folders", "opened", "split", "other"),
    [
        (("train2017", "val2017", "test2017"), "train2017", "val", "val2017"),
        (("seg_train", "seg_test", "seg_pred"), "seg_train", "test", "seg_test"),
        (("train_images", "test_images"), "train_images", "test", "test_images"),
        (("DIV2K_train_HR", "DIV2K_valid_HR"), "DIV2K_train_HR", "validation", "DIV2K_valid_HR"),
        (("trainval", "test"), "trainval", "test", "test"),
        (("train", "holdout"), "train", "test", "holdout"),
        (("trainA", "testA", "trainB", "testB"), "trainA", "test", "testA"),
    ],
)
def test_words_of_parts_inside_names(tmp_path, picture, folders, opened, split, other) -> None:
    write(tmp_path, picture, [f"{folder}/0.png" for folder in folders])
    images = open_images(tmp_path)
    assert (images.names(), images.class_names) == ([f"{opened}/0.png"], None)
    assert f"The part {opened!r} was opened" in images.notes[0]
    assert open_images(tmp_path, split=split).names() == [f"{other}/0.png"]


@pytest.mark.parametrize(
    "folders",
    [
        ("test_tube", "train_station"),
        ("bullet_train", "bus"),
        ("trainer", "tester"),
        ("train_good", "test_good", "test_odd"),
    ],
)
def test_words_of_parts_may_be_in_names_of_classes(tmp_path, picture, folders) -> None:
    write(tmp_path, picture, [f"{folder}/0.png" for folder in folders])
    images = open_images(tmp_path)
    assert (images.class_names, images.notes) == (tuple(sorted(folders)), [])


def test_parts_that_are_classes_or_divide_classes_are_said(tmp_path, picture) -> None:
    write(tmp_path / "a", picture, ["cat/0.png", "dog/0.png", "train/0.png"])
    images = open_images(tmp_path / "a")
    assert images.class_names == ("cat", "dog", "train")
    assert "The folder 'train' was taken as a class, since it stands beside cat, dog" in images.notes[0]
    write(tmp_path / "b", picture, [f"{kind}/{part}/0.png" for kind in ("cat", "dog") for part in ("train", "val")])
    images = open_images(tmp_path / "b")
    assert (len(images), images.class_names) == (4, ("cat", "dog"))
    assert "train, val inside those of the classes are parts" in images.notes[0]
    assert len(open_images(tmp_path / "b", only="*/train/*")) == 2
    write(tmp_path / "c", picture, ["0.png", "train/0.png", "test/0.png"])
    assert "parts, and other pictures lie beside them: all 3 pictures" in open_images(tmp_path / "c").notes[0]


def write(root, picture, names) -> None:
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(seed).save(root / name)
