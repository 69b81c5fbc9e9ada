"""`imagewright swap check SWAPPED ORIGINAL`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.values import Flag


def check(
    swapped: Annotated[Path, Parameter(help="the swap: a video, a folder of pictures, a picture")],
    original: Annotated[Path, Parameter(help="what it was made from")],
    /,
    *,
    source: Annotated[
        Path | None, Parameter(help="faces of the person put in: a face set, pictures, a video; tells whose face it is")
    ] = None,
    target: Annotated[
        Path | None, Parameter(help="faces of the person in the footage; by default those of ORIGINAL")
    ] = None,
    features: Annotated[
        str | None, Parameter(help="of the Frechet distance: efficientnet_lite0 (default if there), random, dinov2 ...")
    ] = None,
    out: Annotated[
        Path | None, Parameter(help="a figure (.png .svg .pdf), the values with their recipes (.json), a table (.csv)")
    ] = None,
    as_json: Annotated[Flag, Parameter(name="--json", help="print JSON, for programs")] = False,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Measure a face swap against its footage, of whatever program: likeness, pose, expression, shake, flicker, seams.

    Aims are given as guidance: what is good depends on the footage.
    """
    import json

    import imagewright
    from imagewright.cli.progress import progress_bars
    from imagewright.cli.questions import confirm_face_weights
    from imagewright.cli.show import say
    from imagewright.face_swap.check.result import SUFFIXES
    from imagewright.output.writing import check_suffix, refuse_existing

    if out is not None:
        check_suffix(out, list(SUFFIXES))
        refuse_existing([out], force=force)
    # Before the bar, which would be drawn over the question.
    agreed = confirm_face_weights()
    with progress_bars() as progress:
        found = imagewright.check_swap(
            swapped,
            original,
            source=source,
            target=target,
            features=features,
            progress=progress,
            confirm=lambda _: agreed,
        )
    say(found.notes)
    print(json.dumps(found.to_dict(), indent=2, ensure_ascii=False) if as_json else "\n".join(found.lines()))
    if out is not None:
        print(found.write(out, force=force))
