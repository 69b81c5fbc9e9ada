"""People by the identities of their faces: who is meant by reference pictures, and how many people a set holds.

Identities are the 128 numbers of `pretrained/faces/identity.py`; faces nearer than 0.6 are of one person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist

from imagewright.errors import DataError, count_text
from imagewright.face_swap.face_sets import FaceSet, is_face_set, read_face_record, read_face_set
from imagewright.faces.detections import FaceFinder
from imagewright.faces.records import IDENTITY_NUMBERS
from imagewright.images import open_images
from imagewright.images.one_by_one import read_one_by_one
from imagewright.images.selection import even_places
from imagewright.images.single import as_source

RECORDED = "identity"  # the mean identity of a person in the record of a run's source
NEAREST_SHARE = 10  # the distance to a person is the mean over the nearest tenth of the references
JOINED = 0.58  # mean distance of the faces of two groups below which they are one
MOST_GROUPED, CHUNK = 4000, 1000
NAMED = 3  # references in the name of a person
MOST_REFERENCES = 64  # pictures of one source that are looked at


@dataclass(frozen=True, eq=False)
class Person:
    """A person: the identities (K, 128) of some of their faces.

    Attributes:
        name: what the references were called.
        identities: (K, 128), at least one.
        notes: sentences for the user, such as on references that were left out.
    """

    name: str
    identities: np.ndarray
    notes: tuple[str, ...] = ()

    def distance(self, identity: np.ndarray) -> float:
        """The distance of an identity (128,) from the nearest tenth of the references: below 0.6 it is this person."""
        distances = np.sort(np.linalg.norm(self.identities - identity, axis=1))
        return float(distances[: max(1, len(distances) // NEAREST_SHARE)].mean())

    @classmethod
    def from_source(cls, source: Any, finder: FaceFinder) -> Person:
        """The person in reference pictures, or in a set of faces of `swap extract`.

        source: a picture file, a crop, a folder, a set of faces; as for `open_images`; or a list of those, all of one
            person. Each picture has one face; those with none or several are left out.
        finder: finds the faces of pictures; not used for sets of faces and crops.
        Raises `DataError` if no reference has a face, if they are of several people, or if there are no weights.
        """
        if isinstance(source, list | tuple) and source and all(isinstance(each, str | Path) for each in source):
            return cls._of_several([cls.from_source(each, finder) for each in source])
        name = str(source) if isinstance(source, str | Path) else "the reference"
        if isinstance(source, str | Path) and Path(source).is_file() and (found := _of_crop(Path(source))) is not None:
            return cls(name, found[None])
        if isinstance(source, str | Path) and is_face_set(source):
            return cls.from_face_set(read_face_set(source))
        return _from_pictures(source, name, finder)

    @classmethod
    def _of_several(cls, parts: Sequence[Person]) -> Person:
        """The person whom several references show."""
        more = len(parts) - NAMED
        name = ", ".join(part.name for part in parts[:NAMED]) + (f" and {more} more" if more > 0 else "")
        identities = np.concatenate([part.identities for part in parts])
        _check_one_person(identities, name)
        return cls(name, identities, tuple(note for part in parts for note in part.notes))

    @classmethod
    def from_record(cls, source: Mapping[str, Any]) -> Person | None:
        """The person of a source in the record of a run: their mean identity; None if it has none."""
        for layer in source.get("layers") or ():
            numbers = layer.get(RECORDED)
            if isinstance(numbers, list) and len(numbers) == IDENTITY_NUMBERS and all(map(_is_real, numbers)):
                return cls(str(source.get("source")), np.array([numbers]))
        return None

    @classmethod
    def from_face_set(cls, faces: FaceSet) -> Person:
        """The person of whom most faces of a set are; others are left out, with a note."""
        identities, _ = faces.identities()
        if not len(identities):
            raise DataError(f"The faces in {faces.folder} have no identities: extract them anew with the networks.")
        groups = group_identities(identities)
        largest = identities[groups == 0]
        others = len(identities) - len(largest)
        notes: tuple[str, ...] = ()
        if others:
            notes = (f"{others:,} of {count_text(len(identities), 'face')} in {faces.folder} are of other people.",)
        return cls(str(faces.folder), largest, notes)


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) < 1e3  # and no NaN


def group_identities(identities: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """The number of the person of each identity (N, 128) as int (N,): 0 for the one with the most faces.

    Agglomerative clustering by average linkage: two groups are joined if the mean distance of their faces is below
    0.58. Of more than 4,000 identities so many are grouped, and each of the others joins the group that is nearest.

    weights: (N,), faces for which each identity stands; 1 by default.
    """
    counts = np.ones(len(identities)) if weights is None else np.asarray(weights, float)
    if len(identities) < 2:
        return np.zeros(len(identities), int)
    chosen = even_places(len(identities), MOST_GROUPED)
    tree = linkage(identities[chosen], "average")
    groups = fcluster(tree, JOINED, "distance") - 1
    if len(chosen) == len(identities):
        return _by_size(groups, counts)
    return _by_size(_nearest_groups(identities, identities[chosen], groups), counts)


def _nearest_groups(identities: np.ndarray, known: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The group of known faces with the least mean distance from each identity."""
    members = np.eye(groups.max() + 1)[groups]
    members /= members.sum(0)
    found = [
        (cdist(identities[start : start + CHUNK], known) @ members).argmin(1)
        for start in range(0, len(identities), CHUNK)
    ]
    return np.concatenate(found)


def _by_size(labels: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The groups numbered by their size, the largest first."""
    names, places = np.unique(labels, return_inverse=True)
    sizes = np.bincount(places, weights=counts, minlength=len(names))
    ranks = np.empty(len(names), int)
    ranks[np.argsort(-sizes, kind="stable")] = np.arange(len(names))
    return ranks[places]


def _of_crop(path: Path) -> np.ndarray | None:
    """The identity of a crop with a record, or None."""
    try:
        record = read_face_record(path)
    except DataError:
        return None
    return None if record is None else record.identity


def _from_pictures(source: Any, name: str, finder: FaceFinder) -> Person:
    from imagewright.pretrained.faces.networks import identify

    images = open_images(as_source(source, 3))
    chosen = even_places(len(images), MOST_REFERENCES)
    part = images.subset(chosen)
    identities: list[np.ndarray] = []
    without: list[str] = []
    several: list[str] = []
    for number, picture in read_one_by_one(part, 3):
        pixels = picture.permute(1, 2, 0).numpy()
        faces = finder.find(pixels)
        if len(faces) == 1:
            identities.append(identify(pixels, faces)[0])
        else:
            (several if faces else without).append(part.name(number))
    if not identities and several:
        raise DataError(
            f"There are several faces in {several[0]}: name a picture of one person, or a crop of them "
            f"(`imagewright faces align {several[0]} --out CROPS`)."
        )
    if not identities:
        raise DataError(
            f"No face was found in {name}: name a picture in which the face is large and seen from the front."
        )
    found = np.stack(identities)
    _check_one_person(found, name)
    return Person(name, found, tuple(_notes(without, several)))


def _check_one_person(identities: np.ndarray, name: str) -> None:
    groups = group_identities(identities)
    sizes = np.bincount(groups)
    if len(sizes) > 1 and sizes[0] < 0.8 * len(groups):
        raise DataError(
            f"The pictures in {name} are of {len(sizes)} people ({', '.join(map(str, sizes[:5]))} faces), and one "
            "person is meant: name pictures of one."
        )


def _notes(without: Sequence[str], several: Sequence[str]) -> list[str]:
    notes = []
    if without:
        notes.append(f"No face was found in {count_text(len(without), 'reference')}, such as {without[0]}.")
    if several:
        notes.append(f"{count_text(len(several), 'reference')} with several faces left out, such as {several[0]}.")
    return notes
