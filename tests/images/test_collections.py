"""Pictures that Python holds as sources: lists of files, of Pillow images and of arrays, with labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import imagewright as iw
from imagewright.errors import ConfigError, DataError

COUNT = 6


@pytest.fixture
def files(tmp_path) -> list[Path]:
    """Colour pictures of several sizes and kinds, in two folders; their order is not that of their names."""
    generator = np.random.default_rng(0)
    paths = []
    for number in range(COUNT):
        path = tmp_path / "pictures" / "ab"[number % 2] / f"{9 - number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (20 + number, 30, 3), np.uint8)).save(path)
        paths.append(path)
    return paths


def pixels(source, **options) -> np.ndarray:
    return np.asarray(iw.open_images(source, 16, **options))


def test_all_kinds_of_lists_give_the_pixels_of_the_folder(files) -> None:
    folder = iw.open_images(files[0].parents[1], 16)
    order = [folder.names().index(f"{path.parent.name}/{path.name}") for path in files]
    expected = np.asarray(folder)[order]
    opened = [Image.open(path) for path in files]
    arrays = [np.asarray(image) for image in opened]
    tensors = [torch.from_numpy(array.copy()).permute(2, 0, 1) for array in arrays]
    for source in (files, [str(path) for path in files], tuple(opened), arrays, tensors, iter(files), np.array(files)):
        assert (pixels(source) == expected).all()
    mixed = [files[0], opened[1], arrays[2], tensors[3], str(files[4]), opened[5]]
    assert (pixels(mixed) == expected).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "YCbCr", "HSV", "La", "PA"])
def test_a_pillow_image_of_any_mode_is_read_as_its_file(mode, tmp_path) -> None:
    generator = np.random.default_rng(1)
    image = Image.fromarray(generator.integers(0, 256, (12, 16, 4), np.uint8), "RGBA")
    if mode.startswith("I"):
        values = generator.integers(0, 65536, (12, 16))
        image = Image.fromarray(values.astype(np.uint16 if mode == "I;16" else np.int32))
    elif mode not in {"RGBA", "PA"}:
        image = image.convert({"La": "LA"}.get(mode, mode) if mode != "HSV" else "RGB").convert(mode)
    elif mode == "PA":
        image = image.convert("P").convert("PA")
    saved = (
        image.convert("RGB") if mode in {"YCbCr", "HSV"} else image.convert({"La": "LA", "PA": "RGBA"}.get(mode, mode))
    )
    path = tmp_path / ("x.tif" if mode in {"CMYK", "I"} else "x.png")
    saved.save(path)
    for channels in (1, 3, 4):
        assert (
            np.asarray(iw.open_images(image, channels=channels)) == np.asarray(iw.open_images(path, channels=channels))
        ).all()
    assert iw.open_images(image).channels == iw.open_images(path).channels


def test_a_pillow_image_is_turned_as_its_exif_says(tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20), "red").save(tmp_path / "turned.jpg", exif=exif)
    assert iw.open_images(Image.open(tmp_path / "turned.jpg")).size == (30, 20)


def test_arrays_in_a_list_are_the_set_of_their_stack() -> None:
    stack = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 8), np.uint8)
    listed, whole = iw.open_images(list(stack)), iw.open_images(stack)
    assert listed.fingerprint == whole.fingerprint
    assert (np.asarray(listed) == np.asarray(whole)).all()
    assert iw.open_images(list(whole)).fingerprint == whole.fingerprint


def test_the_fingerprint_follows_the_content_and_the_order(files) -> None:
    pictures = [np.asarray(Image.open(path)) for path in files]
    first = iw.open_images(pictures, 16).fingerprint
    assert iw.open_images([picture.copy() for picture in pictures], 16).fingerprint == first
    assert iw.open_images(pictures[::-1], 16).fingerprint != first
    pictures[3] = pictures[3].copy()
    pictures[3][0, 0, 0] ^= 1
    assert iw.open_images(pictures, 16).fingerprint != first
    listed = iw.open_images(files, 16).fingerprint
    assert iw.open_images(files, 16).fingerprint == listed != iw.open_images(files[::-1], 16).fingerprint


def test_a_list_is_not_changed_by_what_the_caller_does_afterwards() -> None:
    pictures = [np.zeros((8, 8, 3), np.uint8), np.zeros((9, 8, 3), np.uint8)]
    images = iw.open_images(pictures, 8)
    pictures[0][:] = 255
    assert not np.asarray(images).any()


def test_files_of_a_list_keep_their_order_and_have_no_classes_of_folders(files) -> None:
    images = iw.open_images(files, 16)
    assert images.names() == [f"{path.parent.name}/{path.name}" for path in files]
    assert images.labels is None
    assert iw.open_images([files[0], files[0]], 16).notes == [
        "The list names 1 file a second time: these pictures count again."
    ]


def test_a_damaged_file_of_a_list_is_left_out_and_named(files) -> None:
    files[2].write_bytes(b"no picture")
    images = iw.open_images(files, 16, labels=list("aabbcc")).prepare()
    assert [name for name, _ in images.skipped] == ["a/7.png"]
    assert images.labels.tolist() == [0, 0, 1, 2, 2]
    with pytest.raises(DataError, match="7"):
        iw.open_images(files, 16, strict=True).prepare()
    closed = Image.open(files[0])
    closed.close()
    mixed = iw.open_images([Image.open(files[1]), closed], 16).prepare()
    assert [name for name, _ in mixed.skipped] == ["000001"]


@pytest.mark.parametrize(
    "labels",
    [
        ["cat", "dog", None, "cat", "dog", ""],
        np.array(["cat", "dog", "", "cat", "dog", ""]),
        ("cat", "dog", float("nan"), "cat", "dog", None),
    ],
)
def test_labels_in_the_order_of_the_pictures(files, labels) -> None:
    for source in (files, [Image.open(path) for path in files], files[0].parents[1]):
        images = iw.open_images(source, 16, labels=labels)
        assert images.class_names == ("cat", "dog")
        assert images.labels.tolist() == [0, 1, -1, 0, 1, -1]
        assert any("2 of 6 pictures have no class" in note for note in images.notes)


def test_labels_as_numbers_rows_and_tensors(files) -> None:
    assert iw.open_images(files, labels=[10, 2, 10, 2, 2, 2]).class_names == ("2", "10")
    assert iw.open_images(files, labels=torch.tensor([1, 0, 1, 0, 0, 2])).labels.tolist() == [1, 0, 1, 0, 0, 2]
    assert iw.open_images(files, labels=np.eye(3, dtype=int)[[0, 1, 2, 2, 1, 0]]).labels.tolist() == [0, 1, 2, 2, 1, 0]
    opened = iw.open_images(files, 16)
    assert iw.open_images(opened, labels=list("ababab")).class_names == ("a", "b")
    assert opened.labels is None


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["a"] * 5, "5 labels for 6 pictures"),
        ({"x.png": 1}, "labels is a dict"),
        (3, "labels is a int"),
        ([0.5] * 6, "with fractions"),
        ([[1], [1, 2], [1], [1], [1], [1]], "different lengths"),
    ],
)
def test_labels_that_cannot_be_are_refused(files, labels, said) -> None:
    with pytest.raises(DataError, match=said):
        iw.open_images(files, labels=labels)


def test_a_label_column_needs_a_table(files) -> None:
    with pytest.raises(ConfigError, match="--label-column names a column"):
        iw.open_images(files, labels=["a"] * 6, label_column="age")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ([], "list is empty"),
        (["nowhere.png", "nothing.png"], "no file nowhere.png, and 1 more of 2"),
        ([Path("/")], "holds the folder"),
        ([3, 4], "number 0 .from 0. is a int"),
        ([(np.zeros((8, 8, 3), np.uint8), 1)], "Give pictures and labels apart"),
        ([np.zeros((2, 3, 8, 8), np.uint8)], "one picture"),
        ([np.zeros((8, 8, 2), np.uint8)], "one picture"),
        ([np.zeros((8, 8), np.int64)], "int64"),
        ({"a.png"}, "has no order"),
        (b"abc", "A bytes cannot be opened"),
        (None, "A NoneType cannot be opened"),
    ],
)
def test_what_is_no_list_of_pictures_is_refused(source, said) -> None:
    with pytest.raises(DataError, match=said):
        iw.open_images(source)


@pytest.mark.parametrize("kind", ["array", "tensor", "list"])
def test_floats_that_plainly_run_from_0_to_1(kind) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    levels[1] //= 8  # a dark picture among others: one range holds for all
    floats = levels.astype(np.float32) / 255
    source = {"array": floats, "tensor": torch.from_numpy(floats), "list": list(floats)}[kind]
    images = iw.open_images(source)
    assert (np.asarray(images) == np.asarray(iw.open_images(levels))).all()
    assert "from 0 to 1, became 0 to 255" in images.notes[0]


@pytest.mark.parametrize(
    ("low", "high", "advice"),
    [
        (-1, 1, r"\(x \+ 1\) \* 127.5"),
        (0, 255, "x.round"),
        (0, 0.3, "x . 255"),
        (0.4, 1, "x . 255"),
        (0, np.nan, "mend"),
    ],
)
def test_floats_of_another_range_are_refused_with_advice(low, high, advice) -> None:
    values = np.linspace(low, high, 4 * 8 * 8 * 3, dtype=np.float32).reshape(4, 8, 8, 3)
    for source in (values, list(values), torch.from_numpy(values)):
        with pytest.raises(DataError, match=advice):
            iw.open_images(source)


def test_masks_of_truth_values_are_black_and_white() -> None:
    mask = np.random.default_rng(0).random((3, 8, 8)) > 0.5
    assert (np.asarray(iw.open_images(mask)) == 255 * mask[:, None]).all()


def test_functions_take_lists(files) -> None:
    run = iw.train("pca", [Image.open(path) for path in files], size=16, components=2, out=files[0].parent / "run")
    assert iw.encode(run, files).shape[0] == COUNT
    assert torch.equal(iw.encode(run, files), iw.encode(run, [Image.open(path) for path in files]))
    assert iw.encode(run, Image.open(files[0])).shape[0] == 1
    assert len(iw.check(files).sizes) == COUNT
    iw.duplicates([files[0], files[0]])
    assert iw.evaluate(run, files, metrics="fd", features="random", count=64) is not None
    assert iw.outliers(files) is not None
