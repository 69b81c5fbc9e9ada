"""The face networks with their weights, as functions of pictures: detections, meshes, identities.

Shape letters: N crops, H W picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from imagewright.faces.crops import cut_square, identity_square
from imagewright.faces.detections import Face, merge_overlapping
from imagewright.pretrained.faces import blazeface, centerface, face_mesh, identity
from imagewright.pretrained.faces.weights import BLAZEFACE, CENTERFACE, FACE_MESH, IDENTITY, SET
from imagewright.pretrained.published_weights import PublishedWeights, open_published
from imagewright.pretrained.weights import check_state

Network = TypeVar("Network", bound=nn.Module)

NEAR_SCORE = 0.5
FAR_SCORE = 0.5
FAR_LONGEST = 640  # pixels of the longer side of the picture that CenterFace searches
IDENTITIES_AT_ONCE = 16
# Pixels of the mesh's input by which its points are too far to the left: half the sum of the places that it gives in a
# crop and in its mirror image, less the width (32 pictures of CelebA; standard error 0.1). Heights cannot be told so.
LEFT_OF_ITS_PLACE = 0.9


def open_network(weights: PublishedWeights, network: Network) -> Network:
    """The network with its weights, frozen. Raises `DataError` if they are not there, or are others."""
    shapes = {
        name: tuple(tensor.shape)
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    network.load_state_dict(check_state(open_published(weights, SET), shapes, weights.name), strict=False)
    network.eval().requires_grad_(False)
    return network


@cache
def open_blazeface() -> blazeface.BlazeFace:
    return open_network(BLAZEFACE, blazeface.BlazeFace())


@cache
def open_centerface() -> centerface.CenterFace:
    return open_network(CENTERFACE, centerface.CenterFace())


@cache
def open_face_mesh() -> face_mesh.FaceMesh:
    return open_network(FACE_MESH, face_mesh.FaceMesh())


@cache
def open_identity() -> identity.IdentityNetwork:
    return open_network(IDENTITY, identity.IdentityNetwork())


@torch.inference_mode()
def detect_near(picture: np.ndarray, least: float = NEAR_SCORE) -> list[Face]:
    """The faces that BlazeFace finds in a picture, uint8 (H, W, 3): those of a sixth of its longer side and more."""
    small, factor = _fit(picture, blazeface.SIDE, blazeface.SIDE / max(picture.shape[:2]))
    pixels = np.zeros((blazeface.SIDE, blazeface.SIDE, 3), np.uint8)
    top, left = (blazeface.SIDE - small.shape[0]) // 2, (blazeface.SIDE - small.shape[1]) // 2
    pixels[top : top + small.shape[0], left : left + small.shape[1]] = small
    numbers, logits = open_blazeface()(_as_tensor(pixels) / 127.5 - 1)
    boxes, points, scores = blazeface.decode_blazeface(numbers[0].numpy(), logits[0].numpy(), least)
    corner = np.array([left, top])
    return [
        Face((box - np.tile(corner, 2)) / factor, (places - corner) / factor, score, "blazeface")
        for box, places, score in merge_overlapping(boxes, points, scores)
    ]


@torch.inference_mode()
def detect_any_size(picture: np.ndarray, least: float = FAR_SCORE, longest: int = FAR_LONGEST) -> list[Face]:
    """The faces that CenterFace finds in a picture, uint8 (H, W, 3), reduced to `longest` pixels at most."""
    small, factor = _fit(picture, longest, min(1.0, longest / max(picture.shape[:2])))
    padded = [-(-side // centerface.MULTIPLE) * centerface.MULTIPLE for side in small.shape[:2]]
    pixels = np.zeros((*padded, 3), np.uint8)
    pixels[: small.shape[0], : small.shape[1]] = small
    maps = [each[0].numpy() for each in open_centerface()(_as_tensor(pixels))]
    boxes, points, scores = centerface.decode_centerface(maps[0], maps[1], maps[2], maps[3], least)
    return [
        Face(box / factor, places / factor, score, "centerface")
        for box, places, score in merge_overlapping(boxes, points, scores)
    ]


@torch.inference_mode()
def fit_meshes(picture: np.ndarray, squares: Sequence[np.ndarray]) -> list[tuple[np.ndarray, float]]:
    """The points (468, 3) in pixels of the picture, and the probability of a face, in each square of the picture."""
    if not squares:
        return []
    crops = np.stack([cut_square(picture, square, face_mesh.SIDE, "black") for square in squares])
    meshes, logits = open_face_mesh()(torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255)
    found = []
    for square, points, presence in zip(squares, meshes.numpy() / face_mesh.SIDE, torch.sigmoid(logits), strict=True):
        points[:, 0] += LEFT_OF_ITS_PLACE / face_mesh.SIDE
        places = points[:, :2] @ square[:, :2].T + square[:, 2]
        depth = points[:, 2:] * np.hypot(*square[:, 0])
        found.append((np.concatenate([places, depth], 1), float(presence)))
    return found


@torch.inference_mode()
def identify(picture: np.ndarray, faces: Sequence[Face]) -> np.ndarray:
    """The identity of each face of a picture, (K, 128), as `faces/identities.py` compares them."""
    return identify_chips([cut_square(picture, identity_square(face), identity.SIDE) for face in faces])


@torch.inference_mode()
def identify_chips(chips: Sequence[np.ndarray]) -> np.ndarray:
    """The identity of each face, (K, 128), of crops by `identity_square`, uint8 (150, 150, 3)."""
    rows = [
        open_identity()(_as_batch(chips[start : start + IDENTITIES_AT_ONCE])).numpy()
        for start in range(0, len(chips), IDENTITIES_AT_ONCE)
    ]
    return np.concatenate(rows) if rows else np.zeros((0, identity.NUMBERS), np.float32)


def _fit(picture: np.ndarray, longest: int, factor: float) -> tuple[np.ndarray, float]:
    """A picture reduced or enlarged by a factor, to `longest` pixels at most."""
    if factor == 1:
        return picture, factor
    sides = [min(longest, max(1, round(side * factor))) for side in picture.shape[1::-1]]
    small = Image.fromarray(picture).resize((sides[0], sides[1]), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(small), factor


def _as_tensor(pixels: np.ndarray) -> Tensor:
    return _as_batch([pixels])


def _as_batch(pixels: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float()
