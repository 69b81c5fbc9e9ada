"""`imagewright translate RUN SOURCE`: a sheet of pictures and their translations, or a folder of them at full size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from imagewright.cli.commands.verbs import At, Force, RunPath, Seed, SheetOut, Split, parse_attributes
from imagewright.cli.values import Count, Words

if TYPE_CHECKING:
    from imagewright.model import Model


def translate(
    run: RunPath,
    source: Annotated[str, Parameter(help="a folder, .zip, .npz ..., a built-in set, or one picture file")],
    /,
    *,
    out: SheetOut,
    to: Annotated[
        Words,
        Parameter(help="a domain, by name or number; or attributes: --to Smiling=1. Not needed if there is one domain"),
    ] = (),
    like: Annotated[str | None, Parameter(help="take the style of these: a source, or one picture file")] = None,
    styles: Annotated[
        Count | None,
        Parameter(help="styles to sample, 1 by default; with --like, its pictures to use, 8 by default"),
    ] = None,
    count: Annotated[
        Count | None,
        Parameter(help="pictures, spread evenly over the source; by default 8 on a sheet, else all"),
    ] = None,
    size: Annotated[
        Literal["own", "model"] | None,
        Parameter(help="own: as large as they are, the default in a folder; model: the size that it was trained at"),
    ] = None,
    seed: Seed = 0,
    at: At = None,
    split: Split = None,
    force: Force = False,
) -> None:
    """Translate pictures: to another domain, with other attributes, or in the style of other pictures."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.cli.progress import progress_bar
    from imagewright.cli.show import say
    from imagewright.output.sheets import check_output
    from imagewright.verbs.translation_sheets import write_translations

    kind = check_output(out, force=force)
    model = imagewright.load(run, images_seen=at)
    options: dict[str, Any] = {
        "to": _parse_target(model, to),
        "like": like,
        "styles": styles,
        "seed": seed,
        "split": split,
    }
    with progress_bar("translating") as progress:
        if kind == "folder":
            options |= {"size": size or "own", "force": force, "progress": progress}
            written, notes = write_translations(model, source, out, count, **options)
        else:
            shown = 8 if kind == "picture" else 10**9
            options |= {"size": size or "model", "progress": progress}
            sheet = imagewright.translation_sheet(model, source, shown if count is None else count, **options)
    if kind == "folder":
        say(notes)
        print(f"{out}: {len(written)} pictures")
    else:
        say(sheet.notes)
        write_sheet(sheet, out, force=force)


def _parse_target(model: Model, to: tuple[str, ...]) -> Any:
    """Attributes with values if the model has any and no domain of that name is meant; else the domain as typed."""
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
