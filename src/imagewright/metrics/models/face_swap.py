"""Whose face a swap model draws: distances of swapped faces to both people by an identity network, and their pose.

Faces of the target person (the reference) are drawn as the source person (the training pictures). dlib's network tells
faces apart (King 2017); it takes part in no training. FaceForensics++ (Roessler et al. 2019, arXiv:1901.08971) has
retrieval and pose error in its protocol. Shape letters: N swapped faces, K real faces of a person, C H W.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imagewright.capabilities import verbs_of
from imagewright.errors import DataError
from imagewright.faces.crops import IDENTITY_SIDE, SQUARES, cut_square, identity_square
from imagewright.faces.detail import detail_energy, fine_detail
from imagewright.faces.detections import Face
from imagewright.faces.identities import mean_distances, nearest_distances
from imagewright.faces.pose import head_pose
from imagewright.images.selection import even_places
from imagewright.metrics.intervals import bootstrap
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Sample, Value
from imagewright.pixels import to_float, to_uint8
from imagewright.pretrained.faces.finder import PASSES, PRESENCE, NetworkFinder, absent_networks, mesh_square
from imagewright.pretrained.faces.identity import SIDE
from imagewright.pretrained.faces.networks import fit_meshes, identify_chips
from imagewright.pretrained.faces.weights import IDENTITY, SET
from imagewright.pretrained.published_weights import find_published
from imagewright.training_capabilities import SwapsIdentities, swaps_identities

LARGER = 192  # pixels of a side at which the mesh is fitted
AT_ONCE = 16
FEATURES = 3.0  # sigma in pixels of a chip of the blur that separates features


def swap_faces(model: SwapsIdentities, images: Tensor, to: int = 0) -> tuple[Tensor, Tensor]:
    """Faces uint8 (N, C, H, W) of the target drawn as the source, uint8 (N, C, H, W), and masks (N, 1, H, W).

    to: the person drawn: 0 the source, 1 the target, who is then rebuilt.
    """
    device = next(model.parameters()).device  # type: ignore[attr-defined]
    pictures, masks = [], []
    with torch.inference_mode():
        for part in images.split(AT_ONCE):
            swapped, mask = model.swap(to_float(part).to(device), to)
            pictures.append(to_uint8(swapped.float()).cpu())
            masks.append(mask.float().cpu())
    return torch.cat(pictures), torch.cat(masks)


def as_pictures(images: Tensor) -> list[np.ndarray]:
    """uint8 (N, C, H, W) as pictures (H, W, 3)."""
    colour = images[:, :3] if images.shape[1] >= 3 else images[:, :1].expand(-1, 3, -1, -1)
    return list(colour.permute(0, 2, 3, 1).contiguous().numpy())


def find_mesh(picture: np.ndarray) -> Face | None:
    """The mesh of the face of a crop, in pixels of the crop enlarged to 192; None without one, or without weights."""
    if absent_networks():
        return None
    faces = NetworkFinder(small=False).find(_enlarge(picture))
    return next((face for face in faces if face.layout == "mesh"), None)


def find_square(picture: np.ndarray, face: Face | None, crop: str) -> np.ndarray:
    """The square (2, 3) of the identity network in a crop: by its mesh (`find_mesh`), or else as in a typical crop."""
    sides = np.array([[picture.shape[1]], [picture.shape[0]]])
    return typical_square(crop) * sides if face is None else identity_square(face) * (sides / LARGER)


def typical_square(crop: str) -> np.ndarray:
    """The square (2, 3) of the identity network in the unit square of a crop, for a face from the front."""
    side, middle = SQUARES.get(crop, SQUARES["whole"])
    corner = (np.array([0.5, 0.5]) - IDENTITY_SIDE / 2 - (0.5 - side / 2, middle - side / 2)) / side
    return np.concatenate([np.eye(2) * IDENTITY_SIDE / side, corner[:, None]], 1)


def cut_chips(pictures: Sequence[np.ndarray], squares: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Faces as the identity network takes them, uint8 (150, 150, 3), of squares of pictures."""
    return [cut_square(*each, SIDE) for each in zip(pictures, squares, strict=True)]


def detail_ratio(swapped: Sequence[np.ndarray], real: Sequence[np.ndarray]) -> np.ndarray:
    """The contrast of the features of swapped faces over the mean of real ones, (N,): blurred faces have less than 1.

    swapped, real: of `cut_chips`.
    """
    ours, theirs = ([_contrast(chip) for chip in chips] for chips in (swapped, real))
    return np.array(ours) / max(float(np.mean(theirs)), 1e-9)


def _contrast(chip: np.ndarray) -> float:
    inner = slice(SIDE // 5, SIDE - SIDE // 5)  # without hair and background
    detail = fine_detail(chip[inner, inner].astype(np.float32), FEATURES)
    return float(np.sqrt(detail_energy(detail, np.ones_like(detail))))


def crop_of(model: object) -> str:
    """The crop of faces that a model was trained on."""
    return str(getattr(getattr(model, "config", None), "crop", "") or "whole")


def pose_error(swapped: np.ndarray, target: Face) -> float:
    """The length of the difference in yaw, pitch and roll of a swapped face to the target's; NaN if none is seen.

    swapped: uint8 (H, W, 3).
    target: the mesh of the target's face, of `find_mesh`.
    """
    picture, fitted = _enlarge(swapped), target
    for _ in range(PASSES):
        ((points, presence),) = fit_meshes(picture, [mesh_square(fitted)])
        if presence < PRESENCE:
            return float("nan")
        fitted = Face(np.concatenate([points[:, :2].min(0), points[:, :2].max(0)]), points, 1.0, "mesh")
    one, other = head_pose(fitted), head_pose(target)
    if one is None or other is None:
        return float("nan")
    apart = np.array([one.yaw - other.yaw, one.pitch - other.pitch, one.roll - other.roll])
    return float(np.linalg.norm((apart + 180) % 360 - 180))


def _enlarge(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((LARGER, LARGER), Image.Resampling.BICUBIC))


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    model = sample.model
    assert reference is not None
    assert context.training is not None
    if not swaps_identities(model):
        verbs = ", ".join(verbs_of(model)) if model is not None else "nothing"
        raise DataError(f"{sample.source} swaps no faces (it answers {verbs}): face_swap scores runs of `swap`.")
    if find_published(IDENTITY) is None:
        raise DataError(
            f"face_swap needs the identity network. {IDENTITY.advice(SET)} Runs on the drawn "
            "people of the set shapes are scored by kept_pose, which needs none."
        )
    count, crop = int(context.options["pictures"]), crop_of(model)
    targets, sources = (each.pictures.pictures(even_places(len(each), count)) for each in (reference, context.training))
    pictures = as_pictures(targets)
    meshes = [find_mesh(picture) for picture in pictures]
    squares = [find_square(*each, crop) for each in zip(pictures, meshes, strict=True)]
    swapped = as_pictures(swap_faces(model, targets)[0])
    chips, real = cut_chips(swapped, squares), cut_chips(pictures, squares)
    of_source = as_pictures(sources)
    source = cut_chips(of_source, [find_square(each, find_mesh(each), crop) for each in of_source])
    poses = [pose_error(*each) for each in zip(swapped, meshes, strict=True) if each[1] is not None]
    people = [identify_chips(each) for each in (chips, source, real)]
    return _values(people, detail_ratio(chips, real), np.array(poses), context.seed)


def _values(people: Sequence[np.ndarray], detail: np.ndarray, poses: np.ndarray, seed: int) -> dict[str, Value]:
    """people: identities (N, 128) of swapped faces, (K, 128) of the source and of the target."""
    identities, source, target = people
    to_source, to_target = mean_distances(identities, source), mean_distances(identities, target)
    retrieved = nearest_distances(identities, source) < nearest_distances(identities, target)
    rows = {
        "swap_to_source": to_source,
        "swap_to_target": to_target,
        "swap_nearer_source": to_source < to_target,
        "swap_retrieval": retrieved,
        "swap_detail": detail,
        "swap_pose_error": poses[np.isfinite(poses)],
    }
    return {name: bootstrap(each.astype(float), seed=seed, what="faces") for name, each in rows.items() if len(each)}


METRIC = Metric(
    name="face_swap",
    outputs=(
        MetricOutput("swap_to_source", "identity distance to the source", "lower"),
        MetricOutput("swap_to_target", "identity distance to the target", "higher"),
        MetricOutput("swap_nearer_source", "swapped faces nearer the source", "higher"),
        MetricOutput("swap_retrieval", "swapped faces whose nearest face is the source's", "higher"),
        MetricOutput("swap_detail", "detail of swapped faces over real ones", "higher"),
        MetricOutput("swap_pose_error", "pose error, degrees", "lower"),
    ),
    needs=frozenset({"model", "reference", "training"}),
    compute=_compute,
    source="Roessler et al. 2019, arXiv:1901.08971; King 2017",
    summary="whose face a swap draws, and whether the head is turned as in the target's",
    least=1,
    options={"pictures": 64},
)
