"""Labels and attributes that a caller sets: a new set with the same pictures, cache and fingerprint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imagewright.errors import DataError
from imagewright.images import Images, open_images


def test_images_with_labels_are_new_and_share_the_decoded_pixels(folder: Path, cache: Path) -> None:
    images = open_images(folder, 8).prepare()
    (pixels,) = cache.glob("*.pixels")
    pixels.unlink()  # what is open stays readable, and must not be decoded again
    named = images.with_labels([0, 1, 1, 0, 2, 0], ("cat", "dog", "bird"))
    assert (images.labels, images.class_names) == (None, None)
    assert named.class_names == ("cat", "dog", "bird")
    batch = named.batch(np.array([4, 1]))
    assert batch.labels is not None
    assert batch.labels.tolist() == [2, 1]
    assert np.array_equal(batch.images, images.batch(np.array([4, 1])).images)
    assert not list(cache.glob("*.pixels"))


def test_the_fingerprint_is_of_pixels_and_the_record_of_labels_too(folder: Path) -> None:
    images = open_images(folder)
    one, other = (images.with_labels(np.arange(6) % 2, names) for names in (("a", "b"), ("b", "a")))
    attributes = one.with_attributes(np.eye(6)[:, :2], ("hat", "beard"))
    sets = [images, one, other, attributes]
    assert len({each.fingerprint for each in sets}) == 1
    assert len({each.describe()["annotations"] for each in sets}) == 4
    assert images.describe()["annotations"] is None
    assert attributes.class_names == ("a", "b")
    assert attributes.describe()["attribute_names"] == ["hat", "beard"]


def test_subsets_sizes_and_streams_have_the_labels_that_were_set(folder: Path) -> None:
    images = open_images(folder).with_labels(np.arange(6), "abcdef").with_attributes(np.eye(6), "uvwxyz")
    some = images.subset(np.array([5, 2, 3]))
    assert some.labels is not None
    assert some.labels.tolist() == [5, 2, 3]
    assert some.with_size(4).batch(np.arange(3)).labels.tolist() == [5, 2, 3]  # type: ignore[union-attr]
    (streamed,) = some.stream(3)
    assert streamed.labels is not None
    assert streamed.attributes is not None
    assert streamed.labels.tolist() == [2, 3, 5]  # a stream comes in the order of the source
    assert streamed.attributes.argmax(1).tolist() == [2, 3, 5]


@pytest.mark.parametrize("prepared_before", [True, False])
def test_unreadable_pictures_take_their_labels_along(folder: Path, prepared_before: bool) -> None:
    (folder / "2.png").write_bytes(b"no picture")
    images = open_images(folder, 8)
    if prepared_before:
        images = images.prepare().with_labels([0, 1, 3, 4, 5], "abcdef")
    else:
        images = images.with_labels(np.arange(6), "abcdef").prepare()
    assert images.labels is not None
    assert images.labels.tolist() == [0, 1, 3, 4, 5]
    assert images.with_size(6).prepare().labels.tolist() == [0, 1, 3, 4, 5]  # type: ignore[union-attr]
    assert images.subset(np.array([2])).prepare().labels.tolist() == [3]  # type: ignore[union-attr]
    assert [each.labels.tolist() for each in images.stream(9)] == [[0, 1, 3, 4, 5]]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images: images.with_labels([0, 1], "ab"), "each of 6 pictures"),
        (lambda images: images.with_labels(np.zeros(6), "ab"), "float64"),
        (lambda images: images.with_labels([0, 1, 2, 0, 1, 2], "ab"), "0 to 2, but there are 2 names"),
        (lambda images: images.with_attributes(np.zeros((6, 2)), ("hat",)), "1 names"),
        (lambda images: images.with_attributes(np.full((6, 1), 0.5), ("hat",)), "other values than 0 and 1"),
    ],
)
def test_wrong_labels_and_attributes_say_what_was_expected(folder: Path, change: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        change(open_images(folder))  # type: ignore[operator]


@pytest.mark.parametrize("name", ["labels", "class_names", "attributes", "attribute_names", "flip"])
def test_fields_are_not_assigned_to(folder: Path, name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(open_images(folder), name, None)


def set_of(**options: object) -> Images:
    values = (np.arange(4 * 3 * 10 * 12) % 251).astype(np.uint8).reshape(4, 3, 10, 12)
    return open_images(values, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "fingerprint", "of_subset"),
    [
        ({}, "6899f0f250b9fe7945043c5a83068e48", "05bfb3f4401239e79a2ca74f05a83e76"),
        ({"size": 8}, "2b258d21aa3f6bf92bc762b205c58f0c", "18a65cff58a33a7650b7a4332899f2ea"),
        (
            {"size": (8, 6), "channels": 1, "crop": "random", "resize": "box"},
            "18f5b93acab55dc55bc8c0d76d119e97",
            "8c4c4bf8576e9f15c72dcb59719d909c",
        ),
    ],
)
def test_fingerprints_of_plain_sets_are_those_of_version_0_1(
    options: dict[str, object], fingerprint: str, of_subset: str
) -> None:
    """Recorded before there were layers: caches and runs from then are found again."""
    assert set_of(**options).fingerprint == fingerprint
    assert set_of(**options).subset(np.array([2, 0])).fingerprint == of_subset
