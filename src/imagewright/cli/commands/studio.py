"""`imagewright studio`: the pages in the user's own browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from imagewright.cli.values import within


def studio(
    folder: Annotated[Path, Parameter(help="whose runs and pictures are shown, and where new ones go")] = Path(),
    /,
    *,
    port: Annotated[
        int | None, within(1, 65535, help="of 127.0.0.1; by default 8421, or the next one that is free")
    ] = None,
    no_browser: Annotated[
        bool, Parameter(negative="", help="print the address, and open no browser", show_default=False)
    ] = False,
) -> None:
    """Serve pages on this machine alone: look at pictures, train, steer, draw, compare, swap and learn."""
    from imagewright.studio.serve import open_studio

    open_studio(folder, port=port, browser=not no_browser)
