"""`imagewright latent arithmetic RUN EXPRESSION`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.commands.latent.loading import MODEL_DEFAULTS, ModelOptions, check_sheet
from imagewright.cli.commands.verbs import Force, RunPath, Seed
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Words, within


@takes_pictures
def arithmetic(
    run: RunPath,
    expression: Annotated[
        str,
        Parameter(
            help='names with + and - between spaces: "man with glasses - man + woman"', allow_leading_hyphen=True
        ),
    ],
    /,
    *,
    out: Annotated[Path, Parameter(help="the sheet: .png, .jpg, .webp or .tif")],
    sets: Annotated[
        Words,
        Parameter(
            name="--set", help='what a name stands for: man=photos/men, or with --source man="Male & !Eyeglasses"'
        ),
    ] = (),
    source: Annotated[
        str | None, Parameter(help="pictures with labels: terms may then be labels, as in Male & !Smiling")
    ] = None,
    spread: Annotated[float, within(0, help="size of the variations around the sum, in standard deviations")] = 0.25,
    save: Annotated[str | None, Parameter(help="save the sum in the run under this name")] = None,
    seed: Seed = 0,
    loading: ModelOptions = MODEL_DEFAULTS,
    force: Force = False,
) -> None:
    """Add and subtract mean latents of pictures, saved latents and directions, as in the paper of the DCGAN."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.cli.show import say

    check_sheet(out, force=force)
    result = imagewright.arithmetic(
        run,
        expression,
        sets=_parse_sets(sets),
        source=source,
        spread=spread,
        seed=seed,
        save=save,
        force=force,
        model=loading.load(run),
    )
    say(result.notes)
    if result.saved is not None:
        print(result.saved)
    write_sheet(result.sheet(), out, force=force)


def _parse_sets(typed: tuple[str, ...]) -> dict[str, str]:
    """Parse `man=photos/men`: a folder, or labels, by name."""
    from imagewright.errors import UserError

    named = {}
    for each in typed:
        name, equals, value = each.partition("=")
        if not equals or not value.strip():
            raise UserError(f"{each!r} is no set: expected NAME=FOLDER, or NAME=LABELS with --source.")
        named[name.strip()] = value.strip()
    return named
