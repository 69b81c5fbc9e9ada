"""Feature extraction on several threads returns the features of a single thread, also for networks with state."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import simple_pictures, tiny_model

import imagewright as iw
from imagewright import distributed
from imagewright.errors import DataError, RunError
from imagewright.metrics.features.extraction import extract_features
from imagewright.metrics.features.run_features import open_features
from imagewright.metrics.subjects import OpenedPictures, SampledPictures
from imagewright.pretrained.features.contract import FeatureNetwork, Features, open_network

STATEFUL_NETWORK = """
import time
import torch

class Hooked(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Flatten()
        self.layer.register_forward_hook(lambda module, inputs, output: setattr(self, "seen", output))

    def forward(self, images):
        self.layer(images)
        time.sleep(0.002)  # another thread could run in between
        return self.seen
"""


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """Several threads, whatever the machine and the settings of the test run."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def digits() -> iw.Images:
    return iw.open_images("digits")


def extract_at_once(pictures: OpenedPictures | SampledPictures, network: FeatureNetwork) -> Features:
    return network.extract(network.prepare(pictures.pictures(np.arange(len(pictures)))))


@pytest.mark.parametrize("name", ["random", "pixels"])
def test_threads_change_neither_features_nor_order(name: str, digits: iw.Images) -> None:
    pictures, network = OpenedPictures(digits.subset(np.arange(333))), open_network(name)
    found = extract_features(pictures, network)
    assert np.allclose(found.features, extract_at_once(pictures, network).pooled.numpy(), rtol=0, atol=1e-5)
    assert torch.get_num_threads() == 3


def test_a_network_with_state_runs_on_one_thread(
    digits: iw.Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hooked_network.py").write_text(STATEFUL_NETWORK)
    monkeypatch.chdir(tmp_path)
    pictures, network = OpenedPictures(digits.subset(np.arange(333))), open_network("python:hooked_network:Hooked@8")
    found = extract_features(pictures, network)
    assert np.array_equal(found.features, extract_at_once(pictures, network).pooled.numpy())


def test_a_network_whose_width_follows_the_size_needs_one_size(
    digits: iw.Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flat_network.py").write_text("import torch\n\ndef flat():\n    return torch.nn.Flatten()\n")
    monkeypatch.chdir(tmp_path)
    pictures = OpenedPictures(digits.subset(np.arange(20)))
    with pytest.raises(DataError, match=r"gives 192 features.*12,288 for others.*python:flat_network:flat@64"):
        extract_features(pictures, open_network("python:flat_network:flat"))
    found = extract_features(pictures, open_network("python:flat_network:flat@16"))
    assert found.features.shape == (20, 3 * 16 * 16)


def test_a_model_in_training_is_sampled_in_evaluation_mode() -> None:
    model = tiny_model("dcgan").eval()
    network = open_network("pixels")
    expected = extract_features(SampledPictures(model, 200, 0), network).features
    model.train()
    found = extract_features(SampledPictures(model, 200, 0), network).features
    assert np.array_equal(found, expected)
    assert model.training


def test_the_features_of_a_run_are_its_latents(digits: iw.Images, tmp_path: Path) -> None:
    run = iw.train("pca", digits, tmp_path / "run", components=5)
    pictures = OpenedPictures(digits.subset(np.arange(100)))
    found = extract_features(pictures, open_features(f"classifier:{run.path}"))
    encoded = iw.encode(run, digits.subset(np.arange(100)))
    assert np.allclose(found.features, encoded.flatten(1).numpy(), rtol=0, atol=1e-4)


def test_progress_never_passes_its_total_and_reaches_it(digits: iw.Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "world_size", lambda: 2)  # ranks have unequal shares of these numbers of pictures
    monkeypatch.setattr(distributed, "gather_rows_on_main", lambda rows, bounds: None)
    network = open_network("pixels")
    for count in (17, 33, 200):
        calls: list[tuple[int, int]] = []
        pictures = OpenedPictures(digits.subset(np.arange(count)))
        extract_features(pictures, network, progress=lambda *call: calls.append(call))  # noqa: B023
        assert calls[-1] == (count, count)
        assert all(done <= total == count for done, total in calls)


def test_a_full_disk_is_an_error_before_features_are_extracted(
    digits: iw.Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", fail)
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path / "cache"))
    samples = iw.open_images(simple_pictures(8, (8, 8), 1))
    with pytest.raises(RunError, match="disk is full"):
        iw.evaluate(samples, digits, metrics=["fd"], features="random")
