"""Figures of a model that swaps faces: whose face the swapped one is, its mask, and poses that the source lacks.

Faces of the target person are drawn as the source, and dlib's identity network tells how far they are from real faces
of both. It takes part in no training. A swap has no answer that could be learned by heart, so that target faces are
taken from the whole set. Shape letters: N faces, K real faces of a person, C H W.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from torch import Tensor

from imagewright.faces.identities import mean_distances
from imagewright.images import Batch, Images
from imagewright.images.selection import even_places
from imagewright.images.shard_places import without_absent
from imagewright.metrics.models.face_swap import (
    as_pictures,
    crop_of,
    cut_chips,
    detail_ratio,
    find_mesh,
    find_square,
    swap_faces,
)
from imagewright.model import Model
from imagewright.pretrained.faces.networks import identify_chips
from imagewright.pretrained.faces.weights import IDENTITY
from imagewright.pretrained.published_weights import find_published
from imagewright.training_capabilities import swaps_identities
from imagewright.verbs.blocks import evaluating

SWAPPED, REAL = 16, 24  # target faces that are swapped, and real faces of each person
FOREGROUND = 0.5  # of a mask
MISSING = "swap/missing/"  # before the name of a class of poses
UNMEASURED = (
    "whose face the swapped one is will not be measured: the weights of the identity network are not here "
    "(imagewright weights get faces)"
)

Figures = dict[str, float]


class LikenessExaminer:
    """Measures a model that swaps faces.

    model: in training.
    sources: the source person's faces, then the target's.
    """

    def __init__(self, model: Model, sources: Mapping[str, Images]) -> None:
        self.model = model
        self.sources = list(sources.values())[:2]
        self.crop = crop_of(model)
        self.unmeasured = UNMEASURED  # to be said if nothing is identified

    @property
    def identifies(self) -> bool:
        """Whether the weights of the identity network are here."""
        return find_published(IDENTITY) is not None

    @cached_property
    def target(self) -> Batch:
        """The target's faces that are swapped."""
        return self.sources[1].batch(even_places(len(self.sources[1]), SWAPPED))

    @cached_property
    def squares(self) -> list[np.ndarray]:
        """The squares of the identity network in these faces, which hold for the swapped ones too."""
        return [find_square(each, find_mesh(each), self.crop) for each in as_pictures(self.target.images)]

    @cached_property
    def people(self) -> list[np.ndarray]:
        """Identities (K, 128) of real faces of the source and of the target, at the size of the model."""
        found = []
        for images in self.sources:
            here = without_absent(images, np.arange(len(images)))
            pictures = as_pictures(images.batch(here[even_places(len(here), REAL)]).images)
            squares = [find_square(each, find_mesh(each), self.crop) for each in pictures]
            found.append(identify_chips(cut_chips(pictures, squares)))
        return found

    def measure(self) -> Figures:
        """All figures that can be measured."""
        assert swaps_identities(self.model)
        with evaluating(self.model):
            swapped, masks = swap_faces(self.model, self.target.images)
        figures = self._measure_masks(masks) | missing_poses(*self.sources)
        return figures | self._measure_identities(swapped) if self.identifies else figures

    def _measure_identities(self, swapped: Tensor) -> Figures:
        source, target = self.people
        chips = cut_chips(as_pictures(swapped), self.squares)
        identities = identify_chips(chips)
        to_source, to_target = mean_distances(identities, source), mean_distances(identities, target)
        return {
            "swap/to_source": float(to_source.mean()),
            "swap/to_target": float(to_target.mean()),
            "swap/nearer_source": float((to_source < to_target).mean()),
            "swap/detail": float(detail_ratio(chips, cut_chips(as_pictures(self.target.images), self.squares)).mean()),
            "swap/between": float(mean_distances(target, source).mean()),
            "swap/within_source": float(mean_distances(source, source).mean() * len(source) / max(len(source) - 1, 1)),
        }

    def _measure_masks(self, masks: Tensor) -> Figures:
        """The area of the masks over that of the faces' outlines, and how well they overlap."""
        parts = self.target.layers.get("parts")
        if parts is None:
            return {}
        faces, drawn = parts > 0, masks >= FOREGROUND
        if drawn.shape[-2:] != faces.shape[-2:] or not faces.any():
            return {}
        both, either = (faces & drawn).sum(), (faces | drawn).sum()
        return {"swap/mask_area": float(drawn.sum() / faces.sum()), "swap/mask_overlap": float(both / either)}


def missing_poses(source: Images, target: Images) -> Figures:
    """The share of the target's faces in each class of poses that the source does not have.

    Faces are in classes of poses, whose names say them; a class that has too few faces is none.
    """
    if not source.class_names or not target.class_names or target.labels is None:
        return {}
    counts = np.bincount(target.labels[target.labels >= 0], minlength=len(target.class_names))
    shares = {name: count / len(target.labels) for name, count in zip(target.class_names, counts, strict=True)}
    missing = {name: float(share) for name, share in shares.items() if name not in source.class_names and share}
    return {"swap/poses_missing": sum(missing.values())} | {f"{MISSING}{name}": each for name, each in missing.items()}
