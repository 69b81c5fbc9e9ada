"""Features by several threads at once are those of one after the other, whatever a network or a model keeps inside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import tiny_model

import imagewright as iw
from imagewright.metrics.features.extraction import features_of
from imagewright.metrics.features.of_runs import features_named
from imagewright.metrics.subjects import OpenedPictures, SampledPictures
from imagewright.pretrained.features.contract import FeatureNetwork, Features, open_network

KEEPS_WHAT_IT_SAW = """
import time
import torch

class Hooked(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Flatten()
        self.layer.register_forward_hook(lambda module, inputs, output: setattr(self, "seen", output))

    def forward(self, images):
        self.layer(images)
        time.sleep(0.002)  # in which another thread could come between
        return self.seen
"""


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Several threads, whatever the machine and the runner's settings."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def digits() -> iw.Images:
    return iw.open_images("digits")


def one_by_one(pictures: OpenedPictures | SampledPictures, network: FeatureNetwork) -> Features:
    return network.extract(network.prepare(pictures.pictures(np.arange(len(pictures)))))


@pytest.mark.parametrize("name", ["random", "pixels"])
def test_threads_change_no_feature_and_keep_the_order(name: str, digits: iw.Images) -> None:
    pictures, network = OpenedPictures(digits.subset(np.arange(333))), open_network(name)
    found = features_of(pictures, network)
    assert np.allclose(found.features, one_by_one(pictures, network).pooled.numpy(), rtol=0, atol=1e-5)
    assert torch.get_num_threads() == 3


def test_a_network_that_keeps_what_it_saw_is_asked_by_one_thread(
    digits: iw.Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hooked_network.py").write_text(KEEPS_WHAT_IT_SAW)
    monkeypatch.chdir(tmp_path)
    pictures, network = OpenedPictures(digits.subset(np.arange(333))), open_network("python:hooked_network:Hooked@8")
    found = features_of(pictures, network)
    assert np.array_equal(found.features, one_by_one(pictures, network).pooled.numpy())


def test_a_model_in_the_midst_of_training_is_judged_as_verbs_use_it() -> None:
    model = tiny_model("dcgan").eval()
    network = open_network("pixels")
    expected = features_of(SampledPictures(model, 200, 0), network).features
    model.train()
    found = features_of(SampledPictures(model, 200, 0), network).features
    assert np.array_equal(found, expected)
    assert model.training


def test_a_trained_model_as_network_gives_what_it_encodes(digits: iw.Images, tmp_path: Path) -> None:
    run = iw.train("pca", digits, tmp_path / "run", components=5)
    pictures = OpenedPictures(digits.subset(np.arange(100)))
    found = features_of(pictures, features_named(f"classifier:{run.path}"))
    encoded = iw.encode(run, digits.subset(np.arange(100)))
    assert np.allclose(found.features, encoded.flatten(1).numpy(), rtol=0, atol=1e-4)
