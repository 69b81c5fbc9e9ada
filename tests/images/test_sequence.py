"""A set of pictures as a Python sequence, a torch data set, an array, and what a notebook shows of it."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

import imagewright as iw
from imagewright.errors import ConfigError


def digits() -> iw.Images:
    return iw.open_images("digits")


def test_an_index_gives_one_picture_and_counts_from_either_end() -> None:
    images = digits()
    expected = images.batch(np.arange(len(images))).images
    assert torch.equal(images[3], expected[3])
    assert torch.equal(images[-1], expected[-1])
    assert torch.equal(images[np.int64(5)], expected[5])


def test_slices_numbers_and_masks_give_parts() -> None:
    images = digits()
    assert len(images[:100]) == 100
    assert images[10:20:3].names() == [images.name(place) for place in (10, 13, 16, 19)]
    assert images[[2, -1]].names() == [images.name(2), images.name(len(images) - 1)]
    assert images.labels is not None
    threes = images[images.labels == 3]
    assert threes.labels is not None
    assert set(threes.labels.tolist()) == {3}
    assert len(images[torch.tensor([1, 2])]) == 2


@pytest.mark.parametrize(
    ("index", "kind"), [(1797, IndexError), (-1798, IndexError), ("a", TypeError), (1.0, TypeError)]
)
def test_wrong_indices_raise_as_in_python(index: object, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        digits()[index]  # type: ignore[call-overload]


def test_iterating_gives_every_picture_in_order() -> None:
    images = digits()[:150]
    assert torch.equal(torch.stack(list(images)), images.batch(np.arange(150)).images)


def test_as_an_array_it_opens_again_as_the_same_pictures() -> None:
    images = digits()[:20]
    array = np.asarray(images)
    assert array.dtype == np.uint8
    assert array.shape == (20, 1, 8, 8)
    assert torch.equal(torch.stack(list(iw.open_images(array))), torch.stack(list(images)))
    assert np.asarray(images, dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_reads_it(workers: int) -> None:
    images = digits()[:70]
    batches = list(DataLoader(images, batch_size=32, num_workers=workers))  # type: ignore[arg-type]
    assert [len(batch) for batch in batches] == [32, 32, 6]
    assert torch.equal(torch.cat(batches), images.batch(np.arange(70)).images)


def test_labelled_pairs() -> None:
    images = digits()[:40]
    pictures, labels = next(iter(DataLoader(images.labelled(), batch_size=40)))  # type: ignore[arg-type]
    assert images.labels is not None
    assert labels.tolist() == images.labels.tolist()
    assert torch.equal(pictures, images.batch(np.arange(40)).images)
    with pytest.raises(ConfigError, match="no labels"):
        iw.open_images("faces").labelled()


def test_a_notebook_shows_pictures_from_all_over_the_set() -> None:
    shown = digits()._repr_html_()
    pictures = re.findall(r"base64,([^']+)'", shown)
    assert len(pictures) == 24
    assert max(Image.open(io.BytesIO(base64.b64decode(pictures[0]))).size) == 80
    assert "shown: 24 of 1,797" in shown
    captions = re.findall(r"<figcaption[^>]*>([^<]*)<", shown)
    assert len(set(captions)) > 5, "of several classes"
