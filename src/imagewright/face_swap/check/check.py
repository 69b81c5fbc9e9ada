"""`check_swap`: reads a swap and its original side by side, once, and measures the swapped face."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from imagewright.errors import ConfigError, DataError, count_text
from imagewright.face_swap.check.face_pairs import FaceFollower
from imagewright.face_swap.check.frame_pairs import FramePairs, pair_frames
from imagewright.face_swap.check.reference_faces import ReferenceFaces, read_reference_faces
from imagewright.face_swap.check.result import SwapCheck
from imagewright.face_swap.check.series import MOST_CROPS, MOST_IDENTIFIED, Series
from imagewright.face_swap.check.shown import ShownPairs
from imagewright.face_swap.measures.detail import measure_detail
from imagewright.face_swap.measures.expression import measure_expression
from imagewright.face_swap.measures.flicker import measure_flicker
from imagewright.face_swap.measures.identity import measure_identity, people_of
from imagewright.face_swap.measures.jitter import measure_jitter
from imagewright.face_swap.measures.measure import MeasuredValue
from imagewright.face_swap.measures.outside import measure_outside
from imagewright.face_swap.measures.pose import measure_pose
from imagewright.face_swap.measures.realism import measure_realism
from imagewright.face_swap.measures.seam import measure_seam
from imagewright.pretrained.efficientnet_lite import find_efficientnet_weights
from imagewright.pretrained.faces.finder import open_face_finder
from imagewright.pretrained.features.contract import FeatureNetwork, open_network
from imagewright.progress import StageProgress, progress_of_stage

OWN_FACE = "the face of the same picture of the original, which shows several people"


def check_swap(
    swapped: Any,
    original: Any,
    *,
    source: Any = None,
    target: Any = None,
    features: str | None = None,
    progress: StageProgress | None = None,
    confirm: Callable[[str], bool] | None = None,
) -> SwapCheck:
    """Measure a face swap against the footage that it was made from: identity, motion, seams, flicker, and the rest.

    Frames are read once, side by side, and memory does not grow with pictures (some kilobytes of numbers a frame). In
    frames with several faces the one is followed that the swap changed most, or that is the target person's.

    swapped, original: videos, or folders or pictures; of whatever program. Another size or number of frames is fine.
    source: faces of the person put in: a face set, pictures or a video. Without it the identity of the source and the
        Frechet distance are left out.
    target: faces of the person in the footage; by default the faces of the original.
    features: of the Frechet distance, as for `evaluate`; by default efficientnet_lite0 if its weights are here, else
        random.
    progress: called with (stage, done, total).
    confirm: asked before weights of the face networks are fetched, with a sentence that says what will be done.

    Raises `DataError` if the two cannot be paired, or the original shows no face; also without the weights of the face
    networks, whose command it names.
    """
    pairs = pair_frames(swapped, original)
    open_face_finder("networks", confirm)  # so that weights are here, or an error says how they come
    network = _open_features(features) if source is not None else None
    people = {
        name: read_reference_faces(faces, progress_of_stage(progress, f"faces of the {name}"))
        for name, faces in (("source", source), ("target", target))
        if faces is not None
    }
    known = people.get("target")
    follower = FaceFollower(None if known is None else known.identities)
    series, shown = Series(pairs.count, pairs.original.video is not None, source is not None), ShownPairs(pairs.count)
    report = progress_of_stage(progress, "frames")
    for place, (one, other) in enumerate(pairs):
        faces = follower.find(one.pixels, other.pixels)
        series.add(one, other, faces)
        shown.add(place, one, other, faces)
        if report is not None:
            report(place + 1, max(pairs.count, place + 1))
    if not series.places:
        where = f"{count_text(series.pairs, 'pair')} of frames of {pairs.swapped.name} and {pairs.original.name}"
        raise DataError(f"No face was found in both pictures of any of {where}.")
    measurements = _measure(series, people, pairs, network)
    return SwapCheck(
        swapped=pairs.swapped.name,
        original=pairs.original.name,
        measurements=measurements,
        series=series,
        people=people,
        shown=shown.pictures,
        notes=[*pairs.notes, *_notes(series, follower, people)],
    )


def _open_features(features: str | None) -> FeatureNetwork:
    if features is None:
        features = "efficientnet_lite0" if find_efficientnet_weights() is not None else "random"
    if not isinstance(features, str):
        raise ConfigError(f"features={features!r}: expected the name of a feature network, such as random.")
    return open_network(features)


def _measure(
    series: Series, people: dict[str, ReferenceFaces], pairs: FramePairs, network: FeatureNetwork | None
) -> list[MeasuredValue]:
    """All measures, in the order of tables."""
    ours, theirs = (np.stack(side) for side in series.identities)
    source, target, own = people.get("source"), people.get("target"), people_of(theirs)
    settings = {
        "source_faces": None if source is None else len(source.identities),
        "target_faces": len(theirs) if target is None else len(target.identities),
        "target": "given faces" if target is not None else "faces of the original" if own.ndim == 2 else OWN_FACE,
        "every": series.every(MOST_IDENTIFIED),
    }
    identity = measure_identity(
        ours,
        None if source is None else source.identities,
        own if target is None else target.identities,
        settings,
    )
    points = [np.stack(side) for side in series.points]
    found = [
        *identity,
        *measure_pose(np.stack(series.poses[0]), np.stack(series.poses[1])),
        *measure_expression(*series.aligned()),
        measure_jitter(points[0], points[1], series.shots_in_a_row()),
        measure_flicker(np.array([each[1:] for each in series.flickers]).reshape(-1, 2), series.flow),
        measure_detail(np.array(series.contrasts)),
        *measure_seam(np.array([each[1:] for each in series.seams]).reshape(-1, 3)),
        *measure_outside(np.array(series.outside).reshape(-1, 2)),
    ]
    if source is not None and network is not None:
        crops = [np.stack(side) for side in series.crops]
        extracted = [_extract(network, each) for each in (*crops, source.crops)]
        found.append(measure_realism(extracted[0], extracted[1], extracted[2], network.about))
    size = {"paired_by": pairs.how, "resized_from": None if pairs.resized is None else list(pairs.resized)}
    return [MeasuredValue(each.measure, each.value, {**each.settings, **size}, each.note) for each in found]


def _extract(network: FeatureNetwork, crops: np.ndarray) -> np.ndarray:
    """The features (N, F) of crops uint8 (N, S, S, 3)."""
    pictures = torch.from_numpy(crops).permute(0, 3, 1, 2)
    features: np.ndarray = network.extract(network.prepare(pictures)).pooled.numpy()
    return features


def _notes(series: Series, follower: FaceFollower, people: dict[str, ReferenceFaces]) -> list[str]:
    notes = [note for each in people.values() for note in each.notes]
    total = count_text(series.pairs, "frame")
    if series.without_face:
        notes.append(f"The original shows no face in {series.without_face:,} of {total}: these are left out.")
    if series.lost:
        notes.append(
            f"In {series.lost:,} of {total} the swapped picture shows no face where the original does: these are left "
            "out of all measures but are a fault of the swap."
        )
    if follower.several:
        which = "nearest the target person" if follower.target is not None else "the swap changed most"
        notes.append(f"Some frames show several faces: measured is the one {which}.")
    if not people.get("source"):
        notes.append("Without faces of the source person (--source) it is not measured whose face was put in.")
    if series.count > MOST_CROPS and "source" in people:
        notes.append(f"The Frechet distance is of the face of one in {series.every(MOST_CROPS)} frames.")
    return notes
