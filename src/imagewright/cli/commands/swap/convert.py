"""`imagewright swap convert RUN VIDEO|FOLDER|PHOTO... --out OUT`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from imagewright.cli.commands.verbs import RunPath
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.signing import Sign, open_signing_key
from imagewright.cli.values import FaceFinderName, Flag, Words, within


@takes_pictures
def convert(
    run: RunPath,
    /,
    *footage: Annotated[str, Parameter(help="a video, a folder, picture files ...; one or several")],
    out: Annotated[
        Path, Parameter(help="a video (.mp4, .mov, .mkv) of one video, a picture of one picture, else a folder")
    ],
    to: Annotated[
        Literal["source", "target"],
        Parameter(help="who is put in: the first set of faces of the training, or the second one"),
    ] = "source",
    person: Annotated[
        Words,
        Parameter(
            help="whose face is replaced: pictures, crops or sets of faces of that person; all for every face. By "
            "default the person that the run was trained to replace",
            metavar="REFERENCE",
        ),
    ] = (),
    colour: Annotated[
        Literal["reinhard", "linear", "mkl", "histogram", "none"],
        Parameter(
            name=("--colour", "--color"),
            help="how colours are matched: reinhard: mean and contrast of Lab; linear, mkl: covariance; histogram",
        ),
    ] = "reinhard",
    mask: Annotated[
        Literal["product", "learned", "hull"],
        Parameter(help="what is replaced: learned by the model; hull: the outline of the points; product: both"),
    ] = "product",
    erode: Annotated[float, within(-0.5, 0.5, help="the mask shrinks by this share of the face's size")] = 0.02,
    blur: Annotated[float, within(0, 0.5, help="the mask fades out over this share of the face's size")] = 0.06,
    sharpen: Annotated[
        Literal["auto", "none"], Parameter(help="auto: as sharp as the face that was there; none: as the model made it")
    ] = "auto",
    blend: Annotated[
        Literal["paste", "poisson"], Parameter(help="poisson hides steps in colour in stills, and flickers in videos")
    ] = "paste",
    smooth: Annotated[
        Literal["auto", "none"],
        Parameter(help="auto: faces of videos are averaged over two frames before and after, along the motion; none"),
    ] = "auto",
    strength: Annotated[float, within(0, 1, help="how much of the identity is changed")] = 1.0,
    mark: Annotated[Flag, Parameter(help='write "AI-generated face" in a corner')] = False,
    sign: Sign = None,
    lossless: Annotated[Flag, Parameter(help="encode videos without loss, for further work; large files")] = False,
    preview: Annotated[Flag, Parameter(help="ten frames as a sheet, OUT.preview.png, and nothing else")] = False,
    find: FaceFinderName = None,
    force: Annotated[Flag, Parameter(help="replace files that exist")] = False,
) -> None:
    """Replace a person's face in videos and pictures. After Ctrl-C or a kill the same command goes on."""
    import imagewright
    from imagewright.cli.progress import progress_bars
    from imagewright.cli.questions import confirm_face_weights
    from imagewright.cli.show import say
    from imagewright.errors import UserError

    if not footage:
        raise UserError(f"The footage is missing: imagewright swap convert {run} VIDEO --out {out}.")
    # Before the bar, which would be drawn over the questions.
    key = open_signing_key(sign)
    agreed = find == "cascade" or confirm_face_weights()
    told: list[str] = []

    def tell(sentence: str) -> None:
        told.append(sentence)
        say([sentence])

    with progress_bars() as progress:
        made = imagewright.swap_faces(
            run,
            footage[0] if len(footage) == 1 else list(footage),
            out,
            to=to,
            person="all" if person == ("all",) else list(person),
            colour=colour,
            mask=mask,
            erode=erode,
            blur=blur,
            sharpen=sharpen,
            blend=blend,
            smooth=smooth,
            strength=strength,
            mark=mark,
            sign=key,
            lossless=lossless,
            preview=preview,
            find=find,
            force=force,
            progress=progress,
            confirm=lambda _: agreed,
            say=tell,
        )
    say(note for note in made.notes if note not in told)
    print("\n".join(made.lines()))
