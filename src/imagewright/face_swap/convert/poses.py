"""Faces that will come out badly: their poses were hardly trained, they have no mesh, or they were not found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imagewright.errors import count_text
from imagewright.face_swap.convert.swapping import PERSONS
from imagewright.face_swap.pose_bins import names_near, pose_bin_names
from imagewright.faces.detections import Face
from imagewright.faces.pose import head_pose
from imagewright.model import Model
from imagewright.runs.run import Run

MOST_UNSEEN = 0.02  # of the swapped faces: fewer are not said
NAMED = 3


@dataclass
class SwappedFaces:
    """The faces that are swapped, counted.

    Attributes:
        pictures: frames or pictures with such a face.
        faces: of all of them.
        poses: how many have a pose in these bins, one or several if it is near a border; by the first one's name.
        without_mesh: faces without the points of the mesh, and so without a pose.
        missing: frames without such a face between others that have one.
        longest: the first and the last frame of the longest row of these.
    """

    pictures: int = 0
    faces: int = 0
    poses: Counter[tuple[str, ...]] = field(default_factory=Counter)
    without_mesh: int = 0
    missing: int = 0
    longest: tuple[int, int] = (0, -1)

    def add_gap(self, first: int, last: int) -> None:
        """Count frames from the first to the last one as missing."""
        self.missing += last - first + 1
        if last - first > self.longest[1] - self.longest[0]:
            self.longest = (first, last)


def count_faces(pictures: Iterable[Sequence[tuple[int, Face]]], chosen: frozenset[int]) -> SwappedFaces:
    """Count the faces of chosen tracks.

    pictures: of each frame or picture its faces with the number of their track.
    """
    counted, last = SwappedFaces(), -1
    for number, faces in enumerate(pictures):
        mine = [face for track, face in faces if track in chosen]
        if not mine:
            continue
        if counted.pictures and number - last > 1:
            counted.add_gap(last + 1, number - 1)
        last = number
        counted.pictures += 1
        counted.faces += len(mine)
        for face in mine:
            pose = head_pose(face)
            if pose is None:
                counted.without_mesh += face.layout != "cascade"
            else:
                counted.poses[names_near(pose)] += 1
    return counted


def about_poses(counted: SwappedFaces, model: Model, to: int, where: str) -> list[str]:
    """Sentences on faces whose pose the run has hardly seen, and on those without points.

    to: the person put in, 0 or 1.
    where: the name of the footage.
    """
    trained = _trained_poses(model)
    unseen = {who: _unseen(counted, trained[number]) for who, number in (("put in", to), ("replaced", 1 - to))}
    unseen = {who: poses for who, poses in unseen.items() if sum(poses.values()) > MOST_UNSEEN * counted.faces}
    sentences = []
    if len(unseen) == 2 and unseen["put in"] == unseen["replaced"]:
        unseen = {"put in and of the one replaced": unseen["put in"]}
    for who, poses in unseen.items():
        share = sum(poses.values()) / counted.faces
        listed = "; ".join(name for name, _ in poses.most_common(NAMED))
        more = f" and {len(poses) - NAMED} more" if len(poses) > NAMED else ""
        sentences.append(
            f"{share:.0%} of the faces to swap in {where} have poses of which the training had hardly any picture of "
            f"the person {who} ({listed}{more}): they will be smeared."
        )
    if sentences:
        sentences.append(
            "To swap these poses too, extract pictures that have them (imagewright swap extract) and train on with "
            "--from RUN (start)."
        )
    if counted.without_mesh:
        sentences.append(
            f"Seen from the side or nearly hidden in {where}, and without points of the mesh: "
            f"{count_text(counted.without_mesh, 'face')} to swap. A detector's five points place them, which may shake."
        )
    return sentences


def about_gaps(counted: SwappedFaces) -> list[str]:
    """A sentence on frames of a video between swapped ones in which the person was not found."""
    if not counted.missing:
        return []
    first, last = counted.longest
    where = f"frame {first}" if first == last else f"frames {first} to {last}"
    return [
        f"Between swapped frames {count_text(counted.missing, 'frame')} stay as they are, because the person was not "
        f"found there, the longest time in {where}: if a face is to be seen there, it is the one that was to be "
        "replaced."
    ]


def _unseen(counted: SwappedFaces, trained: frozenset[str]) -> Counter[str]:
    """How many faces have a pose that was hardly trained, by its name; none if it is not known what was."""
    if not trained:
        return Counter()
    found = Counter[str]()
    for names, number in counted.poses.items():
        if trained.isdisjoint(names):
            found[names[0]] += number
    return found


def _trained_poses(model: Model) -> tuple[frozenset[str], ...]:
    """The names of the pose bins that each of the two sets of faces had enough faces of; empty if that is not known."""
    origin = model.origin
    sources: list[dict[str, object]] = []
    if origin is not None and Path(origin.path).is_dir():
        sources = list((Run(origin.path).record.get("sources") or {}).values())
    if len(sources) != len(PERSONS):
        return (frozenset(),) * len(PERSONS)
    known = pose_bin_names()
    names = [each.get("class_names") for each in sources]
    return tuple(frozenset(each) & known if isinstance(each, list) else frozenset() for each in names)
