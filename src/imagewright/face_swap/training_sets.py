"""What a swap model is trained on: face sets as `Images`, with maps of their parts, and classes of poses.

The catalogue names `open_training_sets` as the opener of the swap model: `train` needs to know nothing of faces.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.catalogue import OpenedSets
from imagewright.errors import ConfigError, DataError, count_text
from imagewright.face_swap.face_sets import FaceSet, UnusableFaces, read_face_set
from imagewright.face_swap.parts_source import KIND, PartsSource
from imagewright.face_swap.people import RECORDED, group_identities
from imagewright.face_swap.pose_bins import ALL_POSES, choose_pose_bins
from imagewright.faces.identities import SAME_PERSON
from imagewright.images import Images, open_images
from imagewright.images.descriptions import opening_options
from imagewright.training.reporting import Say

LEAST, FEW = 10, 100  # faces of a person: with fewer nothing is learned; with fewer it is said
NOT_OF_FACES = {"labels", "label_column", "attributes", "split", "layers", "kinds", "domains", "direction"}
HOW = "imagewright train swap FACES_OF_SOURCE FACES_OF_TARGET"


def open_training_sets(
    images: Any, opening: Mapping[str, Any], say: Say, *, recorded: Mapping[str, dict[str, Any]] | None = None
) -> OpenedSets:
    """The two face sets of a training: their pictures, and the crop that they have.

    images: a mapping of two folders that `swap extract` wrote, the person put in first; or of opened images, which are
        taken as they are.
    opening: options of `open_images` that the user gave.
    say: called with what the user should know of the sets.
    recorded: the description of each source in the run that is resumed, which then decides how they are opened; None
        for a new run.

    Raises `DataError` for a folder without faces, with too few, or with several crops; `ConfigError` for other
    arguments.
    """
    if not isinstance(images, Mapping) or len(images) != 2:
        raise ConfigError(
            f"swap trains on two sets of faces, of the person put in and of the person replaced: {HOW}, or in Python "
            'iw.train("swap", {"a": FACES_OF_SOURCE, "b": FACES_OF_TARGET}). `imagewright swap extract` makes them.'
        )
    of_faces = [name for name in opening if name in NOT_OF_FACES]
    if of_faces:
        raise ConfigError(f"swap chooses faces by their records, not by {', '.join(of_faces)}: leave it out.")
    found = {name: _read(each) for name, each in images.items() if isinstance(each, str | Path)}
    crops = {name: _crop_of(each) for name, each in found.items()}
    if len(set(crops.values())) > 1:
        (one, of_one), (other, of_other) = crops.items()
        raise DataError(
            f"The faces of {found[one].folder} have the crop {of_one}, those of {found[other].folder} {of_other}: "
            f"extract both with the same --crop."
        )
    if recorded is None:
        for each in found.values():
            _tell(each, say)
        _tell_if_one_person(list(found.values()), say)
    sources: dict[str, Images] = {}
    for name, of_model in zip(images, images if set(images) == {"a", "b"} else ("a", "b"), strict=True):
        before = (recorded or {}).get(of_model)
        if name in found:
            sources[name] = _open(found[name], (_recorded_opening(before) if before else {}) | dict(opening))
        else:
            sources[name] = _as_given(images[name], opening)
    return OpenedSets(_named(sources, images), {"crop": next(iter(crops.values()), "")})


def _read(folder: str | Path) -> FaceSet:
    """A face set of faces enough. Raises `DataError` otherwise, with the command that makes one."""
    path = Path(folder)
    try:
        faces = read_face_set(path)
    except UnusableFaces:
        raise
    except DataError:
        name = (path.stem if path.is_file() else path.resolve().name) or "my"
        command = shlex.join(["imagewright", "swap", "extract", str(folder), "--out", f"{name}-faces"])
        raise DataError(
            f"{folder} is no set of faces, which swap is trained on: `{command}` makes one of pictures or a video."
        ) from None
    if len(faces) < LEAST:
        raise DataError(
            f"{folder} holds {count_text(len(faces), 'face')}, of which no swap can be learned: {LEAST} are the "
            "least, and some hundreds of all poses and expressions are usual. A video has enough: imagewright swap "
            "extract VIDEO --out FACES."
        )
    return faces


def _recorded_opening(recorded: dict[str, Any]) -> dict[str, Any]:
    """The options that a set was opened with."""
    options = opening_options(recorded)
    return {name: value for name, value in options.items() if name not in {"layers", "kinds"}}


def _named(sources: Mapping[str, Images], images: Mapping[str, Any]) -> dict[str, Images]:
    """The sources by the names of their folders, which become the names of the people, if these differ."""
    if set(sources) != {"a", "b"}:
        return dict(sources)
    names = {name: Path(each).name for name, each in images.items() if isinstance(each, str | Path)}
    if len(set(names.values()) - {""}) < len(sources):
        return dict(sources)
    return {names[name]: sources[name] for name in ("a", "b")}


def _as_given(images: Any, opening: Mapping[str, Any]) -> Images:
    """Pictures that are open already; without classes of poses all are of one class."""
    opened = open_images(images, **opening)
    return opened if opened.labels is not None else opened.with_labels(np.zeros(len(opened), np.int64), (ALL_POSES,))


def _open(faces: FaceSet, opening: Mapping[str, Any]) -> Images:
    """The crops of a set with the maps of their parts, of classes of poses."""
    parts = PartsSource(f"points of {faces.folder}", list(faces))
    if (person := _main_identity(faces)) is not None:  # conversions find the person by it, wherever the set is then
        parts.facts[RECORDED] = person.round(4).tolist()
    opened = open_images({"image": str(faces.folder), "parts": parts}, kinds={"parts": KIND}, **opening)
    by_name = {face.name: face for face in faces}
    ordered = [by_name[name] for name in opened.names()]
    labels, names = choose_pose_bins([face.record.pose for face in ordered])
    return opened.with_labels(labels, names)


def _crop_of(faces: FaceSet) -> str:
    """The crop that all faces of a set have. Raises `DataError` if they have several."""
    crops = sorted({face.record.crop for face in faces})
    if len(crops) > 1:
        counts = ", ".join(f"{sum(face.record.crop == crop for face in faces):,} {crop}" for crop in crops)
        raise DataError(f"{faces.folder} holds several crops ({counts}): extract all with the same --crop.")
    return crops[0]


# What the user should know


def _tell(faces: FaceSet, say: Say) -> None:
    """Say what was left out, that there are few faces, and that there are several people."""
    for note in faces.notes():
        say(note)
    if len(faces) < FEW:
        say(
            f"{faces.folder} holds {len(faces)} faces, which are few: poses and expressions that they do not have are "
            "not learned (some hundreds are usual)"
        )
    without = sum(face.record.points is None for face in faces)
    if without:
        say(
            f"{count_text(without, 'face')} of {faces.folder} have no points of the mesh: their masks are those of a "
            "typical face (extract with the networks: imagewright weights get faces)"
        )
    identities, _ = faces.identities()
    people = group_identities(identities)
    others = int((people > 0).sum())
    if others:
        count = int(people.max()) + 1
        say(
            f"{faces.folder} mixes people: {others:,} of {len(identities):,} faces are of "
            f"{count_text(count - 1, 'person').replace('persons', 'people')} other than the one with the most; a swap "
            "learns one person (imagewright swap sort --by person, or swap extract --person REFERENCE)"
        )


def _tell_if_one_person(sets: list[FaceSet], say: Say) -> None:
    means = [_main_identity(each) for each in sets]
    if len(means) != 2 or means[0] is None or means[1] is None:
        return
    distance = float(np.linalg.norm(means[0] - means[1]))
    if distance < SAME_PERSON:
        say(
            f"{sets[0].folder} and {sets[1].folder} look like one person (identity distance {distance:.2f}, below "
            f"{SAME_PERSON:g}): the swap will change little. Give the faces of two people."
        )


def _main_identity(faces: FaceSet) -> np.ndarray | None:
    """The mean identity of the person with the most faces; None without identities."""
    identities, _ = faces.identities()
    if not len(identities):
        return None
    mean: np.ndarray = identities[group_identities(identities) == 0].mean(0)
    return mean
