"""Classes of poses, so that training shows turned faces as often as those from the front."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from imagewright.faces.pose import Pose

YAWS = (-40.0, -25.0, -10.0, 10.0, 25.0, 40.0)  # degrees between two bins
PITCHES = (-12.0, 12.0)
LEAST, LEAST_SHARE = 8, 0.02  # faces of a bin: a few faces shown all the time would be learned by heart
ALL_POSES = "all poses"
NEAR = 5.0  # degrees to a bin from which its faces serve a pose too

Bin = tuple[int, int]
FRONT: Bin = (len(YAWS) // 2, len(PITCHES) // 2)


def choose_pose_bins(poses: Sequence[Pose | None]) -> tuple[np.ndarray, tuple[str, ...]]:
    """The class of each pose, int64 (N,), and the names of the classes.

    Bins with few faces join their neighbour nearer to the front; faces without a pose are of the largest class.
    """
    bins = [None if pose is None else _bin_of(pose) for pose in poses]
    known = [each for each in bins if each is not None]
    if not known:
        return np.zeros(len(poses), np.int64), (ALL_POSES,)
    least = max(LEAST, round(LEAST_SHARE * len(known)))
    joined = _join(Counter(known), least)
    kept = sorted(set(joined.values()))
    largest = Counter(joined[each] for each in known).most_common(1)[0][0]
    labels = [kept.index(largest if each is None else joined[each]) for each in bins]
    return np.array(labels, np.int64), tuple(_name(each) for each in kept)


def names_near(pose: Pose) -> tuple[str, ...]:
    """The names of the bins within a few degrees of a pose, first the one that it is in."""
    shifts = [(0.0, 0.0), *((yaw, pitch) for yaw in (-NEAR, 0, NEAR) for pitch in (-NEAR, 0, NEAR))]
    return tuple(dict.fromkeys(_name(_bin_at(pose.yaw + yaw, pose.pitch + pitch)) for yaw, pitch in shifts))


def pose_bin_names() -> frozenset[str]:
    """The names of all bins."""
    return frozenset(_name((yaw, pitch)) for yaw in range(len(YAWS) + 1) for pitch in range(len(PITCHES) + 1))


def _bin_of(pose: Pose) -> Bin:
    return _bin_at(pose.yaw, pose.pitch)


def _bin_at(yaw: float, pitch: float) -> Bin:
    return int(np.searchsorted(YAWS, yaw)), int(np.searchsorted(PITCHES, pitch))


def _join(counts: Counter[Bin], least: int) -> dict[Bin, Bin]:
    """Which bin each one becomes a part of: those with few faces move nearer to the front, the farthest ones first."""
    joined = {each: each for each in counts}
    sizes = dict(counts)
    while small := [each for each, size in sizes.items() if size < least and each != FRONT]:
        each = max(small, key=_distance)
        nearer = _nearer(each)
        sizes[nearer] = sizes.get(nearer, 0) + sizes.pop(each)
        joined = {one: nearer if other == each else other for one, other in joined.items()}
    return joined


def _distance(each: Bin) -> tuple[int, Bin]:
    return abs(each[0] - FRONT[0]) + abs(each[1] - FRONT[1]), each


def _nearer(each: Bin) -> Bin:
    """The neighbour nearer to the front: first without the pitch."""
    yaw, pitch = each
    if pitch != FRONT[1]:
        return yaw, FRONT[1]
    return yaw + (1 if yaw < FRONT[0] else -1), pitch


def _name(each: Bin) -> str:
    """Such as `yaw -10 to 10, pitch -12 to 12`."""
    return ", ".join(
        f"{what} {_range_text(bounds, place)}"
        for what, bounds, place in zip(("yaw", "pitch"), (YAWS, PITCHES), each, strict=True)
    )


def _range_text(bounds: Sequence[float], place: int) -> str:
    if place == 0:
        return f"below {bounds[0]:g}"
    if place == len(bounds):
        return f"above {bounds[-1]:g}"
    return f"{bounds[place - 1]:g} to {bounds[place]:g}"
