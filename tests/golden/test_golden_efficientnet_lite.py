"""EfficientNet-Lite0 against the package `efficientnet-lite-pytorch`: features and logits, and the weight file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from filling import fill_state, noise_pictures
from make_efficientnet_lite import SEED, SIZES, pictures

from imagewright.errors import DataError
from imagewright.pretrained import efficientnet_lite
from imagewright.pretrained.efficientnet_lite import (
    STAGES,
    build_efficientnet_lite,
    find_efficientnet_weights,
    open_efficientnet_lite,
    published_shapes,
    read_efficientnet_weights,
)
from imagewright.pretrained.features.contract import open_network

HERE = Path(__file__).resolve().parent


def compare(kind: str, state: dict[str, torch.Tensor]) -> None:
    network = build_efficientnet_lite(state)
    with np.load(HERE / "efficientnet_lite.npz") as golden:
        for size in SIZES:
            with torch.no_grad():
                found = network(pictures(size))
            name = f"{kind}_{size[0]}x{size[1]}"
            for part, values in (("features", found.pooled), ("logits", found.logits)):
                expected = torch.from_numpy(golden[f"{name}_{part}"])
                assert expected.std() > 0.01
                torch.testing.assert_close(values, expected, rtol=1e-5, atol=1e-5)


def test_features_and_logits_are_the_packages() -> None:
    compare("filled", fill_state(published_shapes(), SEED))


@pytest.mark.skipif(find_efficientnet_weights() is None, reason="the extra `features` is not installed")
def test_features_with_the_published_weights_are_the_packages() -> None:
    compare("published", read_efficientnet_weights())
    network = open_network("efficientnet_lite0")
    images = noise_pictures(3, (50, 40), 0)
    whole = network.extract(network.prepare(images))
    assert whole.pooled.shape == (3, network.about.dimension)
    assert whole.logits is not None
    assert whole.logits.shape == (3, network.about.classes)
    assert torch.equal(network.extract(network.prepare(images[2:])).pooled[0], whole.pooled[2])
    assert not network.about.published  # no score of these features is called FID


def test_the_network_has_the_published_size() -> None:
    shapes = published_shapes()
    numbers = sum(int(np.prod(shape)) for shape in shapes.values())
    running = sum(int(np.prod(shape)) for name, shape in shapes.items() if "running" in name)
    assert numbers - running == 4_652_008
    assert 0 < efficientnet_lite.FILE.size - 4 * numbers < 2**18  # little else is in the file


def test_maps_have_the_strides_and_channels_of_their_stages() -> None:
    network = build_efficientnet_lite(fill_state(published_shapes(), SEED))
    with torch.no_grad():
        maps = network.maps(pictures((65, 90)), tuple(range(7)))
    strides = (2, 4, 8, 16, 16, 32, 32)
    assert [tuple(each.shape[1:]) for each in maps] == [
        (stage[-1], -(-65 // stride), -(-90 // stride)) for stage, stride in zip(STAGES, strides, strict=True)
    ]


def test_weights_of_a_file_of_the_users_own_and_absent_ones(tmp_path, monkeypatch) -> None:
    state = fill_state(published_shapes(), SEED)
    torch.save(state | {"_bn0.num_batches_tracked": torch.tensor(7)}, tmp_path / "own.pth")
    network = open_efficientnet_lite(weights=tmp_path / "own.pth")
    white = network.prepare(torch.full((1, 1, 9, 9), 255, dtype=torch.uint8))
    assert white.shape == (1, 3, 224, 224)
    assert white[0, :, 7, 3].tolist() == [1.0, 1.0, 1.0]  # (255 - 127) / 128
    with pytest.raises(DataError, match=r"not those of EfficientNet-Lite0: there is no tensor _fc\.weight"):
        build_efficientnet_lite({name: tensor for name, tensor in state.items() if name != "_fc.weight"})
    monkeypatch.setenv("IMAGEWRIGHT_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(efficientnet_lite, "PACKAGE", "no_such_package_at_all")
    with pytest.raises(
        DataError, match=r"imagewright\[features\].*put efficientnet-lite0-57934424\.pth .*into .*weights"
    ):
        open_network("efficientnet_lite0")
    (tmp_path / efficientnet_lite.FILE.name).write_bytes((tmp_path / "own.pth").read_bytes())
    with pytest.raises(DataError, match="is not the published"):
        open_network("efficientnet_lite0")
