"""`imagewright latent ...`: look into a run's latent space. Tools with files of their own are named by import path."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from imagewright.cli.values import Flag

app = App(
    name="latent",
    help="Look into a run's latent space, and steer it: sheets, attributes, directions, projections.",
    help_format="plaintext",
)

app.command(
    "imagewright.cli.commands.latent.views:grid",
    name="grid",
    help="Decode a plane of the latent space; beside it, where pictures lie, by class.",
)

app.command(
    "imagewright.cli.commands.latent.views:traverse",
    name="traverse",
    help="Vary one latent, or one code, at a time: a sheet.",
)

app.command(
    "imagewright.cli.commands.latent.attributes:attribute",
    name="attribute",
    help="Find the direction in which an attribute grows: from labels, marked pictures or judged samples.",
)

app.command(
    "imagewright.cli.commands.latent.attributes:arithmetic",
    name="arithmetic",
    help='Add and subtract pictures: "man with glasses - man + woman".',
)

app.command(
    "imagewright.cli.commands.latent.project:project",
    name="project",
    help="Find the latents of pictures, without an encoder.",
)

app.command(
    "imagewright.cli.commands.latent.directions:directions",
    name="directions",
    help="Find what varies most, without labels: a strip for each direction.",
)

app.command(
    "imagewright.cli.commands.latent.neighbours:neighbours",
    name="neighbours",
    help="Has the model memorised? Samples beside the nearest training pictures.",
)


@app.command(name="list")
def list_kept(
    run: Annotated[Path, Parameter(help="a run directory")],
    /,
    *,
    json: Annotated[Flag, Parameter(help="print JSON, for programs")] = False,
) -> None:
    """What a run keeps of its latent space: directions and points, by the name that every tool takes."""
    from dataclasses import asdict

    from imagewright import Run, load
    from imagewright.cli.show import console
    from imagewright.latent.listing import contents_of

    home = Run(run)
    found = contents_of(home, load(home))
    if json:
        from json import dumps

        print(dumps([asdict(each) for each in found], indent=2))
        return
    if not found:
        print(f"{run} keeps no directions and no points yet.")
        return
    from rich.table import Table

    table = Table("name", "kind", "how found", "usable", box=None, pad_edge=False)
    for each in found:
        kind = each.kind if each.count == 1 else f"{each.count} {each.kind}"
        table.add_row(each.name, kind, each.found, each.usable)
    console().print(table)
