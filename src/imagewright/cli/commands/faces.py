"""`imagewright faces align PHOTOS --out DIR`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from imagewright.cli.examples import example_of
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, FaceFinderName, Flag, within

app = App(name="faces", help="Find the faces in pictures, and cut them out.", help_format="plaintext")


@app.command(help_epilogue=example_of("faces align"))
@takes_pictures
def align(
    *pictures: Annotated[str, Parameter(help="folders, picture files, .zip ..., a video; one or several")],
    out: Annotated[Path, Parameter(help="a new folder for a .png a face; a sheet and a table get its name")],
    crop: Annotated[
        Literal["face", "whole", "head", "ffhq"],
        Parameter(help="face: brows to chin; whole: with the forehead; head: with the hair; ffhq: as in FFHQ"),
    ] = "face",
    size: Annotated[Count, within(16, 4096, help="side of a crop in pixels")] = 256,
    faces: Annotated[
        Literal["all", "largest"], Parameter(help="all of a picture, or the largest, which keeps the picture's name")
    ] = "all",
    find: FaceFinderName = None,
    count: Annotated[Count | None, within(1, help="pictures, spread evenly over the sources; by default all")] = None,
    split: Annotated[str | None, Parameter(help="a part of the source, such as train")] = None,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Cut out the faces of pictures, upright and of one size: as a set to train on, or to project into a StyleGAN."""
    import imagewright
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.questions import confirm_face_weights
    from imagewright.cli.show import say
    from imagewright.errors import UserError

    if not pictures:
        raise UserError(f"The pictures are missing: imagewright faces align PICTURES --out {out}.")
    # Before the bar, which would be drawn over the question.
    agreed = find == "cascade" or confirm_face_weights()
    with progress_bar("finding faces") as progress:
        made = imagewright.align_faces(
            pictures[0] if len(pictures) == 1 else list(pictures),
            out,
            crop=crop,
            size=size,
            faces=faces,
            find=find,
            count=count,
            split=split,
            force=force,
            progress=progress,
            confirm=lambda _: agreed,
        )
    say(made.notes)
    print("\n".join(made.lines()))
