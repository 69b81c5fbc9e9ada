"""`imagewright latent directions RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.commands.latent.loading import MODEL_DEFAULTS, Layers, ModelOptions, check_sheet
from imagewright.cli.commands.verbs import Force, RunPath, Seed
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, Words, within


@takes_pictures
def directions(
    run: RunPath,
    /,
    *,
    out: Annotated[Path, Parameter(help="the sheet (.png, .jpg, .webp, .tif): a strip for each direction")],
    method: Annotated[
        str | None,
        Parameter(
            help="activations of the first layer, its weights, or latents of pictures (--source) or samples; "
            "by default the first of these that the model supports"
        ),
    ] = None,
    count: Annotated[
        Count | None, within(1, help="number of directions; by default 8, or all if there are fewer")
    ] = None,
    layers: Layers = (),
    source: Annotated[str | None, Parameter(help="pictures to encode: a source, such as the one trained on")] = None,
    inputs: Annotated[
        tuple[str, ...],
        Parameter(
            help="what strips start from: seeds, SEED:INDEX, pictures or saved names",
            consume_multiple=True,
            negative="",
        ),
    ] = ("0",),
    save: Annotated[Words, Parameter(help="save directions in the run by name: --save 0=rotation 3=width")] = (),
    seed: Seed = 0,
    loading: ModelOptions = MODEL_DEFAULTS,
    force: Force = False,
) -> None:
    """Find, without labels, the directions in which pictures vary most; show a strip of each, and save some by name."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.cli.show import say
    from imagewright.latent.inputs import resolve_inputs
    from imagewright.style_capabilities import in_layers

    check_sheet(out, force=force)
    model = loading.load(run)
    if layers:
        model = in_layers(model)
    starts = resolve_inputs(run, inputs, model=model)  # before the search, so that a mistake is found early
    found = imagewright.directions(
        run,
        method,  # type: ignore[arg-type]  # the function checks it
        count,
        layers=layers or None,
        images=source,
        seed=seed,
        save=_parse_names(save),
        force=force,
        model=model,
    )
    sheet = found.sheet(starts)
    say(sheet.notes)
    print("\n".join(found.lines()))
    write_sheet(sheet, out, force=force)
    for path in found.saved:
        print(path)


def _parse_names(typed: tuple[str, ...]) -> dict[int, str]:
    """Parse `0=rotation`: names by number."""
    from imagewright.errors import UserError

    names: dict[int, str] = {}
    for each in typed:
        number, _, name = each.partition("=")
        if not number.isdecimal() or not name:
            raise UserError(f"{each!r} does not say what to save: expected NUMBER=NAME, as in --save 0=rotation.")
        if int(number) in names or name in names.values():
            raise UserError(f"{each!r}: one direction a name, and one name a direction.")
        names[int(number)] = name
    return names
