"""`imagewright translate RUN PICTURES...`: a sheet of pictures and their translations, or a folder at full size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from imagewright.cli.commands.verbs import At, Force, RunPath, Seed, Split, parse_attributes
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, Words, within
from imagewright.errors import count_text

if TYPE_CHECKING:
    from imagewright.model import Model


@takes_pictures
def translate(
    run: RunPath,
    /,
    *pictures: Annotated[
        str, Parameter(help="picture files, folders, .zip, .npz ..., a video, or a built-in set; one or several")
    ],
    out: Annotated[
        Path,
        Parameter(
            help="a sheet (.png, .jpg, .webp, .tif), an array of pictures (.npz), a folder for a file each; of a "
            "video, a video (.mp4 with its sound, .gif, .webp)"
        ),
    ],
    to: Annotated[
        Words,
        Parameter(help="a domain, by name or number; or attributes: --to Smiling=1. Not needed if there is one domain"),
    ] = (),
    like: Annotated[
        Words, Parameter(help="take the style of these pictures: picture files or sources", metavar="REFERENCE...")
    ] = (),
    styles: Annotated[
        Count | None,
        within(
            1,
            help="styles: sampled (default 1), or pictures of --like to use (default all, or 8 of a source)",
        ),
    ] = None,
    count: Annotated[
        Count | None,
        within(1, help="pictures, spread evenly over the sources; by default 8 on a sheet, else all"),
    ] = None,
    size: Annotated[
        Literal["own", "model"] | None,
        Parameter(
            help="own: each picture's own size (default for a folder); model: the training size (default for a sheet)"
        ),
    ] = None,
    seed: Seed = 0,
    at: At = None,
    split: Split = None,
    force: Force = False,
) -> None:
    """Translate pictures: to another domain, with other attributes, or in the style of other pictures."""
    import imagewright
    from imagewright.errors import UserError
    from imagewright.output.sheets import check_output

    if not pictures:
        raise UserError(f"The pictures to translate are missing: imagewright translate {run} PICTURES --out {out}.")
    to_video = _is_video_wanted(out, pictures, styles, count)
    kind = check_output(out, animated=to_video, force=force, sources=[*pictures, *like])
    source = pictures[0] if len(pictures) == 1 else list(pictures)
    model = imagewright.load(run, images_seen=at)
    options: dict[str, Any] = {
        "to": _parse_target(model, to),
        "like": None if not like else like[0] if len(like) == 1 else list(like),
        "styles": styles,
        "seed": seed,
        "split": split,
    }
    if to_video:
        _write_video(model, pictures[0], out, options | {"size": size or "own"}, force=force)
    elif kind == "folder":
        _write_folder(model, source, out, count, options | {"size": size or "own"}, force=force)
    else:
        shown = 8 if kind == "picture" and count is None else count
        _write_sheet(model, source, out, shown, options | {"size": size or "model"}, force=force)


def _is_video_wanted(out: Path, pictures: tuple[str, ...], styles: int | None, count: int | None) -> bool:
    """Whether `out` becomes a video. Raises `UserError` if it cannot."""
    from imagewright.errors import UserError
    from imagewright.output.writing import ANIMATIONS
    from imagewright.verbs.translation_video import is_video

    suffix = out.suffix.lower()
    of_video = len(pictures) == 1 and is_video(pictures[0])
    if suffix not in ANIMATIONS or (suffix == ".webp" and not of_video):
        return False
    if not of_video:
        raise UserError(f"--out {out} is a video, whose frames are those of one video: pictures take a folder or .png.")
    for name, value, least in (("--styles", styles, 2), ("--count", count, 1)):
        if value is not None and value >= least:
            raise UserError(f"{name} {value}: a video is translated whole and in one style. Give a folder by --out.")
    return True


def _write_video(model: Model, video: str, out: Path, options: dict[str, Any], *, force: bool) -> None:
    """Write a video of the frames of a video."""
    import imagewright
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.ranks import refuse_ranks
    from imagewright.cli.show import say

    refuse_ranks("translate ... --out " + out.name)  # its frames are encoded one after another
    del options["split"]
    with progress_bar("translating") as progress:
        written, notes = imagewright.translate_video(model, video, out, **options, force=force, progress=progress)
    say(notes)
    print(written)


def _write_folder(
    model: Model, source: str | list[str], out: Path, count: int | None, options: dict[str, Any], *, force: bool
) -> None:
    """Write one file for each translation, at full size."""
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say
    from imagewright.verbs.translation_sheets import write_translations

    with progress_bar("translating") as progress:
        written, notes = write_translations(model, source, out, count, **options, force=force, progress=progress)
    say(notes)
    print(f"{out}: {count_text(len(written), 'picture')}")


def _write_sheet(
    model: Model, source: str | list[str], out: Path, count: int | None, options: dict[str, Any], *, force: bool
) -> None:
    """Write a sheet, or an array, of pictures and their translations."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say

    with progress_bar("translating") as progress:
        sheet = imagewright.translation_sheet(model, source, count, **options, progress=progress)
    say(sheet.notes)
    write_sheet(sheet, out, force=force)


def _parse_target(model: Model, to: tuple[str, ...]) -> Any:
    """Parse --to: a domain if it names one; else attribute values if the model has attributes.

    A single text that is neither is returned as typed, and `translate` refuses it.
    """
    from imagewright.capabilities import Translates, require
    from imagewright.errors import UserError
    from imagewright.verbs.conditions import find_number

    domains = tuple(require(model, Translates).domains)
    if not to or (len(to) == 1 and find_number(domains, to[0]) is not None):
        return to[0] if to else None
    if getattr(model, "attribute_names", ()):
        return parse_attributes(to)
    if len(to) > 1:
        raise UserError(f"--to {' '.join(to)}: one domain was expected. The domains: {', '.join(domains)}.")
    return to[0]
