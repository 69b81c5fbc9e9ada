"""`imagewright inspect` and `imagewright import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.values import Flag


def inspect(
    path: Annotated[Path, Parameter(help="a picture, .mp4, .npz, .safetensors, or a run directory")],
    /,
    *,
    json: Annotated[Flag, Parameter(help="print JSON, for programs")] = False,
) -> None:
    """Show what a file or a run holds, and the provenance of a picture."""
    import imagewright
    from imagewright.cli.show import show_record

    found = imagewright.inspect(path)
    if json:
        from json import dumps

        print(dumps(found, indent=2, default=str))
    else:
        show_record(found)


def import_checkpoint(
    file: Annotated[Path, Parameter(help="a checkpoint released by a method's authors; nothing in it is executed")],
    /,
    *others: Annotated[Path, Parameter(help="more files, if each network has its own")],
    system: Annotated[str, Parameter(name="--as", help="the model it belongs to, such as dcgan")],
    out: Annotated[Path, Parameter(help="the run directory to make")],
    force: Annotated[Flag, Parameter(help="replace an existing run")] = False,
) -> None:
    """Turn a published checkpoint into a run, for every command that takes one."""
    import imagewright

    imagewright.import_checkpoint([file, *others], system, out=out, force=force)
    print(out)
