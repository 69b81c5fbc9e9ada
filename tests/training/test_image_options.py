"""Options of `open_images` that are given to `train`."""

from __future__ import annotations

import pytest
from PIL import Image

import imagewright as iw
from imagewright.errors import ConfigError, DataError


def test_train_opens_its_source_with_the_options_of_the_images(tmp_path) -> None:
    run = iw.train("pca", "faces", size=(12, 16), crop="none", out=tmp_path / "run", components=2)
    recorded = run.record["source"]
    assert recorded["size"] == [12, 16]
    assert recorded["crop"] == "none"
    same = iw.train("pca", iw.open_images("faces", (12, 16), crop="none"), out=tmp_path / "same", components=2)
    assert same.record["source"] == recorded
    assert same.record["config"] == run.record["config"]


def test_labels_in_python_train_a_classifier(tmp_path) -> None:
    faces = [Image.fromarray(picture[0].numpy()) for picture in iw.open_images("faces")[:20]]
    run = iw.train("lda", faces, labels=["even", "odd"] * 10, out=tmp_path / "run")
    assert run.record["source"]["class_names"] == ["even", "odd"]


def test_options_of_images_that_are_open_already_are_refused_before_anything_is_written(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"faces is open already: give size to open_images"):
        iw.train("pca", iw.open_images("faces"), size=16, out=tmp_path / "run")
    with pytest.raises(ConfigError, match="crop"):
        iw.train("pca", "faces", crop="middle", out=tmp_path / "run")
    with pytest.raises(DataError, match="2 labels for 100 pictures"):
        iw.train("pca", "faces", labels=[0, 1], out=tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_a_run_is_resumed_with_the_same_call(tmp_path) -> None:
    options = {"size": 16, "out": tmp_path / "run", "width": 4, "latent_dim": 2, "batch_size": 8, "held_out": 0}
    iw.train("autoencoder", "digits", images_seen=16, **options)
    assert iw.train("autoencoder", "digits", images_seen=32, resume=True, **options).latest()[0].images_seen == 32
