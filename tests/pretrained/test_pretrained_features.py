"""Feature networks without a download: `random`, `pixels`, and the user's own."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from imagewright.errors import ConfigError, DataError
from imagewright.pretrained.features import random as random_features
from imagewright.pretrained.features.contract import NETWORKS, open_network
from imagewright.pretrained.features.random import sample_weights


def pictures(count: int, channels: int = 3, size: tuple[int, int] = (28, 36), seed: int = 0) -> Tensor:
    values = np.random.default_rng(seed).integers(0, 256, (count, channels, *size), np.uint8)
    return torch.from_numpy(values)


def features(name: str, images: Tensor) -> Tensor:
    network = open_network(name)
    return network.extract(network.prepare(images)).pooled


def test_the_random_weights_are_those_of_the_measured_design() -> None:
    """A change of the random numbers or of the rounding changes scores, so it must fail a test."""
    assert random_features.design_digest(sample_weights()) == random_features.DIGEST
    assert open_network("random").about.digest == random_features.DIGEST
    assert random_features.design_digest(sample_weights(1)) != random_features.DIGEST


def test_random_filters_are_orthogonal() -> None:
    for weights in sample_weights().values():
        rows = weights.flatten(1).double()
        products = rows @ rows.T / 2
        torch.testing.assert_close(products, torch.eye(len(rows), dtype=torch.float64), rtol=0, atol=3e-3)
        assert torch.equal(rows * 4096, (rows * 4096).round())


@pytest.mark.parametrize("name", ["random", "pixels"])
def test_any_picture_gives_features_of_the_stated_dimension(name) -> None:
    network = open_network(name)
    for channels in (1, 3, 4):
        for size in ((28, 28), (7, 90), (64, 64)):
            found = network.extract(network.prepare(pictures(2, channels, size)))
            assert found.pooled.shape == (2, network.about.dimension)
            assert found.pooled.dtype == torch.float32
            assert found.logits is None
    flat = features(name, torch.zeros(1, 1, 64, 64, dtype=torch.uint8))
    assert flat.isfinite().all()


@pytest.mark.parametrize("name", ["random", "pixels"])
def test_a_pictures_features_do_not_depend_on_the_others(name) -> None:
    images = pictures(75)
    whole = features(name, images)
    assert torch.equal(features(name, images[40:41])[0], whole[40])
    assert torch.equal(features(name, images[31:]), whole[31:])
    grey = pictures(2, 1)
    assert torch.equal(features(name, grey), features(name, grey.expand(-1, 3, -1, -1)))


@pytest.mark.learning
def test_random_features_move_further_the_more_is_changed() -> None:
    """Noise, contrast, colour and layout each move the features, and more of it moves them further."""
    coarse = torch.nn.functional.interpolate(pictures(64, 3, (8, 8)).float(), size=(64, 64), mode="bilinear")
    plain = coarse * 0.6 + 50
    noise = torch.from_numpy(np.random.default_rng(5).normal(0, 1, plain.shape)).float()
    changes = {
        "noise": lambda strength: plain + 20 * strength * noise,
        "contrast": lambda strength: 128 + (1 - 0.5 * strength) * (plain - 128),
        "colour": lambda strength: plain + 40 * strength * torch.tensor([1.0, 0.0, -1.0]).view(3, 1, 1),
        "layout": lambda strength: plain + 60 * strength * torch.linspace(-1, 1, 64),
    }
    clean = features("random", plain.to(torch.uint8))
    spread = (clean - clean.mean(0)).square().sum(1).mean().sqrt()
    for what, change in changes.items():
        moved = [
            (features("random", change(strength).clamp(0, 255).to(torch.uint8)) - clean).mean(0).norm() / spread
            for strength in (0.2, 0.5, 1.0)
        ]
        assert moved == sorted(moved), what
        assert moved[-1] > 0.1, what


def test_pixels_are_the_picture() -> None:
    images = pictures(2, 3, (32, 32))
    expected = images.flatten(1).double() / 127.5 - 1
    torch.testing.assert_close(features("pixels", images).double(), expected, rtol=0, atol=1e-6)


def test_a_resize_filter_is_part_of_the_recipe() -> None:
    network = open_network("random", resize="box")
    assert network.about.resize == "box"
    assert network.about.to_dict()["resize"] == "box"
    assert not torch.equal(network.prepare(pictures(1)), open_network("random").prepare(pictures(1)))
    for name in NETWORKS:
        if name in {"random", "pixels"}:  # the others need weights first
            with pytest.raises(ConfigError, match="no filter 'bicubik'"):
                open_network(name, resize="bicubik")


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match=r"no features 'incepton': expected inception.*Did you mean 'inception'"):
        open_network("incepton")


class Own(nn.Module):
    """Features from which the range and the means of the network's input follow."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))

    def forward(self, images: Tensor) -> Tensor:
        means = images.mean([2, 3]) * self.weight
        return torch.cat([means, images.amin([1, 2, 3])[:, None], images.amax([1, 2, 3])[:, None]], 1)


@pytest.fixture
def script(tmp_path) -> Path:
    path = tmp_path / "net.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch advises against TorchScript
        torch.jit.script(Own()).save(str(path))
    return path


def test_a_torchscript_file_of_the_user(script) -> None:
    network = open_network(f"file:{script}@20")
    images = pictures(3, 1, (20, 20))
    found = network.extract(network.prepare(images)).pooled
    expected = Own()(images.float().expand(-1, 3, -1, -1) / 127.5 - 1)
    torch.testing.assert_close(found, expected.detach())
    assert found.shape[1] == network.about.dimension == 5
    assert (network.about.name, network.about.size, network.about.resize) == ("file:net.pt", (20, 20), "bicubic")
    assert open_network(f"file:{script}@16x24", resize="lanczos").about.size == (16, 24)
    own_size = open_network(f"file:{script}")
    assert own_size.prepare(pictures(1, 3, (9, 13))).shape == (1, 3, 9, 13)
    assert (own_size.about.size, own_size.about.resize) == (None, "none")
    with pytest.raises(ConfigError, match=r"file:net\.pt@224"):
        open_network(f"file:{script}", resize="lanczos")


def test_a_python_function_of_the_user(tmp_path, monkeypatch) -> None:
    (tmp_path / "mynets.py").write_text(
        "from torch import nn\n"
        "def small():\n    return nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())\n"
        "def whole():\n    return nn.Identity()\n"
        "def strict():\n    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 4))\n"
        "def text():\n    return 'features'\n"
    )
    monkeypatch.chdir(tmp_path)  # found in the current folder
    network = open_network("python:mynets:small@8")
    assert network.about.name == "python:mynets:small"
    assert network.about.dimension == 12
    assert network.extract(network.prepare(pictures(2))).pooled.shape == (2, 12)
    with pytest.raises(DataError, match=r"gives \(2, 3, 64, 64\) for 2 pictures: expected features \(2, F\)"):
        open_network("python:mynets:whole")
    with pytest.raises(DataError, match=r"fails on pictures 2x3x64x64: RuntimeError"):
        open_network("python:mynets:strict")
    assert open_network("python:mynets:strict@8").about.dimension == 4
    with pytest.raises(DataError, match=r"returned str: expected a torch\.nn\.Module"):
        open_network("python:mynets:text")
    with pytest.raises(ConfigError, match=r"cannot be imported.*small_one"):
        open_network("python:mynets:small_one")
    with pytest.raises(ConfigError, match=r"python:mynets.*python:package\.module:function"):
        open_network("python:mynets")


def test_a_file_that_is_no_network(tmp_path) -> None:
    with pytest.raises(ConfigError, match="There is no file"):
        open_network(f"file:{tmp_path / 'absent.pt'}")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "state.pt")
    (tmp_path / "text.pt").write_text("no network")
    for name in ("state.pt", "text.pt"):
        with pytest.raises(DataError, match="cannot be read as TorchScript"):
            open_network(f"file:{tmp_path / name}")
    with pytest.raises(ConfigError, match=r"text\.pt@0.*@224"):
        open_network(f"file:{tmp_path / 'text.pt'}@0")


def test_open_features_is_public(tmp_path, monkeypatch) -> None:
    import imagewright as iw

    images = pictures(3)
    network = iw.open_features("random", resize="box")
    expected = open_network("random", resize="box")
    assert network.about == expected.about
    assert torch.equal(
        network.extract(network.prepare(images)).pooled, expected.extract(network.prepare(images)).pooled
    )
    with pytest.raises(ConfigError, match="'pixels' take no weights: only inception, dinov2 and efficientnet_lite0 do"):
        iw.open_features("pixels", weights=tmp_path / "own.pth")
    with pytest.raises(DataError, match=r"no weight file .*own\.pth"):
        iw.open_features("inception", weights=tmp_path / "own.pth")
    with pytest.raises(ConfigError, match="no features 'incepton'"):
        iw.open_features("incepton", weights=tmp_path / "own.pth")
