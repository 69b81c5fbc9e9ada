"""`fit_model`: the configuration follows from the pictures, and fits are those of the model itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import simple_pictures

import imagewright as iw
from imagewright.errors import ConfigError
from imagewright.pixels import to_float
from imagewright.statistics.fitting import TensorStream, fit_model


def test_images_and_streams_of_bytes_or_floats_give_the_same_model() -> None:
    pictures = torch.from_numpy(simple_pictures(20, (8, 12), 3))
    models = [
        fit_model("pca", images, components=4)
        for images in (iw.open_images(pictures), TensorStream(pictures), TensorStream(to_float(pictures)))
    ]
    assert models[0].config.image_shape == (3, 8, 12)
    for model in models[1:]:
        assert model.config == models[0].config
        assert all(torch.equal(one, other) for one, other in zip(models[0].buffers(), model.buffers(), strict=True))


def test_classes_come_from_the_images_or_are_given_for_a_stream() -> None:
    digits = iw.open_images("digits").subset(np.arange(200))
    model = fit_model("lda", digits)
    assert model.config.class_names == tuple(map(str, range(10)))
    assert digits.labels is not None
    batch = digits.batch(np.arange(200))
    stream = TensorStream(batch.images, torch.from_numpy(digits.labels))
    assert torch.equal(fit_model("lda", stream, class_names=model.config.class_names).mean, model.mean)


def test_a_wrong_option_is_named() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'components'"):
        fit_model("pca", TensorStream(torch.zeros(3, 1, 4, 4)), component=2)
