"""`imagewright latent mix RUN`, `latent truncation RUN` and `latent noise RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.commands.latent.loading import MODEL_DEFAULTS, Layers, ModelOptions, check_sheet
from imagewright.cli.commands.verbs import Force, RunPath, Seed, SheetOut
from imagewright.cli.pictures import takes_pictures
from imagewright.cli.values import Count, Words, within

Inputs = Annotated[Words, Parameter(help="a row each: seeds, SEED:INDEX, pictures or saved names")]
Scale = Annotated[Count | None, within(1, help="times that pictures are enlarged; by default to about 112 pixels")]


@takes_pictures
def mix(
    run: RunPath,
    /,
    *,
    out: SheetOut,
    rows: Annotated[
        Inputs, Parameter(help="a row each: seeds, SEED:INDEX, pictures or saved names; 0 1 2 3 by default")
    ] = ("0", "1", "2", "3"),
    columns: Annotated[Words, Parameter(help="a column each, given as rows are; 4 5 6 7 by default")] = (
        "4",
        "5",
        "6",
        "7",
    ),
    layers: Annotated[
        Layers,
        Parameter(
            help="layers that take the style of the column: 4-7, or coarse, middle, fine; middle and fine by default"
        ),
    ] = ("middle", "fine"),
    scale: Scale = None,
    loading: ModelOptions = MODEL_DEFAULTS,
    force: Force = False,
) -> None:
    """Mix styles: coarse layers from the pictures of rows, middle and fine ones from those of columns."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.cli.show import say
    from imagewright.output.sheets import check_output

    check_output(out, force=force, sources=[*rows, *columns])
    sheet = imagewright.mixing_sheet(run, rows, columns, layers, scale=scale, model=loading.load(run))
    say(sheet.notes)
    write_sheet(sheet, out, force=force)


@takes_pictures
def truncation(
    run: RunPath,
    /,
    *,
    out: SheetOut,
    inputs: Inputs = ("0", "1", "2", "3"),
    psi: Annotated[
        tuple[float, ...],
        Parameter(help="a column each: 1 is the picture, 0 the average one", consume_multiple=True, negative=""),
    ] = (1.0, 0.7, 0.5, 0.0, -0.5, -1.0),
    scale: Scale = None,
    loading: ModelOptions = MODEL_DEFAULTS,
    force: Force = False,
) -> None:
    """Show truncation: each picture at several psi, from itself to the average picture and beyond."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.cli.show import say
    from imagewright.output.sheets import check_output

    check_output(out, force=force, sources=inputs)
    sheet = imagewright.truncation_sheet(run, inputs, psi, scale=scale, model=loading.load(run))
    say(sheet.notes)
    write_sheet(sheet, out, force=force)


@takes_pictures
def noise(
    run: RunPath,
    /,
    *,
    out: Annotated[Path, Parameter(help="the sheet (.png, .jpg, .webp, .tif)")],
    inputs: Inputs = ("0", "1", "2"),
    count: Annotated[Count, within(2, help="variations over which mean and deviation are taken")] = 64,
    seed: Seed = 0,
    scale: Scale = None,
    loading: ModelOptions = MODEL_DEFAULTS,
    force: Force = False,
) -> None:
    """Show what noise changes: the same latents with other noise, their mean, and the deviation of each pixel."""
    import imagewright
    from imagewright.cli.output import write_sheet
    from imagewright.cli.show import say

    check_sheet(out, force=force)
    found = imagewright.vary_noise(run, inputs, count, seed=seed, model=loading.load(run))
    say(found.notes)
    print("\n".join(found.lines()))
    write_sheet(found.sheet(scale), out, force=force)
