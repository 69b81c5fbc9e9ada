"""Real data sets in the formats of their users."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile

import numpy as np
from PIL import Image, ImageOps

from imagewright.images import open_images


def test_mnist_has_the_published_pixels(shared) -> None:
    images = open_images(shared / "mnist")
    digest = hashlib.md5(struct.pack(">4B3I", 0, 0, 8, 3, 60_000, 28, 28))  # of the official file, decompressed
    for batch in images.batches(5000):
        digest.update(batch.images.numpy().tobytes())
    assert digest.hexdigest() == "6bbc9ace898e44ae57da46a324031adb"
    assert len(open_images(shared / "mnist", split="test")) == 10_000
    assert np.bincount(images.labels).tolist()[:2] == [5923, 6742]


def test_faces_with_attributes_open_as_one_source(shared) -> None:
    images = open_images(shared / "celeba_178x218_sample", size=64)
    assert (len(images), len(images.attribute_names)) == (460, 40)
    assert "identity" not in images.attribute_names
    with zipfile.ZipFile(shared / "celeba_178x218_sample" / "images.zip") as archive:
        stored = Image.open(io.BytesIO(archive.read(images.name(123)))).convert("RGB")
    expected = np.asarray(ImageOps.fit(stored, (64, 64), method=Image.Resampling.LANCZOS))
    assert np.array_equal(images.batch(np.array([123])).images[0].permute(1, 2, 0).numpy(), expected)


def test_classes_of_real_archives(shared) -> None:
    omniglot = open_images(shared / "omniglot" / "images_background_small1.zip")
    assert (len(omniglot), omniglot.channels, len(omniglot.class_names)) == (2720, 1, 5)
    cifar = open_images(shared / "cifar10_jpg", split="test")
    assert np.bincount(cifar.labels).tolist() == [200] * 10
    orl = open_images(shared / "orl_faces", size=(112, 92)).prepare()
    assert (len(orl), len(orl.class_names), orl.size) == (320, 32, (112, 92))
