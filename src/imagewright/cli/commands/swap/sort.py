"""`imagewright swap sort FACES --by WHAT --out FOLDER`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from imagewright.cli.values import Count, Flag, within


def sort(
    faces: Annotated[Path, Parameter(help="a folder of `imagewright swap extract`")],
    /,
    *,
    by: Annotated[
        Literal["person", "pose", "sharpness", "likeness", "size", "duplicates", "best"],
        Parameter(
            help="person, pose: a folder each; sharpness, likeness, size: numbered; duplicates: kept and duplicates; "
            "best: of each pose the sharpest that do not look alike"
        ),
    ],
    out: Annotated[Path, Parameter(help="a new folder for the crops and sorted.csv; a sheet gets its name")],
    person: Annotated[
        Path | None,
        Parameter(help="whom likeness is measured to: a picture, a crop, a set of faces; by default who is there most"),
    ] = None,
    count: Annotated[Count | None, within(1, help="faces that an order keeps; of best, 1000 by default")] = None,
    how: Annotated[
        Literal["copy", "link", "list"],
        Parameter(help="copy; link: hard links, which take no space; list: the table and the sheet alone"),
    ] = "copy",
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Sort a set of faces by person, pose, sharpness, likeness or size; without duplicates; the best of each pose."""
    import imagewright
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.questions import confirm_face_weights
    from imagewright.cli.show import say

    # Before the bar, which would be drawn over the question.
    agreed = person is None or confirm_face_weights()
    with progress_bar("sorting faces") as progress:
        made = imagewright.sort_faces(
            faces,
            out,
            by=by,
            person=person,
            count=count,
            how=how,
            force=force,
            progress=progress,
            confirm=lambda _: agreed,
        )
    say(made.notes)
    print("\n".join(made.lines()))
