"""DINOv2: a small network against recorded features, position embeddings at another size, and the weight file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from filling import fill_state, noise_pictures
from make_dinov2_tiny import DEPTH, HEADS, PATCH, SEED, SIDE, WIDTH, pictures, shapes

from imagewright.downloads import RemoteFile, file_checksum
from imagewright.errors import DataError
from imagewright.pretrained import dinov2
from imagewright.pretrained.dinov2 import DinoV2, Shape, build_dinov2, open_dinov2, published_shapes
from imagewright.pretrained.features.contract import open_network

HERE = Path(__file__).resolve().parent
TINY = Shape(DEPTH, WIDTH, HEADS, PATCH, SIDE)


def test_features_are_those_of_transformers() -> None:
    assert published_shapes(TINY) == shapes()
    network = build_dinov2(fill_state(shapes(), SEED), TINY)
    with torch.no_grad():
        found = network(pictures()).pooled
    with np.load(HERE / "dinov2_tiny.npz") as golden:
        features = torch.from_numpy(golden["features"])
    assert (features[0] - features[1]).abs().mean() > 0.05
    torch.testing.assert_close(found, features, rtol=0, atol=3e-6)


def test_the_large_network_has_the_published_tensors() -> None:
    large = published_shapes(Shape())
    assert len(large) == 6 + 24 * 14
    mask_token = 1024
    numbers = sum(int(np.prod(shape)) for shape in large.values()) + mask_token
    assert numbers == 304_368_640
    assert 0 < dinov2.FILE.size - 4 * numbers < 2**18  # little else is in the file
    assert large["pos_embed"] == (1, 1 + 37**2, 1024)
    assert large["blocks.23.mlp.fc1.weight"] == (4096, 1024)


def cubic_weights(count: int, wanted: int, scale: float) -> np.ndarray:
    """(wanted, count): Keys' cubic with a = -0.75 at half-pixel centres, edges repeated, in double precision."""
    result = np.zeros((wanted, count))
    for place in range(wanted):
        centre = (place + 0.5) / scale - 0.5
        for tap in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            distance, a = abs(centre - tap), -0.75
            if distance <= 1:
                weight = (a + 2) * distance**3 - (a + 3) * distance**2 + 1
            else:
                weight = a * (distance**3 - 5 * distance**2 + 8 * distance - 4)
            result[place, min(max(tap, 0), count - 1)] += weight
    return result


def test_positions_are_interpolated_with_the_published_offset() -> None:
    shape = Shape(depth=1, width=5, heads=1, patch=14, trained_side=518)
    network = build_dinov2(fill_state(published_shapes(shape)), shape)
    with torch.no_grad():
        found = network.positions(16, 12).numpy()
    trained = network.pos_embed.detach().double().numpy()
    assert np.array_equal(found[:, :1], trained[:, :1].astype(np.float32))
    plane = trained[0, 1:].reshape(37, 37, 5)
    rows, columns = (cubic_weights(37, side, (side + 0.1) / 37) for side in (16, 12))
    expected = np.einsum("ip,jq,pqc->ijc", rows, columns, plane).reshape(-1, 5)
    np.testing.assert_allclose(found[0, 1:], expected, atol=2e-6 * np.abs(plane).max() * 37)
    plain = np.einsum("ip,jq,pqc->ijc", *(cubic_weights(37, side, side / 37) for side in (16, 12)), plane)
    assert np.abs(plain.reshape(-1, 5) - expected).max() > 0.1 * np.abs(plane).max()


def test_pictures_are_resized_to_224_and_normalised_by_imagenets_mean(tmp_path) -> None:
    torch.save({**fill_state(shapes(), SEED), "mask_token": torch.zeros(1, WIDTH)}, tmp_path / "own.pth")
    network = open_dinov2(weights=tmp_path / "own.pth", shape=TINY)
    white = network.prepare(torch.full((1, 1, 9, 9), 255, dtype=torch.uint8))
    assert white.shape == (1, 3, 224, 224)
    expected = [(1 - mean) / deviation for mean, deviation in zip(dinov2.MEANS, dinov2.DEVIATIONS, strict=True)]
    assert white[0, :, 7, 3].tolist() == pytest.approx(expected)
    images = noise_pictures(3, (50, 40), 0)
    whole = network.extract(network.prepare(images)).pooled
    assert whole.shape == (3, WIDTH)
    assert torch.equal(network.extract(network.prepare(images[2:])).pooled[0], whole[2])
    assert not network.about.published


def test_the_file_is_checked(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IMAGEWRIGHT_MIRROR", "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(DataError, match=r"put dinov2_vitl14_pretrain\.pth \(1,217,586,395 bytes, SHA-256 d5383ea8"):
        open_network("dinov2")
    path = tmp_path / dinov2.FILE.name
    torch.save(fill_state(shapes(), SEED), path)
    with pytest.raises(DataError, match="is not the published"):
        open_network("dinov2")
    here = RemoteFile(path.name, path.stat().st_size, file_checksum(path), "sha256")
    monkeypatch.setattr(dinov2, "FILE", here)
    with pytest.raises(
        DataError, match=r"not those of this DINOv2: cls_token is \(1, 1, 48\), expected \(1, 1, 1024\)"
    ):
        open_network("dinov2")
    assert open_dinov2(shape=TINY).about.published


def test_it_can_be_built_without_memory_for_weights() -> None:
    with torch.device("meta"):
        assert all(tensor.is_meta for tensor in DinoV2(Shape()).state_dict().values())
