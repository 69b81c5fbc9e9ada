"""`imagewright latent list RUN`: print the saved directions and latents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.values import Flag


def list_latents(
    run: Annotated[Path, Parameter(help="a run directory")],
    /,
    *,
    as_json: Annotated[Flag, Parameter(name="--json", help="print JSON, for programs")] = False,
) -> None:
    """List the directions and latents saved in a run, with the names that other commands accept."""
    import json

    import imagewright

    found = imagewright.list_latents(run)
    if as_json:
        print(json.dumps([entry.to_dict() for entry in found.entries], indent=2))
    else:
        print("\n".join(found.lines()))
