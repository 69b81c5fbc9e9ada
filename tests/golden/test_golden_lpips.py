"""LPIPS: the distances of the authors' package for the same weights, and the properties of a distance."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from filling import fill_state, fill_tensor
from make_lpips import SIZES, linear_names, make_pairs
from torch import Tensor

from imagewright.errors import ConfigError, DataError
from imagewright.pretrained import perceptual
from imagewright.pretrained.perceptual import PUBLISHED, PerceptualDistance, open_perceptual
from imagewright.pretrained.perceptual_trunks import LEAST_SIDE, WIDTHS

GOLDEN = json.loads((Path(__file__).parent / "lpips.json").read_text())
TRUNKS = tuple(PUBLISHED)


@cache
def states(trunk: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    shapes = {name: tuple(tensor.shape) for name, tensor in PerceptualDistance(trunk).trunk.state_dict().items()}
    widths = zip(linear_names(trunk), WIDTHS[trunk], strict=True)
    return fill_state(shapes), {name: fill_tensor(name, (1, width, 1, 1)).abs() for name, width in widths}


@cache
def build_network(trunk: str) -> PerceptualDistance:
    network = PerceptualDistance(trunk).eval().requires_grad_(False)
    network.load_weights(*states(trunk))
    return network


@pytest.mark.parametrize("trunk", TRUNKS)
@pytest.mark.parametrize("size", SIZES)
def test_distances_are_those_of_the_authors_package(trunk: str, size: tuple[int, int]) -> None:
    found = build_network(trunk)(*make_pairs(size))
    expected = GOLDEN[f"{trunk} {size[0]}x{size[1]}"]
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-6, atol=1e-9)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_names_and_shapes_are_those_of_the_published_files(trunk: str) -> None:
    """The first and last convolutions, as in the papers' tables and torchvision's documentation."""
    last = {"vgg": "features.28.weight", "alex": "features.10.weight", "squeeze": "features.12.expand3x3.weight"}
    shapes = {"vgg": (512, 512, 3, 3), "alex": (256, 256, 3, 3), "squeeze": (256, 64, 3, 3)}
    first = {"vgg": (64, 3, 3, 3), "alex": (64, 3, 11, 11), "squeeze": (64, 3, 3, 3)}
    state = build_network(trunk).trunk.state_dict()
    assert tuple(state["features.0.weight"].shape) == first[trunk]
    assert tuple(state[last[trunk]].shape) == shapes[trunk]
    assert list(state)[-2:] == [last[trunk], last[trunk].replace("weight", "bias")]


def test_it_is_symmetric_and_grows_with_the_difference() -> None:
    network = build_network("squeeze")
    first, second = make_pairs((32, 32))
    torch.testing.assert_close(network(first, second), network(second, first))
    steps = [network(first, first + share * (second - first))[0].item() for share in (0, 0.1, 0.3, 1)]
    assert steps[0] == 0
    assert steps == sorted(steps)


def test_grey_pictures_equal_rgb_pictures_of_equal_channels() -> None:
    network = build_network("squeeze")
    first, second = (images[:, :1] for images in make_pairs((32, 32)))
    torch.testing.assert_close(network(first, second), network(first.repeat(1, 3, 1, 1), second.repeat(1, 3, 1, 1)))


def test_it_has_a_gradient_everywhere() -> None:
    """Also if all features of a picture are 0, and for equal pictures: projection starts near both."""
    network = PerceptualDistance("squeeze").eval().requires_grad_(False)  # linear weights 0
    network.load_weights(*states("squeeze"))
    image = torch.zeros(1, 3, 32, 32, requires_grad=True)
    with torch.no_grad():
        network.trunk.features[0].bias.fill_(-100.0)  # type: ignore[union-attr, operator]
    network(image, torch.ones(1, 3, 32, 32)).sum().backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()


@pytest.mark.parametrize("trunk", TRUNKS)
def test_the_smallest_pictures(trunk: str) -> None:
    side = LEAST_SIDE[trunk]
    blank = torch.zeros(1, 3, side, side)
    assert build_network(trunk)(blank, blank).item() == 0
    with pytest.raises(DataError, match=f"needs {side} pixels"):
        build_network(trunk)(blank[..., 1:], blank[..., 1:])


def test_pictures_of_other_channels_or_shapes_are_refused() -> None:
    with pytest.raises(DataError, match="4 channels"):
        build_network("squeeze")(torch.zeros(1, 4, 32, 32), torch.zeros(1, 4, 32, 32))
    with pytest.raises(DataError, match="one shape"):
        build_network("squeeze")(torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, 32, 40))


def test_weights_of_another_network() -> None:
    trunk, linear = states("squeeze")
    with pytest.raises(DataError, match=r"trunk vgg.*features"):
        PerceptualDistance("vgg").load_weights(trunk, linear)
    with pytest.raises(DataError, match="LPIPS"):
        PerceptualDistance("squeeze").load_weights(trunk, states("alex")[1])


def test_a_classifier_in_the_file_is_ignored() -> None:
    trunk, linear = states("squeeze")
    network = PerceptualDistance("squeeze")
    network.load_weights({**trunk, "classifier.1.weight": torch.zeros(1000, 512, 1, 1)}, linear)
    first, second = make_pairs((32, 32))
    torch.testing.assert_close(network.eval()(first, second), build_network("squeeze")(first, second))


def test_without_weights_the_error_says_which_file_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path))
    monkeypatch.setenv("IMAGEWRIGHT_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(DataError) as caught:
        open_perceptual("alex")
    message = str(caught.value)
    assert "alex.pth" in message
    assert PUBLISHED["alex"].linear.checksum in message
    assert str(tmp_path) in message
    with pytest.raises(ConfigError, match="Did you mean 'vgg'"):
        open_perceptual("vgg6")


def test_a_file_that_is_not_the_published_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_WEIGHTS", str(tmp_path))
    torch.save(states("squeeze")[1], tmp_path / "squeeze.pth")
    with pytest.raises(DataError, match=r"squeeze\.pth"):
        open_perceptual("squeeze")


def test_files_of_the_users_are_found_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in the format before PyTorch's zip files, which the published files have."""
    names = {"trunk": "squeezenet1_1-b8a52dc0.pth", "linear": "lpips_squeeze.pth"}
    for name, state in zip(names.values(), states("squeeze"), strict=True):
        torch.save(state, tmp_path / name, _use_new_zipfile_serialization=False)
    published = PUBLISHED["squeeze"]
    changed = {
        part: dataclasses.replace(
            getattr(published, part), size=None, checksum=hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        )
        for part, name in names.items()
    }
    monkeypatch.setitem(perceptual.PUBLISHED, "squeeze", dataclasses.replace(published, **changed))
    monkeypatch.setenv("IMAGEWRIGHT_WEIGHTS", str(tmp_path))
    first, second = make_pairs((32, 32))
    torch.testing.assert_close(open_perceptual("squeeze")(first, second), build_network("squeeze")(first, second))
