"""`imagewright swap extract SOURCE... --out FACES`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, FaceFinderName, Flag, Words, within


@takes_pictures
def extract(
    *sources: Annotated[str, Parameter(help="videos, folders, picture files, .zip ...; one or several")],
    out: Annotated[Path, Parameter(help="a new folder for a .png a face and faces.jsonl; a sheet gets its name")],
    crop: Annotated[
        Literal["whole", "face", "head", "ffhq"],
        Parameter(help="whole: with the forehead; face: brows to chin; head: with the hair; ffhq: as in FFHQ"),
    ] = "whole",
    size: Annotated[Count, within(16, 4096, help="side of a crop in pixels")] = 256,
    person: Annotated[
        Words, Parameter(help="keep the people of these pictures, crops or sets of faces alone", metavar="REFERENCE")
    ] = (),
    not_: Annotated[
        Words, Parameter(name="--not", help="leave out the people of these references", metavar="REFERENCE")
    ] = (),
    every: Annotated[Count, within(1, help="5 takes every fifth picture and frame")] = 1,
    min_size: Annotated[Count, within(1, 4096, help="leave out faces of fewer pixels along their longer side")] = 32,
    find: FaceFinderName = None,
    split: Annotated[str | None, Parameter(help="a part of the source, such as train")] = None,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Cut the faces out of pictures and videos, with points, pose, sharpness and identity: a set to train a swap on."""
    import imagewright
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.questions import confirm_face_weights
    from imagewright.cli.show import say
    from imagewright.errors import UserError

    if not sources:
        raise UserError(f"The pictures or videos are missing: imagewright swap extract SOURCE --out {out}.")
    # Before the bar, which would be drawn over the question.
    agreed = find == "cascade" or confirm_face_weights()
    with progress_bar("extracting faces") as progress:
        made = imagewright.extract_faces(
            sources[0] if len(sources) == 1 else list(sources),
            out,
            crop=crop,
            size=size,
            person=list(person),
            not_person=list(not_),
            every=every,
            min_size=min_size,
            find=find,
            split=split,
            force=force,
            progress=progress,
            confirm=lambda _: agreed,
        )
    say(made.notes)
    print("\n".join(made.lines()))
