"""Orders and groups of faces: by person, pose, sharpness, size, likeness; without duplicates; the best of each pose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from imagewright.errors import DataError, UserError
from imagewright.face_swap.face_sets import FaceSet
from imagewright.face_swap.lookalikes import FaceLooks, part_lookalikes, sharpest_first
from imagewright.face_swap.people import Person, group_identities
from imagewright.faces.pose import Pose

POSE_STEP = 15  # degrees of a folder of `pose`
BEST_STEP = 10  # degrees of the bins of `best`
BEST_COUNT = 1000  # faces: more than some thousand of one person teach a swap nothing


@dataclass
class FaceOrder:
    """Faces by place in the set.

    Attributes:
        groups: (name of the folder, places in order); the name is "" for one order without folders.
        values: what each place was sorted by, as text; empty if there is nothing to say.
        is_ranking: whether the place in the order matters, so that files are numbered.
        left_out: places that are in no group.
        notes: sentences for the user.
    """

    groups: list[tuple[str, list[int]]]
    values: dict[int, str] = field(default_factory=dict)
    is_ranking: bool = False
    left_out: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def by_person(faces: FaceSet, person: Person | None, count: int | None) -> FaceOrder:
    """A folder a person, the one with the most faces first."""
    identities, places = _identities(faces)
    labels = group_identities(identities)
    digits = max(2, len(str(labels.max() + 1)))
    groups = [(f"person_{label + 1:0{digits}d}", places[labels == label].tolist()) for label in range(labels.max() + 1)]
    return FaceOrder([*groups, *_rest("unknown", faces, places.tolist())])


def by_pose(faces: FaceSet, person: Person | None, count: int | None) -> FaceOrder:
    """A folder for every 15 degrees of yaw and pitch."""
    bins = _pose_bins(faces, POSE_STEP)
    groups = [
        (f"yaw{yaw * POSE_STEP:+04d}_pitch{pitch * POSE_STEP:+03d}", found)
        for (yaw, pitch), found in sorted(bins.items())
    ]
    return FaceOrder([*groups, *_rest("no_pose", faces, [place for _, found in groups for place in found])])


def by_sharpness(faces: FaceSet, person: Person | None, count: int | None) -> FaceOrder:
    """The sharpest first."""
    return _ranking([-record.sharpness for record in faces.records], count, lambda value: f"{-value:.2f}")


def by_size(faces: FaceSet, person: Person | None, count: int | None) -> FaceOrder:
    """The largest in their pictures first."""
    return _ranking([-record.side for record in faces.records], count, lambda value: f"{-value:.0f} pixels")


def by_likeness(faces: FaceSet, person: Person | None, count: int | None) -> FaceOrder:
    """The nearest to a person first; by default to the one of whom most of the faces are."""
    _, places = _identities(faces)
    who = person or Person.from_face_set(faces)
    distances = [who.distance(faces.faces[place].record.identity) for place in places]
    order = _ranking(distances, count, lambda value: f"{value:.2f}")
    renamed = {int(places[place]): text for place, text in order.values.items()}
    ranked = [int(places[place]) for place in order.groups[0][1]]
    left = sorted(set(range(len(faces))) - set(ranked))
    return FaceOrder([("", ranked)], renamed, is_ranking=True, left_out=left, notes=[] if person else list(who.notes))


def by_duplicates(faces: FaceSet, person: Person | None, count: int | None) -> FaceOrder:
    """The folder `kept` without faces that look like a sharper one, which are in the folder `duplicates`."""
    kept, others = part_lookalikes(faces)
    return FaceOrder([("kept", kept), ("duplicates", others)])


def best_of_each_pose(faces: FaceSet, person: Person | None, count: int | None) -> FaceOrder:
    """For every 10 degrees of yaw and pitch the sharpest faces that do not look alike, evenly over the poses."""
    bins = _pose_bins(faces, BEST_STEP)
    if not bins:
        raise DataError(f"The faces in {faces.folder} have no poses, which need the mesh: extract them with networks.")
    looks = FaceLooks(faces)
    waiting = {key: sharpest_first(faces, places) for key, places in sorted(bins.items())}
    chosen: dict[tuple[int, int], list[int]] = defaultdict(list)
    most = BEST_COUNT if count is None else count
    total = 0
    while any(waiting.values()) and total < most:
        for key, left in waiting.items():
            while left and total < most:
                place = left.pop(0)
                if not looks.is_near_any(place, chosen[key]):
                    chosen[key].append(place)
                    total += 1
                    break
    ranked = sorted(place for found in chosen.values() for place in found)
    values = {
        place: f"{round(pose.yaw):+d} {round(pose.pitch):+d}, {faces.records[place].sharpness:.2f}"
        for place in ranked
        if (pose := faces.records[place].pose) is not None
    }
    return FaceOrder([("", ranked)], values, left_out=sorted(set(range(len(faces))) - set(ranked)))


ORDERS: dict[str, Callable[[FaceSet, Person | None, int | None], FaceOrder]] = {
    "person": by_person,
    "pose": by_pose,
    "sharpness": by_sharpness,
    "likeness": by_likeness,
    "size": by_size,
    "duplicates": by_duplicates,
    "best": best_of_each_pose,
}
COUNTED = ("sharpness", "likeness", "size", "best")


def _ranking(values: Sequence[float], count: int | None, text: Callable[[float], str]) -> FaceOrder:
    order = np.argsort(np.array(values), kind="stable").tolist()
    kept = order if count is None else order[:count]
    return FaceOrder(
        [("", kept)], {place: text(values[place]) for place in kept}, is_ranking=True, left_out=order[len(kept) :]
    )


def _identities(faces: FaceSet) -> tuple[np.ndarray, np.ndarray]:
    identities, places = faces.identities()
    if not len(identities):
        raise UserError(f"The faces in {faces.folder} have no identities: extract them anew with the networks.")
    return identities, places


def _rest(name: str, faces: FaceSet, known: Sequence[int]) -> list[tuple[str, list[int]]]:
    rest = sorted(set(range(len(faces))) - set(known))
    return [(name, rest)] if rest else []


def _pose_bins(faces: FaceSet, step: int) -> dict[tuple[int, int], list[int]]:
    bins: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, record in enumerate(faces.records):
        if record.pose is not None:
            bins[_bin_of(record.pose, step)].append(place)
    return bins


def _bin_of(pose: Pose, step: int) -> tuple[int, int]:
    """The bin whose middle is a multiple of the step."""
    return round(pose.yaw / step), round(pose.pitch / step)
