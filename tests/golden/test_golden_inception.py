"""The Inception network against recorded activations, its two file formats, and files of other networks."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from filling import fill_state, noise_pictures
from make_inception import GAIN, SEED, SIZE
from torch import Tensor, nn

from imagewright.downloads import RemoteFile, file_checksum
from imagewright.errors import DataError
from imagewright.pretrained import inception_weights
from imagewright.pretrained.features.contract import open_network
from imagewright.pretrained.inception import build_inception, open_inception, published_shapes

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return fill_state(published_shapes(), SEED, GAIN)


@pytest.fixture(scope="module")
def file(state, tmp_path_factory) -> Path:
    """A state dict as it is distributed, with the batch counters of the norms."""
    counters = {name.replace("running_var", "num_batches_tracked"): torch.tensor(0) for name in state if "var" in name}
    path = tmp_path_factory.mktemp("weights") / "own.pth"
    torch.save({**state, **counters}, path)
    return path


@pytest.fixture(scope="module")
def archive(state, tmp_path_factory) -> Path:
    """A TorchScript archive with NVIDIA's names."""
    tensors = {}
    for ours, theirs in inception_weights.unit_names():
        for part, other in {"conv.weight": "weight", "bn.bias": "beta", "bn.running_mean": "mean"}.items():
            tensors[f"{theirs}.{other}"] = state[f"{ours}.{part}"]
        tensors[f"{theirs}.var"] = state[f"{ours}.bn.running_var"]
    tensors["output.weight"], tensors["output.bias"] = state["fc.weight"], state["fc.bias"]
    path = tmp_path_factory.mktemp("weights") / "own.pt"
    save_as_torchscript(tensors, path)
    return path


class Bag(nn.Module):
    """A module with tensors and sub-modules that computes nothing."""

    def forward(self, images: Tensor) -> Tensor:
        return images


def save_as_torchscript(tensors: dict[str, Tensor], path: Path) -> None:
    root = Bag()
    for name, tensor in tensors.items():
        *places, leaf = name.split(".")
        module: nn.Module = root
        for place in places:
            if place not in dict(module.named_children()):
                module.add_module(place, Bag())
            module = module.get_submodule(place)
        module.register_buffer(leaf, tensor)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch advises against TorchScript, in which these weights are published
        torch.jit.script(root).save(str(path))


@pytest.mark.learning
def test_activations_are_those_of_torch_fidelity(file) -> None:
    network = open_inception(weights=file)
    network.block = 2  # as many pictures as there are
    found = network.extract(network.prepare(noise_pictures(2, SIZE, SEED)))
    with np.load(HERE / "inception.npz") as golden:
        pooled, logits = torch.from_numpy(golden["pooled"]), torch.from_numpy(golden["logits"])
    # Folding the norms into the kernels changes the rounding in each of 47 layers: measured, by 4e-7 of the maximum.
    near = 3e-6 * float(pooled.max())
    assert (pooled[0] - pooled[1]).abs().mean() > 1000 * near
    torch.testing.assert_close(found.pooled, pooled, rtol=0, atol=near)
    torch.testing.assert_close(found.logits, logits, rtol=0, atol=near)
    assert network.about.dimension == found.pooled.shape[1]
    assert network.about.classes == found.logits.shape[1]
    assert not network.about.published  # weights of the user's own


def test_both_file_formats_give_the_same_network(file, archive, state) -> None:
    without_factor = {name: torch.ones_like(v) if name.endswith("bn.weight") else v for name, v in state.items()}
    translated = inception_weights.read_inception_weights(archive)
    assert {name: tuple(tensor.shape) for name, tensor in translated.items()} == published_shapes()
    assert all(torch.equal(tensor, without_factor[name]) for name, tensor in translated.items())
    same = build_inception(without_factor).state_dict()
    assert all(torch.equal(tensor, same[name]) for name, tensor in build_inception(translated).state_dict().items())


def remote(path: Path, name: str) -> RemoteFile:
    return RemoteFile(name, path.stat().st_size, file_checksum(path), "sha256")


def test_files_put_by_hand_are_checked(file, archive, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("IMAGEWRIGHT_MIRROR", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(
        DataError, match=r"put pt_inception-2015-12-05-6726825d\.pth \(95,628,359 bytes, SHA-256 6726825"
    ):
        open_network("inception")
    name = inception_weights.STATE_DICT.name
    for other in (name, *inception_weights.ALSO):
        (tmp_path / other).write_bytes(b"no weights")
        with pytest.raises(DataError, match=f"{re.escape(other)} is not the published"):
            open_network("inception")
        (tmp_path / other).unlink()
    monkeypatch.setattr(inception_weights, "TORCHSCRIPT", remote(archive, "inception-2015-12-05.pt"))
    (tmp_path / "inception-2015-12-05.pt").symlink_to(archive)
    by_archive = open_network("inception").about
    assert by_archive.published
    monkeypatch.setattr(inception_weights, "STATE_DICT", remote(file, name))
    (tmp_path / name).symlink_to(file)
    by_file = open_network("inception", resize="clean-bicubic").about
    assert by_file.resize == "clean-bicubic"
    assert by_file.digest != by_archive.digest  # in these weights the factors of the norms differ


def test_weights_of_another_network_are_refused(state, tmp_path) -> None:
    lacking = {name: tensor for name, tensor in state.items() if name != "fc.weight"}
    with pytest.raises(DataError, match=r"no tensor fc\.weight"):
        build_inception(lacking)
    with pytest.raises(DataError, match="it has no tensor AuxLogits"):
        build_inception({**state, "AuxLogits": torch.zeros(1)})
    with pytest.raises(DataError, match=r"fc\.bias is \(1000,\), expected \(1008,\)"):
        build_inception({**state, "fc.bias": torch.zeros(1000)})
    save_as_torchscript({"layers.conv.weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(DataError, match=r"no tensor 'layers\.conv\.beta'"):
        open_inception(weights=tmp_path / "other.pt")
