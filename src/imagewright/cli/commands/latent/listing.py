"""`imagewright latent list RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.values import Flag


def list_latents(
    run: Annotated[Path, Parameter(help="a run directory")],
    /,
    *,
    json: Annotated[Flag, Parameter(help="print JSON, for programs")] = False,
) -> None:
    """List the directions and latents saved in a run, by the name that every tool takes."""
    import imagewright

    found = imagewright.list_latents(run)
    if json:
        from json import dumps

        print(dumps([entry.to_dict() for entry in found.entries], indent=2))
    else:
        print("\n".join(found.lines()))
