"""The face networks against the published runtimes (TensorFlow Lite, onnxruntime, face-api.js), on one photograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from face_weights import use_face_weights
from filling import fill_state
from make_faces import inputs, kept

from imagewright.pretrained.faces.blazeface import BlazeFace, rename_blazeface
from imagewright.pretrained.faces.centerface import CenterFace, rename_centerface
from imagewright.pretrained.faces.face_mesh import FaceMesh, rename_face_mesh
from imagewright.pretrained.faces.identity import IdentityNetwork, rename_identity
from imagewright.pretrained.faces.networks import open_network
from imagewright.pretrained.faces.weights import BLAZEFACE, CENTERFACE, FACE_MESH, IDENTITY
from imagewright.pretrained.published_weights import PublishedWeights

HERE = Path(__file__).resolve().parent
NETWORKS = [(BLAZEFACE, BlazeFace), (FACE_MESH, FaceMesh), (CENTERFACE, CenterFace), (IDENTITY, IdentityNetwork)]
PARAMETERS = {"blazeface": 101_390, "face_mesh": 604_685, "centerface": 1_820_143, "face_identity": 5_614_592}


@pytest.mark.parametrize(("weights", "network"), NETWORKS, ids=lambda each: getattr(each, "name", ""))
def test_a_network_answers_as_the_published_runtime(
    weights: PublishedWeights, network: type[torch.nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    use_face_weights(monkeypatch, weights.name)
    pixels = torch.from_numpy(inputs()[weights.name]).permute(0, 3, 1, 2)
    with torch.no_grad():
        found = open_network(weights, network())(pixels)
    with np.load(HERE / "faces.npz") as golden:
        outputs = found if isinstance(found, tuple) else (found,)
        for number, each in enumerate(outputs):
            expected = golden[f"{weights.name}_{number}"]
            scale = max(1.0, float(np.abs(expected).max()))
            np.testing.assert_allclose(kept(each.numpy()) / scale, expected / scale, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("weights", "network"), NETWORKS, ids=lambda each: getattr(each, "name", ""))
def test_a_network_has_the_published_size(weights: PublishedWeights, network: type[torch.nn.Module]) -> None:
    with torch.device("meta"):
        state = network().state_dict()
    numbers = sum(tensor.numel() for name, tensor in state.items() if not name.endswith("num_batches_tracked"))
    assert numbers == PARAMETERS[weights.name]


def test_filled_networks_take_batches_of_their_sizes() -> None:
    shapes = [((2, 3, 128, 128), 2), ((2, 3, 192, 192), 2), ((2, 3, 64, 96), 4), ((2, 3, 150, 150), 1)]
    for (_, network), (shape, outputs) in zip(NETWORKS, shapes, strict=True):
        built = network().eval()
        built.load_state_dict(fill_state({name: tuple(each.shape) for name, each in built.state_dict().items()}))
        pixels = torch.rand(shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            both, one = built(pixels), built(pixels[1:])
        both, one = (each if isinstance(each, tuple) else (each,) for each in (both, one))
        assert len(both) == outputs
        for each, alone in zip(both, one, strict=True):
            torch.testing.assert_close(each[1:], alone, rtol=1e-4, atol=1e-4)


def test_each_published_name_is_taken_once() -> None:
    """The readers of the files give every tensor of a network, and the names of no other."""
    renamers = (rename_blazeface, rename_face_mesh, rename_centerface, rename_identity)
    for (weights, network), rename in zip(NETWORKS, renamers, strict=True):
        asked: list[str] = []

        class Published(dict[str, torch.Tensor]):
            def __missing__(self, name: str, asked: list[str] = asked) -> torch.Tensor:
                asked.append(name)
                return torch.zeros(1, 1, 1, 1)

        published = Published()
        if weights is CENTERFACE:  # whose folded convolutions have numbers for names
            published |= {str(number): torch.zeros(1) for number in range(542, 766, 2)}
        names = set(rename(published))
        with torch.device("meta"):
            expected = {name for name in network().state_dict() if not name.endswith("num_batches_tracked")}
        assert names == expected
        assert len(asked) == len(set(asked))
