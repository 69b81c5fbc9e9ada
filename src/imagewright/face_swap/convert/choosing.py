"""Whose face is swapped, if footage shows several people: the one that the run was trained to replace, or one named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import DataError, count_text
from imagewright.face_swap.convert.finding import TrackFacts
from imagewright.face_swap.convert.swapping import PERSONS, FaceSwapper
from imagewright.face_swap.face_sets import is_face_set, read_face_set
from imagewright.face_swap.people import Person
from imagewright.face_swap.provenance import swap_record
from imagewright.faces.identities import SAME_PERSON, identity_distances
from imagewright.model import Model
from imagewright.output.provenance import Record
from imagewright.runs.run import Run

EVERYONE = "all"
DOUBTFUL = 0.45  # faces of two people who look alike can be as near as this
HOW_TO_CHOOSE = f"name the person by --person PICTURE (person=), or every face by --person {EVERYONE}"


def person_in_footage(model: Model, to: int) -> Person | None:
    """The person whom a run replaces: by the identity in its record, or in older runs by the set of faces that it was
    trained on, if that is still there; None without either.

    to: the person put in, 0 or 1.
    """
    origin = model.origin
    if origin is None or not Path(origin.path).is_dir():
        return None
    sources = list((Run(origin.path).record.get("sources") or {}).values())
    if len(sources) != len(PERSONS):
        return None
    return Person.from_record(sources[1 - to]) or _of_face_set(sources[1 - to], Path(origin.path))


def person_text(person: Person | None, everyone: bool) -> str | None:
    """Who is replaced, for the provenance record: a name without its folders; None for the person seen most."""
    if everyone:
        return EVERYONE
    return None if person is None else Path(person.name).name


def record_of_swap(swapper: FaceSwapper, footage: str | Path, replaced: str | None) -> Record:
    """The provenance record of a result.

    footage: what was there before.
    replaced: see `person_text`.
    """
    settings = {"person": replaced, **swapper.options.to_dict()}
    mark = settings.pop("mark")
    return swap_record(swapper.model, footage, settings=settings, mark=mark)


def _of_face_set(source: Mapping[str, Any], run: Path) -> Person | None:
    """The person of the set of faces that a source was; None if it is not there, or has no identities."""
    named = Path((source.get("layers") or [source])[0].get("source") or source["source"])
    places = [named, *(folder / named for folder in run.resolve().parents)]
    folder = next((place for place in places if is_face_set(place)), None)
    try:
        return None if folder is None else Person.from_face_set(read_face_set(folder))
    except DataError:
        return None


def choose_tracks(
    tracks: Mapping[int, TrackFacts],
    person: Person | None,
    where: str,
    *,
    everyone: bool = False,
    how: str = HOW_TO_CHOOSE,
) -> tuple[frozenset[int], list[str]]:
    """The tracks whose faces are swapped, and sentences for the user.

    person: who is meant; None takes the person seen in most frames.
    where: the name of the footage.
    everyone: take every face.
    how: how another person is chosen, for the sentences.
    Raises `DataError` if there is no face, or none of the person.
    """
    if not tracks:
        raise DataError(f"No face was found in {where}, so that nothing can be swapped.")
    known = {number: facts.identity for number, facts in tracks.items() if facts.identity is not None}
    if everyone or not known:
        said = [] if everyone else [f"Without the identity network every face of {where} is swapped."]
        return frozenset(tracks), said
    if person is None:
        return _most_seen(tracks, known, where, how)
    distances = {number: person.distance(identity) for number, identity in known.items()}
    chosen = frozenset(number for number, distance in distances.items() if distance < SAME_PERSON)
    if not chosen:
        nearest = min(distances.values())
        raise DataError(
            f"{where} shows other people than {person.name}: the nearest of {count_text(len(tracks), 'face')} has an "
            f"identity distance of {nearest:.2f}, and one person's faces are below {SAME_PERSON:g}. To swap one of "
            f"them all the same, {how}."
        )
    best = min(distances[number] for number in chosen)
    said = [f"Swapped in {where}: the person of {person.name} (identity distance {best:.2f})."]
    worst = max(distances[number] for number in chosen)
    if worst > DOUBTFUL:
        said.append(
            f"A face at a distance of {worst:.2f} is swapped, and may be of someone who looks alike: see whose it "
            f"is, and if it is the wrong one, {how}."
        )
    left = [distance for number, distance in distances.items() if number not in chosen]
    if left:
        what = "face" if all(facts.frames == 1 for facts in tracks.values()) else "track"
        said.append(
            f"Faces of others stay as they are: {count_text(len(left), what)}, the nearest at a distance of "
            f"{min(left):.2f}."
        )
    return chosen, said


def _most_seen(
    tracks: Mapping[int, TrackFacts], known: Mapping[int, np.ndarray], where: str, how: str
) -> tuple[frozenset[int], list[str]]:
    """The tracks of the person who is seen in most frames."""
    numbers, identities = np.array(list(known)), np.stack(list(known.values()))
    frames = np.array([tracks[number].frames for number in known])
    # Row by row: a folder of pictures has as many tracks as faces.
    seen = [int(frames[identity_distances(each[None], identities)[0] < SAME_PERSON].sum()) for each in identities]
    best = identities[int(np.argmax(seen))]
    chosen = frozenset(numbers[identity_distances(best[None], identities)[0] < SAME_PERSON].tolist())
    others = len(known) - len(chosen)
    if not others:
        return chosen, []
    return chosen, [
        f"The faces that the run was trained to replace are not there to compare with, so the person seen most in "
        f"{where} is swapped, and {count_text(others, 'track')} of others left as they are: if that is wrong, "
        f"{how}."
    ]
