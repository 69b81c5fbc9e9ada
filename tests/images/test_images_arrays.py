"""Arrays, .npz, IDX and the built-in sets."""

from __future__ import annotations

import gzip
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from imagewright.errors import ConfigError, DataError
from imagewright.images import open_images


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def write_idx(path, values: np.ndarray) -> None:
    content = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture(params=["", ".gz"])
def idx(tmp_path, request):
    """A folder like MNIST's: train and t10k images (7 and 4 of 6x5), with labels."""
    for part, count in (("train", 7), ("t10k", 4)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte{request.param}", noise(count, 6, 5))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte{request.param}", np.arange(count, dtype=np.uint8) % 3)
    return tmp_path


def test_idx_folders_have_train_and_test_parts(idx) -> None:
    train, test = open_images(idx), open_images(idx, split="test")
    assert (len(train), len(test), train.size, train.channels) == (7, 4, (6, 5), 1)
    assert test.labels.tolist() == [0, 1, 2, 0]
    batch = train.batch(np.arange(7))
    assert np.array_equal(batch.images.numpy()[:, 0], noise(7, 6, 5))
    assert batch.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    with pytest.raises(DataError, match="no part 'valid'"):
        open_images(idx, split="valid")


def test_one_idx_file_finds_its_labels(idx) -> None:
    path = next(idx.glob("t10k-images*"))
    assert open_images(path).labels.tolist() == [0, 1, 2, 0]
    labels = next(idx.glob("t10k-labels*"))
    with pytest.raises(DataError, match="name the file of the images"):
        open_images(labels)
    labels.unlink()
    assert open_images(path).labels is None


def test_damaged_idx_files(idx) -> None:
    path = next(idx.glob("train-images*"))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - 20])
    with pytest.raises(DataError, match="train-images"):
        open_images(idx)
    false = struct.pack(">4B3I", 0, 0, 8, 3, 60000, 2**15, 2**15)
    path.write_bytes(gzip.compress(false) if path.suffix == ".gz" else false)
    with pytest.raises(DataError, match="more than its"):
        open_images(idx)
    path.write_bytes(b"text")
    with pytest.raises(DataError, match="train-images"):
        open_images(idx)
    write_idx(path, noise(9, 6, 5))
    with pytest.raises(DataError, match="7 labels for 9 pictures"):
        open_images(idx)


@pytest.mark.parametrize("keys", [("images", "labels"), ("x", "y"), ("arr_0", "arr_1"), ("x_train", "y_train")])
def test_npz(tmp_path, keys) -> None:
    pixels = noise(5, 4, 6, 3)
    np.savez_compressed(tmp_path / "a.npz", **{keys[0]: pixels, keys[1]: np.array([[3], [0], [1], [2], [0]])})
    images = open_images(tmp_path / "a.npz")
    assert (len(images), images.size, images.channels) == (5, (4, 6), 3)
    assert np.array_equal(images.batch(np.arange(5)).images.numpy(), pixels.transpose(0, 3, 1, 2))
    assert images.labels.tolist() == [3, 0, 1, 2, 0]


def test_npz_with_parts_pickles_or_floats(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", x_train=noise(3, 4, 4), x_test=noise(2, 4, 4))
    assert len(open_images(tmp_path / "a.npz", split="test")) == 2
    np.savez(tmp_path / "b.npz", images=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="pickles"):
        open_images(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", images=np.zeros((2, 4, 4)))
    with pytest.raises(DataError, match="float64 from 0 to 0; expected uint8"):
        open_images(tmp_path / "c.npz")
    np.savez(tmp_path / "c.npz", images=np.full((2, 4, 4), 4095, np.uint16))
    with pytest.raises(
        DataError, match=r"uint16; expected uint8.*If 0 is black and 4,095 is white.*\(x \* \(255 / 4095\)\)"
    ):
        open_images(tmp_path / "c.npz")
    np.savez(tmp_path / "c.npz", images=noise(2, 4, 4) / 255)
    images = open_images(tmp_path / "c.npz")
    assert np.array_equal(images.batch(np.arange(2)).images[:, 0].numpy(), noise(2, 4, 4))
    assert "from 0 to 1, became 0 to 255" in images.notes[0]
    np.savez(tmp_path / "d.npz", other=noise(2, 4, 4))
    with pytest.raises(DataError, match="holds other; expected the key images"):
        open_images(tmp_path / "d.npz")
    (tmp_path / "e.npz").write_text("no archive")
    with pytest.raises(DataError, match=r"cannot be read as \.npz"):
        open_images(tmp_path / "e.npz")


def test_arrays_and_tensors_are_copied(cache) -> None:
    array = noise(4, 3, 5, 6)
    tensor = torch.from_numpy(array.copy())
    images, same = open_images(array), open_images(tensor)
    assert images.fingerprint == same.fingerprint
    expected = array.copy()
    array[:] = 0
    tensor.zero_()
    assert np.array_equal(images.batch(np.arange(4)).images.numpy(), expected)
    assert np.array_equal(same.batch(np.arange(4)).images.numpy(), expected)
    assert images.fingerprint != open_images(array).fingerprint
    assert list(cache.iterdir()) == []  # small sets stay in memory
    for wrong, message in ((noise(4, 2, 5, 6), "shape"), (noise(4), "shape"), (noise(0, 3, 4, 4), "no pictures")):
        with pytest.raises(DataError, match=message):
            open_images(wrong)


def test_channels_of_arrays_follow_the_rules_of_pictures() -> None:
    grey = open_images(noise(3, 1, 4, 4), channels=3).batch(np.arange(3)).images
    assert torch.equal(grey[:, 0], grey[:, 2])
    assert np.array_equal(grey[:, 0].numpy(), noise(3, 4, 4))


def test_digits() -> None:
    from sklearn.datasets import load_digits

    images = open_images("digits")
    assert (len(images), images.size, images.channels) == (1797, (8, 8), 1)
    assert images.class_names == tuple("0123456789")
    batch = images.batch(np.arange(1797))
    assert np.array_equal(batch.labels.numpy(), load_digits().target)
    assert np.array_equal(batch.images.numpy()[:, 0], np.rint(load_digits().images * 255 / 16))
    assert batch.images.max() == 255


def test_faces_need_no_network(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    images = open_images("faces")
    assert (len(images), images.size, images.channels) == (100, (25, 25), 1)
    pixels = images.batch(np.arange(100)).images
    assert pixels.max() == 255
    assert len({row.numpy().tobytes() for row in pixels}) == 100


def test_sizes_subsets_and_records() -> None:
    images = open_images("digits", flip=True)
    small = images.subset(np.array([5, 3, 1000]))
    assert small.labels.tolist() == images.labels[[5, 3, 1000]].tolist()
    assert torch.equal(small.batch(np.array([2, 0])).images, images.batch(np.array([1000, 5])).images)
    assert small.subset(np.array([1])).name(0) == images.name(3)
    large = small.with_size((16, 12), channels=3)
    assert (len(large), large.size, large.channels, large.flip) == (3, (16, 12), 3, True)
    assert len({images.fingerprint, small.fingerprint, large.fingerprint}) == 3
    assert open_images(images) is images
    assert open_images(images, size=16).size == (16, 16)
    record = large.describe()
    assert (record["source"], record["count"], record["size"], record["channels"]) == ("digits", 3, [16, 12], 3)
    for wrong in ([], [-1], [1797]):
        with pytest.raises(ConfigError):
            images.subset(np.array(wrong, np.int64))


def test_batches_have_every_picture_once() -> None:
    images = open_images("digits")
    batches = list(images.batches(500))
    assert [len(batch.images) for batch in batches] == [500, 500, 500, 297]
    assert torch.equal(torch.cat([batch.images for batch in batches]), images.batch(np.arange(1797)).images)
    with pytest.raises(ConfigError):
        next(images.batches(0))


def test_sources_without_parts_refuse_a_split() -> None:
    with pytest.raises(DataError, match="has no parts"):
        open_images("digits", split="test")


# Labels of arrays


def open_labelled(tmp_path, labels, **more):
    np.savez(tmp_path / "a.npz", images=noise(len(more.pop("images", range(6))), 4, 4), labels=labels, **more)
    return open_images(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        (np.array([1, 2, 3, 1, 2, 3]), ("1", "2", "3"), [0, 1, 2, 0, 1, 2]),
        (np.array([[18], [65], [18], [65], [90], [90]]), ("18", "65", "90"), [0, 1, 0, 1, 2, 2]),
        (np.array([10, 9, -1, 9, 10, 9]), ("9", "10"), [1, 0, -1, 0, 1, 0]),
        (np.array([1, -1, 1, -1, 1, -1]), ("-1", "1"), [1, 0, 1, 0, 1, 0]),
        (np.array([0.0, 2.0, np.nan, 2.0, 0.0, 2.0], np.float32), ("0", "2"), [0, 1, -1, 1, 0, 1]),
        (np.array(["b", "a", "", "a", "b", "a"]), ("a", "b"), [1, 0, -1, 0, 1, 0]),
        (np.array([b"b", b"a", b"b", b"a", b"b", b"a"]), ("a", "b"), [1, 0, 1, 0, 1, 0]),
        (np.array(["007", "7", "007", "7", "7", "7"]), ("007", "7"), [0, 1, 0, 1, 1, 1]),
        (np.array([True, False, True, False, True, True]), ("False", "True"), [1, 0, 1, 0, 1, 1]),
        (np.eye(3)[[0, 2, 0, 2, 0, 2]], ("0", "2"), [0, 1, 0, 1, 0, 1]),
        (np.eye(6, dtype=bool), tuple("012345"), [0, 1, 2, 3, 4, 5]),
    ],
)
def test_labels_are_the_values_that_occur(tmp_path, labels, classes, numbers) -> None:
    images = open_labelled(tmp_path, labels)
    assert images.class_names == classes
    assert images.labels.tolist() == numbers
    assert any("one-hot" in note for note in images.notes) == (labels.ndim == 2 and labels.shape[1] > 1)


def test_several_marks_a_row_are_attributes(tmp_path) -> None:
    marks = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 1], [1, 0, 0], [1, 1, 1], [0, 0, 1]], np.uint8)
    images = open_labelled(tmp_path, marks, attribute_names=np.array(["hat", "beard", "smile"]))
    assert images.labels is None
    assert images.attribute_names == ("hat", "beard", "smile")
    assert images.attributes.tolist() == marks.tolist()
    assert "they are attributes" in images.notes[0]


def test_names_of_classes_beside_the_labels(tmp_path) -> None:
    images = open_labelled(tmp_path, np.array([2, 0, 2, 0, 2, 0]), class_names=np.array(["dog", "bee", "cat"]))
    assert images.class_names == ("dog", "cat")
    assert images.labels.tolist() == [1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array(3), r"int64 of shape \(\); expected one value a picture"),
        (np.zeros((6, 0)), r"shape \(6, 0\); expected"),
        (np.zeros(0), "0 labels for 6 pictures"),
        (np.zeros((6, 2, 2)), r"shape \(6, 2, 2\)"),
        (np.full((6, 2), 0.5), "not all are 0 or 1"),
        (np.arange(12).reshape(6, 2), "not all are 0 or 1"),
        (np.full(6, 0.5), "with fractions"),
        (np.array([0, 1, np.inf, 0, 1, 2]), "with fractions"),
        (np.array([["a", "b"]] * 6), r"shape \(6, 2\)"),
        (np.zeros(6, complex), "complex128"),
        (np.zeros(6, "datetime64[s]"), "datetime64"),
    ],
)
def test_other_labels_are_refused_with_a_sentence(tmp_path, labels, message) -> None:
    with pytest.raises(DataError, match=message) as error:
        open_labelled(tmp_path, labels)
    assert len(str(error.value).splitlines()) == 1


def test_idx_labels_from_one_are_the_classes_that_occur(tmp_path) -> None:
    write_idx(tmp_path / "train-images-idx3-ubyte", noise(6, 5, 5))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.array([1, 2, 26, 1, 2, 26], np.uint8))
    images = open_images(tmp_path)
    assert images.class_names == ("1", "2", "26")
    assert images.labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_npz_named_as_medmnist_does(tmp_path) -> None:
    parts = {"train": 5, "val": 3, "test": 2}
    arrays = {f"{part}_images": noise(count, 4, 4) for part, count in parts.items()}
    arrays |= {f"{part}_labels": (np.arange(count) % 2 + 1)[:, None] for part, count in parts.items()}
    np.savez(tmp_path / "a.npz", **arrays)
    assert len(open_images(tmp_path / "a.npz")) == 5
    test = open_images(tmp_path / "a.npz", split="test")
    assert (len(test), test.class_names) == (2, ("1", "2"))


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="memory by mapping is read as Linux tells it")
def test_pixels_mapped_from_a_file_leave_memory_when_they_are_released(tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    write_idx(path, noise(500, 32, 32))

    def resident_kilobytes() -> int:
        mappings = Path("/proc/self/smaps").read_text().split(str(path))[1:]
        return sum(int(each.split("Rss:")[1].split()[0]) for each in mappings)

    images = open_images(path)
    pixels = images.batch(np.arange(500)).images
    assert resident_kilobytes() > 400
    images.release()
    assert resident_kilobytes() == 0
    assert torch.equal(images.batch(np.arange(500)).images, pixels)
