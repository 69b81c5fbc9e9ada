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
    """Say what a file or a run holds, and where a picture comes from."""
    import imagewright
    from imagewright.cli.show import show_record

    found = imagewright.inspect(path)
    if json:
        from json import dumps

        print(dumps(found, indent=2, default=str))
    else:
        show_record(found)


def import_checkpoint(
    file: Annotated[Path, Parameter(help="a file that a method's authors released; nothing in it is executed")],
    /,
    *others: Annotated[Path, Parameter(help="more files, where each network has its own")],
    system: Annotated[str, Parameter(name="--as", help="the system it belongs to, such as dcgan")],
    out: Annotated[Path, Parameter(help="the run directory to make")],
    force: Annotated[Flag, Parameter(help="replace the run that is there")] = False,
) -> None:
    """Turn a published checkpoint into a run that answers the verbs."""
    import imagewright

    imagewright.import_checkpoint([file, *others], system, out=out, force=force)
    print(out)
